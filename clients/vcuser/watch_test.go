package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// recorder is a view that keeps what it is told.
type recorder struct {
	offsets []int64
	notes   []string
	closed  bool
}

func (r *recorder) show(d control.Delivery) { r.offsets = append(r.offsets, d.Offset) }
func (r *recorder) note(text string)        { r.notes = append(r.notes, text) }
func (r *recorder) close()                  { r.closed = true }

// answer is one answer of a server that a script plays.
type answer struct {
	story control.DeliveryStory
	err   error
}

func at(state string, offset, revision int64) answer {
	return answer{story: control.DeliveryStory{Delivery: control.Delivery{ID: 1, State: state, Offset: offset, Size: 100}, Revision: revision}}
}

func gone(code reason.Code) answer { return answer{err: reason.New(code, "gone")} }

// play watches a server that gives the answers one after another.
func play(ctx context.Context, r *recorder, answers ...answer) (revisions []int64, times []time.Duration, story control.DeliveryStory, err error) {
	began := time.Now()
	w := watcher{
		ids: []int64{1}, now: time.Now, pause: pause, view: func([]control.Delivery) view { return r }, noAnswer: "gone", answersAgain: "back",
		ask: func(ctx context.Context, _, revision int64, _ time.Duration) (control.DeliveryStory, error) {
			n := len(revisions)
			revisions, times = append(revisions, revision), append(times, time.Since(began))
			if n == len(answers) {
				<-ctx.Done()
				return control.DeliveryStory{}, ctx.Err()
			}
			return answers[n].story, answers[n].err
		},
	}
	stories, err := w.run(ctx)
	if err == nil {
		story = stories[0]
	}
	return revisions, times, story, err
}

// Several are asked for in rounds, without keeping the server's answers waiting,
// and those that have ended no more.
func TestWatchSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), make(map[int64]int)
		var times []time.Duration
		var r recorder
		w := watcher{
			ids: []int64{7, 3, 5}, now: time.Now, pause: pause, noAnswer: "gone", answersAgain: "back",
			view: func(first []control.Delivery) view {
				if len(first) != 3 || first[1].ID != 3 {
					t.Errorf("first there are %+v", first)
				}
				return &r
			},
			ask: func(_ context.Context, id, _ int64, wait time.Duration) (control.DeliveryStory, error) {
				asked[id]++
				times = append(times, time.Since(began))
				if wait != 0 {
					t.Errorf("the answer about %d may take %v", id, wait)
				}
				if id == 3 && asked[id] == 2 {
					return control.DeliveryStory{}, reason.New(reason.ShuttingDown, "gone")
				}
				state := "sending"
				if asked[id] >= int(id) {
					state = deposited
				}
				return control.DeliveryStory{Delivery: control.Delivery{ID: id, State: state}}, nil
			},
		}
		stories, err := w.run(t.Context())
		if err != nil || len(stories) != 3 || !r.closed || !slices.Equal(r.notes, []string{"gone", "back"}) {
			t.Fatalf("%+v, %v, noted %v, closed %v", stories, err, r.notes, r.closed)
		}
		for i, id := range w.ids {
			if stories[i].ID != id || stories[i].State != deposited || asked[id] != int(id) {
				t.Errorf("%d ends as %+v, asked %d times", id, stories[i], asked[id])
			}
		}
		// Six rounds after the first, one of them with a wait for the server.
		if last := times[len(times)-1]; last < 6*roundEvery || last > 6*roundEvery+firstWait {
			t.Errorf("the last question comes after %v", last)
		}
	})
}

func TestWatchOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		answers := []answer{at("sending", 10, 5), at("sending", 20, 6)}
		for range 8 {
			answers = append(answers, gone(reason.Unreachable))
		}
		answers = append(answers, gone(reason.ShuttingDown), gone(reason.ConnectionLost), at("sending", 30, 9), at(deposited, 100, 10))
		revisions, times, story, err := play(t.Context(), &r, answers...)
		if err != nil || story.State != deposited || !r.closed {
			t.Fatalf("%v, %q, closed %v", err, story.State, r.closed)
		}
		if !slices.Equal(r.offsets, []int64{10, 20, 30, 100}) || !slices.Equal(r.notes, []string{"gone", "back"}) {
			t.Errorf("shown %v, noted %v", r.offsets, r.notes)
		}
		if want := []int64{0, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 9}; !slices.Equal(revisions, want) {
			t.Errorf("asked with the revisions %v, want %v", revisions, want)
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < askEvery || gap > mostWait {
				t.Errorf("question %d comes %v after the one before", i, gap)
			}
		}
	})
}

func TestWatchGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		answers []answer
		want    reason.Code
	}{
		"never reached":    {[]answer{gone(reason.Unreachable)}, reason.Unreachable},
		"unknown":          {[]answer{gone(reason.UnknownDelivery)}, reason.UnknownDelivery},
		"known no more":    {[]answer{at("sending", 1, 1), gone(reason.Unreachable), gone(reason.UnknownDelivery)}, reason.UnknownDelivery},
		"another protocol": {[]answer{at("sending", 1, 1), gone(reason.Protocol)}, reason.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, _, _, err := play(t.Context(), &recorder{}, c.answers...); reason.Of(err) != c.want {
					t.Errorf("ends with %v", err)
				}
			})
		})
	}
}

func TestWatchIsInterrupted(t *testing.T) {
	for name, answers := range map[string][]answer{
		"while there is no news":   {at("sending", 1, 1)},
		"while the server is away": {at("sending", 1, 1), gone(reason.Unreachable), gone(reason.Unreachable), gone(reason.Unreachable)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				r := &recorder{}
				if _, _, _, err := play(ctx, r, answers...); !errors.Is(err, context.Canceled) || !r.closed {
					t.Errorf("%v, closed %v", err, r.closed)
				}
			})
		})
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	p := tester("en", &out)
	now := noon
	p.Now = func() time.Time { return now }
	v := newPlainLines(p, false)
	d := control.Delivery{ID: 1, Title: "Night", Reception: "hall", State: "promised", Size: 1000, Deadline: noon.Add(time.Hour), End: noon.Add(time.Minute)}
	step := func(seconds time.Duration, change func()) {
		now = now.Add(seconds * time.Second)
		change()
		v.show(d)
		v.show(d)
	}
	step(0, func() {})
	step(1, func() { d.State = "sending" })
	step(1, func() { d.Offset = 50 })                     // less than a tenth
	step(1, func() { d.Offset, d.Rate = 100, 100 })       // a tenth
	step(1, func() { d.Reason = reason.ConnectionLost })  // broken off
	step(40, func() {})                                   // nothing moves
	step(1, func() { d.Offset, d.Reason = 101, "" })      // goes on
	step(31, func() { d.Offset = 102 })                   // 30 seconds
	step(1, func() { d.AtRisk, d.Deadline = true, noon }) // at risk
	step(1, func() { d.State, d.Offset, d.AtRisk = deposited, 1000, false; d.Late, d.Finished = true, now })
	want := `delivery 1: Night to hall
12:00:00  0 %  0 B of 1 kB  1m left  laxity 59m  promised
12:00:01  0 %  0 B of 1 kB  59s left  laxity 59m  sending
12:00:03  10 %  100 B of 1 kB  800 bit/s  9s left  laxity 59m48s  sending
12:00:04  10 %  100 B of 1 kB  800 bit/s  9s left  laxity 59m47s  sending  the connection was lost
12:00:45  10 %  101 B of 1 kB  800 bit/s  9s left  laxity 59m6s  sending
12:01:16  10 %  102 B of 1 kB  800 bit/s  9s left  laxity 58m35s  sending
12:01:17  10 %  102 B of 1 kB  800 bit/s  9s left  laxity -1m26s  sending  at risk
12:01:18  100 %  1 kB of 1 kB  deposited  1m18s late  late
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

// Lines about several deliveries say of which they are.
func TestPlainLinesOfSeveral(t *testing.T) {
	var out bytes.Buffer
	v := newPlainLines(tester("en", &out), true)
	for _, state := range []string{"promised", "failed", "failed"} {
		for id := range int64(2) {
			v.show(control.Delivery{ID: id + 9, Title: "Night", Reception: "hall", State: state, Size: 10, Deadline: noon, End: noon})
		}
	}
	want := `delivery 9: Night to hall
12:00:00  9  0 %  0 B of 10 B  0s left  laxity 0s  promised
delivery 10: Night to hall
12:00:00  10  0 %  0 B of 10 B  0s left  laxity 0s  promised
12:00:00  9  0 %  0 B of 10 B  failed
12:00:00  10  0 %  0 B of 10 B  failed
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

func TestHowTheyEnded(t *testing.T) {
	of := func(id int64, state string) control.DeliveryStory {
		return control.DeliveryStory{Delivery: control.Delivery{ID: id, State: state, Reason: reason.NoSpace, Detail: "full"}}
	}
	for name, c := range map[string]struct {
		stories []control.DeliveryStory
		status  int
		said    int
	}{
		"all well": {[]control.DeliveryStory{of(1, deposited), of(2, deposited)}, 0, 0},
		"one not":  {[]control.DeliveryStory{of(1, deposited), of(2, "failed")}, 1, 1},
		"two not":  {[]control.DeliveryStory{of(1, "cancelled"), of(2, "failed")}, 1, 2},
	} {
		var out bytes.Buffer
		status, err := 0, tester("en", &out).howTheyEnded(c.stories)
		if err != nil {
			status = command.Explain(&out, "vcuser", "en", err)
		}
		if said := strings.Count(out.String(), ": full\n"); status != c.status || said != c.said {
			t.Errorf("%s: status %d, said\n%s", name, status, out.String())
		}
	}
}

func TestJSONLinesOnChange(t *testing.T) {
	var out bytes.Buffer
	v := &jsonLines{program: tester("en", &out), last: make(map[int64]control.Delivery)}
	d := control.Delivery{ID: 1, State: "sending"}
	for range 3 {
		v.show(d)
	}
	d.Offset = 1
	v.show(d)
	if lines := strings.Count(out.String(), "\n"); lines != 2 {
		t.Errorf("%d lines\n%s", lines, out.String())
	}
}

func TestStatusLineFits(t *testing.T) {
	d := control.Delivery{State: "sending", Offset: 42 << 20, Size: 100 << 20, Rate: 10 << 20, Deadline: noon.Add(2 * time.Hour), AtRisk: true}
	for _, language := range []string{"en", "es"} {
		p := tester(language, &bytes.Buffer{})
		whole := p.statusLine(d, noon, 0)
		least := terminal.Width(p.statusLine(d, noon, 1))
		for width := least; width <= terminal.Width(whole); width++ {
			if got := p.statusLine(d, noon, width); terminal.Width(got) > width || !strings.HasPrefix(got, "42 %") || !strings.Contains(got, p.State("sending")) {
				t.Errorf("%s: %d columns: %q", language, width, got)
			}
		}
		if got := p.statusLine(d, noon, terminal.Width(whole)); got != whole {
			t.Errorf("%s: %q where %q fits", language, got, whole)
		}
	}
}

func TestExpectedEnd(t *testing.T) {
	for name, c := range map[string]struct {
		d    control.Delivery
		want time.Time
	}{
		"as planned":             {control.Delivery{Size: 10, End: noon.Add(time.Hour)}, noon.Add(time.Hour)},
		"by its rate":            {control.Delivery{Size: 100, Offset: 40, Rate: 10, End: noon.Add(time.Hour)}, noon.Add(6 * time.Second)},
		"after what was planned": {control.Delivery{Size: 10, End: noon.Add(-time.Hour)}, noon},
	} {
		if got := expectedEnd(c.d, noon); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestEndedBadly looks whether a delivery that failed ends the program with 1,
// whatever the status of its reason is, and says why.
func TestEndedBadly(t *testing.T) {
	for code, want := range map[reason.Code]string{
		reason.SourceChanged:   "the title's file changed after the promise: delivery 7: size 1 is now 2",
		reason.IdentityChanged: "the server's identity is not the one known: delivery 7: size 1 is now 2",
		reason.Cancelled:       "it was cancelled: delivery 7: size 1 is now 2",
	} {
		var out bytes.Buffer
		p := tester("en", &out)
		err := p.endedBadly(control.Delivery{ID: 7, State: "failed", Reason: code, Detail: "size 1 is now 2"})
		if got := command.Explain(&out, "vcuser", "en", err); got != 1 || !strings.HasPrefix(out.String(), "vcuser: "+want+"\n") {
			t.Errorf("%s: status %d\n%s", code, got, out.String())
		}
	}
}
