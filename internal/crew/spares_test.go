package crew

import (
	"log/slog"
	"testing"

	"videoclub/internal/worker"
)

// A spare that has died is passed over, and Close leaves none.
func TestSpares(t *testing.T) {
	spawner, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	defer spawner.Close()
	p := NewSpares(spawner, worker.Session, 2, slog.New(slog.DiscardHandler))
	first := <-p.ready
	first.Kill()
	<-first.Done()
	p.ready <- first
	for range 3 {
		m, err := p.Take()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-m.Done():
			t.Error("a dead worker was given")
		default:
		}
		m.Kill()
		<-m.Done()
		m.Close()
	}
	p.Close()
	p.Close()
	if len(p.ready) != 0 {
		t.Error("a spare worker is left")
	}
}
