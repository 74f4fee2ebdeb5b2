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

// What was promised under a name that no receipt can have is offered without
// what is wrong with it.
func TestOfferedName(t *testing.T) {
	for name, want := range map[string]string{
		"Alien": "Alien", "\U0001F468\u200d\U0001F469": "\U0001F468\u200d\U0001F469",
		"Kinder\u00adgarten": "Kindergarten", "\uf8ff TV": " TV", "\u200b\ue000": "title-7",
	} {
		for what, l := range map[string]ledger.Delivery{
			"file": {}, "live": {Live: ledger.Live{Asked: true}},
		} {
			l.ID, l.Title, l.Name, l.Location, l.Reception = 1, 7, name, "/srv/x", "hall"
			a := &attempt{delivery: l, d: &Dispatcher{Config: Config{Clock: time.Now}}, job: &job{Delivery: l}}
			if got := a.offer().Name; got != want {
				t.Errorf("%s: %q is offered as %q, want %q", what, name, got, want)
			}
		}
	}
}
