package record

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"strconv"
	"sync"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Arguments are those with which ffmpeg, from version 5.1 on, encodes what a
// Start is for: pictures on its standard input as Matroska, each encoded at once
// and with its own time, in the order in which they came, so that what comes out
// can be told apart by its time. Of the first two, and then each second, one is
// a picture that one can begin at.
func Arguments(a *feed.Ask) []string {
	// The quality of JPEG as x264 counts it: 85 is its usual 23.
	crf := 51 - float64(a.Quality)*28/85
	return []string{
		"-hide_banner", "-loglevel", "error", "-nostdin",
		"-probesize", "32", "-analyzeduration", "0", "-threads", "1", "-f", "matroska", "-i", "pipe:0",
		"-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1:1000",
		"-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-bf", "0", "-pix_fmt", "yuv420p",
		"-threads", strconv.Itoa(min(runtime.NumCPU(), 4)), "-crf", strconv.FormatFloat(max(0, crf), 'f', 1, 64), "-g", "100000", "-sc_threshold", "0",
		"-force_key_frames", "expr:lt(n,2)+gte(t,prev_forced_t+1)",
		"-flush_packets", "1", "-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1",
	}
}

const (
	// foreignSilence is how long an encoder may keep a picture; at its start it
	// is loaded, too.
	foreignSilence = 10 * time.Second
	// foreignEnd is how long it may take to give its last ones.
	foreignEnd = 5 * time.Second
	// foreignMillis is the latest time that FLV has, in ms: 24 days.
	foreignMillis = math.MaxInt32 - 1000
	// firstAgain and lastAgain are how long to wait before an encoder that ended
	// is started again; it doubles, until one has worked for lastAgain.
	firstAgain = 500 * time.Millisecond
	lastAgain  = 30 * time.Second
)

// foreign has pictures encoded by another program. What that has got and not
// given back when it ends is lost.
type foreign struct {
	format capture.Format
	start  Start
	take   func(Packet)

	free  chan *raw
	queue chan *raw
	lost  *capture.Gap // of Put's goroutine: before the next picture that is taken
	all   sync.WaitGroup

	mu  sync.Mutex
	gap *capture.Gap // before the next picture that is passed on

	again time.Duration
}

// raw is a picture on its way to the encoder.
type raw struct {
	packet Packet // without data
	data   []byte
}

// newForeign starts the encoder for the first time; what hinders that is the
// error.
func newForeign(f capture.Format, start Start, take func(Packet)) (*foreign, error) {
	if start == nil {
		return nil, reason.New(reason.EncoderAbsent, "%s pictures are to be kept as H.264", f.Pixels)
	}
	n := spares(f)
	e := &foreign{format: f, start: start, take: take, free: make(chan *raw, n), queue: make(chan *raw, n), again: firstAgain}
	for range n {
		e.free <- &raw{}
	}
	conn, err := start()
	if err != nil {
		return nil, err
	}
	e.all.Go(func() { e.feed(conn) })
	return e, nil
}

func (e *foreign) Put(b capture.Buffer, gap *capture.Gap) {
	e.lost = merge(e.lost, gap)
	select {
	case r := <-e.free:
		r.data = append(r.data[:0], b.Data...)
		r.packet = Packet{At: b.At, Sequence: b.Sequence, Frames: 1, Gap: e.lost}
		e.lost = nil
		e.queue <- r // there is room: it has as much as free
	default:
		e.lost = merge(e.lost, &capture.Gap{From: b.At, To: b.At, Lost: 1, Code: reason.DeviceOverrun, Detail: "encoding was too slow"})
	}
}

func (e *foreign) Close() {
	close(e.queue)
	e.all.Wait()
}

// lose notes that a picture did not come through the encoder.
func (e *foreign) lose(p Packet, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gap = merge(merge(e.gap, p.Gap), &capture.Gap{From: p.At, To: p.At, Lost: 1, Code: reason.EncoderFailed, Detail: why.Error()})
}

// pass passes on a picture that did.
func (e *foreign) pass(p Packet) {
	e.mu.Lock()
	p.Gap = merge(e.gap, p.Gap)
	e.gap = nil
	e.mu.Unlock()
	if p.Gap != nil {
		p.Gap.To = p.At
	}
	e.take(p)
}

// feed gives pictures to one encoder after the other.
func (e *foreign) feed(conn io.ReadWriteCloser) {
	var s *session
	var since, next time.Time // the start of this one, and of the next
	why := error(reason.New(reason.EncoderFailed, "the encoder has just been started"))
	for r := range e.queue {
		now := time.Now()
		if s == nil && conn == nil && !now.Before(next) {
			// Until one has begun, why there was none before is why a picture is lost.
			var err error
			if conn, err = e.start(); err != nil {
				conn, why, next = nil, err, e.later(now)
			}
		}
		switch {
		case s != nil && s.feed(r):
		case s != nil:
			why, next = s.end(0), e.later(now)
			if now.Sub(since) > lastAgain {
				e.again = firstAgain
			}
			s = nil
			e.lose(r.packet, why)
		case conn != nil && (e.format.Pixels != feed.MJPEG || isJPEG(r.data)):
			// It warms up with a picture that will be old when it has.
			s, since, conn = e.begin(conn, r.data), now, nil
			e.lose(r.packet, reason.New(reason.EncoderFailed, "the encoder has just been started"))
		default:
			e.lose(r.packet, why)
		}
		e.free <- r
	}
	switch {
	case s != nil:
		s.end(foreignEnd)
	case conn != nil:
		conn.Close()
	}
}

// later says when an encoder is started again.
func (e *foreign) later(now time.Time) time.Time {
	at := now.Add(e.again)
	e.again = min(2*e.again, lastAgain)
	return at
}

// session is one run of an encoder.
type session struct {
	of   *foreign
	conn io.ReadWriteCloser
	base time.Duration // of the time 1 ms
	last uint32        // the time of the picture that was given last
	idle *time.Timer   // ends it when it keeps a picture too long
	done chan struct{} // closed when nothing more is read from it

	warm   chan struct{} // closed when it has given the first back, or has ended
	warmed sync.Once

	coder   *coder
	picture bytes.Buffer
	cluster []byte

	mu     sync.Mutex
	flight []flying
	why    error // of its end, which is set once
}

// flying is a picture that an encoder has.
type flying struct {
	ms     uint32
	packet Packet
}

// begin takes an encoder, gives it a picture that is not kept, and waits until
// that has come through: from then on it is as quick as it ever will be.
func (e *foreign) begin(conn io.ReadWriteCloser, first []byte) *session {
	s := &session{of: e, conn: conn, done: make(chan struct{}), warm: make(chan struct{}), base: -1, coder: newCoder(e.format, &feed.Ask{Coding: feed.CodeRaw})}
	s.idle = time.AfterFunc(foreignSilence, func() {
		s.fail(reason.New(reason.EncoderFailed, "the encoder gave nothing for %v", foreignSilence))
	})
	go s.read()
	track := matroska.Track{Codec: codecMJPEG, Width: e.format.Width, Height: e.format.Height}
	switch e.format.Pixels {
	case feed.YUYV:
		track.Codec, track.FourCC = codecRaw, "YUY2"
	case feed.NV12:
		track.Codec, track.FourCC = codecRaw, "NV12"
	}
	front, err := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{track}})
	if err == nil {
		_, err = conn.Write(front.Bytes)
	}
	if err == nil {
		err = s.write(0, first)
	}
	if err != nil {
		s.fail(err)
	}
	<-s.warm
	return s
}

// fail ends the encoder for a reason, of which the first counts.
func (s *session) fail(why error) {
	if reason.Of(why) != reason.EncoderFailed {
		why = reason.Wrap(reason.EncoderFailed, why, "the encoder ended")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		s.why = why
	}
	s.conn.Close()
}

// feed gives it a picture; false says that it has ended, and was not given it.
func (s *session) feed(r *raw) bool {
	if s.base < 0 {
		s.base = r.packet.At
	}
	ms := max(s.last+1, uint32(max(0, (r.packet.At-s.base)/time.Millisecond)+1))
	s.mu.Lock()
	if ms > foreignMillis && s.why == nil {
		s.why = reason.New(reason.EncoderFailed, "the encoder is started anew after 24 days")
	}
	if s.why != nil {
		s.mu.Unlock()
		return false
	}
	if len(s.flight) == 0 {
		s.idle.Reset(foreignSilence)
	}
	s.last = ms
	s.flight = append(s.flight, flying{ms, r.packet})
	s.mu.Unlock()
	if err := s.write(ms, r.data); err != nil {
		s.fail(err)
	}
	return true
}

// write writes a picture as a cluster of its own.
func (s *session) write(ms uint32, data []byte) error {
	s.picture.Reset()
	if !s.coder.code(&s.picture, data) {
		return nil // a damaged one: the encoder leaves it out
	}
	at := time.Duration(ms) * time.Millisecond
	cluster, err := matroska.AppendCluster(s.cluster[:0], []matroska.Block{{Track: 1, At: at, Key: true, Data: s.picture.Bytes()}})
	if err != nil {
		return err
	}
	s.cluster = cluster
	_, err = s.conn.Write(cluster)
	return err
}

// read passes on what the encoder gives, until it ends.
func (s *session) read() {
	defer close(s.done)
	s.fail(s.pictures())
	s.idle.Stop()
	s.warmed.Do(func() { close(s.warm) })
	s.mu.Lock()
	left := s.flight
	s.flight = nil
	s.mu.Unlock()
	for _, f := range left {
		s.of.lose(f.packet, s.why)
	}
}

func (s *session) pictures() error {
	r, err := newFLVReader(s.conn)
	if err != nil {
		return err
	}
	ms, _, _, err := r.next()
	if err != nil || ms != 0 {
		return errors.Join(err, reason.New(reason.EncoderFailed, "the encoder did not give the first picture"))
	}
	s.mu.Lock()
	s.idle.Stop() // it was given nothing else yet
	s.mu.Unlock()
	s.warmed.Do(func() { close(s.warm) })
	for first := true; ; first = false {
		ms, data, key, err := r.next()
		if err != nil {
			return err
		}
		p, err := s.landed(ms)
		if err != nil {
			return err
		}
		if p.Data, p.Key = data, key; first && !key {
			s.of.lose(p, errForeign)
			return errForeign
		}
		s.of.pass(p)
	}
}

// landed gives the picture that was given to the encoder with a time.
func (s *session) landed(ms uint32) (Packet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.flight) > 0 {
		f := s.flight[0]
		if f.ms > ms {
			break
		}
		s.flight = s.flight[1:]
		if f.ms == ms {
			if len(s.flight) > 0 {
				s.idle.Reset(foreignSilence)
			} else {
				s.idle.Stop()
			}
			return f.packet, nil
		}
		s.of.lose(f.packet, reason.New(reason.EncoderFailed, "the encoder left the picture out"))
	}
	return Packet{}, reason.New(reason.EncoderFailed, "the encoder gave a picture of %d ms, which it was not given", ms)
}

// end waits a while for what the encoder still has, ends it, and says why it
// ended.
func (s *session) end(patience time.Duration) error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && patience > 0 && half.CloseWrite() == nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-s.done:
		case <-timer.C:
		}
	}
	s.fail(reason.New(reason.EncoderFailed, "the encoder was ended"))
	<-s.done
	return s.why
}
