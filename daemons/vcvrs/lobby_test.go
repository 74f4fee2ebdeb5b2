package main

import (
	"os"
	"path/filepath"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/reason"
	"videoclub/internal/startup"
)

// The token that systemd hands over is as good as that of the configuration, and
// without either no other machine gets in.
func TestLobbyToken(t *testing.T) {
	const token = "0123456789abcdef"
	s := settings{Reception: config.DefaultReception()}
	s.Console.Address = ":8443"
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := s.lobby(startup.Shown{}); reason.Of(err) != reason.ConfigInvalid {
		t.Errorf("without a token: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, dropin.ConsoleToken), []byte(token+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if l, err := s.lobby(startup.Shown{}); err != nil || !l.Token.Set() {
		t.Errorf("with one that was handed over: %v", err)
	}
}
