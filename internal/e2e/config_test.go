package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// What is wrong with the location of a live title is said with its line, as what
// is wrong with a line is.
func TestCheckNamesTheLinesOfLiveTitles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	videos, config := filepath.Join(dir, "videos.txt"), filepath.Join(dir, "vccs.toml")
	check := func(settings, titles string) (said string, status int) {
		for path, text := range map[string]string{videos: titles, config: "videos = " + strconv.Quote(videos) + "\n" + settings} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.CommandContext(t.Context(), "vccs", "--check", "--config", config, "--state", filepath.Join(dir, "state"))
		all, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		return string(all), c.ProcessState.ExitCode()
	}
	good := "1 ^ Trial ^ 1 pattern:?size=640x480+tone:\n2 ^ Hall ^ 1 v4l2:/dev/video0?size=1280x720&fps=30\n"
	if said, status := check("", good); status != 0 || !strings.Contains(said, "with 2 titles") {
		t.Errorf("good titles: %d, %s", status, said)
	}
	for _, c := range []struct{ settings, line, want string }{
		{"", "3 ^ Yard ^ 1 v4l2:/dev/video0?fsp=30", `: line 3: the live source "v4l2:/dev/video0?fsp=30": `},
		{"", "3 ^ Yard ^ 1 alsa:hw:0,0?rate=7", ": line 3: the live source "},
		{"", "3 ^ Yard ^ 1 alsa:default", ": line 3: the live source "},
		{"", "3 ^ Yard ^ 1 /dev/sda", ": line 3: the live source "},
		{"", "3 ^ Yard ^ 1 pattern:+pattern:", ": line 3: the live source "},
		{"[live]\ndevices = [\"/dev/video0\"]\n", "3 ^ Yard ^ 1 /dev/video1", ": line 3: /dev/video1 is not among those that the setting live.devices names"},
		{"[live]\nenabled = false\n", "", ": line 2: this server takes no live sources"},
	} {
		said, status := check(c.settings, good+c.line+"\n")
		if status != 1 || !strings.Contains(said, videos+c.want) {
			t.Errorf("%s with %s: %d, %s", c.line, c.settings, status, said)
		}
	}
}
