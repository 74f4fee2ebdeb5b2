// Package catalogue holds the titles that can be asked for: what a title is,
// where it comes from, and the text form of `videos.txt`, in which every line
// that nobody changed stays as it was, byte for byte.
package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"videoclub/internal/reason"
)

// Bounds of the text.
const (
	// MaxText is the size in bytes of the largest text.
	MaxText = 16 << 20
	// MaxLine is the length in bytes of the longest line, without its end.
	MaxLine = 8 << 10
	// MaxProblems is how many problems Parse names; a text with more is
	// hardly a list of titles.
	MaxProblems = 1000
)

// shownText is how much of a bad line a Problem repeats, in bytes.
const shownText = 120

// byteOrderMark is what some editors put before UTF-8 text.
const byteOrderMark = "\ufeff"

// Catalogue is a parsed `videos.txt`. It is not safe for use by several
// goroutines when one of them changes it.
type Catalogue struct {
	mark   string // byteOrderMark or nothing
	lines  []*line
	titles map[int]*line
	size   int // of the text in bytes
}

// line is one line with its end; title is nil for one that is no valid title.
type line struct {
	raw    string
	title  *Title
	number int  // also of a line that has to be mended; 0 without one
	shadow bool // valid, but an earlier line has its number
}

// Problem says why a line was skipped.
type Problem struct {
	// Line counts from 1; 0 stands for the whole text.
	Line int
	// Text is the beginning of the line, as it is: print it with %q.
	Text string
	// Why is lower case, without a full stop.
	Why string
}

// String is the problem for a person, safe to print.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Why
	}
	return fmt.Sprintf("line %d: %s: %q", p.Line, p.Why, p.Text)
}

// Parse reads the text of `videos.txt`. A line is
//
//	NUMBER ^ NAME ^ MINUTES LOCATION
//	NUMBER ^ NAME ^ MINUTES LOCATION ^ DESCRIPTION
//
// where `^` stands between blanks, MINUTES may have decimals and LOCATION may
// contain blanks. Empty lines and those that begin with # are comments. A line
// that is malformed, or has the number of an earlier one, is skipped, kept and
// named among the problems. A byte order mark and lines that end in CR LF are
// accepted and kept. The error is for a text of more than MaxText bytes.
func Parse(text []byte) (*Catalogue, []Problem, error) {
	if len(text) > MaxText {
		return nil, nil, reason.New(reason.TitlesInvalid, "the list of titles has %d bytes, more than %d", len(text), MaxText)
	}
	c := &Catalogue{titles: map[int]*line{}, size: len(text)}
	rest, marked := strings.CutPrefix(string(text), byteOrderMark)
	if marked {
		c.mark = byteOrderMark
	}
	var problems []Problem
	unnamed := 0
	for raw := range strings.Lines(rest) {
		l, err := c.read(raw)
		c.lines = append(c.lines, l)
		switch {
		case err == nil:
		case len(problems) < MaxProblems:
			problems = append(problems, Problem{len(c.lines), beginning(raw), err.Error()})
		default:
			unnamed++
		}
	}
	if unnamed > 0 {
		problems = append(problems, Problem{Why: fmt.Sprintf("%d more lines are not valid", unnamed)})
	}
	return c, problems, nil
}

// read understands one line and enters its title; the error says why there is
// none where there should be.
func (c *Catalogue) read(raw string) (*line, error) {
	l := &line{raw: raw}
	s := content(raw)
	if len(s) > MaxLine {
		return l, fmt.Errorf("it has %d bytes, more than %d", len(s), MaxLine)
	}
	if t := strings.TrimSpace(s); t == "" || t[0] == '#' {
		return l, nil
	}
	t, number, err := parseTitle(s)
	l.number = number
	if err != nil {
		return l, err
	}
	if c.titles[number] != nil {
		l.shadow = true
		return l, fmt.Errorf("an earlier line has the number %d", number)
	}
	l.title = &t
	c.titles[number] = l
	return l, nil
}

// content is a line without its end.
func content(raw string) string {
	return strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
}

// beginning cuts a line for a Problem, not within a character.
func beginning(raw string) string {
	s := content(raw)
	if len(s) <= shownText {
		return s
	}
	cut := shownText
	for cut > shownText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Doubts names the lines of the titles that check refuses, in the order of the
// text, as Parse names those that are no titles; at most MaxProblems.
func (c *Catalogue) Doubts(check func(Title) error) []Problem {
	var doubts []Problem
	for i, l := range c.lines {
		if l.title == nil || len(doubts) == MaxProblems {
			continue
		}
		if err := check(*l.title); err != nil {
			doubts = append(doubts, Problem{i + 1, beginning(l.raw), err.Error()})
		}
	}
	return doubts
}

// Titles gives the titles by number, the smallest first.
func (c *Catalogue) Titles() []Title {
	titles := make([]Title, 0, len(c.titles))
	for _, n := range slices.Sorted(maps.Keys(c.titles)) {
		titles = append(titles, *c.titles[n].title)
	}
	return titles
}

// Lookup gives the title with number n, if there is one.
func (c *Catalogue) Lookup(n int) (Title, bool) {
	if l := c.titles[n]; l != nil {
		return *l.title, true
	}
	return Title{}, false
}

// Bytes is the text of `videos.txt`: what was parsed, with the lines that Add
// and Remove changed.
func (c *Catalogue) Bytes() []byte {
	text := append(make([]byte, 0, c.size), c.mark...)
	for _, l := range c.lines {
		text = append(text, l.raw...)
	}
	return text
}

// Next proposes the number of a new title: one more than the largest that any
// line has, valid or not, or, when that was the last, the smallest that is
// free. It gives 0 if none is.
func (c *Catalogue) Next() int {
	taken := map[int]bool{}
	largest := 0
	for _, l := range c.lines {
		taken[l.number] = true
		largest = max(largest, l.number)
	}
	if largest < MaxNumber {
		return largest + 1
	}
	for n := 1; n <= MaxNumber; n++ {
		if !taken[n] {
			return n
		}
	}
	return 0
}

// Add appends the line of t. It refuses (reason.Usage) a title that is not
// valid, a number that some line has already, also one that has to be mended,
// and what would make the text larger than MaxText. The line that was the last
// gets an end if it had none.
func (c *Catalogue) Add(t Title) error {
	if err := t.Check(); err != nil {
		return reason.Wrap(reason.Usage, err, "cannot add title %d", t.Number)
	}
	for i, l := range c.lines {
		if l.number == t.Number {
			return reason.New(reason.Usage, "cannot add title %d: line %d has that number; %d is free", t.Number, i+1, c.Next())
		}
	}
	end := c.lineEnd()
	raw := t.String() + end
	grown := len(raw)
	var open *line
	if n := len(c.lines); n > 0 && !strings.HasSuffix(c.lines[n-1].raw, "\n") {
		open = c.lines[n-1]
		grown += len(end)
	}
	if c.size+grown > MaxText {
		return reason.New(reason.Usage, "cannot add title %d: the list would have more than %d bytes; remove some titles", t.Number, MaxText)
	}
	if open != nil {
		open.raw += end
	}
	l := &line{raw: raw, title: &t, number: t.Number}
	c.lines = append(c.lines, l)
	c.titles[t.Number] = l
	c.size += grown
	return nil
}

// lineEnd is how the lines of the text end, by the last that has an end.
func (c *Catalogue) lineEnd() string {
	for _, l := range slices.Backward(c.lines) {
		if strings.HasSuffix(l.raw, "\r\n") {
			return "\r\n"
		}
		if strings.HasSuffix(l.raw, "\n") {
			break
		}
	}
	return "\n"
}

// Remove takes out the line of title n. It refuses (reason.UnknownTitle) a
// number without a title, and (reason.TitlesInvalid) one that a skipped line
// has too: that one would silently become the title at the next start.
func (c *Catalogue) Remove(n int) error {
	gone := c.titles[n]
	if gone == nil {
		return reason.New(reason.UnknownTitle, "there is no title %d", n)
	}
	at := 0
	for i, l := range c.lines {
		if l == gone {
			at = i
		}
		if l.shadow && l.number == n {
			return reason.New(reason.TitlesInvalid,
				"cannot remove title %d: line %d has the same number and would take its place; take that line out first", n, i+1)
		}
	}
	c.lines = slices.Delete(c.lines, at, at+1)
	delete(c.titles, n)
	c.size -= len(gone.raw)
	return nil
}

// Replace puts t into the place of the title with its number, on the same line.
// It refuses (reason.UnknownTitle) a number without a title, (reason.Usage) one
// that is not valid, and what would make the text larger than MaxText.
func (c *Catalogue) Replace(t Title) error {
	l := c.titles[t.Number]
	if l == nil {
		return reason.New(reason.UnknownTitle, "there is no title %d", t.Number)
	}
	if err := t.Check(); err != nil {
		return reason.Wrap(reason.Usage, err, "cannot replace title %d", t.Number)
	}
	raw := t.String() + l.raw[len(strings.TrimRight(l.raw, "\r\n")):]
	if c.size+len(raw)-len(l.raw) > MaxText {
		return reason.New(reason.Usage, "cannot replace title %d: the list would have more than %d bytes; remove some titles", t.Number, MaxText)
	}
	c.size += len(raw) - len(l.raw)
	l.raw, l.title = raw, &t
	return nil
}
