// Package titles is `videos.txt` as the server holds it: read, changed as a
// whole or not at all, and followed when an editor changes it.
package titles

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

// List is the catalogue as it was at a moment. It does not change any more.
type List struct {
	*catalogue.Catalogue
	Base string // the folder that relative locations start from
}

// Read reads the file at path, as Open does, and gives what is wrong in it.
// That it cannot be read, or is too large, is an error.
func Read(path string) (List, []catalogue.Problem, error) {
	text, err := read(path, false)
	if err != nil {
		return none(path), nil, err
	}
	c, problems, err := catalogue.Parse(text.bytes)
	if err != nil {
		return none(path), nil, err
	}
	return List{c, filepath.Dir(path)}, problems, nil
}

func none(path string) List {
	empty, _, _ := catalogue.Parse(nil) // nothing is never too large
	return List{empty, filepath.Dir(path)}
}

// File is the file of titles. Safe for concurrent use.
type File struct {
	clock moment.Clock
	log   *slog.Logger
	now   atomic.Pointer[List]

	mu       sync.Mutex // one change, or look at the file, at a time
	path     string
	seen     version
	recent   bool            // seen may not tell of the next change
	existed  bool            // it has been read once
	reported map[string]bool // problems that were logged
	trouble  string          // that the file itself makes, as it was logged
	foreign  bool            // it was said that the owner cannot be kept
}

// Open reads the file at the absolute path. A file that is missing or cannot be
// read has no titles; what is wrong is logged.
func Open(path string, clock moment.Clock, log *slog.Logger) *File {
	f := &File{clock: clock, log: log, path: path, reported: make(map[string]bool)}
	empty := none(path)
	f.now.Store(&empty)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	return f
}

// List gives the titles as they are now.
func (f *File) List() List { return *f.now.Load() }

// Reload reads the file anew, wherever it is now.
func (f *File) Reload(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if path != f.path {
		f.path, f.existed = path, false
		empty := none(path)
		f.now.Store(&empty)
	}
	f.reported, f.trouble = make(map[string]bool), ""
	f.look()
}

// Follow looks at each of ticks whether the file was changed, until ctx ends.
func (f *File) Follow(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ticks:
			f.poll()
		case <-ctx.Done():
			return
		}
	}
}

// poll reads the file if it may have changed.
func (f *File) poll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := versionOf(f.path)
	if err == nil && now == f.seen && !f.recent {
		return
	}
	f.look()
}

// look reads the file and takes up what it says. Where it cannot be read, the
// titles known before stay: an editor may be about to put it back. The mutex is
// held.
func (f *File) look() {
	text, err := read(f.path, false)
	if err == nil {
		err = f.take(text)
	} else {
		f.seen = version{}
	}
	switch {
	case err == nil:
		f.trouble = ""
	case f.trouble == err.Error(): // said already
	default:
		f.trouble = err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			f.log.Warn("the file of titles is not there, going on with those that are known", "file", f.path, "titles", len(f.List().Titles()))
			return
		}
		f.log.Warn("the titles cannot be read, going on with those that are known", "file", f.path, "error", err, "titles", len(f.List().Titles()))
	}
}

// take makes a text the titles. Each of its problems is logged once, however
// often it is read.
func (f *File) take(text text) error {
	f.seen = text.version
	// Two changes within the grain of a file system's clock look like one.
	f.recent = f.clock().Sub(text.changed).Abs() < grain
	if f.existed && bytes.Equal(text.bytes, f.List().Bytes()) {
		return nil
	}
	c, problems, err := catalogue.Parse(text.bytes)
	if err != nil {
		return err
	}
	f.publish(c, problems)
	return nil
}

// grain is within what time of its last change a file may change again without
// that showing: that of the coarsest file systems.
const grain = 3 * time.Second

func (f *File) publish(c *catalogue.Catalogue, problems []catalogue.Problem) {
	if f.existed {
		f.log.Info("the titles have changed", "file", f.path, "titles", len(c.Titles()))
	}
	f.existed, f.trouble = true, ""
	f.now.Store(&List{c, filepath.Dir(f.path)})
	reported := make(map[string]bool)
	for _, p := range problems {
		// Lines move; what is wrong with them stays.
		what := p.Why + "\n" + p.Text
		if reported[what] = true; !f.reported[what] {
			f.log.Warn("a title is skipped, its line is kept", "file", f.path, "reason", string(reason.TitlesInvalid), "problem", p)
		}
	}
	f.reported = reported
}

// Add appends a title and gives it as it is on disk. Number 0 stands for the
// next one. What the list does not take is reason.Usage; a file that cannot be
// written, reason.TitlesFailed; one that somebody else keeps open for writing,
// reason.Busy.
func (f *File) Add(t catalogue.Title) (catalogue.Title, error) {
	assign := t.Number == 0
	err := f.change(func(c *catalogue.Catalogue) error {
		if assign {
			if t.Number = c.Next(); t.Number == 0 {
				return reason.New(reason.Usage, "all numbers are taken; remove some titles")
			}
		}
		return c.Add(t)
	})
	return t, err
}

// Remove takes the title with number n out and gives it as it was. Before
// anything is written, agree is asked, perhaps more than once; its error ends
// the removal.
func (f *File) Remove(n int, agree func(catalogue.Title) error) (gone catalogue.Title, err error) {
	err = f.change(func(c *catalogue.Catalogue) error {
		gone, _ = c.Lookup(n)
		if err := c.Remove(n); err != nil {
			return err
		}
		return agree(gone)
	})
	return gone, err
}

// Replace gives the title with number n another source, of which change says
// the rest, and gives it as it was and is.
func (f *File) Replace(n int, change func(catalogue.Title) catalogue.Title) (was, is catalogue.Title, err error) {
	err = f.change(func(c *catalogue.Catalogue) error {
		was, _ = c.Lookup(n)
		is = change(was)
		is.Number = n
		return c.Replace(is)
	})
	return was, is, err
}
