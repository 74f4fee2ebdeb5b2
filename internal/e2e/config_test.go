package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wanted is a line of a bad file that says what is to be said of it.
var wanted = regexp.MustCompile(`(?m)^# want: (.*)$`)

// Every file of mistakes keeps the real daemon from passing its check and from
// starting, and is named line by line.
func TestBadConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../config/testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no bad files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		program, _, _ := strings.Cut(filepath.Base(file), "-")
		want := wanted.FindAllStringSubmatch(string(text), -1)
		if len(want) == 0 {
			t.Errorf("%s does not say what is wrong with it", file)
		}
		state := filepath.Join(t.TempDir(), "state")
		for _, args := range [][]string{{"--check"}, nil} {
			said, err := exec.CommandContext(t.Context(), program, append(args, "--config", file, "--state", state)...).CombinedOutput()
			status, ended := err.(*exec.ExitError)
			if !ended || status.ExitCode() != 2 {
				t.Errorf("%s with %s %v: %v, want exit status 2\n%s", program, file, args, err, said)
			}
			for _, w := range want {
				if !strings.Contains(string(said), file+w[1]) {
					t.Errorf("%s with %s %v says\n%swant %s", program, file, args, said, w[1])
				}
			}
			if _, err := os.Stat(state); err == nil {
				t.Errorf("%s with %s %v has made its state", program, file, args)
			}
		}
	}
}

func TestBrokenReloadChangesNothing(t *testing.T) {
	t.Parallel()
	r := startReception(t, `quota = "16 MiB"`+"\n")
	c := startCentral(t, `max_pace = "400 Mbit/s"`+"\n", link{"cinema.test", r, ""})
	source := makeTitle(t, c.dir, "feature.bin", noise(30, 4<<20))
	n := c.add("Feature", source.path, 1)
	r.proven(c.deposited(c.ask(n, "cinema.test").ID), source)

	for _, d := range []struct {
		*daemon
		spoil func()
	}{
		{c.daemon, func() { c.configure("uplnik = \"1 Gbit/s\"\n") }},
		{r.daemon, func() { r.configure("quota = \"plenty\"\n") }},
	} {
		d.spoil()
		answer := d.reload()
		if !strings.Contains(answer, "error: the configuration was not reloaded, going on with the one before") ||
			!strings.Contains(answer, "reason=config_invalid") || !strings.Contains(answer, d.args[1]+":") {
			t.Errorf("%s says %s", d.name, answer)
		}
	}
	// The receptions are known and the titles are there as before, and so is
	// the quota.
	another := makeTitle(t, c.dir, "another.bin", noise(31, 4<<20))
	if err := os.Rename(another.path, source.path); err != nil {
		t.Fatal(err)
	}
	r.proven(c.deposited(c.ask(n, "cinema.test").ID), another)
}
