package dispatch

import (
	"io"
	"testing"
	"time"

	"videoclub/internal/ledger"
	"videoclub/internal/wire"
)

// Whatever a title's file is called, its offer is one that can be made.
func TestOfferedExtension(t *testing.T) {
	for location, want := range map[string]string{
		"/srv/films/alien.mkv": ".mkv", "/srv/films/alien.tar.GZ": ".GZ", "/srv/films/alien": "", "/srv/films.d/alien": "", "/srv/films/alien.": "",
		"/srv/films/S01E01.The one with a long name and no extension": "", "/srv/films/Mr. Ñandú": "", "/srv/films/alien.abcdefghijklmnopq": "",
	} {
		a := &attempt{delivery: ledger.Delivery{ID: 1, Title: 7, Name: "Alien", Location: location, Reception: "hall", Size: 5, Deadline: time.Now()}}
		o := a.offer()
		if o.Extension != want {
			t.Errorf("%s is offered with the extension %q, want %q", location, o.Extension, want)
		}
		if err := wire.Write(io.Discard, wire.Offer(o)); err != nil {
			t.Errorf("%s: %v", location, err)
		}
	}
}
