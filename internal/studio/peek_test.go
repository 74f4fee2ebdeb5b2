package studio

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// What a source gives is to be seen for a moment without a delivery, and one that
// comes shares it.
func TestPeek(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.peekFor = time.Hour // however slow the machine is
	newest := func() (string, int64) {
		t.Helper()
		data, recording, since, err := p.Newest(picture, "The yard")
		if err != nil {
			t.Fatal(err)
		}
		if data == nil {
			return "", 0
		}
		defer data.Close()
		size, err := data.Seek(0, io.SeekEnd)
		if err != nil || since.IsZero() || time.Since(since) < 0 {
			t.Fatalf("since %v: %v", since, err)
		}
		return recording, size
	}
	if recording, _ := newest(); recording != "" {
		t.Fatalf("%s goes on, and nobody asked for it", recording)
	}
	for range 2 { // the second one sees what the first one does
		if err := p.Peek(t.Context(), picture, "The yard"); err != nil {
			t.Fatal(err)
		}
	}
	recording, size := newest()
	if recording == "" || size == 0 || p.State().Recordings != 1 {
		t.Fatalf("%q has %d bytes, %+v", recording, size, p.State())
	}
	w := Wish{Delivery: 1, Location: picture, Title: "The yard", Duration: time.Hour}
	if part := p.join(w); part.Recording != recording {
		t.Errorf("the delivery has part of %s, and not of %s", part.Recording, recording)
	}
	if err := p.Peek(t.Context(), "pattern:?size=1x1", "The yard"); reason.Of(err) != reason.Usage {
		t.Errorf("what cannot be: %v", err)
	}
}

// A look is over by itself, and leaves nothing.
func TestPeekEnds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.peekFor = time.Second
	if err := p.Peek(t.Context(), "pattern:?size=160x138&fps=25", "The yard"); err != nil {
		t.Fatal(err)
	}
	p.until("it is over", func() bool {
		left, err := os.ReadDir(p.dir)
		return err == nil && len(left) == 0 && len(p.pids(worker.Capture, "160x138")) == 0 && p.State().Recordings == 0
	})
}

// feedAt is what a location asks for.
func feedAt(t *testing.T, location string) feed.Feed {
	t.Helper()
	f, err := feed.ParseWith(location, settings.Quality)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A delivery that wants a device otherwise has those who only look at it give it up;
// another delivery does not, nor who looks at what is wanted.
func TestPeekGivesWay(t *testing.T) {
	s := New(Config{Clock: time.Now}, settings)
	yard := feedAt(t, "/dev/video0?size=640x480")
	r := newReel(s, "a peek", "The yard", yard, s.keys(yard))
	s.mu.Lock()
	c := newCamera(s, "v4l2:/dev/video0", r.feed.Picture)
	c.users[r], s.cameras[c.key], r.cameras, s.reels[r.name] = 1, c, []*camera{c}, r
	look := &taker{wish: Wish{Delivery: -1}, reel: r}
	r.takers[-1] = look
	for location, gives := range map[string]bool{"/dev/video0": false, "/dev/video0?size=640x480": false, "/dev/video0?size=320x240": true, "/dev/video0?encode=raw+tone:": true, "/dev/video1?encode=raw": false, "pattern:": false} {
		if all := s.inTheWay(feedAt(t, location), s.keys(feedAt(t, location))); (len(all) == 1) != gives {
			t.Errorf("%s: %d recordings are in the way", location, len(all))
		}
	}
	s.mu.Unlock()
	small, done := feedAt(t, "/dev/video0?size=320x240"), make(chan error)
	go func() { done <- s.clear(t.Context(), small, s.keys(small)) }()
	<-r.wake // it was told to look at what is needed
	s.mu.Lock()
	if !look.done {
		t.Error("who looks still needs it")
	}
	r.closed = true
	r.tell()
	s.mu.Unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	r.closed, r.closing = false, false
	r.takers[1] = &taker{wish: Wish{Delivery: 1}, reel: r}
	s.mu.Unlock()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.clear(ended, small, s.keys(small)); err != nil {
		t.Errorf("a delivery is in the way of another: %v", err)
	}
}

// A recording that gives way is joined by no delivery any more: whoever waits for its
// device would wait until that one is over.
func TestPeekThatGivesWayIsNotJoined(t *testing.T) {
	s := New(Config{Clock: time.Now}, settings)
	yard, small := feedAt(t, "/dev/video0?size=640x480"), feedAt(t, "/dev/video0?size=320x240")
	s.end() // no other recording is begun here
	r := newReel(s, "a peek", "The yard", yard, s.keys(yard))
	s.mu.Lock()
	c := newCamera(s, "v4l2:/dev/video0", r.feed.Picture)
	c.users[r], s.cameras[c.key], r.cameras, s.reels[r.name] = 1, c, []*camera{c}, r
	r.takers[-1] = &taker{wish: Wish{Delivery: -1}, reel: r}
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.clear(ctx, small, s.keys(small)) }()
	<-r.wake // it was told to look at what is needed, and has not yet
	s.mu.Lock()
	joined, err := s.reelFor(Wish{Delivery: 1, Title: "The yard"}, yard, s.keys(yard))
	s.mu.Unlock()
	if joined == r || reason.Of(err) != reason.ShuttingDown {
		t.Errorf("a delivery joins what is about to end, %v", err)
	}
	cancel()
	<-done
}
