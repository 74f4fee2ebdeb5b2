// Package reel is how a browser is shown what was deposited or is arriving: what
// a film, a recording, a sound or a picture is by its own bytes, and its pictures
// and its sound one by one where a browser cannot play it as it is. It knows
// io alone, and trusts no length in a file, which may be anything.
package reel

import (
	"errors"
	"io"
	"time"
)

// Source is a file, which may grow while it is read, and be cut back.
type Source interface {
	io.ReaderAt
	// Size is how many bytes it has now.
	Size() int64
}

// Kind is how something is shown.
type Kind string

// The kinds.
const (
	Video    Kind = "video"    // a browser plays it
	Audio    Kind = "audio"    // a browser plays it
	Image    Kind = "image"    // a browser shows it
	Pictures Kind = "pictures" // pictures that are shown one by one, and perhaps sound beside them
	Text     Kind = "text"     // it is read
	Data     Kind = "data"     // it is kept, and not shown
)

// Film is what a file is.
type Film struct {
	Kind Kind
	// Type is the media type of the file as it is.
	Type string

	// Of Pictures, and of recordings of this program: the size in pixels, 0 where
	// there are none; how long it lasts, 0 where that is not known; and the sound,
	// nil where there is none that can be given as plain samples.
	Width, Height int
	Duration      time.Duration
	Sound         *Sound

	// Recording is not nil of a recording of this program, which can be followed
	// while it grows.
	Recording *Recording

	pictures func() Strip
}

// Picture is one picture, as a JPEG file.
type Picture struct {
	At   time.Duration // from the film's beginning
	JPEG []byte        // valid until the next one is asked for
}

// Strip gives the pictures of a film in order. It is for one goroutine.
type Strip interface {
	// Seek goes to the last picture at or before a time, the first one if there
	// is none.
	Seek(time.Duration) error
	// Latest goes to the last picture that there is now.
	Latest() error
	// Next gives the next picture. io.EOF says that there is none, of a film that
	// grows none yet.
	Next() (Picture, error)
}

// Strip begins to give the pictures, from the first; nil where there are none to
// be given one by one.
func (f Film) Strip() Strip {
	if f.pictures == nil {
		return nil
	}
	return f.pictures()
}

// Bounds.
const (
	// maxPicture is the most bytes of a picture: the largest that a camera gives,
	// 4096 by 2160 uncompressed, has 17 MiB.
	maxPicture = 32 << 20
	// maxSide bounds the width and the height in pixels.
	maxSide = 16384
	// maxRate and maxChannels are those of sound.
	maxRate     = 384_000
	maxChannels = 32
)

// errDamaged says that a file is not what it began as.
var errDamaged = errors.New("reel: damaged")

// full reads exactly p at an offset; what is not there yet is io.EOF.
func full(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return err
}

// Look says what a file is.
func Look(src Source) (Film, error) {
	head := make([]byte, sniffed)
	n, err := src.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return Film{}, err
	}
	f := sniff(head[:n])
	switch f.Type {
	case typeMatroska:
		return lookRecording(src, f), nil
	case typeAVI:
		return lookAVI(src, f), nil
	}
	return f, nil
}
