package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

func newCode(t testing.TB, seed byte, expires time.Time) Code {
	t.Helper()
	c, err := NewCode(strings.Repeat(string("0123456789abcdef"[seed%16]), 64), expires)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var noon = time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)

// A code comes back as it was written, however it is typed, and no letter of it
// may be another.
func TestCode(t *testing.T) {
	c := newCode(t, 7, noon)
	text := c.String()
	if len(text) != 4+11*8+10 || c.Expires != noon.Truncate(time.Minute) {
		t.Fatalf("%q expires %v", text, c.Expires)
	}
	for _, typed := range []string{text, strings.ToUpper(text), strings.ReplaceAll(text, "-", ""), " " + strings.ReplaceAll(text, "-", " ") + "\n"} {
		if got, err := ParseCode(typed); err != nil || got != c {
			t.Errorf("%q: %+v, %v", typed, got, err)
		}
	}
	for i := range text {
		for _, other := range "a7" {
			typed := text[:i] + string(other) + text[i+1:]
			if text[i] == byte(other) || text[i] == '-' {
				continue
			}
			if got, err := ParseCode(typed); err == nil && got == c || err != nil && reason.Of(err) != reason.PairingInvalid {
				t.Errorf("%q is taken for %q: %v", typed, text, err)
			}
		}
	}
	secret := strings.ReplaceAll(text, "-", "")[60:70]
	for _, wrong := range []string{"", "vc1", "vc2" + text[3:], text[:len(text)-1], text + "a", "vc1-" + strings.Repeat("0", 88), strings.Repeat("a", 1000)} {
		if _, err := ParseCode(wrong); reason.Of(err) != reason.PairingInvalid || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if other := newCode(t, 7, noon); other.Secret == c.Secret {
		t.Error("two codes have one secret")
	}
	if _, err := NewCode("short", noon); err == nil {
		t.Error("a code of no identity")
	}
}

func FuzzCode(f *testing.F) {
	f.Add(newCode(f, 3, noon).String())
	f.Add("vc1-")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		if again, err := ParseCode(c.String()); err != nil || again != c {
			t.Errorf("%q is %+v, and that %+v: %v", text, c, again, err)
		}
	})
}

// A proof is that of one pairing in one session, with one secret.
func TestProof(t *testing.T) {
	secret := newCode(t, 1, noon).Secret
	p := Pairing{Exporter: bytes.Repeat([]byte{1}, ExporterSize), Central: "c", Reception: "r", ReceiptKey: "k", Name: "n"}
	proof := p.Proof(secret)
	if !p.Proves(secret, proof) {
		t.Fatal("it does not prove itself")
	}
	for name, change := range map[string]func(p *Pairing){
		"another session":     func(p *Pairing) { p.Exporter = bytes.Repeat([]byte{2}, ExporterSize) },
		"another central":     func(p *Pairing) { p.Central = "d" },
		"another reception":   func(p *Pairing) { p.Reception = "s" },
		"another receipt key": func(p *Pairing) { p.ReceiptKey = "l" },
		"another name":        func(p *Pairing) { p.Name = "m" },
		"fields moved":        func(p *Pairing) { p.ReceiptKey, p.Name = "kn", "" },
	} {
		other := p
		change(&other)
		if other.Proves(secret, proof) {
			t.Errorf("%s is proved too", name)
		}
	}
	if p.Proves(newCode(t, 1, noon).Secret, proof) || p.Proves(secret, nil) || p.Proves(secret, proof[:31]) {
		t.Error("another secret, or part of a proof, will do")
	}
	short := p
	short.Exporter = nil
	if short.Proves(secret, short.Proof(secret)) {
		t.Error("a proof of no session will do")
	}
}

func TestCentral(t *testing.T) {
	dir := t.TempDir()
	c := OpenCentral(dir)
	if id, err := c.Identity(); id != "" || err != nil {
		t.Fatal(id, err)
	}
	asked := Pairing{Exporter: make([]byte, ExporterSize), Central: strings.Repeat("1", 64), Reception: "r", ReceiptKey: "k", Name: "n"}
	if _, err := c.Prove(asked, noon); reason.Of(err) != reason.NotPaired {
		t.Errorf("a proof without a code: %v", err)
	}
	first, second := newCode(t, 1, noon.Add(time.Hour)), newCode(t, 2, noon.Add(time.Hour))
	if _, err := c.Pair(newCode(t, 1, noon), noon); reason.Of(err) != reason.PairingExpired {
		t.Errorf("an expired code: %v", err)
	}
	if id, _ := c.Identity(); id != "" {
		t.Error("an expired code is trusted")
	}
	if before, err := c.Pair(first, noon); err != nil || before != "" {
		t.Fatal(before, err)
	}
	for _, name := range []string{"central", "pairing"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	proving, err := c.Prove(asked, noon)
	if err != nil || !asked.Proves(first.Secret, proving.Proof) {
		t.Errorf("%x, %v", proving.Proof, err)
	}
	stranger := asked
	stranger.Central = second.Central
	if _, err := c.Prove(stranger, noon); reason.Of(err) != reason.NotPaired {
		t.Errorf("another central server is given a proof: %v", err)
	}
	if _, err := c.Prove(asked, first.Expires); reason.Of(err) != reason.PairingExpired {
		t.Errorf("a proof by a code that expired: %v", err)
	}
	if err := c.First(second.Central, func() { t.Error("taken for the first") }); reason.Of(err) != reason.IdentityChanged {
		t.Errorf("another is taken: %v", err)
	}
	if before, err := c.Pair(second, noon); err != nil || before != first.Central {
		t.Errorf("before it was %q, %v", before, err)
	}
	if id, err := c.Identity(); id != second.Central || err != nil {
		t.Error(id, err)
	}
	// The end of the first pairing comes after the second has begun.
	if err := c.Proved(proving); err != nil {
		t.Error(err)
	}
	again, err := c.Prove(stranger, noon)
	if err != nil || !stranger.Proves(second.Secret, again.Proof) {
		t.Errorf("the code of the second is gone with the first: %v", err)
	}
	for range 2 {
		if err := c.Proved(again); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Prove(stranger, noon); reason.Of(err) != reason.NotPaired {
		t.Errorf("a used code proves: %v", err)
	}
	for _, harm := range []string{"", "{}", strings.Repeat("x", maxPairing+1), `{"central":"` + second.Central + `","expires":"2030-01-01T00:00:00Z","secret":"00"}`} {
		if err := os.WriteFile(filepath.Join(dir, "pairing"), []byte(harm), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Prove(stranger, noon); reason.Of(err) != reason.NotPaired {
			t.Errorf("%.20q proves: %v", harm, err)
		}
	}
}

// A command that wrote or removed the first of its files alone has its code proved
// to nobody.
func TestCentralHalfDone(t *testing.T) {
	first, second := newCode(t, 1, noon.Add(time.Hour)), newCode(t, 2, noon.Add(time.Hour))
	for name, half := range map[string]func(c Central, path string) error{
		"unpaired": func(c Central, path string) error { return os.Remove(path) },
		"paired with another": func(c Central, path string) error {
			before, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if _, err := c.Pair(second, noon); err != nil {
				return err
			}
			return os.WriteFile(path, before, 0o600)
		},
	} {
		dir := t.TempDir()
		c := OpenCentral(dir)
		if _, err := c.Pair(first, noon); err != nil {
			t.Fatal(err)
		}
		if err := half(c, filepath.Join(dir, "central")); err != nil {
			t.Fatal(err)
		}
		for _, code := range []Code{first, second} {
			asked := Pairing{Exporter: make([]byte, ExporterSize), Central: code.Central, Reception: "r", ReceiptKey: "k", Name: "n"}
			if proving, err := c.Prove(asked, noon); reason.Of(err) != reason.NotPaired {
				t.Errorf("half %s, %s is proved %x, %v", name, Short(code.Central), proving.Proof, err)
			}
		}
		if _, err := c.Pair(second, noon); err != nil {
			t.Errorf("half %s, pairing again: %v", name, err)
		}
	}
}

// A file that was damaged is not taken for none: nobody is trusted at first sight.
// Pairing and unpairing mend it.
func TestCentralDamaged(t *testing.T) {
	code := newCode(t, 1, noon.Add(time.Hour))
	line := "central " + code.Central
	for text, damaged := range map[string]bool{
		line + "\n": false, line: false, "": true, "\n": true, line[:len(line)-1] + "\n": true, line + " # cinema\n": true, line + "\n" + line + "\n": true,
		"# cinema\n" + line + "\n": true, strings.Repeat("\x00", len(line)+1): true,
	} {
		path := filepath.Join(t.TempDir(), "central")
		c := OpenCentral(filepath.Dir(path))
		for what, mend := range map[string]func() error{
			"pair": func() error { _, err := c.Pair(code, noon); return err }, "unpair": func() error { _, err := c.Unpair(); return err },
		} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			id, err := c.Identity()
			if damaged && (err == nil || id != "" || !strings.Contains(err.Error(), "vcvrs pair again")) || !damaged && (err != nil || id != code.Central) {
				t.Errorf("%q: %q, %v", text, id, err)
			}
			if err := c.First(strings.Repeat("e", 64), func() { t.Errorf("%q: another is the first", text) }); err == nil {
				t.Errorf("%q: another is trusted", text)
			}
			if err := mend(); err != nil {
				t.Errorf("%q: %s: %v", text, what, err)
			}
			if _, err := c.Identity(); err != nil {
				t.Errorf("%q: after %s: %v", text, what, err)
			}
		}
	}
}
