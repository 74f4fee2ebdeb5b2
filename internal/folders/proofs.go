package folders

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"videoclub/internal/atomicfile"
	"videoclub/internal/manifest"
)

const (
	provenSuffix = ".proven"
	reuseSuffix  = ".reuse"

	// maxProofs bounds what is kept of proven manifests, in bytes: of those that
	// are used by nothing that is promised the oldest go first.
	maxProofs = 512 << 20

	// fresh is for how long one that nothing uses yet is kept: a title is being
	// replaced.
	fresh = time.Hour
)

// Proofs is the directory of the proven manifests of folders that were delivered
// or surveyed, so that a later version can be compared with them, and of the
// lists of what two of them share. All have the SHA-256 of their text as their
// name.
type Proofs struct {
	dir  string
	mu   sync.Mutex
	held map[string]int // lists that are in use and not yet written down as such
}

// OpenProofs opens the directory, which is made if it is not there, and removes
// what a crash left half written.
func OpenProofs(dir string) (*Proofs, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if atomicfile.IsTemp(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return &Proofs{dir: s.dir, held: make(map[string]int)}, nil
}

// New makes a file for a proven manifest to be written to: Keep or Drop takes
// it.
func (p *Proofs) New() (*os.File, error) { return os.CreateTemp(p.dir, tempPrefix) }

// Drop gives up a file of New.
func (p *Proofs) Drop(f *os.File) {
	os.Remove(f.Name())
	f.Close()
}

// Keep makes a proven manifest durable that was written to f and has a digest,
// in hex, which is looked at again when it is compared.
func (p *Proofs) Keep(f *os.File, digest string) error {
	if _, err := manifest.ParseSum(digest); err != nil {
		p.Drop(f)
		return fmt.Errorf("folders: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := f.Sync()
	if err == nil {
		err = os.Rename(f.Name(), p.path(digest, provenSuffix))
	}
	if err != nil {
		p.Drop(f)
		return fmt.Errorf("folders: %w", err)
	}
	f.Close()
	return p.sync()
}

// sync makes the names durable.
func (p *Proofs) sync() error {
	d, err := os.Open(p.dir)
	if err != nil {
		return fmt.Errorf("folders: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("folders: %w", err)
	}
	return nil
}

func (p *Proofs) path(digest, suffix string) string { return filepath.Join(p.dir, digest+suffix) }

// Has says whether the proven manifest of that digest is kept.
func (p *Proofs) Has(digest string) bool {
	_, err := os.Stat(p.path(digest, provenSuffix))
	return digest != "" && err == nil
}

// Shared is what a folder shares with its base.
type Shared struct {
	Base   string // digest of the base's proven manifest
	Proven int64  // bytes of that
	Reuse  string // digest of the list
	List   int64  // bytes of the list
	Bytes  int64  // of the folder that are shared
}

// Share compares two folders by their digests and keeps the list of what they
// share at least until release is called; after that, as long as Sweep finds it
// in use. Shared.Bytes is 0 where they share nothing, or where one of the two is
// not kept.
func (p *Proofs) Share(folder, base string) (s Shared, release func(), err error) {
	release = func() {}
	if folder == base || !p.Has(folder) || !p.Has(base) {
		return s, release, nil
	}
	ours, err := p.open(folder)
	if err != nil {
		return s, release, err
	}
	defer ours.Close()
	theirs, err := p.open(base)
	if err != nil {
		return s, release, err
	}
	defer theirs.Close()
	list, size, err := manifest.Compare(ours, theirs) // which have buffers of their own
	if err != nil {
		return s, release, fmt.Errorf("folders: %w", err)
	}
	text := list.Append(nil)
	info, err := theirs.Stat()
	if err != nil || size == 0 || len(text) > manifest.MaxReuse || info.Size() > manifest.MaxProven {
		return s, release, err
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(text))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := atomicfile.WriteFile(p.path(digest, reuseSuffix), text, filePerm); err != nil {
		return s, release, fmt.Errorf("folders: %w", err)
	}
	p.held[digest]++
	release = sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held[digest]--; p.held[digest] == 0 {
			delete(p.held, digest)
		}
	})
	return Shared{Base: base, Proven: info.Size(), Reuse: digest, List: int64(len(text)), Bytes: size}, release, nil
}

// open opens a proven manifest and sees that it has its digest.
func (p *Proofs) open(digest string) (*os.File, error) {
	f, err := os.Open(p.path(digest, provenSuffix))
	if err != nil {
		return nil, fmt.Errorf("folders: %w", err)
	}
	sum := sha256.New()
	if _, err = io.Copy(sum, f); err == nil && hex.EncodeToString(sum.Sum(nil)) != digest {
		err = errors.New("it is not what was written")
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("folders: %s: %w", f.Name(), err)
	}
	return f, nil
}

// Get opens the proven manifest of a base and the list of what is shared with
// it, by their digests.
func (p *Proofs) Get(base, reuse string) (proven, list *os.File, s Shared, err error) {
	if proven, err = os.Open(p.path(base, provenSuffix)); err != nil {
		return nil, nil, s, fmt.Errorf("folders: %w", err)
	}
	if list, err = os.Open(p.path(reuse, reuseSuffix)); err != nil {
		proven.Close()
		return nil, nil, s, fmt.Errorf("folders: %w", err)
	}
	var infos [2]fs.FileInfo
	for i, f := range []*os.File{proven, list} {
		if infos[i], err = f.Stat(); err != nil {
			proven.Close()
			list.Close()
			return nil, nil, s, fmt.Errorf("folders: %w", err)
		}
	}
	return proven, list, Shared{Base: base, Proven: infos[0].Size(), Reuse: reuse, List: infos[1].Size()}, nil
}

// Sweep removes the lists and the proven manifests that are not in use, and of
// the manifests that are kept for later versions alone the oldest ones, where
// they have become too many. promised is for what deliveries depend on, kept for
// the digests of versions that may be a base.
func (p *Proofs) Sweep(promised, kept func(digest string) (bool, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("folders: %w", err)
	}
	type proof struct {
		name string
		info fs.FileInfo
	}
	var spare []proof
	total := int64(0)
	for _, e := range entries {
		digest, suffix, ok := strings.Cut(e.Name(), ".")
		if _, err := manifest.ParseSum(digest); err != nil || !ok || p.held[digest] > 0 {
			continue
		}
		used, err := promised(digest)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			continue // it has gone
		}
		if "."+suffix == provenSuffix && !used {
			if used, err = kept(digest); err != nil {
				return err
			}
			used = used || time.Since(info.ModTime()) < fresh
			if used {
				spare, total = append(spare, proof{e.Name(), info}), total+info.Size()
			}
		}
		if used {
			continue
		}
		if err := os.Remove(filepath.Join(p.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("folders: %w", err)
		}
	}
	slices.SortFunc(spare, func(a, b proof) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.name, b.name))
	})
	for _, s := range spare {
		if total <= maxProofs {
			break
		}
		total -= s.info.Size()
		if err := os.Remove(filepath.Join(p.dir, s.name)); err != nil {
			return fmt.Errorf("folders: %w", err)
		}
	}
	return nil
}
