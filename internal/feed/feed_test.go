package feed

import (
	"reflect"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

func TestParse(t *testing.T) {
	camera := func(change func(*Ask)) *Ask {
		a := &Ask{Kind: V4L2, Device: "/dev/video0", Format: Auto, Quality: DefaultQuality, Coding: CodeMJPEG}
		change(a)
		return a
	}
	microphone := func(change func(*Ask)) *Ask {
		a := &Ask{Kind: ALSA, Device: "hw:0,0", Coding: CodePCM}
		change(a)
		return a
	}
	pattern := &Ask{Kind: Pattern, Width: 640, Height: 480, Rate: Fraction{30, 1}, Format: Auto, Quality: DefaultQuality, Coding: CodeMJPEG}
	tone := &Ask{Kind: Tone, SampleRate: 48000, Channels: 2, Bits: 16, Frequency: 440, Coding: CodePCM}
	for _, c := range []struct {
		location string
		want     Feed
		short    string
	}{
		{"v4l2:/dev/video0?size=1280x720&fps=30&format=auto",
			Feed{Picture: camera(func(a *Ask) { a.Width, a.Height, a.Rate = 1280, 720, Fraction{30, 1} })},
			"v4l2:/dev/video0?size=1280x720&fps=30"},
		{"/dev/video0", Feed{Picture: camera(func(*Ask) {})}, "v4l2:/dev/video0"},
		{"/dev/v4l/by-id/usb-A+B-index0?encode=h264&format=h264",
			Feed{Picture: camera(func(a *Ask) { a.Device, a.Format, a.Coding = "/dev/v4l/by-id/usb-A+B-index0", H264, CodeH264 })},
			"v4l2:/dev/v4l/by-id/usb-A+B-index0?format=h264&encode=h264"},
		{"/dev/video0?encode=h264&format=mjpeg",
			Feed{Picture: camera(func(a *Ask) { a.Format, a.Coding = MJPEG, CodeH264 })}, "v4l2:/dev/video0?format=mjpeg&encode=h264"},
		{"alsa:hw:0,0?rate=48000&channels=2",
			Feed{Sound: microphone(func(a *Ask) { a.SampleRate, a.Channels = 48000, 2 })}, "alsa:hw:0,0?rate=48000&channels=2"},
		{"/dev/snd/pcmC1D2c?bits=24&encode=flac",
			Feed{Sound: microphone(func(a *Ask) { a.Device, a.Bits, a.Coding = "hw:1,2", 24, CodeFLAC })}, "alsa:hw:1,2?bits=24&encode=flac"},
		{"alsa:hw:Loopback,1+v4l2:/dev/video0?fps=29.97",
			Feed{camera(func(a *Ask) { a.Rate = Fraction{2997, 100} }), microphone(func(a *Ask) { a.Device = "hw:Loopback,1" })},
			"v4l2:/dev/video0?fps=2997/100+alsa:hw:Loopback,1"},
		{"pattern:+tone:", Feed{pattern, tone}, "pattern:+tone:"},
		{"pattern:?fps=30000/1001&quality=70+tone:?frequency=1000", Feed{
			&Ask{Kind: Pattern, Width: 640, Height: 480, Rate: Fraction{30000, 1001}, Format: Auto, Quality: 70, Coding: CodeMJPEG},
			&Ask{Kind: Tone, SampleRate: 48000, Channels: 2, Bits: 16, Frequency: 1000, Coding: CodePCM}},
			"pattern:?fps=30000/1001&quality=70+tone:?frequency=1000"},
	} {
		got, err := Parse(c.location)
		if err != nil {
			t.Errorf("%s: %v", c.location, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %v", c.location, got)
		}
		if got.String() != c.short || !Is(c.location) {
			t.Errorf("%s becomes %s", c.location, got)
		}
	}
}

func TestParseRefused(t *testing.T) {
	for location, want := range map[string]string{
		"":                          "begins with none",
		"/srv/film.mkv":             "begins with none",
		"v4l2:":                     "not a device's path",
		"v4l2:/srv/video0":          "not a device's path",
		"v4l2:/dev/../srv/x":        "not a device's path",
		"/dev/video0?size=1280":     "WIDTHxHEIGHT",
		"/dev/video0?size=1281x720": "odd side",
		"/dev/video0?size=8x8":      "from 16 to 8192",
		"/dev/video0?fps=0":         "pictures a second",
		"/dev/video0?fps=1000":      "pictures a second",
		"/dev/video0?fps=1/1000":    "pictures a second",
		"/dev/video0?fps=2.":        "pictures a second",
		"/dev/video0?fps=+2":        "pictures a second",
		"/dev/video0?rate=48000":    "v4l2: has no \"rate\"; it has size, fps, format, encode, quality",
		"/dev/video0?format=webp":   "none of auto, mjpeg",
		"/dev/video0?format=h264":   "needs encode=h264",
		"/dev/video0?fps=30&fps=30": "given twice",
		"/dev/video0?":              "NAME=VALUE",
		"/dev/video0+/dev/video1":   "two sources of pictures",
		"tone:+alsa:hw:0":           "two sources of sounds",
		"alsa:plughw:0":             "not a sound device",
		"alsa:hw:0,-1":              "from 0 to 255",
		"alsa:hw:0?channels=9":      "from 1 to 8",
		"alsa:hw:0?rate=7999":       "from 8000 to 192000",
		"alsa:hw:0?bits=20":         "none of 16, 24, 32",
		"tone:?bits=32&encode=flac": "16 or 24 bits",
		"/dev/snd/pcmC0D0p":         "recording side",
		"/dev/snd/pcmC00D0c":        "recording side",
		"/dev/snd/pcmC0D256c":       "from 0 to 255",
		"pattern:x":                 "where nothing belongs",
		"pattern:?size=100x100":     "160x120",
		"/dev/video0\n":             "U+000A",
		"/dev/video" + strings.Repeat("0", MaxLocation): "more than 1024",
	} {
		if _, err := Parse(location); err == nil || reason.Of(err) != reason.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", location, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"v4l2:/dev/video0?size=1280x720&fps=29.97+alsa:hw:0,0?rate=48000&bits=24", "pattern:+tone:", "/dev/snd/pcmC0D0c", "/dev/video0?format=h264&encode=h264&quality=1", "/dev/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, location string) {
		first, err := Parse(location)
		if err != nil {
			return
		}
		again, err := Parse(first.String())
		if err != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("%q becomes %q, which is %v, %v", location, first, again, err)
		}
		if !Is(location) || !Is(first.String()) || len(first.Asks()) == 0 {
			t.Fatalf("%q is not known as live", location)
		}
	})
}
