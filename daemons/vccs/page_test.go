package main

import (
	"os"
	"testing"

	"videoclub/internal/command"
	"videoclub/internal/manual"
)

// vccs(8) has every option that there is, and no other.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../packaging/man/vccs.8")
	if err != nil {
		t.Fatal(err)
	}
	c := root()
	command.AddVersion(c, "en")
	for _, difference := range manual.Compare(string(page), c) {
		t.Error(difference)
	}
}
