package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	before = bytes.Repeat([]byte("old "), 700)
	after  = bytes.Repeat([]byte("new!"), 900)
)

func prepared(t *testing.T) *powerloss.Disk {
	t.Helper()
	d := powerloss.New(func() time.Time { return time.Unix(0, 0) }, 1<<20)
	ok(t, d.Mkdir("d", 0o700))
	ok(t, d.SyncDir("."))
	ok(t, Write(d, "d/f", before, 0o600))
	return d
}

// The power goes at every operation in turn: the file has the old content or
// the new one, and the new one once Write has said so.
func TestPowerLoss(t *testing.T) {
	measure := prepared(t)
	start := measure.Operations()
	ok(t, Write(measure, "d/f", after, 0o640))
	total := measure.Operations() - start
	if total < 5 {
		t.Fatalf("only %d operations", total)
	}
	for cut := 1; cut <= total+1; cut++ {
		d := prepared(t)
		d.CutAt(cut)
		err := Write(d, "d/f", after, 0o640)
		if (err == nil) != (cut > total) || err != nil && !errors.Is(err, powerloss.ErrPower) {
			t.Fatalf("cut %d of %d: %v", cut, total, err)
		}
		losses := []powerloss.Loss{powerloss.Everything(), powerloss.Nothing(true), powerloss.Nothing(false)}
		for seed := range uint64(40) {
			losses = append(losses, powerloss.Some(seed))
		}
		for i, loss := range losses {
			s := d.Survivors(loss)
			got, readErr := disk.ReadFile(s, "d/f", 1<<20)
			ok(t, readErr)
			if !bytes.Equal(got, after) && (err == nil || !bytes.Equal(got, before)) {
				t.Fatalf("cut %d, loss %d: %d bytes that are neither", cut, i, len(got))
			}
			ok(t, RemoveTemps(s, "d"))
			if names, err := s.ReadDir("d"); err != nil || len(names) != 1 {
				t.Fatalf("cut %d, loss %d: %q, %v", cut, i, names, err)
			}
		}
	}
}

// A failure leaves the old content and no temporary file.
func TestNoSpace(t *testing.T) {
	d := prepared(t)
	d.SetCapacity(4096)
	if err := Write(d, "d/f", after, 0o600); !disk.IsNoSpace(err) {
		t.Fatalf("error %v", err)
	}
	if got, err := disk.ReadFile(d, "d/f", 1<<20); err != nil || !bytes.Equal(got, before) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if names, err := d.ReadDir("d"); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, data := range [][]byte{before, after, nil} {
		ok(t, WriteFile(name, data, 0o666))
		got, err := os.ReadFile(name)
		ok(t, err)
		if !bytes.Equal(got, data) {
			t.Errorf("%d bytes, wrote %d", len(got), len(data))
		}
	}
	info, err := os.Stat(name)
	ok(t, err)
	if info.Mode() != 0o666 {
		t.Errorf("mode %v, whatever the umask", info.Mode())
	}
	if names, err := os.ReadDir(filepath.Dir(name)); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	if err := WriteFile(filepath.Join(name, "g"), nil, 0o600); err == nil {
		t.Error("wrote below a file")
	}
	if IsTemp("f") || !IsTemp(".vc-temp-x") {
		t.Error("temporary files are not told from others")
	}
}
