package rate

import (
	"math"
	"strconv"
	"strings"

	"videoclub/internal/reason"
)

// What is accepted, for the errors.
const (
	rateForms = `write a number above 0 with its unit, at most 1 TB/s, such as "100 Mbit/s", "12.5 MB/s" or "64 KiB/s" (bit for bits, B for bytes; k, M, G, T or Ki, Mi, Gi, Ti)`
	sizeForms = `write a number with its unit, such as "250 kB", "10 GB" or "4 GiB", or plain digits for bytes (k, M, G, T or Ki, Mi, Gi, Ti)`
)

// maxText is more than any sensible number with its unit; longer text is not
// repeated in an error.
const maxText = 64

// maxDigits keeps a number, its decimals included, below 10^19, and as one of
// them stands before the point, eight times the power of ten that it is divided
// by as well: both fit 64 bits, and their product with a unit 128.
const maxDigits = 19

// ParseRate reads a speed: a decimal number, an optional space, a prefix (k,
// M, G, T are powers of 1000 and Ki, Mi, Gi, Ti powers of 1024; their case
// does not matter, milli being no use here), "bit" or "B" for bytes, and "/s".
// It rounds to the nearest byte a second, and refuses what is then 0 or above
// Max. The error has reason.Usage and says what is accepted.
func ParseRate(text string) (Rate, error) {
	n, ok := parse(text, func(unit string) (scale, bool) {
		unit, ok := strings.CutSuffix(unit, "/s")
		if !ok {
			return scale{}, false
		}
		if prefix, ok := strings.CutSuffix(unit, "bit"); ok {
			multiple, ok := multipleOf(prefix)
			return scale{multiple, 8}, ok
		}
		prefix, ok := strings.CutSuffix(unit, "B")
		multiple, known := multipleOf(prefix)
		return scale{multiple, 1}, ok && known
	})
	if !ok || n <= 0 || n > int64(Max) {
		return 0, refuse("rate", text, rateForms)
	}
	return Rate(n), nil
}

// ParseSize reads a number of bytes: plain digits, or a decimal number, an
// optional space, a prefix as in ParseRate, and "B". It rounds to the nearest
// byte; 0 is a size. The error has reason.Usage and says what is accepted.
func ParseSize(text string) (Size, error) {
	n, ok := parse(text, func(unit string) (scale, bool) {
		if unit == "" {
			return scale{1, 1}, !strings.Contains(text, ".")
		}
		prefix, ok := strings.CutSuffix(unit, "B")
		multiple, known := multipleOf(prefix)
		return scale{multiple, 1}, ok && known
	})
	if !ok {
		return 0, refuse("size", text, sizeForms)
	}
	return Size(n), nil
}

func refuse(what, text, forms string) error {
	if len(text) > maxText {
		return reason.New(reason.Usage, "the %s is %d characters long: %s", what, len(text), forms)
	}
	return reason.New(reason.Usage, "%q is not a %s: %s", text, what, forms)
}

// scale is what a unit stands for: multiple/divisor bytes.
type scale struct{ multiple, divisor uint64 }

func multipleOf(prefix string) (multiple uint64, ok bool) {
	switch strings.ToLower(prefix) {
	case "":
		return 1, true
	case "k":
		return 1e3, true
	case "m":
		return 1e6, true
	case "g":
		return 1e9, true
	case "t":
		return 1e12, true
	case "ki":
		return 1 << 10, true
	case "mi":
		return 1 << 20, true
	case "gi":
		return 1 << 30, true
	case "ti":
		return 1 << 40, true
	}
	return 0, false
}

// parse splits text into number and unit and gives the bytes they mean, to
// the nearest one; false for anything malformed or beyond an int64.
func parse(text string, unitOf func(string) (scale, bool)) (int64, bool) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(text)
	}
	unit, ok := unitOf(strings.TrimLeft(text[end:], " "))
	if !ok {
		return 0, false
	}
	whole, decimals, point := strings.Cut(text[:end], ".")
	if whole == "" || point && decimals == "" || len(whole)+len(decimals) > maxDigits {
		return 0, false
	}
	// A second point is left in decimals, and ParseUint does not take it.
	mantissa, err := strconv.ParseUint(whole+decimals, 10, 64)
	if err != nil {
		return 0, false
	}
	divisor := unit.divisor
	for range decimals {
		divisor *= 10
	}
	n, rest := mulDiv(mantissa, unit.multiple, divisor)
	if n == math.MaxInt64 {
		return 0, false // cut, or so near that it may as well be
	}
	if rest >= divisor-rest {
		n++
	}
	return n, true
}

// unit is a unit of printing and the bytes it stands for.
type unit struct {
	name  string
	bytes uint64
}

// String writes r in bits a second as links are sold, with at most three
// decimals: "100 Mbit/s". ParseRate gives back r exactly where those decimals
// suffice, otherwise to within half of the last one.
func (r Rate) String() string {
	sign, n := magnitude(int64(r))
	if n < 125 { // below 1 kbit/s the bits are a whole number and small
		return sign + strconv.FormatUint(n*8, 10) + " bit/s"
	}
	text, _ := decimal(n, []unit{{"kbit/s", 125}, {"Mbit/s", 125e3}, {"Gbit/s", 125e6}, {"Tbit/s", 125e9}})
	return sign + text
}

// String writes s with at most three decimals: "1.5 GB"; where that is not
// exact but whole binary units are, in those: "64 MiB". ParseSize gives back s
// exactly where what is written is exact, otherwise to within half of the last
// decimal.
func (s Size) String() string {
	sign, n := magnitude(int64(s))
	if n < 1000 {
		return sign + strconv.FormatUint(n, 10) + " B"
	}
	text, exact := decimal(n, []unit{{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}})
	if exact {
		return sign + text
	}
	for _, u := range []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%u.bytes == 0 && n/u.bytes < 1024 {
			return sign + strconv.FormatUint(n/u.bytes, 10) + " " + u.name
		}
	}
	return sign + text
}

// magnitude is n without its sign; an int64 has one negative number whose
// magnitude it cannot hold.
func magnitude(n int64) (sign string, abs uint64) {
	if n < 0 {
		return "-", -uint64(n)
	}
	return "", uint64(n)
}

// decimal writes n, which is at least the first unit, in the largest of units
// (each 1000 times the one before) that leaves a whole part, rounded to three
// decimals without trailing zeros; exact says that rounding changed nothing.
func decimal(n uint64, units []unit) (text string, exact bool) {
	var u unit
	var thousandths int64
	for _, u = range units {
		var rest uint64
		thousandths, rest = mulDiv(n, 1000, u.bytes)
		exact = rest == 0
		if rest >= u.bytes-rest {
			thousandths++
		}
		// Rounding may have reached 1000 of this unit, which is 1 of the next.
		if thousandths < 1000*1000 {
			break
		}
	}
	text = strconv.FormatInt(thousandths/1000, 10)
	if t := thousandths % 1000; t > 0 {
		text += strings.TrimRight("."+strconv.FormatInt(1000+t, 10)[1:], "0")
	}
	return text + " " + u.name, exact
}
