package dispatch

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/worker"
)

// A promise more among a thousand, of 20 receptions, with room for it: what a
// person waits for but for the connection. The ledger is on the disk of TMPDIR.
func BenchmarkPromise(b *testing.B) {
	dir := b.TempDir()
	keys, err := identity.LoadOrCreate(filepath.Join(dir, "keys"))
	if err != nil {
		b.Fatal(err)
	}
	book, err := ledger.Open(b.Context(), filepath.Join(dir, "ledger", "ledger.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer book.Close()
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		b.Fatal(err)
	}
	defer spawner.Close()
	settings := Settings{Uplink: 125e9, Link: 125e6, Receptions: make(map[string]Reception)}
	for i := range 20 {
		settings.Receptions[fmt.Sprintf("hall-%d", i)] = Reception{Address: "127.0.0.1:1", Link: 12.5e6}
	}
	d, err := New(b.Context(), Config{
		Ledger: book, Spawner: spawner, Keys: keys, Sources: films{"/night": 64 << 20}, Clock: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler), Digests: filepath.Join(dir, "digests"), Settings: settings,
	})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	promise := func() {
		n++
		ask := asking(fmt.Sprint(n), time.Duration(30+n%100)*time.Hour, fmt.Sprintf("hall-%d", n%20))
		ask.From = noon.Add(24 * time.Hour)
		if _, err := d.Promise(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
	}
	for range 1000 {
		promise()
	}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		promise()
		d.turn(b.Context())
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
}
