package survey

import (
	"encoding/binary"
	"fmt"
)

// chunk is a part of a RIFF file ("Multimedia Programming Interface and Data
// Specifications 1.0", 1991): a name, and a length in four bytes.
type chunk struct {
	name    string
	claimed uint32 // length, as it is said
	content span   // cut where s ends
}

// chunks gives those in s one after another to take, until it says that it has
// enough or s ends. Content is padded to an even length.
func chunks(l *look, s span, take func(chunk) (enough bool, err error)) error {
	for s.length() >= 8 {
		p, err := l.at(s, 8)
		if err != nil {
			return err
		}
		c := chunk{name: string(p[:4]), claimed: binary.LittleEndian.Uint32(p[4:])}
		from := s.from + 8
		c.content = span{from, from + min(int64(c.claimed), s.to-from)}
		if enough, err := take(c); enough || err != nil {
			return err
		}
		s.from = c.content.to + int64(c.claimed&1)
	}
	return nil
}

// list finds the first LIST of a kind in s and gives what it lists.
func list(l *look, s span, kind string) (found span, err error) {
	err = chunks(l, s, func(c chunk) (bool, error) {
		of, err := listKind(l, c)
		if of == kind {
			found = span{c.content.from + 4, c.content.to}
		}
		return of == kind, err
	})
	if err == nil && found == (span{}) {
		err = fmt.Errorf("its list %q is not there; the file may not be complete", kind)
	}
	return found, err
}

// listKind is the kind of a LIST, nothing for another chunk.
func listKind(l *look, c chunk) (string, error) {
	if c.name != "LIST" {
		return "", nil
	}
	p, err := l.at(c.content, 4)
	return string(p), err
}
