package catalogue

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"videoclub/internal/naming"
)

// Bounds of a title.
const (
	// MaxNumber is the largest number of a title; the smallest is 1.
	MaxNumber = 999_999_999
	// MaxName is the length of the longest name in bytes of UTF-8.
	MaxName = 200
	// MaxDuration is the longest duration: 100,000 minutes, some 69 days.
	MaxDuration = 100_000 * time.Minute
	// MinDuration is the shortest duration and the unit of all of them.
	MinDuration = time.Millisecond
)

// minuteDecimals are enough for a duration written in minutes to be read back
// as the same millisecond (half of 0.6 ms is less than half a millisecond).
// A line may give one more.
const minuteDecimals = 5

// Title is something that can be asked for.
type Title struct {
	// Number is what people ask for it by, 1 to MaxNumber.
	Number int
	// Name is what people read, 1 to MaxName bytes of UTF-8, without `^`. A
	// receipt will have it: it has nothing but what naming.Shows.
	Name string
	// Duration is in whole milliseconds, MinDuration to MaxDuration.
	Duration time.Duration
	// Location says where it comes from; see Kind and Resolve. It has no
	// control character and no `^` with blanks on both sides.
	Location string
	// Description is for people and may be empty.
	Description string
}

// String gives the line of t in `videos.txt`, without its end. For a title
// that Check passes, reading the line gives the same title.
func (t Title) String() string {
	s := fmt.Sprintf("%d ^ %s ^ %s %s", t.Number, t.Name, printMinutes(t.Duration), t.Location)
	if t.Description != "" {
		s += " ^ " + t.Description
	}
	return s
}

// Check says what keeps t from being a line of `videos.txt`, or nil.
func (t Title) Check() error {
	if t.Number < 1 || t.Number > MaxNumber {
		return fmt.Errorf("the number %d is not between 1 and %d", t.Number, MaxNumber)
	}
	if t.Duration < MinDuration || t.Duration > MaxDuration {
		return fmt.Errorf("the duration %v is not more than 0 and at most %d minutes",
			t.Duration, MaxDuration/time.Minute)
	}
	if t.Duration%MinDuration != 0 {
		return fmt.Errorf("the duration %v is not in whole milliseconds", t.Duration)
	}
	if err := checkName(t.Name); err != nil {
		return err
	}
	if err := checkText("location", t.Location); err != nil {
		return err
	}
	if t.Location == "" {
		return errors.New("the location is empty")
	}
	if _, _, found := cutCaret(t.Location); found {
		return errors.New("the location has a `^` between blanks, where a description would begin; rename the file")
	}
	if err := checkText("description", t.Description); err != nil {
		return err
	}
	if n := len(t.String()); n > MaxLine {
		return fmt.Errorf("the line would have %d bytes, more than %d; shorten the description", n, MaxLine)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("the name has %d bytes, more than %d", len(name), MaxName)
	case strings.Contains(name, "^"):
		return errors.New("the name has a `^`, which separates the fields")
	}
	if err := checkText("name", name); err != nil {
		return err
	}
	for _, r := range name {
		if !naming.Shows(r) {
			return fmt.Errorf("the name has the character %U, which does not show everywhere as itself, and could not stand in a receipt; write it without", r)
		}
	}
	return nil
}

// checkText refuses in a field what a person could not see, or what would
// change how the text beside it reads.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("the %s is not UTF-8 text; save the file as UTF-8", field)
	}
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("the %s begins or ends with a blank", field)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("the %s has the control character %U", field, r)
		}
	}
	return nil
}

// parseTitle reads one line without its end. The number is given whenever it
// could be read, so that a line to be mended keeps it.
func parseTitle(s string) (t Title, number int, err error) {
	first, rest, found := cutCaret(s)
	if number, err = parseNumber(first); err != nil {
		return Title{}, 0, err
	}
	if !found {
		return Title{}, number, errors.New("there is no ` ^ ` after the number; a line is NUMBER ^ NAME ^ MINUTES LOCATION")
	}
	name, rest, found := cutCaret(rest)
	if !found {
		return Title{}, number, errors.New("there is no ` ^ ` after the name; a line is NUMBER ^ NAME ^ MINUTES LOCATION")
	}
	place, description, _ := cutCaret(rest)
	minutes, location := place, ""
	if i := strings.IndexAny(place, " \t"); i >= 0 {
		minutes, location = place[:i], strings.TrimSpace(place[i:])
	}
	duration, err := parseMinutes(minutes)
	if err != nil {
		return Title{}, number, err
	}
	t = Title{Number: number, Name: name, Duration: duration, Location: location,
		Description: strings.TrimSpace(description)}
	if err := t.Check(); err != nil {
		return Title{}, number, err
	}
	return t, number, nil
}

// cutCaret cuts s at the first `^` that has a blank or nothing on either
// side; a path may thus contain one inside a word. The part before comes
// trimmed, the part after as it is.
func cutCaret(s string) (before, after string, found bool) {
	blank := func(i int) bool { return i < 0 || i >= len(s) || s[i] == ' ' || s[i] == '\t' }
	for i := range len(s) {
		if s[i] == '^' && blank(i-1) && blank(i+1) {
			return strings.TrimSpace(s[:i]), s[i+1:], true
		}
	}
	return strings.TrimSpace(s), "", false
}

func parseNumber(s string) (int, error) {
	// Atoi alone would take a sign.
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, errors.New("it does not begin with a number; a line is NUMBER ^ NAME ^ MINUTES LOCATION")
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxNumber {
		return 0, fmt.Errorf("the number is not between 1 and %d", MaxNumber)
	}
	return n, nil
}

// parseMinutes reads decimal minutes and rounds them to milliseconds.
func parseMinutes(s string) (time.Duration, error) {
	whole, fraction, point := strings.Cut(s, ".")
	switch {
	case whole == "" || strings.Trim(whole, "0123456789") != "",
		point && (fraction == "" || strings.Trim(fraction, "0123456789") != ""):
		return 0, errors.New("the duration is not a number of minutes, such as 90 or 0.5")
	case len(fraction) > minuteDecimals+1:
		return 0, fmt.Errorf("the duration has more than %d decimals", minuteDecimals+1)
	}
	// The error can only be that it is out of range: infinite, so too long.
	minutes, _ := strconv.ParseFloat(s, 64)
	if minutes > MaxDuration.Minutes() {
		return 0, fmt.Errorf("the duration is more than %d minutes", MaxDuration/time.Minute)
	}
	ms := math.Round(minutes * 60_000)
	if ms < 1 {
		return 0, errors.New("the duration is zero")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// printMinutes writes d with the fewest decimals that read back as d.
func printMinutes(d time.Duration) string {
	for decimals := range minuteDecimals {
		s := strconv.FormatFloat(d.Minutes(), 'f', decimals, 64)
		if back, err := parseMinutes(s); err == nil && back == d {
			return s
		}
	}
	return strconv.FormatFloat(d.Minutes(), 'f', minuteDecimals, 64)
}
