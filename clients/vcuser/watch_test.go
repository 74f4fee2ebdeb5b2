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

// stream is one stream of events that a server gives: what it tells, and how it
// ends. Without an end it goes on.
type stream struct {
	changes []control.Change
	broken  reason.Code // "" is that the server ended it
	silent  bool        // nobody answers
	open    bool        // it does not end
}

// at is a change of the delivery 1.
func at(state string, offset, revision int64) control.Change {
	return control.Change{Revision: revision, Delivery: control.Delivery{ID: 1, State: state, Offset: offset, Size: 100}}
}

func gone(code reason.Code) stream { return stream{broken: code, silent: true} }

// play watches a server that gives the deliveries 1 to n as first, and then the
// streams, one after another.
func play(ctx context.Context, r *recorder, first []control.Delivery, streams ...stream) (after []int64, times []time.Duration, last []control.Delivery, err error) {
	began := time.Now()
	w := watcher{
		pause: pause, view: func([]control.Delivery) view { return r }, noAnswer: "gone", answersAgain: "back",
		ask: func(_ context.Context, id int64) (control.DeliveryStory, error) {
			if int(id) > len(first) {
				return control.DeliveryStory{}, reason.New(reason.UnknownDelivery, "%d", id)
			}
			return control.DeliveryStory{Delivery: first[id-1]}, nil
		},
		events: func(ctx context.Context, _ []int64, from int64, opened func(), heard func(control.Change) error) error {
			n := len(after)
			after, times = append(after, from), append(times, time.Since(began))
			s := stream{open: true}
			if n < len(streams) {
				s = streams[n]
			}
			if !s.silent {
				opened()
			}
			for _, c := range s.changes {
				if err := heard(c); err != nil {
					return err
				}
			}
			if s.open {
				<-ctx.Done()
			}
			if err := ctx.Err(); err != nil || s.broken == "" {
				return err
			}
			return reason.New(s.broken, "gone")
		},
	}
	for i := range max(1, len(first)) {
		w.ids = append(w.ids, int64(i+1))
	}
	last, err = w.run(ctx)
	return after, times, last, err
}

var sending = []control.Delivery{{ID: 1, State: "sending", Offset: 10, Size: 100}}

// Several are heard of in one stream, each until its end.
func TestWatchSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := func(id int64, state string, revision int64) control.Change {
			return control.Change{Revision: revision, Delivery: control.Delivery{ID: id, State: state, Offset: revision}}
		}
		var r recorder
		first := []control.Delivery{{ID: 1, State: "sending"}, {ID: 2, State: deposited}, {ID: 3, State: "promised"}}
		after, _, last, err := play(t.Context(), &r, first,
			stream{changes: []control.Change{of(1, "sending", 5), of(3, "sending", 6), of(9, "sending", 7), of(1, "failed", 8), of(1, "sending", 9)}, broken: reason.ConnectionLost},
			stream{changes: []control.Change{of(3, deposited, 12)}, open: true})
		if err != nil || len(last) != 3 || last[0].State != "failed" || last[1].State != deposited || last[2].State != deposited || !r.closed {
			t.Fatalf("%+v, %v, closed %v", last, err, r.closed)
		}
		if want := []int64{0, 0, 0, 5, 6, 8, 12}; !slices.Equal(r.offsets, want) {
			t.Errorf("shown %v, want %v", r.offsets, want)
		}
		if !slices.Equal(after, []int64{0, 9}) || !slices.Equal(r.notes, []string{"gone", "back"}) {
			t.Errorf("asked from %v on, noted %v", after, r.notes)
		}
	})
}

// Of more than can be followed by their numbers, one that ends before the stream of
// all begins is heard of: a stream that begins anew tells what goes on alone.
func TestWatchMoreThanCanBeFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := watcher{
			pause: pause, view: func([]control.Delivery) view { return &recorder{} },
			ask: func(_ context.Context, id int64) (s control.DeliveryStory, err error) {
				s.Delivery, s.Revision = control.Delivery{ID: id, State: "sending"}, 10*id
				if id > 1 {
					s.State = deposited
				}
				return s, nil
			},
			events: func(ctx context.Context, ids []int64, after int64, opened func(), heard func(control.Change) error) error {
				opened()
				if after > 0 && after < 500 || len(ids) > 0 { // it has ended at 500
					return heard(control.Change{Revision: 500, Delivery: control.Delivery{ID: 1, State: deposited}})
				}
				<-ctx.Done()
				return ctx.Err()
			},
		}
		for id := range int64(control.MaxFollowed + 1) {
			w.ids = append(w.ids, id+1)
		}
		if last, err := w.run(ctx); err != nil || last[0].State != deposited {
			t.Errorf("%v, %+v", err, last[:min(1, len(last))])
		}
	})
}

func TestWatchOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		streams := []stream{{changes: []control.Change{at("sending", 20, 6)}, broken: reason.Unreachable}}
		for range 8 {
			streams = append(streams, gone(reason.Unreachable))
		}
		streams = append(streams, gone(reason.ShuttingDown), gone(reason.PeerSilent),
			stream{}, stream{changes: []control.Change{at("sending", 30, 9)}}, stream{changes: []control.Change{at(deposited, 100, 10)}})
		after, times, last, err := play(t.Context(), &r, sending, streams...)
		if err != nil || last[0].State != deposited || !r.closed {
			t.Fatalf("%v, %+v, closed %v", err, last, r.closed)
		}
		if !slices.Equal(r.offsets, []int64{10, 20, 30, 100}) || !slices.Equal(r.notes, []string{"gone", "back"}) {
			t.Errorf("shown %v, noted %v", r.offsets, r.notes)
		}
		if want := []int64{0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 9}; !slices.Equal(after, want) {
			t.Errorf("asked from %v on, want %v", after, want)
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < firstWait || gap > mostWait {
				t.Errorf("stream %d comes %v after the one before", i, gap)
			}
		}
	})
}

// A server that has answered once is waited for, also while the first of several are
// asked for.
func TestWatchOutlastsARestartAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		asked := 0
		w := watcher{
			ids: []int64{1, 2}, pause: pause, view: func([]control.Delivery) view { return &r }, noAnswer: "gone", answersAgain: "back",
			ask: func(_ context.Context, id int64) (control.DeliveryStory, error) {
				if asked++; asked > 1 && asked < 10 {
					return control.DeliveryStory{}, reason.New(reason.ShuttingDown, "it stops")
				}
				return control.DeliveryStory{Delivery: control.Delivery{ID: id, State: deposited}}, nil
			},
		}
		if last, err := w.run(t.Context()); err != nil || len(last) != 2 {
			t.Errorf("%v after %d asked, %+v", err, asked, last)
		}
	})
}

func TestWatchGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		first   []control.Delivery
		streams []stream
		want    reason.Code
	}{
		"unknown":          {nil, nil, reason.UnknownDelivery},
		"known no more":    {sending, []stream{gone(reason.Unreachable), gone(reason.UnknownDelivery)}, reason.UnknownDelivery},
		"another protocol": {sending, []stream{gone(reason.Protocol)}, reason.Protocol},
		"no account more":  {sending, []stream{{changes: []control.Change{at("sending", 11, 2)}, broken: reason.LoginInvalid}}, reason.LoginInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, _, _, err := play(t.Context(), &recorder{}, c.first, c.streams...); reason.Of(err) != c.want {
					t.Errorf("ends with %v", err)
				}
			})
		})
	}
}

func TestWatchIsInterrupted(t *testing.T) {
	for name, streams := range map[string][]stream{
		"while there is no news":   {{open: true}},
		"while the server is away": {gone(reason.Unreachable), gone(reason.Unreachable), gone(reason.Unreachable)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				r := &recorder{}
				if _, _, _, err := play(ctx, r, sending, streams...); !errors.Is(err, context.Canceled) || !r.closed {
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
	of := func(id int64, state string) control.Delivery {
		return control.Delivery{ID: id, State: state, Reason: reason.NoSpace, Detail: "full"}
	}
	for name, c := range map[string]struct {
		last   []control.Delivery
		status int
		said   int
	}{
		"all well": {[]control.Delivery{of(1, deposited), of(2, deposited)}, 0, 0},
		"one not":  {[]control.Delivery{of(1, deposited), of(2, "failed")}, 1, 1},
		"two not":  {[]control.Delivery{of(1, "cancelled"), of(2, "failed")}, 1, 2},
	} {
		var out bytes.Buffer
		status, err := 0, tester("en", &out).howTheyEnded(c.last)
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
