package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// replace gives a title a new source, and gives what is there of earlier ones.
func (c *central) replace(number int, location string) []control.Older {
	c.t.Helper()
	admin := api.NewClient(c.admin, nil)
	defer admin.Close()
	if _, err := admin.ReplaceTitle(quick(c.t), control.ReplaceTitle{Number: number, Location: location, Duration: 60_000}); err != nil {
		c.t.Fatal(err)
	}
	older, err := admin.Older(quick(c.t), number)
	if err != nil {
		c.t.Fatal(err)
	}
	return older
}

// redeliver has the version that is there now delivered in the place of others.
func (c *central) redeliver(number int, key string, at ...string) []control.Delivery {
	c.t.Helper()
	admin := api.NewClient(c.admin, nil)
	defer admin.Close()
	for ctx := quick(c.t); ; {
		made, comparing, err := admin.Redeliver(ctx, control.Redeliver{Key: key, Number: number, Receptions: at, ByEarliest: true})
		if err != nil {
			c.t.Fatal(err)
		}
		if comparing == nil {
			return made
		}
		select {
		case <-time.After(50 * time.Millisecond): // as a client asks
		case <-ctx.Done():
			c.t.Fatalf("it is never compared, %+v", comparing)
		}
	}
}

const changedSize = 3_000_000

// twoVersions makes a folder of several files, and a copy in which one is
// another.
func twoVersions(t *testing.T, dir string) (v1, v2 title) {
	t.Helper()
	content := func(changed uint64) map[string]io.Reader {
		files := map[string]io.Reader{"ASSETS/none/": nil, "empty": noise(1, 0), "reels/changed.mxf": noise(changed, changedSize)}
		for i := range 8 {
			files[fmt.Sprintf("reels/%d.mxf", i)] = noise(uint64(100+i), 2_000_000+int64(i))
		}
		return files
	}
	return makeFolder(t, dir, "v1", content(1)), makeFolder(t, dir, "v2", content(2))
}

// A folder is replaced by a version of which one file is another: those bytes
// travel and no others, through kill -9 at both ends and cuts, and each version
// is whole and its own.
func TestReplacedFolder(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	v1, v2 := twoVersions(t, c.dir)
	n := c.add("Feature", v1.path, 1)
	first := r.proven(c.deposited(c.ask(n, "cinema.test").ID), v1)

	older := c.replace(n, v2.path)
	if len(older) != 1 || older[0].Reception != "cinema.test" || older[0].State != "deposited" || older[0].Location != v1.path {
		t.Fatalf("earlier versions are %+v", older)
	}
	c.configure("", link{"cinema.test", r, "16 Mbit/s"})
	c.reload()
	before := r.proxy.total(up)
	made := c.redeliver(n, "one", "cinema.test")
	if len(made) != 1 || made[0].Size-made[0].Offset != changedSize {
		t.Fatalf("promised is %+v", made)
	}
	if again := c.redeliver(n, "one", "cinema.test"); len(again) != 1 || again[0].ID != made[0].ID {
		t.Errorf("asked again it is %+v", again)
	}
	if again := c.redeliver(n, "two", "cinema.test"); len(again) != 1 || again[0].ID != made[0].ID {
		t.Errorf("asked a second time it is %+v", again)
	}
	id := made[0].ID
	c.past(id, v2.size-changedSize+changedSize/5)
	r.kill()
	r.start()
	c.past(id, v2.size-changedSize+changedSize/2)
	c.kill()
	c.start()
	c.past(id, v2.size-changedSize+changedSize*2/3)
	r.proxy.cut(true)
	d := c.deposited(id)
	second := r.proven(d, v2)
	if travelled := r.proxy.total(up) - before; travelled < changedSize || travelled > 2*changedSize {
		t.Errorf("%d bytes travelled, for a change of %d in %d", travelled, changedSize, v2.size)
	}
	if second.Path != "Feature (2)" || second.Files != first.Files || len(r.parts()) > 0 {
		t.Errorf("deposited as %s with %d files; parts %q", second.Path, second.Files, r.parts())
	}
	if older := c.replace(n, v2.path); len(older) != 0 {
		t.Errorf("replaced by the same, earlier versions are %+v", older)
	}
	// What becomes of the one does not become of the other.
	if err := os.WriteFile(filepath.Join(r.store, first.Path, "reels/0.mxf"), []byte("other"), 0o640); err != nil {
		t.Fatal(err)
	}
	r.provenFolder(second, v2)
}

// Undisturbed, what travels is the changed file and little besides.
func TestReplacedFolderSendsTheChange(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	v1, v2 := twoVersions(t, c.dir)
	n := c.add("Feature", v1.path, 1)
	r.proven(c.deposited(c.ask(n, "cinema.test").ID), v1)
	c.replace(n, v2.path)
	before := r.proxy.total(up)
	d := c.deposited(c.redeliver(n, "one", "cinema.test")[0].ID)
	r.proven(d, v2)
	if travelled := r.proxy.total(up) - before; d.Sent != changedSize || travelled > changedSize*106/100+20<<10 {
		t.Errorf("%d bytes were sent and %d travelled, for a change of %d", d.Sent, travelled, changedSize)
	}
	r.log.await(t, 0, saying(`shared="16 MB"`))
}

// A base that was touched at the reception is not taken: everything is sent, and
// the promise is kept or broken by the clock alone.
func TestReplacedFolderWithoutItsBase(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	v1, v2 := twoVersions(t, c.dir)
	n := c.add("Feature", v1.path, 1)
	first := r.proven(c.deposited(c.ask(n, "cinema.test").ID), v1)
	if err := os.WriteFile(filepath.Join(r.store, first.Path, "reels/0.mxf"), []byte("other"), 0o640); err != nil {
		t.Fatal(err)
	}
	c.replace(n, v2.path)
	made := c.redeliver(n, "one", "cinema.test")
	if made[0].Size-made[0].Offset != changedSize {
		t.Errorf("promised is %+v", made)
	}
	d := c.deposited(made[0].ID)
	if r.proven(d, v2); d.Sent != v2.size {
		t.Errorf("%d bytes were sent of %d", d.Sent, v2.size)
	}
}

// Who awaits an earlier version goes on awaiting it, until the new one is
// promised in its place; then that one ends, and its owner awaits the other.
func TestReplacedWhileAwaited(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	links := []link{{"cinema.test", r, ""}}
	c := startCentral(t, unhurried, links...)
	v1, v2, v3 := makeTitle(t, c.dir, "v1.avi", noise(1, 9_000_000)), makeTitle(t, c.dir, "v2.avi", noise(2, 8_000_000)), makeTitle(t, c.dir, "v3.avi", noise(3, 4_000_000))
	n := c.add("Feature", v1.path, 1)
	awaited := c.ask(n, "cinema.test")
	c.past(awaited.ID, 0)
	older := c.replace(n, v2.path)
	if len(older) != 1 || older[0].ID != awaited.ID || !older[0].Present || strings.Contains(older[0].State, "cancel") {
		t.Fatalf("earlier versions are %+v", older)
	}
	made := c.redeliver(n, "one", "cinema.test")
	was := c.until(awaited.ID, "cancelled", inState("cancelled"))
	if was.Reason != reason.Superseded || len(made) != 1 {
		t.Errorf("it ended for %s, promised is %+v", was.Reason, made)
	}
	// And again, while the second is on its way.
	second := made[0].ID
	c.past(second, 0)
	older = c.replace(n, v3.path)
	if len(older) != 1 || older[0].ID != second {
		t.Errorf("earlier versions are %+v", older)
	}
	made = c.redeliver(n, "another", "cinema.test")
	if was := c.until(second, "cancelled", inState("cancelled")); was.Reason != reason.Superseded || len(made) != 1 {
		t.Errorf("the second ended for %s, promised is %+v", was.Reason, made)
	}
	c.kill()
	c.start()
	c.hurry(links...)
	r.proven(c.deposited(made[0].ID), v3)
	for _, name := range r.files() {
		if !strings.HasPrefix(name, "Feature") || len(r.files()) != 1 {
			t.Errorf("the store has %q", r.files())
		}
	}
}
