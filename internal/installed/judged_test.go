//go:build root

package installed

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Made again somewhere else by somebody else, every package has the same bytes.
func TestReproducible(t *testing.T) {
	other := again(t)
	for _, kind := range []string{"deb", "rpm"} {
		for _, path := range packages(t, dist(), kind, false) {
			one, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			two, err := os.ReadFile(filepath.Join(other, filepath.Base(path)))
			if err != nil {
				t.Fatal(err)
			}
			if sha256.Sum256(one) != sha256.Sum256(two) {
				t.Errorf("%s has other bytes when it is made again", filepath.Base(path))
			}
		}
	}
}

// Those who judge packages find nothing, but for what is overridden with its
// reason, and no override is there for nothing.
func TestLint(t *testing.T) {
	// lintian's tags: errors and warnings. An override that overrides nothing is
	// a hint of its own.
	out, err := exec.Command("lintian", append([]string{"--allow-root", "--tag-display-limit", "0", "--display-info", "--fail-on", "error,warning"},
		packages(t, dist(), "deb", false)...)...).CombinedOutput()
	if err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		// What groff says of a page depends on where the paper ends.
		if strings.Contains(line, "unused-override") && !strings.Contains(line, "groff-message") {
			t.Error(line)
		}
	}
	out, err = exec.Command("rpmlint", append([]string{"-c", "../../packaging/rpmlint.toml"}, packages(t, dist(), "rpm", false)...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), " 0 errors, 0 warnings") {
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
}

// The man pages of the packages are well formed to both programs that print
// them, and the completions to their shells.
func TestPagesAndCompletions(t *testing.T) {
	root := t.TempDir()
	for _, path := range packages(t, dist(), "deb", true) {
		must(t, "dpkg-deb", "-x", path, root)
	}
	pages, err := filepath.Glob(root + "/usr/share/man/man[0-9]/*.gz")
	if err != nil || len(pages) != 7 {
		t.Fatalf("there are the pages %q, %v", pages, err)
	}
	for _, page := range pages {
		if out, err := exec.Command("mandoc", "-Tlint", "-Wwarning", page).CombinedOutput(); err != nil {
			t.Errorf("mandoc: %v\n%s", err, out)
		}
		c := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", page)
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANROFFSEQ=")
		var said strings.Builder
		c.Stderr = &said
		if out, err := c.Output(); err != nil || said.Len() > 0 || len(out) < 500 {
			t.Errorf("man %s: %v, %d bytes\n%s", filepath.Base(page), err, len(out), &said)
		}
	}
	for _, name := range []string{"vccs", "vcvrs", "vcuser", "vcadmin"} {
		must(t, "bash", "-n", root+"/usr/share/bash-completion/completions/"+name)
		must(t, "zsh", "-n", root+"/usr/share/zsh/vendor-completions/_"+name)
		must(t, "fish", "-n", root+"/usr/share/fish/vendor_completions.d/"+name+".fish")
		must(t, root+"/usr/bin/"+name, "--version")
	}
}
