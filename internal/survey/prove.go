package survey

import (
	"bufio"
	"context"
	"crypto/sha256"
	"io"
	"math"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/worker"
)

// prove hashes the files of a folder, whose manifest is there, and writes its
// proven manifest; it answers only if the folder was one version.
func (w Worker) prove(size int64) error {
	src := source.TakeFolder(w.Source, w.Manifest, nil, size)
	defer src.Close()
	out := bufio.NewWriterSize(io.NewOffsetWriter(w.Proof, 0), 64<<10)
	proof, cursor := manifest.NewProofTo(out), manifest.NewCursor(io.NewSectionReader(w.Manifest, 0, math.MaxInt64), nil)
	buf, told := make([]byte, pieceSize), time.Now()
	for {
		if err := cursor.Next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		sum := sha256.New()
		for at := cursor.Start; at < cursor.End(); {
			piece := buf[:min(pieceSize, cursor.End()-at)]
			if err := src.ReadAt(piece, at); err != nil {
				return err
			}
			sum.Write(piece)
			at += int64(len(piece))
			if time.Since(told) >= tellEvery {
				told = time.Now()
				if err := w.Control.Send(control.Surveying{Offset: at}); err != nil {
					return err
				}
			}
		}
		proof.Add(cursor.Entry, manifest.Sum(sum.Sum(nil)))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := src.OneVersion(); err != nil {
		return err
	}
	return w.Control.Send(control.Surveyed{SHA256: proof.SHA256()})
}

// WantProof is Want for a folder of which the digests of all files are wanted,
// so that it can be compared with an earlier version.
func (s *Surveyor) WantProof(ctx context.Context, w ledger.Source) error {
	sum, known, err := s.Ledger.DigestOf(ctx, w.Location, w.Size, w.MTime)
	if err != nil || known && s.Proofs.Has(sum) {
		return err
	}
	if err := s.Ledger.WantDigest(ctx, w); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(w.Location)
	s.tasks = append(s.tasks, newTask(w))
	s.nudge()
	return nil
}

// digestFolder hashes the folder of a task, which is open in f, and becomes the
// version that is there now.
func (s *Surveyor) digestFolder(ctx context.Context, t *task, f *os.File) (string, error) {
	again, _, err := s.Open(t.Location) // for who looks through it
	if err != nil {
		f.Close()
		return "", err
	}
	size, version, release, err := s.Describe(ctx, t.Location, again)
	if err != nil {
		f.Close()
		return "", err
	}
	defer release()
	now := ledger.Source{Location: t.Location, Size: size, MTime: version}
	s.becomes(t, now)
	sum, known, err := s.Ledger.DigestOf(ctx, now.Location, now.Size, now.MTime)
	if err == nil && !known {
		err = s.Ledger.WantDigest(ctx, now)
	}
	if err != nil || known && s.Proofs.Has(sum) {
		f.Close()
		return sum, err
	}
	return s.proveFolder(ctx, t, f)
}

func (s *Surveyor) proveFolder(ctx context.Context, t *task, f *os.File) (string, error) {
	list, _, err := s.Shelf.Get(t.MTime)
	if err != nil {
		f.Close()
		return "", reason.Wrap(reason.Internal, err, "the manifest of a folder")
	}
	proof, err := s.Proofs.New()
	if err != nil {
		f.Close()
		list.Close()
		return "", reason.Wrap(reason.Internal, err, "keeping the digests of a folder")
	}
	theirs, err := os.OpenFile(proof.Name(), os.O_RDWR, 0)
	if err != nil {
		f.Close()
		list.Close()
		s.Proofs.Drop(proof)
		return "", reason.Wrap(reason.Internal, err, "keeping the digests of a folder")
	}
	m, err := s.ask(ctx, f, "digest", control.Survey{Size: t.Size, MTime: t.MTime, Digest: true, Folder: true}, t,
		worker.File{Name: "manifest", File: list}, worker.File{Name: "proof", File: theirs})
	surveyed, ok := m.(control.Surveyed)
	if err == nil && !ok {
		err = reason.New(reason.WorkerFailed, "the survey worker says %T", m)
	}
	if err != nil {
		s.Proofs.Drop(proof)
		return "", err
	}
	if err := s.Proofs.Keep(proof, surveyed.SHA256); err != nil {
		return "", reason.Wrap(reason.Internal, err, "keeping the digests of a folder")
	}
	return surveyed.SHA256, nil
}
