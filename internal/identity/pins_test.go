package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"videoclub/internal/reason"
)

func idNumber(n int) string { return fmt.Sprintf("%064x", n) }

func TestPins(t *testing.T) {
	p := OpenPins(filepath.Join(t.TempDir(), "state", "known"))
	asked := 0
	yes := func() error { asked++; return nil }
	no := errors.New("no")
	if err := p.Check("a:1", idNumber(1), func() error { return no }); err != no {
		t.Errorf("refused by who was asked: %v", err)
	}
	for range 2 {
		if err := p.Check("a:1", idNumber(1), yes); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Check("b:1", idNumber(2), yes); err != nil || asked != 2 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	err := p.Check("a:1", idNumber(2), yes)
	if reason.Of(err) != reason.IdentityChanged || !strings.Contains(err.Error(), p.Path()) || asked != 2 {
		t.Errorf("another identity: %v", err)
	}
	info, err := os.Stat(p.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// What a person wrote there stays.
	if err := os.WriteFile(p.Path(), []byte("# mine\nc:1 nonsense\nd:1 "+idNumber(4)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"c:1": idNumber(3), "d:1": idNumber(4)} {
		if err := p.Check(name, id, yes); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(p.Path())
	if want := "# mine\nc:1 nonsense\nd:1 " + idNumber(4) + "\nc:1 " + idNumber(3) + "\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"", "a b", "a\nb"} {
		if err := p.Check(name, idNumber(1), yes); reason.Of(err) != reason.Usage {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Many processes that meet servers at the same time lose no pin, and agree on one.
func TestPinsAtOnce(t *testing.T) {
	p := OpenPins(filepath.Join(t.TempDir(), "known"))
	var wg sync.WaitGroup
	won := make(chan int, 16)
	for n := range 16 {
		wg.Go(func() {
			if err := p.Check(fmt.Sprintf("host%d:1", n), idNumber(n), func() error { return nil }); err != nil {
				t.Error(err)
			}
			if err := p.Check("one:1", idNumber(n), func() error { return nil }); err == nil {
				won <- n
			} else if reason.Of(err) != reason.IdentityChanged {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d identities were pinned to one name", len(won))
	}
	for n := range 16 {
		if id, err := p.Lookup(fmt.Sprintf("host%d:1", n)); err != nil || id != idNumber(n) {
			t.Errorf("host%d is %s, %v", n, id, err)
		}
	}
}

// Of two central servers that come first at once, the one that is noted is the one
// that is trusted.
func TestFirstOfTwo(t *testing.T) {
	c := OpenCentral(t.TempDir())
	one, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	noted := false
	err := c.First(one, func() {
		noted = true
		_ = c.First(other, func() {}) // whoever comes in between
	})
	if trusted, _ := c.Identity(); noted != (err == nil) || noted != (trusted == one) {
		t.Errorf("noted %v, %v, and %.4q is trusted", noted, err, trusted)
	}
}
