package manual

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Protocol makes the page vc-protocol(7), in mdoc(7) with tbl(1), of the text of
// docs/PROTOCOL.md and the day on which it was so. It knows as much of Markdown
// as that document has, and refuses what it does not know, by the line, so that
// nothing is lost on the way: titles, paragraphs, lists of *, numbered and not,
// tables, code between fences, and in the text code, emphasis and links.
func Protocol(markdown string, day time.Time) (string, error) {
	p := page{lines: strings.Split(markdown, "\n")}
	p.add(`'\" t`, // for man(1): it has tables
		`.\" Made of docs/PROTOCOL.md: change that.`,
		".Dd "+day.UTC().Format("January 2, 2006"), ".Dt VC-PROTOCOL 7", ".Os",
		// On a terminal, mdoc(7) of groff lengthens its one page by three lines
		// at a time, and a cell of a table may have more.
		".if n .pl 1000i",
		".Sh NAME", ".Nm vc-protocol", ".Nd what central and reception servers of Video Club say to each other", ".Sh DESCRIPTION")
	for p.at < len(p.lines) {
		if err := p.block(); err != nil {
			return "", fmt.Errorf("docs/PROTOCOL.md:%d: %w", p.at+1, err)
		}
	}
	p.add(".Sh SEE ALSO", ".Xr vccs 8 ,", ".Xr vcvrs 8")
	return p.out.String(), nil
}

// page is a page being made: the lines of Markdown, the next of them, and what
// was made.
type page struct {
	lines []string
	at    int
	out   strings.Builder

	headed bool // nothing was made since the last head
}

func (p *page) add(lines ...string) {
	for _, line := range lines {
		p.headed = strings.HasPrefix(line, ".Sh ") || strings.HasPrefix(line, ".Ss ")
		p.out.WriteString(line + "\n")
	}
}

// block makes one block: a title, a paragraph, a list, a table or code.
func (p *page) block() error {
	line := p.lines[p.at]
	switch level := len(line) - len(strings.TrimLeft(line, "#")); {
	case line == "":
		p.at++
		return nil
	case level == 1 && p.at == 0:
		p.at++ // the title of the document, which the page has already
		return nil
	case level == 2 || level == 3:
		p.at++
		text, err := inline(strings.TrimSpace(line[level:]))
		p.add([]string{".Sh " + strings.ToUpper(text), ".Ss " + text}[level-2])
		return err
	case strings.HasPrefix(line, "```"):
		return p.code()
	case strings.HasPrefix(line, "|"):
		return p.table()
	case item.MatchString(line):
		return p.list()
	case level > 0 || strings.ContainsAny(line[:1], " \t>+<=_"):
		return fmt.Errorf("a form of Markdown that the page has no words for: %q", line)
	}
	if !p.headed {
		p.add(".Pp")
	}
	return p.text("")
}

// text makes a paragraph, of which first is the beginning, up to a line that is
// something else. Each sentence has a line of its own, as mdoc(7) asks.
func (p *page) text(first string) error {
	words := first
	if first == "" {
		words = p.lines[p.at]
		p.at++
	}
	for ; p.at < len(p.lines) && isText(p.lines[p.at]); p.at++ {
		words += " " + strings.TrimSpace(p.lines[p.at])
	}
	text, err := inline(words)
	for _, sentence := range sentences(text) {
		p.add(guarded(sentence))
	}
	return err
}

// isText says whether a line goes on with a paragraph.
func isText(line string) bool {
	return line != "" && !strings.ContainsAny(line[:1], "|#") && !strings.HasPrefix(line, "```") && !item.MatchString(line)
}

// item is how an item of a list begins.
var item = regexp.MustCompile(`^([*-]|[0-9]+\.) `)

func (p *page) list() error {
	kind := "-bullet"
	if p.lines[p.at][0] >= '0' && p.lines[p.at][0] <= '9' {
		kind = "-enum"
	}
	p.add(".Bl " + kind)
	for p.at < len(p.lines) && item.MatchString(p.lines[p.at]) {
		_, first, _ := strings.Cut(p.lines[p.at], " ")
		p.at++
		p.add(".It")
		if err := p.text(strings.TrimSpace(first)); err != nil {
			return err
		}
	}
	p.add(".El")
	return nil
}

func (p *page) code() error {
	p.add(".Bd -literal -offset 2n")
	for p.at++; p.at < len(p.lines); p.at++ {
		if line := p.lines[p.at]; line == "```" {
			p.at++
			p.add(".Ed")
			return nil
		} else {
			p.add(guarded(escaped(line)))
		}
	}
	return fmt.Errorf("code without an end")
}

// wide is from how many characters on a cell is wrapped.
const wide = 28

// table makes a table: with columns where at most one of them has to be
// wrapped, and as a list by its first column otherwise.
func (p *page) table() error {
	var rows [][]string
	for ; p.at < len(p.lines) && strings.HasPrefix(p.lines[p.at], "|"); p.at++ {
		line := strings.TrimSpace(p.lines[p.at])
		if strings.Trim(line, "|:- ") == "" && len(rows) == 1 {
			continue // the line below the heads
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			text, err := inline(strings.TrimSpace(cell))
			if err != nil {
				return err
			}
			row = append(row, text)
		}
		if len(rows) > 0 && len(row) != len(rows[0]) {
			return fmt.Errorf("%d cells in a table of %d columns", len(row), len(rows[0]))
		}
		rows = append(rows, row)
	}
	if len(rows) < 2 {
		return fmt.Errorf("a table without rows")
	}
	var wraps []int
	for column := range rows[0] {
		for _, row := range rows[1:] {
			if utf8.RuneCountInString(row[column]) > wide {
				wraps = append(wraps, column)
				break
			}
		}
	}
	if len(wraps) > 1 {
		p.tagged(rows)
	} else {
		p.columns(rows, wraps)
	}
	return nil
}

// columns makes a table of tbl(1), whose columns in wraps are wrapped.
func (p *page) columns(rows [][]string, wraps []int) {
	format := strings.Fields(strings.Repeat("l ", len(rows[0])))
	for _, column := range wraps {
		format[column] = "lx"
	}
	if !p.headed {
		p.add(".Pp")
	}
	p.add(".TS", strings.ReplaceAll(strings.Join(format, " "), "l", "lb"), strings.Join(format, " ")+".")
	for _, row := range rows {
		cells := make([]string, len(row))
		copy(cells, row)
		for _, column := range wraps {
			cells[column] = "T{\n" + guarded(row[column]) + "\nT}"
		}
		p.add(strings.Join(cells, "\t"))
	}
	p.add(".TE")
}

// tagged makes a list of the rows of a table, each under its first cell, with
// the heads of the columns before the others.
func (p *page) tagged(rows [][]string) {
	if rows[0][0] != "" {
		if !p.headed {
			p.add(".Pp")
		}
		p.add(`\fI` + rows[0][0] + `:\fP`)
	}
	p.add(".Bl -tag -width Ds")
	for _, row := range rows[1:] {
		p.add(".It " + macroArgument(row[0]))
		var said []string
		for i, cell := range row[1:] {
			switch head := rows[0][i+1]; {
			case cell == "":
			case head == "":
				said = append(said, cell)
			default:
				said = append(said, `\fI`+head+`:\fP `+cell)
			}
		}
		for i, cell := range said {
			if i > 0 {
				p.add(".br")
			}
			p.add(guarded(cell))
		}
	}
	p.add(".El")
}

// macroArgument is a text as the arguments of a macro: no word of it is taken
// for a macro itself.
func macroArgument(text string) string {
	return `\&` + strings.ReplaceAll(text, `"`, `\(dq`)
}

// guarded is a line of text that is not taken for a request of roff.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// sentences cuts a text after each sentence.
func sentences(text string) (all []string) {
	for i := 0; i+2 < len(text); i++ {
		if (text[i] == '.' || text[i] == '?') && text[i+1] == ' ' && (text[i+2] >= 'A' && text[i+2] <= 'Z' || text[i+2] == '\\') {
			all, text, i = append(all, text[:i+1]), text[i+2:], 0
		}
	}
	return append(all, text)
}
