package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"videoclub/internal/reason"
)

// deeds are a life of a ledger, each of which must be there wholly or not at
// all. Every one of them may be done again if it failed.
var deeds = []func(context.Context, *Ledger) error{
	promiseOf(1), promiseOf(2), promiseOf(3),
	func(ctx context.Context, l *Ledger) error { return l.Started(ctx, 1, 7, moment) },
	func(ctx context.Context, l *Ledger) error {
		return l.Progress(ctx, 1, 400, bytes.Repeat([]byte("state"), 20), 500)
	},
	func(ctx context.Context, l *Ledger) error {
		return l.RememberReception(ctx, Reception{Name: "sala", Identity: "ed25519:1", Seen: moment})
	},
	func(ctx context.Context, l *Ledger) error {
		return l.Resumed(ctx, 1, 300, reason.ConnectionLost, "reset", moment)
	},
	func(ctx context.Context, l *Ledger) error {
		return l.Plan(ctx, []Slot{{1, moment, moment}, {2, moment, moment}})
	},
	func(ctx context.Context, l *Ledger) error {
		return l.AtRisk(ctx, []Risk{{1, moment.Add(2 * time.Hour)}, {3, moment}}, moment)
	},
	func(ctx context.Context, l *Ledger) error {
		return l.Deposited(ctx, 1, bytes.Repeat([]byte(`{"receipt":1}`), 500), "abcd", moment)
	},
	func(ctx context.Context, l *Ledger) error { return l.Cancel(ctx, 2, moment) },
	func(ctx context.Context, l *Ledger) error {
		return l.OutboxRetry(ctx, 1, 1, moment.Add(time.Minute), reason.Unreachable, "refused")
	},
	func(ctx context.Context, l *Ledger) error {
		if err := l.OutboxSent(ctx, 3, moment); reason.Of(err) != reason.AlreadyEnded {
			return err
		}
		return nil
	},
	func(ctx context.Context, l *Ledger) error { return l.WantDigest(ctx, Source{"/srv/a", 1, 2}) },
	func(ctx context.Context, l *Ledger) error {
		return l.RememberDigest(ctx, Source{"/srv/a", 1, 2}, strings.Repeat("d", 64))
	},
}

func promiseOf(n int) func(context.Context, *Ledger) error {
	return func(ctx context.Context, l *Ledger) error {
		_, _, err := l.Promise(ctx, request(n))
		return err
	}
}

// life is what was recorded of deeds: when each was done, and what the ledger
// held before the first and after each.
type life struct {
	actions []action
	done    []int    // done[i] actions had been made when deed i returned
	held    []string // held[i] is the dump after i deeds
}

// openRecorded is Open with r as the file layer. All mail is written.
func openRecorded(ctx context.Context, r *recorder, path string) (*Ledger, error) {
	l, err := open(ctx, path, settings{vfs: r.name, migrations: migrations()})
	if err == nil {
		l.SetMailing(allMail)
	}
	return l, err
}

// live leads a life on the ledger at path, closed well after half of the deeds
// and at the end.
func live(t *testing.T, r *recorder, path string, deeds []func(context.Context, *Ledger) error) (recorded life) {
	t.Helper()
	ctx := t.Context()
	note := func(l *Ledger) {
		held, err := dump(ctx, l)
		must(t, err)
		recorded.held = append(recorded.held, held)
	}
	r.keep = true
	l, err := openRecorded(ctx, r, path)
	must(t, err)
	note(l)
	for i, deed := range deeds {
		if i == len(deeds)/2 {
			must(t, l.Close())
			l, err = openRecorded(ctx, r, path)
			must(t, err)
		}
		must(t, deed(ctx, l))
		recorded.done = append(recorded.done, len(r.actions))
		note(l)
	}
	must(t, l.Close())
	recorded.actions = r.actions
	return recorded
}

// cut calls try with every different disk that a loss of power may leave, at each
// stride of actions, and the number of deeds that were done by then.
func (v life) cut(first *disk, try func(image map[string][]byte, done int) error) error {
	pick := rand.New(rand.NewPCG(7, 7))
	tried := map[[sha256.Size]byte]bool{}
	for n := range len(v.actions) + 1 {
		done := 0
		for done < len(v.done) && v.done[done] <= n {
			done++
		}
		for _, keep := range []func(*rand.Rand) bool{never, always, sometimes} {
			if n%stride != 0 {
				break
			}
			image := first.image(pick, keep)
			sum := digest(image, done)
			if tried[sum] {
				continue
			}
			tried[sum] = true
			if err := try(image, done); err != nil {
				return fmt.Errorf("power lost after action %d of %d, %d deeds done: %w", n, len(v.actions), done, err)
			}
		}
		if n < len(v.actions) {
			first.do(v.actions[n])
		}
	}
	return nil
}

func never(*rand.Rand) bool          { return false }
func always(*rand.Rand) bool         { return true }
func sometimes(pick *rand.Rand) bool { return pick.IntN(2) == 0 }

// sector is what a disk writes as a whole.
const sector = 512

// image is what is found at power-on, where keep decides for each change that
// was not synced, and for each sector of it.
func (d *disk) image(pick *rand.Rand, keep func(*rand.Rand) bool) map[string][]byte {
	names := d.safe
	for _, later := range d.renamed { // a directory changes in order
		if !keep(pick) {
			break
		}
		names = later
	}
	image := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := bytes.Clone(names[name].safe)
		for _, p := range names[name].pending {
			if p.kind == "truncate" && keep(pick) {
				data = p.on(data)
			}
			for from := 0; from < len(p.data); {
				to := min(len(p.data), from+sector-int((p.offset+int64(from))%sector))
				if keep(pick) {
					data = action{offset: p.offset + int64(from), data: p.data[from:to]}.on(data)
				}
				from = to
			}
		}
		image[name] = data
	}
	return image
}

func digest(image map[string][]byte, done int) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintln(h, done)
	for _, name := range slices.Sorted(maps.Keys(image)) {
		fmt.Fprintln(h, name, len(image[name]))
		h.Write(image[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// survives opens an image and says in which way it is not what was promised:
// the ledger holds exactly what it held after the deeds that were done, or
// after the one that was under way, and goes on from there.
func (v life) survives(t *testing.T, r *recorder, image map[string][]byte, done int) error {
	t.Helper()
	ctx := t.Context()
	path := lay(t, image)
	l, err := openRecorded(ctx, r, path)
	if err != nil {
		return err
	}
	defer func() { must(t, l.Close()) }()
	found, err := dump(ctx, l)
	if err != nil {
		return err
	}
	if found != v.held[done] && (done == len(v.done) || found != v.held[done+1]) {
		return fmt.Errorf("the ledger holds\n%s\nand held\n%s", found, v.held[done])
	}
	before, err := l.List(ctx, Filter{})
	if err != nil {
		return err
	}
	d, replayed, err := l.Promise(ctx, request(99))
	if err != nil {
		return err
	}
	if replayed || len(before) > 0 && d.ID <= before[0].ID {
		return fmt.Errorf("the next promise has id %d, replayed %t", d.ID, replayed)
	}
	return l.Check(ctx)
}

// lay puts an image into a directory of its own.
func lay(t *testing.T, image map[string][]byte) (path string) {
	t.Helper()
	path = place(t)
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	for name, data := range image {
		must(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), data, 0o600))
	}
	return path
}

// The power is lost at every write, sync and deletion of a life in turn.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	path := place(t)
	v := live(t, newRecorder(t), path, deeds)
	again, images := newRecorder(t), 0
	err := v.cut(newDisk(filepath.Base(path)), func(image map[string][]byte, done int) error {
		images++
		return v.survives(t, again, image, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d actions, %d images", len(v.actions), images); images < len(v.actions)/stride {
		t.Fatal("the power was hardly ever lost")
	}
}

// The power is lost again while a ledger recovers from a loss of power.
func TestPowerLossInRecovery(t *testing.T) {
	t.Parallel()
	first := place(t)
	v := live(t, newRecorder(t), first, deeds)
	d := newDisk(filepath.Base(first))
	for _, a := range v.actions[:v.done[2]+3] { // in the midst of deed 3
		d.do(a)
	}
	image := d.image(rand.New(rand.NewPCG(1, 2)), sometimes)
	second := live(t, newRecorder(t), lay(t, image), deeds[3:])
	start := &disk{safe: map[string]*content{}, names: map[string]*content{}}
	for name, data := range image {
		start.safe[name] = &content{safe: data}
		start.names[name] = start.safe[name]
	}
	again := newRecorder(t)
	err := second.cut(start, func(image map[string][]byte, done int) error {
		return second.survives(t, again, image, done)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A disk that does not sync when it is told to loses promises, and the test
// above would see it.
func TestPowerLossSeesALyingDisk(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"-wal", "ledger.db", ""} {
		path := place(t)
		v := live(t, newRecorder(t), path, deeds)
		for i, a := range v.actions {
			if lie == "" && a.kind == "syncdir" || lie != "" && a.kind == "sync" && strings.HasSuffix(a.name, lie) {
				v.actions[i] = action{kind: "lie"}
			}
		}
		again := newRecorder(t)
		err := v.cut(newDisk(filepath.Base(path)), func(image map[string][]byte, done int) error {
			return v.survives(t, again, image, done)
		})
		if err == nil {
			t.Errorf("syncs of %q were left out, and nothing was lost", lie)
		}
	}
}

// Every sync, truncation, creation and deletion of a life, and every third
// write, fails in turn, once, because the disk is full or broken. The failure
// is told, and after doing the deed again nothing is missing and nothing is
// there twice.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	whole := live(t, newRecorder(t), place(t), deeds)
	want := whole.held[len(deeds)]
	for at, a := range whole.actions {
		if a.kind == "syncdir" {
			continue // SQLite takes no notice, and the actions after it do not change
		}
		if a.kind == "write" && at%3 != 0 {
			continue // a commit writes many pages, whose failures are alike
		}
		code := map[string]int32{
			"create": sqlite3.SQLITE_CANTOPEN, "write": sqlite3.SQLITE_FULL, "truncate": sqlite3.SQLITE_IOERR_TRUNCATE,
			"sync": sqlite3.SQLITE_IOERR_FSYNC, "delete": sqlite3.SQLITE_IOERR_DELETE,
		}[a.kind]
		r := newRecorder(t)
		r.fault = func(count int, _ action) int32 {
			if count == at+1 {
				return code
			}
			return 0
		}
		if got := liveThrough(t, r, place(t)); got != want {
			t.Fatalf("after action %d (%s of %s) failed, the ledger holds\n%s\nwant\n%s", at, a.kind, a.name, got, want)
		}
	}
}

// liveThrough does every deed, again if it failed, and gives what the ledger
// holds after it was closed and opened once more.
func liveThrough(t *testing.T, r *recorder, path string) string {
	t.Helper()
	ctx := t.Context()
	reopen := func() *Ledger {
		l, err := openRecorded(ctx, r, path)
		if err != nil {
			wantReason(t, err, reason.LedgerFailed)
			l, err = openRecorded(ctx, r, path)
			must(t, err)
		}
		return l
	}
	l := reopen()
	for i, deed := range deeds {
		if i == len(deeds)/2 {
			_ = l.Close() // the log stays where folding it failed; opening again tells
			l = reopen()
		}
		if err := deed(ctx, l); err != nil {
			wantReason(t, err, reason.LedgerFailed)
			must(t, deed(ctx, l))
		}
	}
	_ = l.Close()
	l = reopen()
	must(t, l.Check(ctx))
	held, err := dump(ctx, l)
	must(t, err)
	must(t, l.Close())
	return held
}
