package ledger

import (
	"testing"

	"videoclub/internal/reason"
)

// A new version is promised and what it takes the place of is cancelled, or
// neither: a promise that is refused cancels nothing.
func TestPromiseInstead(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	awaited, other := promised(t, l, 1), promised(t, l, 2)
	deposited := promised(t, l, 3)
	must(t, l.Deposited(t.Context(), deposited.ID, []byte("{}"), "", moment))
	version := request(4)
	version.Base, version.Reuse, version.Shared = deposited.ID, "list", 5
	used := request(2)
	used.Fingerprint = "another request"
	if _, _, err := l.PromiseInstead(t.Context(), []Delivery{version, used}, []int64{awaited.ID}, moment); reason.Of(err) != reason.KeyReused {
		t.Fatalf("error %v", err)
	}
	if d, err := l.Get(t.Context(), awaited.ID); err != nil || d.State != Promised {
		t.Errorf("it is %s, %v", d.State, err)
	}
	// What has ended meanwhile stays as it ended.
	made, replayed, err := l.PromiseInstead(t.Context(), []Delivery{version}, []int64{awaited.ID, deposited.ID}, moment)
	must(t, err)
	if replayed || len(made) != 1 || made[0].Shared != 5 || made[0].Base != deposited.ID || made[0].Reuse != "list" {
		t.Fatalf("promised is %+v", made)
	}
	must(t, l.Close())
	l = openAt(t, path)
	for id, want := range map[int64]State{awaited.ID: Cancelled, deposited.ID: Deposited, other.ID: Promised, made[0].ID: Promised} {
		if d, err := l.Get(t.Context(), id); err != nil || d.State != want || want == Cancelled && d.Reason != reason.Superseded {
			t.Errorf("delivery %d is %s (%s), want %s, %v", id, d.State, d.Reason, want, err)
		}
	}
	// Replayed, nothing more is cancelled.
	again, replayed, err := l.PromiseInstead(t.Context(), []Delivery{version}, []int64{other.ID}, moment)
	if err != nil || !replayed || again[0].ID != made[0].ID {
		t.Errorf("again it is %+v, %v", again, err)
	}
	if d, err := l.Get(t.Context(), other.ID); err != nil || d.State != Promised {
		t.Errorf("the other is %s, %v", d.State, err)
	}
}

// Of a title there are to each reception the latest deposit and all that is on
// its way.
func TestOfTitle(t *testing.T) {
	l := openAt(t, place(t))
	want := map[int64]bool{}
	for n := range 4 {
		asked := request(n)
		asked.Title, asked.Reception = 7, "cinema.test"
		d, _, err := l.Promise(t.Context(), asked)
		must(t, err)
		switch n {
		case 0, 1:
			must(t, l.Deposited(t.Context(), d.ID, []byte("{}"), "d1", moment))
		case 2:
			must(t, l.Cancel(t.Context(), d.ID, moment))
		}
		want[d.ID] = n == 1 || n == 3
	}
	promised(t, l, 9) // of another title
	all, err := l.OfTitle(t.Context(), 7)
	must(t, err)
	for _, d := range all {
		if !want[d.ID] {
			t.Errorf("delivery %d is listed, %s", d.ID, d.State)
		}
		delete(want, d.ID)
	}
	for id, missing := range want {
		if missing {
			t.Errorf("delivery %d is not listed", id)
		}
	}
	if titles, err := l.TitlesOf(t.Context(), "d1"); err != nil || len(titles) != 1 || titles[0] != 7 {
		t.Errorf("its titles are %v, %v", titles, err)
	}
}
