package moment

import (
	"strings"
	"time"
)

// fold makes the ways to write a word alike: case, accents (composed or, as
// some keyboards and file systems give them, combining) and white space.
func fold(text string) string {
	return strings.Join(strings.Fields(unaccent.Replace(strings.ToLower(text))), " ")
}

var unaccent = strings.NewReplacer("á", "a", "é", "e", "ñ", "n", "\u0301", "", "\u0303", "")

// weekdayOf knows the days of the week in English and Spanish, whole or by
// their first three letters, folded.
func weekdayOf(name string) (time.Weekday, bool) {
	switch name {
	case "monday", "mon", "lunes", "lun":
		return time.Monday, true
	case "tuesday", "tue", "martes", "mar":
		return time.Tuesday, true
	case "wednesday", "wed", "miercoles", "mie":
		return time.Wednesday, true
	case "thursday", "thu", "jueves", "jue":
		return time.Thursday, true
	case "friday", "fri", "viernes", "vie":
		return time.Friday, true
	case "saturday", "sat", "sabado", "sab":
		return time.Saturday, true
	case "sunday", "sun", "domingo", "dom":
		return time.Sunday, true
	}
	return 0, false
}

// clockTime reads H:MM, HH:MM or, if seconds may stand there, HH:MM:SS, as the
// time since midnight. 24:00 is the end of the day.
func clockTime(text string, seconds bool) (time.Duration, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 2 && !(seconds && len(parts) == 3) {
		return 0, false
	}
	hours, ok := number(parts[0], 1, 2)
	if !ok {
		return 0, false
	}
	total := time.Duration(hours) * time.Hour
	unit := time.Minute
	for _, part := range parts[1:] {
		n, ok := number(part, 2, 2)
		if !ok || n > 59 {
			return 0, false
		}
		total += time.Duration(n) * unit
		unit = time.Second
	}
	return total, total <= day
}

// number reads decimal digits alone, at least least and at most most of them.
func number(text string, least, most int) (n int, ok bool) {
	if len(text) < least || len(text) > most {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
