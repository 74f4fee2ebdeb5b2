package desk

import (
	"os"
	"path/filepath"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// What is to be seen of a title is for everybody who may request it; capturing a
// device for that is for administrators, and where a file lies is nobody else's.
func TestSee(t *testing.T) {
	d := newDesk(t, 1)
	admin, user := &session{desk: d, role: Administrator}, &session{desk: d, role: User}
	film(t, d, "two.wav")
	number := admin.added(t, control.AddTitle{Name: "Dos", Location: "two.wav"}).Title.Number
	live := admin.added(t, control.AddTitle{Name: "Patio", Location: "/dev/video0", Duration: 90_000}).Title.Number
	see := func(s *session, q control.SeeQuery) control.Reply {
		t.Helper()
		return s.answer(t.Context(), control.Call{See: &q})
	}
	version := ""
	for _, s := range []*session{admin, user} {
		r := see(s, control.SeeQuery{Number: number})
		if r.Seen == nil || len(r.Seen.Wave) == 0 || r.Seen.Version == "" || version != "" && r.Seen.Version != version {
			t.Fatalf("%s: %+v", s.role, r)
		}
		version = r.Seen.Version
		if r := see(s, control.SeeQuery{Number: 999}); r.Refusal == nil || r.Refusal.Code != reason.UnknownTitle {
			t.Errorf("%s: %+v", s.role, r)
		}
	}
	if r := see(user, control.SeeQuery{Number: live, Film: true}); r.Refusal == nil || r.Refusal.Code != reason.NotPermitted {
		t.Errorf("a user films: %+v", r)
	}
	if err := os.Remove(filepath.Join(d.Titles.List().Base, "two.wav")); err != nil {
		t.Fatal(err)
	}
	if r := see(user, control.SeeQuery{Number: number}); r.Seen == nil || !r.Seen.Empty() {
		t.Errorf("a user sees of what is not there: %+v", r)
	}
	if r := see(admin, control.SeeQuery{Number: number}); r.Refusal == nil || r.Refusal.Code != reason.TitleUnreadable {
		t.Errorf("an administrator sees of what is not there: %+v", r)
	}
}
