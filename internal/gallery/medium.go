package gallery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/reel"
)

// which is a file that somebody looks at.
type which struct {
	key  string
	what control.Piece
	n    string // its number in the list of a folder, "" for what is no folder
}

// medium is a file that is open to be looked at.
type medium struct {
	which
	*os.File
	called   string // its name, for who downloads it
	modified time.Time
	film     reel.Film
}

// Size implements reel.Source: it may grow.
func (m *medium) Size() int64 {
	info, err := m.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// growing says whether it is not whole yet.
func (m *medium) growing() bool { return m.what == control.OfArriving }

// open has a file opened and looks what it is.
func (g Gallery) open(ctx context.Context, w which) (*medium, error) {
	q := control.OpenQuery{Key: w.key, What: w.what}
	called := w.key
	if w.n != "" {
		line, err := g.line(ctx, w.key, w.n)
		if err != nil {
			return nil, err
		}
		q.Within, called = line.Path, path.Base(line.Path)
	}
	_, file, err := g.ask(ctx, control.StoreQuery{Open: &q})
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, reason.New(reason.Internal, "the supervisor opens nothing")
	}
	m := &medium{which: w, File: file, called: called}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err == nil {
		m.modified = info.ModTime()
		m.film, err = reel.Look(m)
	}
	if err != nil {
		file.Close()
		return nil, reason.Wrap(reason.StoreFailed, err, "it cannot be read")
	}
	return m, nil
}

// isolated is the Content-Security-Policy of what came from elsewhere: it is no
// part of this site, whatever a browser takes it for. No script of it runs, and
// it reaches nothing here. A browser's own page around a film has a style.
const isolated = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; img-src 'self'; sandbox"

// with opens what a request is for, for a handler, whose error is for the person
// as long as nothing was written.
func (g Gallery) with(find func(*http.Request) which, serve func(http.ResponseWriter, *http.Request, *medium) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := g.open(r.Context(), find(r))
		if err != nil {
			g.fail(w, r, err)
			return
		}
		defer m.Close()
		own := w.Header().Get("Content-Security-Policy")
		w.Header().Set("Content-Security-Policy", isolated)
		if err := serve(w, r, m); err != nil {
			w.Header().Set("Content-Security-Policy", own)
			g.fail(w, r, err)
		}
	}
}

// file serves it as it is, in ranges.
func (g Gallery) file(w http.ResponseWriter, r *http.Request, m *medium) error {
	if m.growing() {
		return reason.New(reason.UnknownDelivery, "it has not arrived yet")
	}
	w.Header().Set("Content-Type", m.film.Type)
	if m.film.Kind == reel.Data || m.film.Kind == reel.Pictures {
		disposition(w, m.called)
	}
	serveContent(w, r, m.modified, io.NewSectionReader(m.File, 0, m.Size()))
	return nil
}

// download serves it to be kept.
func (g Gallery) download(w http.ResponseWriter, r *http.Request, m *medium) error {
	if m.growing() {
		return reason.New(reason.UnknownDelivery, "it has not arrived yet")
	}
	if m.n == "" {
		if a, err := g.query(r.Context(), control.StoreQuery{Show: &control.ShowKey{Key: m.key}}); err == nil && a.Shown != nil && a.Shown.Deposit != nil {
			m.called = path.Base(a.Shown.Path)
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	disposition(w, m.called)
	serveContent(w, r, m.modified, io.NewSectionReader(m.File, 0, m.Size()))
	return nil
}

// serveContent serves what can be sought, which a browser may keep while it is
// the same and asks for again.
func serveContent(w http.ResponseWriter, r *http.Request, modified time.Time, content io.ReadSeeker) {
	w.Header().Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", modified, content)
}

// disposition has a browser keep what comes under a name (RFC 6266).
func disposition(w http.ResponseWriter, name string) {
	name = clean(name)
	value := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if value == "" {
		value = "attachment; filename*=UTF-8''" + url.PathEscape(name)
	}
	w.Header().Set("Content-Disposition", value)
}

// from is the time that a request is for.
func from(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.URL.Query().Get("from"), 64)
	if err != nil || !(seconds > 0) || seconds > 1e9 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// snapshot serves one picture: the latest of what grows, else that at a time.
func (g Gallery) snapshot(w http.ResponseWriter, r *http.Request, m *medium) error {
	s := m.film.Strip()
	if s == nil {
		return reason.New(reason.UnknownDelivery, "there are no pictures in it that could be shown one by one")
	}
	err := s.Latest()
	if !m.growing() {
		err = s.Seek(from(r))
	}
	var p reel.Picture
	if err == nil {
		p, err = s.Next()
	}
	if err != nil {
		return reason.Wrap(reason.UnknownDelivery, err, "there is no picture yet")
	}
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Length", strconv.Itoa(len(p.JPEG)))
	h.Set("X-At", at(p))
	if !m.growing() {
		h.Set("Cache-Control", "private, max-age=3600")
	}
	w.Write(p.JPEG)
	return nil
}

// at is the time of a picture in seconds.
func at(p reel.Picture) string { return strconv.FormatFloat(p.At.Seconds(), 'f', 3, 64) }

// sound serves the sound of pictures as a WAV file; of what grows, from now on.
func (g Gallery) sound(w http.ResponseWriter, r *http.Request, m *medium) error {
	s := m.film.Sound
	if s == nil {
		return reason.New(reason.UnknownDelivery, "there is no sound in it that could be played by itself")
	}
	w.Header().Set("Content-Type", "audio/wav")
	if !m.growing() {
		serveContent(w, r, m.modified, s.Wave())
		return nil
	}
	head, samples := s.Live(s.Bytes)
	if _, err := w.Write(head); err != nil {
		return nil
	}
	buf := make([]byte, 32<<10)
	f := g.follow(r.Context(), m)
	for {
		n, err := samples.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil
			}
		}
		if err == nil {
			continue
		}
		if http.NewResponseController(w).Flush() != nil || err != io.EOF || !f.more() {
			return nil
		}
	}
}

// live serves a recording of this program while it grows, as it is: its front,
// and whole clusters from the latest on with which a player can begin.
func (g Gallery) live(w http.ResponseWriter, r *http.Request, m *medium) error {
	rec := m.film.Recording
	if rec == nil {
		return reason.New(reason.UnknownDelivery, "it is no recording of this program")
	}
	front, err := rec.Front()
	if err != nil {
		return reason.Wrap(reason.StoreFailed, err, "it cannot be read")
	}
	w.Header().Set("Content-Type", m.film.Type)
	if _, err := w.Write(front); err != nil {
		return nil
	}
	f := g.follow(r.Context(), m)
	begin, err := rec.Latest()
	for err == io.EOF {
		if http.NewResponseController(w).Flush() != nil || !f.more() {
			return nil
		}
		begin, err = rec.Latest()
	}
	clusters := rec.Live(begin)
	for {
		p, err := clusters.Next()
		switch {
		case err == nil:
			if _, err := w.Write(p); err != nil || http.NewResponseController(w).Flush() != nil {
				return nil
			}
		case err != io.EOF || !f.more():
			return nil
		}
	}
}

const (
	// poll is how often it is looked whether a file has grown: a part of the time
	// from a picture's being taken to its being seen.
	poll = 10 * time.Millisecond
	// askEvery is how often it is asked whether it is still arriving, while it does
	// not grow.
	askEvery = time.Second
	// sureFor is how long it is not asked while it grows. Whoever watches may have
	// to go meanwhile, as the session is over.
	sureFor = 10 * time.Second
)

// follower waits for a file to grow.
type follower struct {
	g     Gallery
	ctx   context.Context
	m     *medium
	size  int64
	asked time.Time // or has grown
	sure  time.Time // that it may be watched
	ended bool
}

func (g Gallery) follow(ctx context.Context, m *medium) *follower {
	return &follower{g: g, ctx: ctx, m: m, size: m.Size(), asked: time.Now(), sure: time.Now()}
}

// more waits until there is more, and says whether there will be. What has
// arrived is looked at once more, as its last bytes may be new.
func (f *follower) more() bool {
	if f.ended {
		return false
	}
	for {
		select {
		case <-f.ctx.Done():
			return false
		case <-time.After(poll):
		}
		size := f.m.Size()
		grown := size != f.size
		switch {
		case grown && time.Since(f.sure) < sureFor:
			f.size, f.asked = size, time.Now()
			return true
		case !grown && time.Since(f.asked) < askEvery:
			continue
		}
		f.size, f.asked, f.sure = size, time.Now(), time.Now()
		if !f.m.growing() {
			return false
		}
		a, err := f.g.query(f.ctx, control.StoreQuery{Show: &control.ShowKey{Key: f.m.key}})
		if err != nil || a.Shown == nil || a.Shown.Arrival == nil {
			f.ended = true
			return err == nil
		}
		if grown {
			return true
		}
	}
}

// boundary is between two pictures (RFC 2046, section 5.1).
const boundary = "next-picture"

const (
	// late is how far behind its time a picture may be and still be shown; then
	// what follows is counted from it.
	late = 60 * time.Millisecond
	// ahead is how far ahead of what is shown a recording that grows may be before
	// that goes on from its latest picture.
	ahead = 500 * time.Millisecond
)

// pictures serves the pictures one after another, each in the place of the one
// before: at the pace in which they were taken, and of what grows from the
// latest on. With pace=0 they come as fast as they are taken, with their times,
// for a player that has a clock of its own.
func (g Gallery) pictures(w http.ResponseWriter, r *http.Request, m *medium) error {
	s := m.film.Strip()
	if s == nil {
		return reason.New(reason.UnknownDelivery, "there are no pictures in it that could be shown one by one")
	}
	w.Header().Set("Content-Type", `multipart/x-mixed-replace; boundary="`+boundary+`"`)
	out := &sheaf{w: bufio.NewWriterSize(w, 64<<10), flush: http.NewResponseController(w).Flush}
	out.begin()
	f := g.follow(r.Context(), m)
	err := s.Seek(from(r))
	if m.growing() {
		for err = s.Latest(); err == io.EOF && f.more(); err = s.Latest() {
		}
	}
	if err != nil {
		return nil
	}
	paced := r.URL.Query().Get("pace") != "0"
	var base time.Time // when a picture of time 0 is due
	for {
		p, err := s.Next()
		if err == io.EOF && m.growing() && f.more() {
			continue
		}
		if err != nil {
			out.end()
			return nil
		}
		if paced && !base.IsZero() {
			switch wait := time.Until(base.Add(p.At)); {
			case m.growing() && wait > ahead:
				base = time.Time{}
				if s.Latest() != nil {
					return nil
				}
				continue
			case wait > 0:
				select {
				case <-time.After(wait):
				case <-r.Context().Done():
					return nil
				}
			case wait < -late:
				base = time.Time{}
			}
		}
		if base.IsZero() {
			base = time.Now().Add(-p.At)
		}
		if out.picture(p) != nil {
			return nil
		}
	}
}

// sheaf writes pictures.
type sheaf struct {
	w     *bufio.Writer
	flush func() error
}

func (s *sheaf) begin() { fmt.Fprintf(s.w, "--%s\r\n", boundary) }

// picture writes one, and what ends it: a browser shows it then.
func (s *sheaf) picture(p reel.Picture) error {
	fmt.Fprintf(s.w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-At: %s\r\n\r\n", len(p.JPEG), at(p))
	s.w.Write(p.JPEG)
	fmt.Fprintf(s.w, "\r\n--%s\r\n", boundary)
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.flush()
}

func (s *sheaf) end() { s.w.Flush() }

// length is how long something lasts, for people.
func length(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	s := int64(d.Round(time.Second) / time.Second)
	text := fmt.Sprintf("%d:%02d", s/60%60, s%60)
	if s >= 3600 {
		text = fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return text
}

// clock is a time in a recording, of so many milliseconds, for people.
func clock(ms int64) string {
	return fmt.Sprintf("%d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// kindIcon is the picture that stands for a kind.
func kindIcon(k reel.Kind) string {
	switch k {
	case reel.Audio:
		return "sound"
	case reel.Image:
		return "picture"
	case reel.Video, reel.Pictures:
		return "film"
	}
	return "disk"
}
