package config

import (
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"

	"videoclub/internal/rate"
)

// Live is the [live] of vccs: cameras and microphones as titles.
type Live struct {
	Enabled   bool      // whether there are live titles
	Devices   []string  // absolute, clean paths below /dev that may be captured; none is all that can be opened
	Spool     string    // absolute directory of the recordings under way; "" is below the state
	SpoolSize rate.Size // that one recording may hold, 1 MiB at least
	SpoolFull string    // SpoolRelease or SpoolKeep
	Quality   int       // of a JPEG, 1 to 100
	Encoder   string    // path of ffmpeg; "" is where it is found, None none
}

// What is done when a recording holds as much as it may.
const (
	SpoolRelease = "release" // what every delivery has goes first
	SpoolKeep    = "keep"    // nothing goes: the recording ends
)

// leastSpool is some seconds of pictures.
const leastSpool = 1 << 20

func defaultLive() Live {
	return Live{Enabled: true, SpoolSize: 4 << 30, SpoolFull: SpoolRelease, Quality: 85}
}

// readLive reads [live].
func readLive(s *section, l *Live) {
	s.flag("enabled", &l.Enabled)
	setEach(s, "devices", devicePath, &l.Devices)
	set(s, "spool", directoryOrNothing, &l.Spool)
	set(s, "spool_size", spoolSize, &l.SpoolSize)
	set(s, "spool_full", oneOf("a way", []string{SpoolRelease, SpoolKeep}), &l.SpoolFull)
	s.whole("quality", 1, 100, &l.Quality)
	set(s, "encoder", programPath, &l.Encoder)
	s.end()
	for i, device := range l.Devices {
		if slices.Contains(l.Devices[:i], device) {
			s.problemAt("devices", i, "%q is there twice; give each device once", device)
		}
	}
}

// effective is every setting as it would be written, to be logged.
func (l Live) effective() slog.Attr {
	return slog.Group("live",
		slog.Bool("enabled", l.Enabled),
		slog.Any("devices", l.Devices),
		slog.String("spool", l.Spool),
		slog.String("spool_size", l.SpoolSize.String()),
		slog.String("spool_full", l.SpoolFull),
		slog.Int("quality", l.Quality),
		slog.String("encoder", l.Encoder),
	)
}

// devicePath reads the path of a device, or of a folder of devices.
func devicePath(text string) (string, error) {
	if !strings.HasPrefix(text, "/dev/") || path.Clean(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%.80q is not a device: write its path, such as \"/dev/video0\", or that of a folder of devices, such as \"/dev/snd\"", text)
	}
	return text, nil
}

// directoryOrNothing reads an absolute path, or nothing.
func directoryOrNothing(text string) (string, error) {
	if text != "" && !path.IsAbs(text) {
		return "", fmt.Errorf("%.80q is not an absolute path", text)
	}
	return pathOrNothing(text)
}

// programPath reads the path of a program, nothing, or "none".
func programPath(text string) (string, error) {
	if text == none {
		return text, nil
	}
	return directoryOrNothing(text)
}

func spoolSize(text string) (rate.Size, error) {
	size, err := rate.ParseSize(text)
	if err == nil && size < leastSpool {
		err = fmt.Errorf("%q is too little for a recording: write 1 MiB at least", text)
	}
	return size, err
}
