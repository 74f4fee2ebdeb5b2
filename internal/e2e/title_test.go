package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/receipt"
)

// title is a source that was made. The digest of a folder is that of its proven
// manifest (docs/PROTOCOL.md, section 3).
type title struct {
	path, sha256 string
	size         int64
	folder       bool
}

// noise gives size bytes that do not compress, the same for the same seed.
func noise(seed uint64, size int64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return io.LimitReader(rand.NewChaCha8(key), size)
}

// prose gives size bytes that compress well, each reel other than the one before.
func prose(size int64) io.Reader {
	page := strings.Repeat("a line of a long and rather repetitive script\n", 5000)
	var reels []io.Reader
	for n, left := 0, size; left > 0; n++ {
		title := fmt.Sprintf("reel %d\n", n)
		reels = append(reels, strings.NewReader(title), strings.NewReader(page))
		left -= int64(len(title) + len(page))
	}
	return io.LimitReader(io.MultiReader(reels...), size)
}

// makeTitle writes a source.
func makeTitle(t *testing.T, dir, name string, content io.Reader) title {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), content)
	if err != nil {
		t.Fatal(err)
	}
	return title{path: path, size: n, sha256: fmt.Sprintf("%x", sum.Sum(nil))}
}

// digestOf reads a file anew: nothing of what the programs say is believed.
func digestOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// proven checks a deposited delivery: the source, the file in the store and a
// receipt signed by the reception's key are of one digest. It gives the
// receipt.
func (r *reception) proven(d control.DeliveryStory, source title) receipt.Receipt {
	r.t.Helper()
	signed, err := receipt.Parse(d.Receipt)
	if err != nil {
		r.t.Fatalf("delivery %d: %v", d.ID, err)
	}
	if err := receipt.Verify(signed); err != nil || signed.Key != d.ReceiptKey {
		r.t.Errorf("delivery %d: the receipt: %v, key %s, known is %s", d.ID, err, signed.Key, d.ReceiptKey)
	}
	if signed.SHA256 != source.sha256 || signed.Size != source.size || d.SHA256 != source.sha256 || d.Offset != source.size {
		r.t.Errorf("delivery %d: receipt of %d bytes %s, delivery %d bytes %s, source %d bytes %s",
			d.ID, signed.Size, signed.SHA256, d.Offset, d.SHA256, source.size, source.sha256)
	}
	if source.folder {
		r.provenFolder(signed, source)
	} else if got := digestOf(r.t, filepath.Join(r.store, signed.Path)); got != source.sha256 {
		r.t.Errorf("delivery %d: %s has digest %s, the source %s", d.ID, signed.Path, got, source.sha256)
	}
	return signed
}
