package reel

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Sound is plain samples, to be heard beside pictures.
type Sound struct {
	Rate, Channels, Bits int
	// Bytes is how many there are, as far as it is known; what a film has less is
	// silence.
	Bytes int64

	tape func() tape
}

// tape gives samples from any place on.
type tape interface {
	// read gives at least a byte from offset on, unless it fails. io.EOF says
	// that there is no more, of a film that grows not yet.
	read(p []byte, offset int64) (int, error)
}

// WaveHeader is how long what stands before the samples of a WAV file is.
const WaveHeader = 44

// header gives it, for so many bytes of samples ("Multimedia Programming
// Interface and Data Specifications 1.0", 1991). A file that is longer than the
// form can say goes on to its end, as players take it.
func (s *Sound) header(samples int64) []byte {
	le := binary.LittleEndian
	frame := s.Channels * s.Bits / 8
	b := append(make([]byte, 0, WaveHeader), "RIFF"...)
	b = le.AppendUint32(b, uint32(min(samples+WaveHeader-8, math.MaxUint32)))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(s.Channels))
	b = le.AppendUint32(b, uint32(s.Rate))
	b = le.AppendUint32(b, uint32(s.Rate*frame))
	b = le.AppendUint16(b, uint16(frame))
	b = le.AppendUint16(b, uint16(s.Bits))
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(min(samples, math.MaxUint32)))
}

// Wave gives the sound as a WAV file of its whole length.
func (s *Sound) Wave() io.ReadSeeker {
	return &wave{head: s.header(s.Bytes), samples: s.Bytes, tape: s.tape()}
}

// Live gives the sound from a time on, without an end: a header, and what to read
// samples from, whose io.EOF says that there are none yet.
func (s *Sound) Live(from int64) (head []byte, r io.Reader) {
	frame := int64(s.Channels * s.Bits / 8)
	return s.header(math.MaxUint32), &samples{tape: s.tape(), at: max(from, 0) / frame * frame}
}

// samples reads on from a place.
type samples struct {
	tape tape
	at   int64
}

func (s *samples) Read(p []byte) (int, error) {
	n, err := s.tape.read(p, s.at)
	s.at += int64(n)
	return n, err
}

// wave is a WAV file that is made while it is read.
type wave struct {
	head    []byte
	samples int64
	tape    tape
	at      int64
}

// Seek implements io.Seeker.
func (w *wave) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += int64(len(w.head)) + w.samples
	}
	if offset < 0 {
		return 0, errors.New("reel: before the beginning")
	}
	w.at = offset
	return offset, nil
}

// Read implements io.Reader.
func (w *wave) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if w.at < int64(len(w.head)) {
		n := copy(p, w.head[w.at:])
		w.at += int64(n)
		return n, nil
	}
	at := w.at - int64(len(w.head))
	if at >= w.samples {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), w.samples-at)]
	n, err := w.tape.read(p, at)
	if err == io.EOF && n == 0 {
		// The sound is over before the pictures are.
		n, err = len(p), nil
		clear(p)
	}
	w.at += int64(n)
	return n, err
}
