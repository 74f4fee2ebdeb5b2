package catalogue

import (
	"path"
	"strings"
)

// Kind is the kind of source that a location names.
type Kind string

// The kinds of source.
const (
	// KindFile is a file or a folder: the location is its path.
	KindFile Kind = "file"
	// KindLive is a device, or a pattern or tone that the program makes. It
	// has no size and no end of its own, and must not be opened as a file.
	KindLive Kind = "live"
)

// livePrefixes begin a location that is not a path. A file whose relative
// path begins so is written with "./" before it.
var livePrefixes = []string{"v4l2:", "alsa:", "pattern:", "tone:"}

// memory is a file system of ordinary files, though it stands among the devices.
const memory = "/dev/shm/"

// KindOf tells the kind of a location from its text alone. Whoever opens a
// file still has to look at what it opened: a link may lead to a device.
func KindOf(location string) Kind {
	for _, prefix := range livePrefixes {
		if strings.HasPrefix(location, prefix) {
			return KindLive
		}
	}
	p := path.Clean(location)
	if p == "/dev" || strings.HasPrefix(p, "/dev/") && !strings.HasPrefix(p, memory) {
		return KindLive
	}
	return KindFile
}

// Kind is the kind of t's source, by its location as it is written.
func (t Title) Kind() Kind { return KindOf(t.Location) }

// Resolve gives the path of t's file: its location if that is absolute, else
// the location as seen from base, the folder of `videos.txt`. The path is
// cleaned (no "..", no "." but at its front), so that it can be held against
// the permitted roots. A live location comes back as it is.
func (t Title) Resolve(base string) string {
	switch {
	case t.Kind() == KindLive:
		return t.Location
	case path.IsAbs(t.Location):
		return path.Clean(t.Location)
	}
	return path.Join(base, t.Location)
}
