package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Who names a configuration of their own pairs the server that is started with it,
// and not the installed one beside it.
func TestStateToPair(t *testing.T) {
	home, installed := t.TempDir(), "/var/lib/vcvrs"
	t.Setenv("XDG_STATE_HOME", home)
	t.Setenv("STATE_DIRECTORY", "")
	mine, named := filepath.Join(home, "mine.toml"), filepath.Join(home, "named.toml")
	for path, text := range map[string]string{mine: "listen = \":4199\"\n", named: "state = \"/srv/state\"\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ofService := func(flag, configured, _, own string) string {
		if flag != "" || configured != "" {
			return own
		}
		return installed
	}
	for _, c := range []struct {
		options
		want string
	}{
		{options{config: mine}, filepath.Join(home, "videoclub", "vcvrs-4199")},
		{options{config: named}, "/srv/state"},
		{options{config: mine, state: "/srv/other"}, "/srv/other"},
	} {
		if got, err := stateToPair(c.options, ofService); got != c.want || err != nil {
			t.Errorf("%+v: %s, %v, want %s", c.options, got, err, c.want)
		}
	}
}
