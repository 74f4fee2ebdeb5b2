//go:build root

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"videoclub/internal/control"
)

// Folders that are more than most: 100,000 files without a byte, in a tree 60
// deep, and 10,000 of 100 KB.
func TestFoldersOfManyFiles(t *testing.T) {
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	empty := map[string]io.Reader{}
	deep := ""
	for i := range 100_000 {
		if i%2000 == 0 {
			deep += "d/"
		}
		empty[fmt.Sprintf("%s%06d", deep, i)] = noise(1, 0)
	}
	small := map[string]io.Reader{}
	for i := range 10_000 {
		small[fmt.Sprintf("%02d/%05d.dpx", i/1000, i)] = noise(uint64(i), 100_000)
	}
	for name, content := range map[string]map[string]io.Reader{"empty": empty, "small": small} {
		f := makeFolder(t, c.dir, name, content)
		d := c.depositedLate(c.ask(c.add(name, f.path, 1), "cinema.test"))
		if signed := r.proven(d, f); signed.Files != len(content) || d.Sent != f.size {
			t.Errorf("%s: %d files, %d bytes sent of %d", name, signed.Files, d.Sent, f.size)
		}
	}
}

// depositedLate is deposited for what takes minutes, and on a busy machine more.
func (c *central) depositedLate(d control.DeliveryStory) control.DeliveryStory {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Minute)
	defer cancel()
	for d.State != "deposited" {
		next, err := c.client.Delivery(ctx, d.ID, d.Revision, 20*time.Second)
		if err != nil || next.State == "failed" {
			c.t.Fatalf("delivery %d is %s at %d of %d, %s, %v", d.ID, next.State, d.Offset, d.Size, next.Detail, err)
		}
		d = next
	}
	return d
}

// A folder of which one file is very large, with others before and behind it.
// VC_HUGE is how many GB that has, all of them a hole; a reception fills it. For
// more than the disk has, TMPDIR may be on one that compresses.
func TestFolderOfAVeryLargeFile(t *testing.T) {
	size := int64(setting(t, "VC_HUGE", 1)) * 1e9
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	f := makeFolder(t, c.dir, "Feature", map[string]io.Reader{"a": noise(1, 300_000), "z/z": noise(2, 300_000)})
	reel := filepath.Join(f.path, "reel.mxf")
	if err := os.WriteFile(reel, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(reel, size); err != nil {
		t.Fatal(err)
	}
	d := c.depositedLate(c.ask(c.add("Feature", f.path, 1), "cinema.test"))
	f.sha256, f.size = proofOf(t, f.path)
	if signed := r.proven(d, f); signed.Files != 3 || d.Sent != f.size || f.size != size+600_000 {
		t.Errorf("%d files, %d bytes sent of %d", signed.Files, d.Sent, f.size)
	}
}
