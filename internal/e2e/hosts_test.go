//go:build root

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"videoclub/internal/lab"
)

func init() {
	programs = append(programs, "videoclub/clients/vcadmin")
}

// tools are the programs that the tests of this build need, by their packages.
var tools = sync.OnceValue(func() error {
	return lab.Need(context.Background(), map[string]string{"ip": "iproute2", "tc": "iproute2", "openssl": "openssl", "tar": "tar"})
})

// newNetwork makes a network that ends with the test.
func newNetwork(t *testing.T) *lab.Network {
	t.Helper()
	if err := tools(); err != nil {
		t.Fatal(err)
	}
	n, err := lab.NewNetwork(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// site is a host with a directory of its own, in which its programs are
// started and keep what they remember.
type site struct {
	*lab.Host
	t        *testing.T
	dir      string
	language string // LANG
}

func newSite(t *testing.T, n *lab.Network, name string) *site {
	t.Helper()
	h, err := n.Add(name)
	if err != nil {
		t.Fatal(err)
	}
	return &site{Host: h, t: t, dir: t.TempDir(), language: "en_US.UTF-8"}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// env is what a person's programs find there.
func (s *site) env() []string {
	return []string{"XDG_STATE_HOME=" + s.path("remembered"), "LC_ALL=", "LC_MESSAGES=", "LANG=" + s.language}
}

// daemon makes a daemon of the site, which is not started yet.
func (s *site) daemon(name string, args ...string) *daemon {
	s.t.Helper()
	d := newDaemon(s.t, name, args...)
	d.on, d.dir, d.env = s.Host, s.dir, s.env()
	return d
}

// said is what a program printed, and how it ended.
type said struct {
	out, err string
	status   int
}

// run runs a program on the site, to its end, as a person does who types stdin.
func (s *site) run(stdin, program string, args ...string) said {
	s.t.Helper()
	var out, err bytes.Buffer
	cmd := exec.CommandContext(quick(s.t), program, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env()...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	if err := s.Start(cmd); err != nil {
		s.t.Fatal(err)
	}
	exit := (*exec.ExitError)(nil)
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%s %q: %v", program, args, err)
	}
	return said{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a program that must succeed, and gives what it printed.
func (s *site) ok(stdin, program string, args ...string) string {
	s.t.Helper()
	got := s.run(stdin, program, args...)
	if got.status != 0 {
		s.t.Fatalf("%s %q on %s: status %d\n%s%s", program, args, s.Name, got.status, got.out, got.err)
	}
	return got.out
}

// refused runs a program that must end with a status and say all the words.
func (s *site) refused(status int, words []string, program string, args ...string) {
	s.t.Helper()
	got := s.run("", program, args...)
	if got.status != status {
		s.t.Errorf("%s %q on %s: status %d, want %d", program, args, s.Name, got.status, status)
	}
	for _, w := range words {
		if !strings.Contains(got.err, w) {
			s.t.Errorf("%s %q on %s does not say %q:\n%s", program, args, s.Name, w, got.err)
		}
	}
}

// next waits for a line from a place on that matches, and gives the place after
// it.
func (l *log) next(t *testing.T, from int, match func(string) bool) int {
	t.Helper()
	l.await(t, from, match)
	l.mu.Lock()
	defer l.mu.Unlock()
	return from + slices.IndexFunc(l.lines[from:], match) + 1
}
