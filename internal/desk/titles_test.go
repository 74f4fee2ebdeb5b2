package desk

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// film makes a file that lasts two seconds, beside the desk's file of titles.
func film(t *testing.T, d *Desk, name string) {
	t.Helper()
	sound := make([]byte, 2*8000)
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+len(sound)))
	file = append(file, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data"...)
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(sound))), sound...)
	if err := os.WriteFile(filepath.Join(d.Titles.List().Base, name), file, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *session) added(t *testing.T, q control.AddTitle) *control.TitleChange {
	t.Helper()
	r := s.answer(t.Context(), control.Call{Add: &q})
	if r.Refusal != nil || r.Change == nil {
		t.Fatalf("%+v is refused: %+v", q, r.Refusal)
	}
	return r.Change
}

func TestAddTitle(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: Administrator}
	film(t, d, "two.wav")
	base := d.Titles.List().Base
	if err := os.WriteFile(filepath.Join(base, "text"), []byte("no film"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := s.added(t, control.AddTitle{Name: "Dos", Location: "two.wav", Description: "dos segundos"})
	if first.Title.Number != 10 || first.Title.Duration != 2 || first.Title.Size != 16044 || first.Title.Digest != control.DigestWaiting || first.Same != nil {
		t.Errorf("%+v, %+v", first.Title, first.Title.TitleSource)
	}
	given := s.added(t, control.AddTitle{Number: 77, Name: "Otra vez", Location: filepath.Join(base, "two.wav"), Duration: 90_000})
	if given.Title.Number != 77 || given.Title.Duration != 90 || !slices.Equal(given.Same, []int{10}) {
		t.Errorf("%+v", given)
	}
	s.added(t, control.AddTitle{Name: "Texto", Location: "text", Duration: 1})
	live := s.added(t, control.AddTitle{Name: "Patio", Location: "/dev/video0?size=640x480", Duration: 90_000})
	if live.Title.Number != 79 || live.Title.Duration != 90 || live.Title.Size != -1 || live.Title.Problem != "" {
		t.Errorf("%+v", live)
	}
	text, err := os.ReadFile(filepath.Join(base, "videos.txt"))
	if want := "10 ^ Dos ^ 0.03333 two.wav ^ dos segundos\n77 ^ Otra vez ^ 1.5 " + filepath.Join(base, "two.wav") + "\n78 ^ Texto ^ 0.00002 text\n79 ^ Patio ^ 1.5 /dev/video0?size=640x480\n"; err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("%v, the file is\n%s", err, text)
	}

	for name, c := range map[string]struct {
		q    control.AddTitle
		want reason.Code
		says string
	}{
		"no name":             {control.AddTitle{Location: "two.wav"}, reason.Usage, "name is empty"},
		"a name of two lines": {control.AddTitle{Name: "a\nb", Location: "two.wav"}, reason.Usage, "control character"},
		"a soft hyphen":       {control.AddTitle{Name: "Kinder\u00adgarten", Location: "two.wav"}, reason.Usage, "the name has the character U+00AD"},
		"a live soft hyphen":  {control.AddTitle{Name: "Pa\u00adtio", Location: "/dev/video0", Duration: 5}, reason.Usage, "the name has the character U+00AD"},
		"no location":         {control.AddTitle{Name: "a"}, reason.Usage, "location is empty"},
		"a camera":            {control.AddTitle{Name: "a", Location: "v4l2:/dev/video0"}, reason.DurationUnknown, "for as long as it is to last"},
		"a device":            {control.AddTitle{Name: "a", Location: "/dev/zero", Duration: 5}, reason.Usage, "it begins with none of"},
		"a camera's options":  {control.AddTitle{Name: "a", Location: "v4l2:/dev/video0?size=3x3", Duration: 5}, reason.Usage, "size is not"},
		"a folder":            {control.AddTitle{Name: "a", Location: "."}, reason.DurationUnknown, ". is a folder"},
		"no such file":        {control.AddTitle{Name: "a", Location: "gone.avi", Duration: 5}, reason.TitleUnreadable, "no such file"},
		"no duration":         {control.AddTitle{Name: "a", Location: "text"}, reason.DurationUnknown, "text: it is no MP4"},
		"a number taken":      {control.AddTitle{Number: 7, Name: "a", Location: "two.wav"}, reason.Usage, "has that number"},
		"no number":           {control.AddTitle{Number: -7, Name: "a", Location: "two.wav"}, reason.Usage, "more than 0"},
		"too long":            {control.AddTitle{Name: "a", Location: "two.wav", Duration: catalogue.MaxDuration.Milliseconds() + 1}, reason.Usage, "at most"},
		"longer than can be":  {control.AddTitle{Name: "a", Location: "two.wav", Duration: 1<<63 - 1}, reason.Usage, "at most"},
	} {
		r := s.answer(t.Context(), control.Call{Add: &c.q})
		if r.Refusal == nil || r.Refusal.Code != c.want || !strings.Contains(r.Refusal.Detail, c.says) {
			t.Errorf("%s: %+v", name, r.Refusal)
		}
	}
}

// Administrators see the sources, and how far their digests are.
func TestListSources(t *testing.T) {
	d := newDesk(t, 1)
	s, user := &session{desk: d, role: Administrator}, &session{desk: d, role: User}
	film(t, d, "two.wav")
	s.added(t, control.AddTitle{Name: "Dos", Location: "two.wav"})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Surveyor.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	path := filepath.Join(d.Titles.List().Base, "two.wav")
	wait := time.NewTicker(2 * time.Millisecond)
	defer wait.Stop()
	for wanted := true; wanted; _, wanted = d.Surveyor.Progress(path) {
		<-wait.C
	}
	list := s.answer(ctx, control.Call{Titles: &control.TitlesQuery{}}).Titles.Titles
	if len(list) != 4 || list[0].Size != -1 || !strings.Contains(list[0].Problem, "no such file") || list[2].Problem != "" || list[2].Location != "v4l2:/dev/video0" {
		t.Fatalf("%+v", list)
	}
	if two := list[3].TitleSource; two.Digest != control.DigestKnown || len(two.SHA256) != 64 || two.Location != "two.wav" || two.Problem != "" {
		t.Errorf("%+v", two)
	}
	for _, title := range user.answer(ctx, control.Call{Titles: &control.TitlesQuery{}}).Titles.Titles {
		if title.TitleSource != nil {
			t.Errorf("a user sees %+v", title.TitleSource)
		}
	}
}

// What the longest titles say fits into messages, some of them to a page.
func TestListLongTitles(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: Administrator}
	var text strings.Builder
	for n := range 40 {
		fmt.Fprintf(&text, "%d ^ %s ^ 1 %s\n", n+1, strings.Repeat("<", catalogue.MaxName), strings.Repeat("&", 7000))
	}
	d.Titles.Reload(titlesIn(t, text.String()))
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := control.New(theirs)
	defer own.Close()
	defer worker.Close()
	after, pages := 0, 0
	for more := true; more; pages++ {
		page := s.answer(t.Context(), control.Call{Titles: &control.TitlesQuery{After: after}}).Titles
		if err := own.Send(control.Reply{Titles: page}); err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Receive(); err != nil {
			t.Fatal(err)
		}
		after, more = page.Titles[len(page.Titles)-1].Number, page.More
	}
	if after != 40 || pages < 2 {
		t.Errorf("%d titles in %d pages", after, pages)
	}
}

func TestRemoveTitle(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: Administrator}
	remove := func(n int, force bool) control.Reply {
		return s.answer(t.Context(), control.Call{Remove: &control.RemoveTitle{Number: n, Force: force}})
	}
	q := ask("k")
	made := s.answer(t.Context(), control.Call{Request: &q}).Delivery
	if r := remove(7, false); r.Refusal == nil || r.Refusal.Code != reason.TitleInUse || r.Refusal.Detail != fmt.Sprintf("La Piedra: delivery %d", made.ID) {
		t.Fatalf("%+v", r)
	}
	if r := remove(6, true); r.Refusal == nil || r.Refusal.Code != reason.UnknownTitle {
		t.Errorf("%+v", r)
	}
	if l, err := d.Ledger.Get(t.Context(), made.ID); err != nil || l.State != ledger.Promised {
		t.Errorf("what was refused left %+v, %v", l, err)
	}
	if r := remove(7, true); r.Change == nil || r.Change.Title.Name != "La Piedra" || !slices.Equal(r.Change.Cancelled, []int64{made.ID}) {
		t.Errorf("%+v", r)
	}
	if l, err := d.Ledger.Get(t.Context(), made.ID); err != nil || l.State != ledger.Cancelled {
		t.Errorf("%+v, %v", l, err)
	}
	// Whoever heard no answer to the request gets it all the same.
	if r := s.answer(t.Context(), control.Call{Request: &q}); r.Delivery == nil || r.Delivery.ID != made.ID || r.Delivery.State != "cancelled" {
		t.Errorf("asked again: %+v", r)
	}
	other := q
	other.By = q.By.Add(time.Hour)
	if r := s.answer(t.Context(), control.Call{Request: &other}); r.Refusal == nil || r.Refusal.Code != reason.KeyReused {
		t.Errorf("another request: %+v", r)
	}
	other.Key = "new"
	if r := s.answer(t.Context(), control.Call{Request: &other}); r.Refusal == nil || r.Refusal.Code != reason.UnknownTitle {
		t.Errorf("a new request: %+v", r)
	}
	if r := remove(8, false); r.Change == nil || r.Change.Cancelled != nil || len(d.Titles.List().Titles()) != 1 {
		t.Errorf("%+v", r)
	}
}

// Users may not, whatever their worker says.
func TestUsersChangeNoTitles(t *testing.T) {
	d := newDesk(t, 1)
	s := &session{desk: d, role: User}
	before, err := os.ReadFile(filepath.Join(d.Titles.List().Base, "videos.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []control.Call{
		{Add: &control.AddTitle{Name: "a", Location: "b", Duration: 1}}, {Remove: &control.RemoveTitle{Number: 7, Force: true}},
	} {
		if r := s.answer(t.Context(), c); r.Refusal == nil || r.Refusal.Code != reason.NotPermitted {
			t.Errorf("%+v", r)
		}
	}
	if after, err := os.ReadFile(filepath.Join(d.Titles.List().Base, "videos.txt")); err != nil || string(after) != string(before) {
		t.Errorf("%v, the file is\n%s", err, after)
	}
}

func TestListed(t *testing.T) {
	if got := listed([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}); got != "delivery 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more" {
		t.Error(got)
	}
}
