package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/depot"
	"videoclub/internal/receipt"
)

// A deposit leaves a marker where there is a place for it, and nothing else.
func TestMarkers(t *testing.T) {
	state := t.TempDir()
	m := markers{state, "/srv/store"}
	key := depot.Key{Central: "f51206bb", ID: 42}
	r := receipt.Receipt{Path: "La Piedra.mp4", SHA256: strings.Repeat("ab", 32)}
	if err := m.leave(key, depot.Offer{}, r); err != nil {
		t.Fatalf("without a place: %v", err)
	}
	dir := filepath.Join(state, markersDir)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // after a crash it may come again
		if err := m.leave(key, depot.Offer{}, r); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := os.ReadFile(filepath.Join(dir, ".f51206bb-42.sha256"))
	if want := r.SHA256 + "  /srv/store/La Piedra.mp4\n"; err != nil || string(sum) != want {
		t.Errorf("%q, %v", sum, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "f51206bb-42.json"))
	if err != nil || !strings.Contains(string(text), `"La Piedra.mp4"`) {
		t.Errorf("%s, %v", text, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left are %v", entries)
	}
}
