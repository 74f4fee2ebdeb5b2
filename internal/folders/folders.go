// Package folders keeps the manifests of the folders that deliveries depend on,
// by version, in the state of the central server. They are written and read by
// workers; this side knows what they come to and no more.
package folders

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"videoclub/internal/atomicfile"
	"videoclub/internal/manifest"
)

// A version has two files, of which the second is written last.
const (
	textSuffix    = ".manifest"
	summarySuffix = ".json"
	tempPrefix    = "new-"
	filePerm      = 0o600
)

// Shelf is the directory of the manifests.
type Shelf struct {
	dir string
	// mu keeps Sweep from what is kept and not yet in use.
	mu   sync.Mutex
	held map[int64]int
}

// Open opens the directory, which is made if it is not there, and removes what
// a crash left half written.
func Open(dir string) (*Shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	return &Shelf{dir: dir, held: make(map[int64]int)}, nil
}

// New makes a file for a manifest to be written to: Keep or Drop takes it.
func (s *Shelf) New() (*os.File, error) { return os.CreateTemp(s.dir, tempPrefix) }

// Drop gives up a file of New.
func (s *Shelf) Drop(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}

// Keep makes a manifest durable, which has been written to f and comes to sum,
// and gives its version. It stays at least until release is called; after that,
// as long as Sweep finds it in use.
func (s *Shelf) Keep(f *os.File, sum manifest.Summary) (version int64, release func(), err error) {
	version = sum.Version()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.keep(f, version, sum); err != nil {
		s.Drop(f)
		return 0, nil, fmt.Errorf("folders: %w", err)
	}
	f.Close()
	s.held[version]++
	return version, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held[version]--; s.held[version] == 0 {
			delete(s.held, version)
		}
	}), nil
}

func (s *Shelf) keep(f *os.File, version int64, sum manifest.Summary) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path(version, textSuffix)); err != nil {
		return err
	}
	text, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	// This makes the names of both files durable.
	return atomicfile.WriteFile(s.path(version, summarySuffix), text, filePerm)
}

func (s *Shelf) path(version int64, suffix string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%016x", version)+suffix)
}

// Get opens the manifest of a version.
func (s *Shelf) Get(version int64) (*os.File, manifest.Summary, error) {
	var sum manifest.Summary
	text, err := os.ReadFile(s.path(version, summarySuffix))
	if err == nil {
		err = json.Unmarshal(text, &sum)
	}
	if err != nil {
		return nil, sum, fmt.Errorf("folders: %w", err)
	}
	f, err := os.Open(s.path(version, textSuffix))
	if err != nil {
		return nil, sum, fmt.Errorf("folders: %w", err)
	}
	return f, sum, nil
}

// Sweep removes the versions that are not in use.
func (s *Shelf) Sweep(used func(version int64) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		hex, _, _ := strings.Cut(e.Name(), ".")
		version, err := strconv.ParseInt(hex, 16, 64)
		if err != nil || s.held[version] > 0 || used(version) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
