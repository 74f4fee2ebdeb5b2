package deliver

import (
	"fmt"
	"hash"

	"videoclub/internal/control"
	"videoclub/internal/digest"
	"videoclub/internal/frame"
)

// fileSum is the digest of the stream of a file, or of a recording.
type fileSum struct {
	src interface {
		ReadAt(p []byte, offset int64) error
	}
	notes *digest.Notes
	known string // the digest, if it is known: then nothing is hashed
	sum   hash.Hash
}

// catchUp brings the digest to the offset where the stream goes on. Its state
// there is at hand but after a power loss at this end, which can take the last
// notes: then what lies between is hashed again.
func (p *fileSum) catchUp(begin control.Begin) error {
	if p.known != "" {
		return nil
	}
	sum, at, err := p.notes.At(begin.Offset)
	if err != nil {
		return err
	}
	if at != begin.Offset && begin.State != nil {
		if h, err := digest.Restore(begin.State); err == nil {
			sum, at = h, begin.Offset
		}
	}
	p.sum = sum
	buf := make([]byte, frame.SourceSize)
	for at < begin.Offset {
		part := buf[:min(int64(len(buf)), begin.Offset-at)]
		if err := p.src.ReadAt(part, at); err != nil {
			return err
		}
		p.sum.Write(part)
		at += int64(len(part))
		state, err := digest.Save(p.sum)
		if err != nil {
			return err
		}
		if err := p.notes.Put(at, int64(len(part)), state); err != nil {
			return err
		}
	}
	return nil
}

func (p *fileSum) take(b []byte, _ int64) ([]byte, error) {
	if p.known != "" {
		return nil, nil
	}
	p.sum.Write(b)
	return digest.Save(p.sum)
}

func (p *fileSum) total() (string, error) {
	if p.known != "" {
		return p.known, nil
	}
	return fmt.Sprintf("%x", p.sum.Sum(nil)), nil
}
