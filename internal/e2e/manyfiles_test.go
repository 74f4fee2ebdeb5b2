//go:build root

package e2e

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"
)

// Folders that are more than most: 100,000 files without a byte, in a tree 60
// deep, and 10,000 of 100 KB. A file of 100 GB is in the tests of package source:
// as bytes it has no place here.
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
		d := c.ask(c.add(name, f.path, 1), "cinema.test")
		// The more files, the more patience: on a busy machine, minutes.
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
		defer cancel()
		for d.State != "deposited" {
			var err error
			if d, err = c.client.Delivery(ctx, d.ID, d.Revision, 20*time.Second); err != nil || d.State == "failed" {
				t.Fatalf("%s is %s, %s, %v", name, d.State, d.Detail, err)
			}
		}
		if signed := r.proven(d, f); signed.Files != len(content) || d.Sent != f.size {
			t.Errorf("%s: %d files, %d bytes sent of %d", name, signed.Files, d.Sent, f.size)
		}
	}
}
