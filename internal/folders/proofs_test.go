package folders

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"videoclub/internal/manifest"
)

func openProofs(t *testing.T, dir string) *Proofs {
	t.Helper()
	p, err := OpenProofs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// prove keeps the proven manifest of files of 5 bytes with these digests.
func prove(t *testing.T, p *Proofs, sums ...byte) (digest string) {
	t.Helper()
	f, err := p.New()
	if err != nil {
		t.Fatal(err)
	}
	proof := manifest.NewProofTo(f)
	for i, sum := range sums {
		proof.Add(manifest.Entry{Kind: manifest.File, Path: string(rune('a' + i)), Size: 5}, manifest.Sum{sum})
	}
	if err := errors.Join(proof.Err(), p.Keep(f, proof.SHA256())); err != nil {
		t.Fatal(err)
	}
	return proof.SHA256()
}

// What two versions share is found by their digests, and stays as long as it is
// held or promised.
func TestProofs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	p := openProofs(t, dir)
	v1, v2, other := prove(t, p, 1, 2, 3), prove(t, p, 1, 9, 3), prove(t, p, 7, 8, 9)
	s, release, err := p.Share(v2, v1)
	if err != nil || s.Bytes != 10 || s.Base != v1 {
		t.Fatalf("shared is %+v, %v", s, err)
	}
	for name, pair := range map[string][2]string{"itself": {v1, v1}, "nothing": {other, v1}, "unknown": {v1, manifest.Sum{}.String()}, "none": {v1, ""}} {
		if s, _, err := p.Share(pair[0], pair[1]); err != nil || s.Bytes != 0 {
			t.Errorf("%s: shared is %+v, %v", name, s, err)
		}
	}
	old := time.Now().Add(-2 * fresh)
	for _, digest := range []string{v1, v2, other} {
		if err := os.Chtimes(p.path(digest, provenSuffix), old, old); err != nil {
			t.Fatal(err)
		}
	}
	no := func(string) (bool, error) { return false, nil }
	one := func(digest string) func(string) (bool, error) {
		return func(d string) (bool, error) { return d == digest, nil }
	}
	if err := p.Sweep(one(v1), one(v2)); err != nil {
		t.Fatal(err)
	}
	if !p.Has(v1) || !p.Has(v2) || p.Has(other) {
		t.Error("the wrong ones are gone")
	}
	proven, list, again, err := openProofs(t, dir).Get(s.Base, s.Reuse)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(list)
	if _, bad := manifest.ParseReuse(text); err != nil || bad != nil || again.List != int64(len(text)) || again.Proven != s.Proven {
		t.Errorf("the list is %q, %+v, %v", text, again, err)
	}
	proven.Close()
	list.Close()
	release()
	if err := p.Sweep(no, no); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// One that was damaged is not compared.
func TestDamagedProof(t *testing.T) {
	p := openProofs(t, t.TempDir())
	v1, v2 := prove(t, p, 1, 2, 3), prove(t, p, 1, 9, 3)
	if err := os.WriteFile(p.path(v1, provenSuffix), []byte("vc folder v1 proven\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, _, err := p.Share(v2, v1); err == nil || s.Bytes != 0 {
		t.Errorf("shared is %+v, %v", s, err)
	}
}
