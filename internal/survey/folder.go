package survey

import (
	"context"
	"os"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/source"
	"videoclub/internal/worker"
)

// walkWithin bounds how long somebody waits for a folder to be looked through.
const walkWithin = time.Minute

// Describe looks through the folder at a location, which is open in f and
// closed here, and keeps its manifest at least until release is called. It gives
// the size of its stream and the version that stands for all its paths, sizes
// and times. No file in it is opened. What cannot be part of a title is
// reason.TitleUnreadable, with its path.
func (s *Surveyor) Describe(ctx context.Context, location string, f *os.File) (size, version int64, release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, walkWithin)
	defer cancel()
	select {
	case s.walking <- struct{}{}:
		defer func() { <-s.walking }()
	case <-ctx.Done():
		f.Close()
		return 0, 0, nil, reason.New(reason.Busy, "other folders are being looked through")
	}
	list, err := s.Shelf.New()
	if err != nil {
		f.Close()
		return 0, 0, nil, reason.Wrap(reason.Internal, err, "keeping the manifest of a folder")
	}
	sum, err := s.describe(ctx, f, list)
	if err != nil {
		s.Shelf.Drop(list)
		if code := reason.Of(err); code.Located() { // of others users are told the detail
			err = reason.Wrap(code, err, "%s", location)
		}
		return 0, 0, nil, err
	}
	if version, release, err = s.Shelf.Keep(list, sum); err != nil {
		return 0, 0, nil, reason.Wrap(reason.Internal, err, "keeping the manifest of a folder")
	}
	s.mu.Lock()
	s.sizes[location] = sum.Size
	s.mu.Unlock()
	return sum.Size, version, release, nil
}

func (s *Surveyor) describe(ctx context.Context, f, list *os.File) (sum manifest.Summary, err error) {
	theirs, err := os.OpenFile(list.Name(), os.O_RDWR, 0)
	if err != nil {
		f.Close()
		return sum, reason.Wrap(reason.Internal, err, "keeping the manifest of a folder")
	}
	m, err := s.ask(ctx, f, "folder", control.Survey{Folder: true}, nil, worker.File{Name: "manifest", File: theirs})
	if err != nil {
		return sum, err
	}
	d, ok := m.(control.Described)
	if !ok {
		return sum, reason.New(reason.WorkerFailed, "the survey worker says %T", m)
	}
	sum = manifest.Summary(d)
	if sum.Size < 0 || sum.Files < 0 || sum.Bytes < 1 || sum.Bytes > manifest.MaxBytes {
		return sum, reason.New(reason.WorkerFailed, "the survey worker describes a folder that cannot be")
	}
	if _, err := manifest.ParseSum(sum.SHA256); err != nil {
		return sum, reason.Wrap(reason.WorkerFailed, err, "the survey worker")
	}
	return sum, nil
}

// FolderSize is how many bytes the folder at a location had when it was last
// looked through, -1 where it was not in this run.
func (s *Surveyor) FolderSize(location string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size, ok := s.sizes[location]; ok {
		return size
	}
	return -1
}

// folder answers for a folder.
func (w Worker) folder() error {
	sum, err := source.Describe(w.Source, w.Manifest)
	if err != nil {
		return err
	}
	return w.Control.Send(control.Described(sum))
}
