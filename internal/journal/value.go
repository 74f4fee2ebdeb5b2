package journal

import (
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxText is how many bytes of a message, a name or a value are written. A
// journal splits longer lines (LineMax= in journald.conf(5) is 48 KiB), and a
// peer may have had a part in them.
const maxText = 4096

// appendAttr writes " name=value", for a group all that is in it. As slog asks
// of handlers, the empty attribute and empty groups are left out, and a group
// without a name is opened up.
func appendAttr(line []byte, prefix string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if _, mark := eventOf(a.Key, value); mark {
		return line
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range value.Group() {
			line = appendAttr(line, prefix, inner)
		}
		return line
	}
	if a.Key == "" && value.Equal(slog.Value{}) {
		return line
	}
	line = append(line, ' ')
	line = appendWord(line, prefix+a.Key)
	line = append(line, '=')
	return appendWord(line, text(value))
}

// appendText writes s for people to read on, with what cannot be printed
// escaped as in Go.
func appendText(line []byte, s string) []byte {
	s, more := bound(s)
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return append(appendEscaped(line, s), more...)
		}
	}
	return append(append(line, s...), more...)
}

// appendEscaped writes s as between the quotes of a Go string, except that
// quotes and backslashes stay.
func appendEscaped(line []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && !(r == utf8.RuneError && n == 1) {
			line = append(line, s[:n]...)
		} else {
			quoted := strconv.Quote(s[:n])
			line = append(line, quoted[1:len(quoted)-1]...)
		}
		s = s[n:]
	}
	return line
}

// appendWord writes a name or a value so that one sees where it ends.
func appendWord(line []byte, s string) []byte {
	s, more := bound(s)
	if plain(s) && more == "" {
		return append(line, s...)
	}
	line = strconv.AppendQuote(line, s)
	return append(line, more...)
}

// plain says whether s can stand without quotes.
func plain(s string) bool {
	for _, r := range s {
		if r == ' ' || r == '=' || r == '"' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return s != ""
}

// bound cuts s, not within a character, and says how much it left out.
func bound(s string) (kept, more string) {
	if len(s) <= maxText {
		return s, ""
	}
	cut := maxText
	for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut], "…(" + strconv.Itoa(len(s)-cut) + " bytes more)"
}

// text is v as a person would write it.
func text(v slog.Value) string {
	switch v.Kind() {
	case slog.KindDuration:
		return duration(v.Duration())
	case slog.KindTime:
		return v.Time().Format(time.RFC3339)
	case slog.KindAny:
		return describe(v.Any())
	}
	return v.String()
}

// describe asks a value for its own words: those of an error, or its String.
// A value that panics on being asked must not take the program with it.
func describe(v any) (s string) {
	defer func() {
		if p := recover(); p != nil {
			// Most often it is a nil pointer within an interface.
			if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
				s = "nil"
			} else {
				s = fmt.Sprintf("!(%T panicked: %v)", v, p)
			}
		}
	}()
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case []byte:
		return string(v)
	}
	return fmt.Sprintf("%+v", v)
}

// duration keeps three digits or so, and leaves out zeros at the end: 1.23s,
// 4m10s, 2h.
func duration(d time.Duration) string {
	size := d.Abs()
	switch {
	case size >= time.Minute:
		d = d.Round(time.Second)
	case size >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case size >= time.Millisecond:
		d = d.Round(10 * time.Microsecond)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
