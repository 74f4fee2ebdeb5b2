// Package feed is a live source as the location of a title names it: a camera,
// a microphone, a made picture or tone, and what is asked of each.
package feed

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode"

	"videoclub/internal/reason"
)

// Kind is where pictures or sounds come from.
type Kind string

// The kinds. Pattern and Tone are made by the program, for trying without
// hardware.
const (
	V4L2    Kind = "v4l2"
	ALSA    Kind = "alsa"
	Pattern Kind = "pattern"
	Tone    Kind = "tone"
)

// Picture says whether the kind gives pictures; the others give sound.
func (k Kind) Picture() bool { return k == V4L2 || k == Pattern }

// Format is how a device hands its pictures over.
type Format string

// The formats, with their meanings in V4L2 (videodev2.h).
const (
	Auto  Format = "auto"  // the best that there is for the encoding
	MJPEG Format = "mjpeg" // V4L2_PIX_FMT_MJPEG, or V4L2_PIX_FMT_JPEG
	YUYV  Format = "yuyv"  // V4L2_PIX_FMT_YUYV, 4:2:2 packed
	NV12  Format = "nv12"  // V4L2_PIX_FMT_NV12, 4:2:0 in two planes
	H264  Format = "h264"  // V4L2_PIX_FMT_H264, Annex B
)

// Coding is how pictures or sounds are kept.
type Coding string

// The codings: the first three of pictures, the others of sound.
const (
	CodeMJPEG Coding = "mjpeg"
	CodeH264  Coding = "h264"
	CodeRaw   Coding = "raw"
	CodePCM   Coding = "pcm"
	CodeFLAC  Coding = "flac"
)

// Bounds of what can be asked for.
const (
	// MaxLocation is the longest location in bytes.
	MaxLocation = 1024
	// MaxSide is the largest width or height in pixels; the smallest is MinSide.
	MaxSide, MinSide = 8192, 16
	// MaxPicturesPerSecond bounds fps.
	MaxPicturesPerSecond = 240
	// MinRate and MaxRate bound the samples a second.
	MinRate, MaxRate = 8_000, 192_000
	// MaxChannels is the most channels of sound.
	MaxChannels = 8
	// DefaultQuality is that of a JPEG, 1 to 100.
	DefaultQuality = 85
)

// Fraction is pictures a second, such as 30000/1001; the zero value leaves
// them to the device.
type Fraction struct{ Num, Den uint32 }

func (f Fraction) String() string {
	if f.Den == 1 {
		return strconv.FormatUint(uint64(f.Num), 10)
	}
	return fmt.Sprintf("%d/%d", f.Num, f.Den)
}

// Ask is one device and what is asked of it. What is zero is left to the
// device, or has the default that is named.
type Ask struct {
	Kind Kind
	// Device is the absolute path of a camera, or the card of a microphone as
	// hw:CARD,DEVICE; empty for what is made.
	Device string

	// Of pictures.
	Width, Height int
	Rate          Fraction
	Format        Format
	Quality       int // of a JPEG that is made, 1 to 100

	// Of sound.
	SampleRate int // samples a second
	Channels   int
	Bits       int // 16, 24 or 32
	Frequency  int // of a tone, in Hz

	Coding Coding
}

// Feed is a live source: a picture, a sound, or both.
type Feed struct{ Picture, Sound *Ask }

// Asks gives the one or two parts, the picture first.
func (f Feed) Asks() []*Ask {
	var all []*Ask
	for _, a := range []*Ask{f.Picture, f.Sound} {
		if a != nil {
			all = append(all, a)
		}
	}
	return all
}

// String is the location of f in its shortest form; Parse gives f again.
func (f Feed) String() string {
	var parts []string
	for _, a := range f.Asks() {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, "+")
}

// beginnings are what a live location, and each part of one, begins with.
var beginnings = []string{"v4l2:", "alsa:", "pattern:", "tone:", "/dev/video", "/dev/v4l/", "/dev/snd/"}

func begins(s string) bool {
	for _, b := range beginnings {
		if strings.HasPrefix(s, b) {
			return true
		}
	}
	return false
}

// Is says whether a location is that of a live source, well formed or not; the
// others are of files.
func Is(location string) bool { return begins(location) }

// Parse reads a location: one part, or two joined by `+`, one of pictures and
// one of sound. A part is
//
//	v4l2:/dev/video0?size=1280x720&fps=30&format=auto&encode=mjpeg&quality=85
//	alsa:hw:CARD,DEVICE?rate=48000&channels=2&bits=16&encode=pcm
//	pattern:?size=640x480&fps=30
//	tone:?rate=48000&channels=2&frequency=440
//	/dev/video0, /dev/v4l/by-id/NAME, /dev/snd/pcmC0D0c
//
// and all after `?` may be left out. The error is reason.Usage.
func Parse(location string) (Feed, error) { return ParseWith(location, DefaultQuality) }

// ParseWith is Parse with another quality, 1 to 100, for pictures of which the
// location does not say it.
func ParseWith(location string, quality int) (Feed, error) {
	f, err := parse(location, quality)
	if err != nil {
		return Feed{}, reason.Wrap(reason.Usage, err, "the live source %q", shown(location))
	}
	return f, nil
}

func shown(s string) string {
	if len(s) > 200 {
		return s[:200]
	}
	return s
}

func parse(location string, quality int) (Feed, error) {
	if len(location) > MaxLocation {
		return Feed{}, fmt.Errorf("it has %d bytes, more than %d", len(location), MaxLocation)
	}
	for _, r := range location {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return Feed{}, fmt.Errorf("it has the character %U", r)
		}
	}
	var f Feed
	for _, part := range split(location) {
		a, err := parsePart(part, quality)
		if err != nil {
			return Feed{}, err
		}
		place, what := &f.Sound, "sounds"
		if a.Kind.Picture() {
			place, what = &f.Picture, "pictures"
		}
		if *place != nil {
			return Feed{}, fmt.Errorf("it has two sources of %s; join one of pictures with one of sound", what)
		}
		*place = a
	}
	return f, nil
}

// split cuts a location at each `+` after which another part begins: the name
// of a device may have one itself.
func split(location string) []string {
	var parts []string
	from := 0
	for i := range len(location) {
		if location[i] == '+' && begins(location[i+1:]) {
			parts = append(parts, location[from:i])
			from = i + 1
		}
	}
	return append(parts, location[from:])
}

func parsePart(s string, quality int) (*Ask, error) {
	head, query, asked := strings.Cut(s, "?")
	scheme, device, _ := strings.Cut(head, ":")
	a := &Ask{Kind: Kind(scheme), Device: device}
	var err error
	switch {
	case !begins(s):
		return nil, errors.New("it begins with none of v4l2: alsa: pattern: tone: /dev/video /dev/v4l/ /dev/snd/")
	case strings.HasPrefix(head, "/dev/snd/"):
		a.Kind = ALSA
		a.Device, err = fromNode(head)
	case strings.HasPrefix(head, "/dev/"):
		a.Kind, a.Device = V4L2, head
		err = checkNode(head)
	case a.Kind == V4L2:
		err = checkNode(device)
	case a.Kind == ALSA:
		_, err = ParseCard(device)
	case a.Kind == Pattern || a.Kind == Tone:
		if device != "" {
			err = fmt.Errorf("%q stands between %s: and ?, where nothing belongs", device, scheme)
		}
	}
	if err != nil {
		return nil, err
	}
	a.defaults()
	if a.Kind.Picture() {
		a.Quality = quality
	}
	if asked {
		if err := a.options(query); err != nil {
			return nil, err
		}
	}
	return a, a.check()
}

func (a *Ask) defaults() {
	if a.Kind.Picture() {
		a.Format, a.Quality, a.Coding = Auto, DefaultQuality, CodeMJPEG
	} else {
		a.Coding = CodePCM
	}
	switch a.Kind {
	case Pattern:
		a.Width, a.Height, a.Rate = 640, 480, Fraction{30, 1}
	case Tone:
		a.SampleRate, a.Channels, a.Bits, a.Frequency = 48_000, 2, 16, 440
	}
}

// checkNode accepts the path of a device node or of a link to one.
func checkNode(p string) error {
	if !strings.HasPrefix(p, "/dev/") || path.Clean(p) != p {
		return fmt.Errorf("%q is not a device's path, such as /dev/video0", p)
	}
	return nil
}

// fromNode gives hw:CARD,DEVICE of /dev/snd/pcmC0D0c, the capture side of a
// sound device.
func fromNode(p string) (string, error) {
	var card, device int
	name := path.Base(p)
	if _, err := fmt.Sscanf(name, "pcmC%dD%dc", &card, &device); err != nil || (Card{Device: device, Name: strconv.Itoa(card)}).Node(card) != p {
		return "", fmt.Errorf("%q is not the recording side of a sound device, such as /dev/snd/pcmC0D0c", p)
	}
	at := fmt.Sprintf("hw:%d,%d", card, device)
	_, err := ParseCard(at)
	return at, err
}

// Card is a sound device: the card by its number or its name,
// and which of its devices.
type Card struct {
	Name   string
	Device int
}

// Node is the recording side of the device on the card with that number.
func (c Card) Node(number int) string { return fmt.Sprintf("/dev/snd/pcmC%dD%dc", number, c.Device) }

// maxCard is the largest number of a card or device: SNDRV_CARDS and
// SNDRV_PCM_DEVICES are below it (include/sound/core.h of Linux).
const maxCard = 255

// ParseCard reads hw:CARD or hw:CARD,DEVICE.
func ParseCard(s string) (Card, error) {
	rest, found := strings.CutPrefix(s, "hw:")
	name, device, second := strings.Cut(rest, ",")
	c := Card{Name: name}
	if !found || name == "" || len(name) > 15 || strings.Trim(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") != "" {
		return Card{}, fmt.Errorf("%q is not a sound device, such as hw:0,0 or hw:Loopback,1", s)
	}
	if second {
		n, err := number(device, 0, maxCard)
		if err != nil {
			return Card{}, fmt.Errorf("the device of %q %w", s, err)
		}
		c.Device = n
	}
	return c, nil
}

// number reads a decimal number without a sign.
func number(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s || n < low || n > high {
		return 0, fmt.Errorf("is not a number from %d to %d: %q", low, high, s)
	}
	return n, nil
}
