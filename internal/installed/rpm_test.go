//go:build root

package installed

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rpmIn runs rpm on a tree. This machine is a Debian, which has no packages of
// rpm that could be depended on: systemd and the shell are in the tree.
func rpmIn(t *testing.T, root string, args ...string) string {
	t.Helper()
	if slices.Contains([]string{"-i", "-U", "-e", "-V"}, args[0]) {
		args = append([]string{"--nodeps"}, args...)
	}
	c := exec.Command("rpm", append([]string{"--force-debian", "--root", root}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("rpm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// wanted are the units that a tree's systemd starts by itself.
func wanted(t *testing.T, root string) (units []string) {
	t.Helper()
	links, err := filepath.Glob(root + "/etc/systemd/system/*.wants/vc*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		units = append(units, filepath.Base(link))
	}
	slices.Sort(units)
	return units
}

// The life of the packages in a tree of rpm: installed, upgraded and erased.
func TestRPM(t *testing.T) {
	root := tree(t)
	// As on Fedora: what no preset enables is not.
	if err := os.WriteFile(root+"/usr/lib/systemd/system-preset/99-default-disable.preset", []byte("disable *\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	processes(t, root)
	said := rpmIn(t, root, append([]string{"-i"}, packages(t, dist(), "rpm", true)...)...)
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "Creating ") { // users and groups
			t.Errorf("rpm says: %s", line)
		}
	}
	units := ownedByRoot(t, root)
	if now := wanted(t, root); !slices.Equal(now, units) || len(now) < 4 {
		t.Errorf("enabled are %q, want %q", now, units)
	}
	for _, user := range services {
		passwd, err := os.ReadFile(root + "/etc/passwd")
		if err != nil || !strings.Contains(string(passwd), "\n"+user+":") {
			t.Errorf("there is no user %s, %v", user, err)
		}
		if got := owned(t, root+"/var/lib/"+user); strings.HasPrefix(got, "0:") || !strings.HasSuffix(got, " 700") {
			t.Errorf("/var/lib/%s is %s", user, got)
		}
	}

	edited := root + settings["videoclub-central"]
	if err := os.WriteFile(edited, []byte("language = \"en\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Somebody wants no reception here for now.
	must(t, "systemctl", "--root="+root, "disable", "vcvrs.service", "vcvrs.socket")
	before := wanted(t, root)
	rpmIn(t, root, append([]string{"-U"}, packages(t, next(t), "rpm", true)...)...)
	if text, err := os.ReadFile(edited); err != nil || string(text) != "language = \"en\"\n" {
		t.Errorf("edited settings are not kept, %v: %s", err, text)
	}
	if text, err := os.ReadFile(edited + ".rpmnew"); err != nil || !strings.Contains(string(text), "next release") {
		t.Errorf("the new settings are not beside the edited ones, %v", err)
	}
	if text, err := os.ReadFile(root + settings["videoclub-reception"]); err != nil || !strings.Contains(string(text), "next release") {
		t.Errorf("settings that nobody edited are not those of the next release, %v", err)
	}
	if now := wanted(t, root); !slices.Equal(now, before) || slices.Contains(now, "vcvrs.service") {
		t.Errorf("after the upgrade %q are enabled, before it %q", now, before)
	}

	if err := os.WriteFile(root+"/var/lib/vccs/kept", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rpmIn(t, root, "-e", "videoclub-central", "videoclub-reception", "videoclub-client")
	if now := wanted(t, root); len(now) > 0 {
		t.Errorf("%q are enabled yet", now)
	}
	if exists(root+"/usr/bin/vccs") || !exists(edited+".rpmsave") || !exists(root+"/var/lib/vccs/kept") {
		t.Error("the program is there yet, or edited settings or the state are gone")
	}
}

// ownedByRoot looks whether every file of the packages is there as it was made,
// root's, and gives the units that want to be enabled.
func ownedByRoot(t *testing.T, root string) (units []string) {
	t.Helper()
	for _, name := range []string{"videoclub-central", "videoclub-reception", "videoclub-client"} {
		if said := rpmIn(t, root, "-V", name); said != "" {
			t.Errorf("%s is not as it was made:\n%s", name, said)
		}
		files := strings.Fields(rpmIn(t, root, "-ql", name))
		if len(files) < 8 {
			t.Errorf("%s has the files %q", name, files)
		}
		for _, path := range files {
			want := "0:0 644"
			if filepath.Dir(path) == "/usr/bin" || strings.HasPrefix(path, "/usr/lib/systemd/system-generators/") {
				want = "0:0 755"
			}
			if got := owned(t, root+path); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
			text, err := os.ReadFile(root + path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Dir(path) == "/usr/lib/systemd/system" && strings.Contains(string(text), "\n[Install]\n") && !strings.Contains(path, "@") {
				units = append(units, filepath.Base(path))
			}
		}
	}
	if file := settings["videoclub-central"]; !slices.Contains(strings.Fields(rpmIn(t, root, "-qc", "videoclub-central")), file) {
		t.Errorf("%s is no configuration to rpm", file)
	}
	slices.Sort(units)
	return units
}
