package feed

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// option is what stands after `?`: how it is read into an Ask, and how it is
// written where it is not the default.
type option struct {
	name  string
	kinds []Kind
	read  func(a *Ask, value string) error
	write func(a *Ask) string
}

var (
	pictures = []Kind{V4L2, Pattern}
	sounds   = []Kind{ALSA, Tone}
)

var options = []option{
	{"size", pictures, readSize, func(a *Ask) string {
		if a.Width == 0 {
			return ""
		}
		return fmt.Sprintf("%dx%d", a.Width, a.Height)
	}},
	{"fps", pictures, readRate, func(a *Ask) string {
		if a.Rate.Den == 0 {
			return ""
		}
		return a.Rate.String()
	}},
	{"format", []Kind{V4L2}, func(a *Ask, v string) error {
		a.Format = Format(v)
		return among(v, string(Auto), string(MJPEG), string(YUYV), string(NV12), string(H264))
	}, func(a *Ask) string { return string(a.Format) }},
	{"rate", sounds, whole(MinRate, MaxRate, func(a *Ask) *int { return &a.SampleRate }), decimal(func(a *Ask) int { return a.SampleRate })},
	{"channels", sounds, whole(1, MaxChannels, func(a *Ask) *int { return &a.Channels }), decimal(func(a *Ask) int { return a.Channels })},
	{"bits", sounds, func(a *Ask, v string) error {
		a.Bits, _ = strconv.Atoi(v)
		return among(v, "16", "24", "32")
	}, decimal(func(a *Ask) int { return a.Bits })},
	{"frequency", []Kind{Tone}, whole(20, 3000, func(a *Ask) *int { return &a.Frequency }), decimal(func(a *Ask) int { return a.Frequency })},
	{"encode", pictures, func(a *Ask, v string) error {
		a.Coding = Coding(v)
		return among(v, string(CodeMJPEG), string(CodeH264), string(CodeRaw))
	}, func(a *Ask) string { return string(a.Coding) }},
	{"encode", sounds, func(a *Ask, v string) error {
		a.Coding = Coding(v)
		return among(v, string(CodePCM), string(CodeFLAC))
	}, func(a *Ask) string { return string(a.Coding) }},
	{"quality", pictures, whole(1, 100, func(a *Ask) *int { return &a.Quality }), decimal(func(a *Ask) int { return a.Quality })},
}

// options reads what stands after `?`.
func (a *Ask) options(query string) error {
	var seen []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("%q is not NAME=VALUE", pair)
		}
		if slices.Contains(seen, name) {
			return fmt.Errorf("%s is given twice", name)
		}
		seen = append(seen, name)
		i := slices.IndexFunc(options, func(o option) bool { return o.name == name && slices.Contains(o.kinds, a.Kind) })
		if i < 0 {
			return fmt.Errorf("%s: has no %q; it has %s", a.Kind, name, strings.Join(a.names(), ", "))
		}
		if err := options[i].read(a, value); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
	}
	return nil
}

// names are the options that the kind has.
func (a *Ask) names() []string {
	var all []string
	for _, o := range options {
		if slices.Contains(o.kinds, a.Kind) {
			all = append(all, o.name)
		}
	}
	return all
}

// String is the part of a location that gives a, with what is not the default.
func (a *Ask) String() string {
	standard := Ask{Kind: a.Kind}
	standard.defaults()
	var pairs []string
	for _, o := range options {
		if !slices.Contains(o.kinds, a.Kind) {
			continue
		}
		if value := o.write(a); value != o.write(&standard) {
			pairs = append(pairs, o.name+"="+value)
		}
	}
	s := string(a.Kind) + ":" + a.Device
	if len(pairs) > 0 {
		s += "?" + strings.Join(pairs, "&")
	}
	return s
}

// check refuses what cannot go together.
func (a *Ask) check() error {
	if a.Format == H264 && a.Coding != CodeH264 {
		return errors.New("format=h264 needs encode=h264: such pictures are kept as they come")
	}
	if a.Coding == CodeFLAC && a.Bits == 32 {
		return errors.New("encode=flac keeps 16 or 24 bits, not 32")
	}
	if a.Kind == Pattern && (a.Width < 160 || a.Height < 120) {
		return errors.New("a pattern has at least 160x120 pixels, so that its number can be read")
	}
	// A frame is the unit of all that follows; JPEG ends at 65,535 a side anyway.
	if a.Width%2 != 0 || a.Height%2 != 0 {
		return errors.New("size has an odd side; its colours are kept for two pixels at a time")
	}
	return nil
}

func readSize(a *Ask, v string) error {
	w, h, found := strings.Cut(v, "x")
	if !found {
		return fmt.Errorf("is not WIDTHxHEIGHT, such as 1280x720: %q", v)
	}
	var err error
	if a.Width, err = number(w, MinSide, MaxSide); err != nil {
		return err
	}
	a.Height, err = number(h, MinSide, MaxSide)
	return err
}

// readRate reads a whole number, one with up to three decimals, or a fraction.
func readRate(a *Ask, v string) error {
	const most = 1_000_000
	wrong := fmt.Errorf("is not pictures a second, such as 30, 29.97 or 30000/1001: %q", v)
	n, d, isFraction := strings.Cut(v, "/")
	whole, decimals, isDecimal := strings.Cut(v, ".")
	var num, den int
	var err error
	switch {
	case isFraction:
		if num, err = number(n, 1, most); err == nil {
			den, err = number(d, 1, most)
		}
	case isDecimal:
		if len(decimals) < 1 || len(decimals) > 3 || strings.Trim(decimals, "0123456789") != "" {
			return wrong
		}
		den = pow10(len(decimals))
		var fraction int
		if num, err = number(whole, 0, MaxPicturesPerSecond); err == nil {
			fraction, err = strconv.Atoi(decimals)
			num = num*den + fraction
		}
	default:
		num, err = number(v, 1, MaxPicturesPerSecond)
		den = 1
	}
	if err != nil || num == 0 || num > MaxPicturesPerSecond*den || den > 100*num {
		return wrong
	}
	for x, y := num, den; ; x, y = y, x%y {
		if y == 0 {
			a.Rate = Fraction{uint32(num / x), uint32(den / x)}
			return nil
		}
	}
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func among(v string, allowed ...string) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	return fmt.Errorf("is none of %s: %q", strings.Join(allowed, ", "), v)
}

func whole(low, high int, field func(*Ask) *int) func(*Ask, string) error {
	return func(a *Ask, v string) error {
		n, err := number(v, low, high)
		*field(a) = n
		return err
	}
}

func decimal(field func(*Ask) int) func(*Ask) string {
	return func(a *Ask) string { return strconv.Itoa(field(a)) }
}
