//go:build root

package installed

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// filesOf gives the files below a folder, but for those that one kind of
// installation has alone.
func filesOf(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		path = strings.TrimPrefix(path, root)
		if err != nil || d.IsDir() || strings.HasPrefix(path, "/usr/share/doc/") || strings.HasPrefix(path, "/usr/share/lintian/") {
			return err
		}
		all = append(all, strings.Replace(path, "/vendor-completions/", "/site-functions/", 1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// make install installs what the packages do, below any prefix, and leaves
// settings that were edited.
func TestMakeInstall(t *testing.T) {
	here := filepath.Dir(again(t))
	packed, usual, other := t.TempDir(), t.TempDir(), t.TempDir()
	for _, path := range packages(t, dist(), "deb", true) {
		must(t, "dpkg-deb", "-x", path, packed)
	}
	edited := filepath.Join(other, "etc/vc/vccs.toml")
	if err := os.MkdirAll(filepath.Dir(edited), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(edited, []byte("# edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "make", "-C", here, "install", "DESTDIR="+usual)
	must(t, "make", "-C", here, "install", "DESTDIR="+other, "prefix=/opt/vc", "sysconfdir=/etc")

	if one, two := filesOf(t, packed), filesOf(t, usual); !slices.Equal(one, two) {
		t.Errorf("packages have\n%s\nmake install installs\n%s", strings.Join(one, "\n"), strings.Join(two, "\n"))
	}
	for _, name := range []string{"vccs", "vcvrs", "vcuser", "vcadmin"} {
		must(t, filepath.Join(other, "opt/vc/bin", name), "--version")
	}
	service, err := os.ReadFile(filepath.Join(other, "opt/vc/lib/systemd/system/vccs.service"))
	if err != nil || !strings.Contains(string(service), "\nExecStart=/opt/vc/bin/vccs ") {
		t.Errorf("the service does not start what was installed, %v", err)
	}
	if text, err := os.ReadFile(edited); err != nil || string(text) != "# edited\n" || !exists(edited+".new") {
		t.Errorf("edited settings are %q, %v, or the new ones are not beside them", text, err)
	}
}
