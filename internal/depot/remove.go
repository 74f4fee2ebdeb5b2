package depot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"videoclub/internal/disk"
)

// drop takes a delivery's directory out of the store, if there is one, durably
// before a new one can be begun. What a crash leaves of it is a leftover or the
// part as it was. After an error it still counts, until it is dropped again, or
// the next start.
func (d *Depot) drop(key Key) error {
	var bytes int64
	p := d.parts[key]
	if p != nil {
		if p.outcome == nil { // what is published counts as that
			bytes = p.need()
		}
		p.release()
		delete(d.parts, key)
	}
	_, err := d.fs.Stat(key.dir())
	switch {
	case err == nil:
		err = d.takeAway(key, p, bytes)
	case errors.Is(err, fs.ErrNotExist) && p != nil && p.dropped:
		err = d.gone(p, bytes)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	if err != nil {
		if _, deposited := d.deposits[key]; p != nil && !deposited {
			p.dropped = true
			d.parts[key] = p
		}
		return storeFailed(err, "delivery %s cannot be removed", key)
	}
	return nil
}

// takeAway has what a delivery took of the disk removed; p is nil where that is no
// part.
func (d *Depot) takeAway(key Key, p *part, bytes int64) error {
	// A decision to publish that could not be made durable may be there still.
	// It goes first: without the part it would say that the part is published.
	if err := d.removeFirst(key, outcomeFile); err != nil {
		return err
	}
	// Of a folder there may be any number of names. It goes as it is: until then it
	// is the part that it was, and then it has the bytes in its name.
	if _, err := d.fs.Stat(key.work("")); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return d.setAside(key, p, bytes)
	}
	// Without the offer the rest is a leftover.
	if err := d.removeFirst(key, offerFile); err != nil {
		return err
	}
	// A file's part is two names, whose space is there at once for who asks next.
	for _, name := range []string{dataFile, slotsFile} {
		if err := d.fs.Remove(key.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := d.fs.Remove(key.dir()); err != nil {
		return d.setAside(key, p, bytes)
	}
	return d.fs.SyncDir(metaDir)
}

// removeFirst removes a file of a delivery durably, before anything else of it.
func (d *Depot) removeFirst(key Key, name string) error {
	err := d.fs.Remove(key.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.fs.SyncDir(key.dir())
}

// setAside has a delivery's directory removed beside everything else.
func (d *Depot) setAside(key Key, p *part, bytes int64) error {
	if p == nil {
		p = &part{}
	}
	aside := goneName(bytes)
	if err := d.fs.Rename(key.dir(), aside); err != nil {
		return err
	}
	p.aside = aside
	return d.gone(p, bytes)
}

// gone ends what took a part from its name: durably, as nothing of it is removed
// while it could come back under that. After an error it is to be done again.
func (d *Depot) gone(p *part, bytes int64) error {
	if err := d.fs.SyncDir(metaDir); err != nil {
		return err
	}
	if p.aside != "" {
		d.removals.add(p.aside, bytes)
	}
	return nil
}

// gonePrefix begins the name of a directory that is being removed. How many
// bytes of the quota it has follows, and what tells it from others.
const gonePrefix = "gone-"

func goneName(bytes int64) string {
	return path.Join(metaDir, fmt.Sprintf("%s%d-%s", gonePrefix, bytes, rand.Text()))
}

// parseGone reads the last element of such a name.
func parseGone(name string) (bytes int64, ok bool) {
	number, tag, _ := strings.Cut(strings.TrimPrefix(name, gonePrefix), "-")
	bytes, err := strconv.ParseInt(number, 10, 64)
	return bytes, strings.HasPrefix(name, gonePrefix) && err == nil && bytes >= 0 && len(tag) == len(rand.Text())
}

// removals removes directories that are no longer of the depot, one after the
// other, while the depot goes on. What cannot be removed, or not before the end,
// is left to the next start; until then it counts.
type removals struct {
	fs      disk.FS
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	queue []removal
	busy  bool
	left  int64
}

type removal struct {
	name  string
	bytes int64
}

func (r *removals) begin(fsys disk.FS) {
	r.fs = fsys
	r.ctx, r.cancel = context.WithCancel(context.Background())
}

// end leaves the rest, and waits until nothing is touched any more.
func (r *removals) end() {
	r.cancel()
	r.running.Wait()
}

// bytes is how many bytes of the quota are not free yet.
func (r *removals) bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

func (r *removals) add(name string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, removal{name, bytes})
	r.left += bytes
	if !r.busy {
		r.busy = true
		r.running.Go(r.run)
	}
}

func (r *removals) run() {
	for {
		next, ok := r.next()
		if !ok {
			return
		}
		if err := disk.RemoveTree(r.ctx, r.fs, next.name); err != nil {
			continue
		}
		r.mu.Lock()
		r.left -= next.bytes
		r.mu.Unlock()
	}
}

func (r *removals) next() (removal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 || r.ctx.Err() != nil {
		r.busy = false
		return removal{}, false
	}
	next := r.queue[0]
	r.queue = r.queue[1:]
	return next, true
}
