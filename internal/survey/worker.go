package survey

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/source"
)

const (
	// pieceSize is how much is read and hashed at once.
	pieceSize = 1 << 20
	// checkEvery is after how many pieces the source is looked at for a change.
	checkEvery = 64
	// tellEvery is how often the supervisor hears how far it is.
	tellEvery = time.Second
)

// Worker is what the survey worker is given.
type Worker struct {
	Source   *os.File
	Manifest *os.File // of a folder, to be written; or to be read, for its digests
	Proof    *os.File // of a folder, to be written with its digests
	Control  *control.Conn
}

// Run answers the supervisor's one question. It returns when it has, or with
// the reason why not, of which the supervisor was told.
func (w Worker) Run() error {
	err := w.run()
	if err != nil && err != io.EOF {
		w.Control.Fail(err)
	}
	return err
}

func (w Worker) run() error {
	m, err := w.Control.Receive()
	if err != nil {
		return err
	}
	ask, ok := m.(control.Survey)
	if !ok {
		return fmt.Errorf("survey: the supervisor says %T instead of what to find out", m)
	}
	switch {
	case ask.Folder && ask.Digest:
		return w.prove(ask.Size)
	case ask.Folder:
		return w.folder()
	case ask.Grows:
		return w.Control.Send(latest(growing{w.Source}))
	}
	src, err := source.Take(w.Source, source.Facts{Size: ask.Size, MTime: ask.MTime})
	if err != nil {
		return err
	}
	if ask.Digest {
		return w.digest(src)
	}
	if ask.Show {
		seen := see(w.Source, ask.Size)
		if err := src.Unchanged(); err != nil {
			return err
		}
		return w.Control.Send(seen)
	}
	answer := control.Lasts{}
	if d, err := Duration(w.Source, ask.Size); err != nil {
		answer.Why = err.Error()
	} else {
		answer.Millis = d.Milliseconds()
	}
	if err := src.Unchanged(); err != nil {
		return err
	}
	return w.Control.Send(answer)
}

// digest hashes the whole source, and says so only if it was one version.
func (w Worker) digest(src *source.File) error {
	sum, buf := sha256.New(), make([]byte, pieceSize)
	told := time.Now()
	for n, at := 0, int64(0); at < src.Size(); n++ {
		piece := buf[:min(pieceSize, src.Size()-at)]
		if err := src.ReadAt(piece, at); err != nil {
			return err
		}
		sum.Write(piece)
		at += int64(len(piece))
		if n%checkEvery == 0 {
			if err := src.Unchanged(); err != nil {
				return err
			}
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			if err := w.Control.Send(control.Surveying{Offset: at}); err != nil {
				return err
			}
		}
	}
	if err := src.Unchanged(); err != nil {
		return err
	}
	return w.Control.Send(control.Surveyed{SHA256: fmt.Sprintf("%x", sum.Sum(nil))})
}
