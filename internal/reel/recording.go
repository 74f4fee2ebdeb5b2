package reel

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"videoclub/internal/matroska"
)

// Bounds of looking for a cluster.
const (
	// window is how much is looked through at a time, and farthest in all: a
	// cluster has a tenth of a second of a recording.
	window   = 256 << 10
	farthest = 64 << 20
	// candidates is how many places that look like a cluster's beginning are
	// tried: a picture may have such bytes too, and a checksum tells.
	candidates = 16
	// steps is how many clusters are passed at most, one after another, from
	// where halving has led to.
	steps = 4096
)

// clusterID is how every cluster begins (RFC 9559, section 27.1).
var clusterID = []byte{0x1f, 0x43, 0xb6, 0x75}

// Recording is a recording of this program: whole clusters in the order of their
// times, each with a checksum, so that any place in it can be looked for without
// reading what is before.
type Recording struct {
	src            Source
	head           matroska.Contents
	picture, sound int           // tracks from 1, 0 is none
	begin          time.Duration // the time of the first cluster
}

// lookRecording looks whether a Matroska file is a recording of this program.
// Any other is the browser's to play, as far as it can.
func lookRecording(src Source, f Film) Film {
	head, err := matroska.ReadHead(src, src.Size())
	if err != nil {
		return f
	}
	m := &Recording{src: src, head: head}
	for i, t := range head.Tracks {
		switch {
		case t.Picture() && m.picture == 0 && t.Width <= maxSide && t.Height <= maxSide:
			m.picture = i + 1
		case !t.Picture() && m.sound == 0:
			m.sound = i + 1
		}
	}
	first, err := matroska.ReadCluster(src, head.Clusters, src.Size())
	if err != nil && m.released() {
		first, err = m.last(func(c matroska.Cluster) bool { return len(c.Blocks) > 0 })
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return f // another program's, without checksums
	}
	m.begin = timeOf(first)
	f.Recording = m
	f.Duration = m.lasts()
	f.Sound = m.pcm(f.Duration)
	if m.picture == 0 {
		f.Kind, f.Type = Audio, "audio/x-matroska"
		return f
	}
	t := head.Tracks[m.picture-1]
	f.Width, f.Height = t.Width, t.Height
	switch press := newPress(t.FourCC, t.Width, t.Height); {
	case t.Codec == "V_MJPEG", t.Codec == "V_UNCOMPRESSED" && press != nil:
		f.Kind, f.pictures = Pictures, func() Strip { return &roll{m: m, press: press, at: m.head.Clusters} }
	case t.Codec == "V_UNCOMPRESSED":
		f.Kind = Data
	}
	return f
}

// block is what is given back to the file system at once (package spool).
const block = 4096

// released says whether the recording's first clusters were given back to the file
// system, as those are that every delivery has: then there are zeros, at the latest
// where the block ends that the head ends in.
func (m *Recording) released() bool {
	p, none := make([]byte, len(clusterID)), make([]byte, len(clusterID))
	for _, at := range []int64{m.head.Clusters, (m.head.Clusters/block + 1) * block} {
		if full(m.src, p, at) == nil && bytes.Equal(p, none) {
			return true
		}
	}
	return false
}

// timeOf is when a cluster begins, 0 for one without blocks.
func timeOf(c matroska.Cluster) time.Duration {
	if len(c.Blocks) == 0 {
		return 0
	}
	return c.Blocks[0].At
}

// Front is what stands before the first cluster, with what a player would have to
// find out by waiting: how often there is a picture.
func (m *Recording) Front() ([]byte, error) {
	h := m.head.Head
	h.Tracks = slices.Clone(h.Tracks)
	if m.picture > 0 {
		h.Tracks[m.picture-1].Every = m.every()
	}
	front, err := matroska.NewFront(h)
	return front.Bytes, err
}

// every is from one picture to the next in the latest cluster that has two, 0
// where there is none.
func (m *Recording) every() time.Duration {
	var every time.Duration
	m.last(func(c matroska.Cluster) bool {
		var before time.Duration = -1
		for _, b := range c.Blocks {
			if b.Track != m.picture {
				continue
			}
			if before >= 0 && b.At > before {
				every = b.At - before
				return true
			}
			before = b.At
		}
		return false
	})
	return every
}

// Live gives the recording from the cluster at an offset on, as if it began there:
// a player shows at once what begins at 0.
type Live struct {
	m    *Recording
	next int64
	base time.Duration // -1 before the first cluster
}

// Live begins at the cluster at an offset.
func (m *Recording) Live(at int64) *Live { return &Live{m: m, next: at, base: -1} }

// Next gives the bytes of the next cluster. io.EOF says that there is none, of a
// recording that grows none yet.
func (l *Live) Next() ([]byte, error) {
	c, err := l.m.read(l.next)
	if err != nil {
		return nil, err
	}
	p := make([]byte, c.End-c.Offset)
	if err := full(l.m.src, p, c.Offset); err != nil {
		return nil, err
	}
	if l.base < 0 {
		if l.base, err = matroska.Begins(p); err != nil {
			return nil, err
		}
	}
	l.next = c.End
	return p, matroska.Rebase(p, l.base)
}

// Heard gives the last samples of sound that is not compressed, as many as stand
// near the end.
func (m *Recording) Heard() (p []byte) {
	// Without any there is nothing to be heard.
	_, _ = m.last(func(c matroska.Cluster) bool {
		for _, b := range c.Blocks {
			if b.Track == m.sound {
				p = append(p, b.Data...)
			}
		}
		return true
	})
	return p
}

// Clusters is where the first cluster is.
func (m *Recording) Clusters() int64 { return m.head.Clusters }

// Latest gives the offset of the last cluster with which a player can begin: with
// a picture that needs none before it, or where there are no pictures any. io.EOF
// says that there is none yet.
func (m *Recording) Latest() (int64, error) {
	c, err := m.last(func(c matroska.Cluster) bool {
		for _, b := range c.Blocks {
			if b.Track == m.picture {
				return b.Key
			}
		}
		return m.picture == 0 && len(c.Blocks) > 0
	})
	return c.Offset, err
}

// read reads the cluster at an offset. One that is not whole is io.EOF.
func (m *Recording) read(at int64) (matroska.Cluster, error) {
	c, err := matroska.ReadCluster(m.src, at, m.src.Size())
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return c, err
}

// find gives the first cluster that begins in the file at from or behind it, and
// before to. io.EOF says that there is none near.
func (m *Recording) find(from, to int64) (matroska.Cluster, error) {
	tried := 0
	to = min(to, from+farthest)
	buf := make([]byte, window)
	for at := from; at < to; at += window - int64(len(clusterID)) {
		n, err := m.src.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return matroska.Cluster{}, err
		}
		for i := 0; ; i++ {
			j := bytes.Index(buf[i:n], clusterID)
			if j < 0 {
				break
			}
			i += j
			if at+int64(i) >= to {
				break
			}
			if !m.likely(at + int64(i)) {
				continue
			}
			if tried++; tried > candidates {
				return matroska.Cluster{}, errDamaged
			}
			if c, err := m.read(at + int64(i)); err == nil {
				return c, nil
			}
		}
		if n < len(buf) {
			break
		}
	}
	return matroska.Cluster{}, io.EOF
}

// likely says whether what stands at an offset begins like a cluster with a
// checksum and a time, before anything long is read.
func (m *Recording) likely(at int64) bool {
	p := make([]byte, 20)
	if full(m.src, p, at) != nil {
		return false
	}
	for width := 1; width <= 8; width++ {
		if p[4]&(0x80>>(width-1)) != 0 {
			q := p[4+width:]
			return q[0] == 0xbf && q[1] == 0x84 && q[6] == 0xe7
		}
	}
	return false
}

// last gives the last cluster that pleases fits, by looking at ever more of the
// end. io.EOF says that there is none, or not near the end.
func (m *Recording) last(fits func(matroska.Cluster) bool) (matroska.Cluster, error) {
	size := m.src.Size()
	for before := size; before > m.head.Clusters; {
		back := max((size-before)*2, window)
		from := max(m.head.Clusters, size-back)
		var found *matroska.Cluster
		c, err := m.find(from, before)
		for n := 0; err == nil && c.Offset < before && n < steps; n++ {
			if fits(c) {
				found = &matroska.Cluster{Offset: c.Offset, End: c.End, Blocks: c.Blocks}
			}
			c, err = m.read(c.End)
		}
		if found != nil {
			return *found, nil
		}
		if before = from; size-from >= farthest {
			break
		}
	}
	return matroska.Cluster{}, io.EOF
}

// seek gives the last cluster that begins at or before a time of the file, the
// first one if there is none.
func (m *Recording) seek(at time.Duration) (matroska.Cluster, error) {
	first, err := m.read(m.head.Clusters)
	if err != nil || timeOf(first) >= at {
		return first, err
	}
	low, high := first, m.src.Size()
	for high-low.End > 4*window {
		middle := low.End + (high-low.End)/2
		c, err := m.find(middle, high)
		switch {
		case err == nil && len(c.Blocks) > 0 && timeOf(c) <= at:
			low = c
		case err == nil || err == io.EOF:
			high = middle
		default:
			return low, err
		}
	}
	for range steps {
		next, err := m.read(low.End)
		if err != nil || timeOf(next) > at {
			break
		}
		low = next
	}
	return low, nil
}

// lasts is how long the recording is so far.
func (m *Recording) lasts() time.Duration {
	c, err := m.last(func(c matroska.Cluster) bool { return len(c.Blocks) > 0 })
	if err != nil {
		return 0
	}
	end := m.begin
	for _, b := range c.Blocks {
		over := b.At
		if b.Track == m.sound {
			over += m.plays(b.Data)
		}
		end = max(end, over)
	}
	return end - m.begin
}

// frameBytes is how long one sample of all channels is, 0 where the sound is none
// that this package knows.
func (m *Recording) frameBytes() int {
	if m.sound == 0 {
		return 0
	}
	t := m.head.Tracks[m.sound-1]
	known := t.Codec == codecPCM && slices.Contains([]int{16, 24, 32}, t.Bits) || t.Codec == codecFLAC && slices.Contains([]int{16, 24}, t.Bits)
	if !known || t.Channels < 1 || t.Channels > maxChannels || t.SampleRate < 1 || t.SampleRate > maxRate {
		return 0
	}
	return t.Channels * t.Bits / 8
}

// The sound that is given: samples as they are, and FLAC of this program.
const (
	codecPCM  = "A_PCM/INT/LIT"
	codecFLAC = "A_FLAC"
)

// flac is how the sound is kept, if it is as FLAC.
func (m *Recording) flac() (form flacForm, is bool) {
	t := m.head.Tracks[m.sound-1]
	return flacForm{t.Channels, t.Bits}, t.Codec == codecFLAC
}

// plays is how long a block of sound does, 0 where that is not known.
func (m *Recording) plays(block []byte) time.Duration {
	bytes := m.frameBytes()
	if bytes == 0 {
		return 0
	}
	n := len(block) / bytes
	if form, is := m.flac(); is {
		n, _, _ = form.header(block)
	}
	return time.Duration(n) * time.Second / time.Duration(m.head.Tracks[m.sound-1].SampleRate)
}

// plain gives the samples of a block of sound.
func (m *Recording) plain(block []byte) []byte {
	if form, is := m.flac(); is {
		return form.samples(block)
	}
	bytes := m.frameBytes()
	return block[:len(block)/bytes*bytes]
}

// roll is the pictures of a recording.
type roll struct {
	m      *Recording
	press  *press // nil for those that are JPEG
	at     int64  // of the cluster after the one in hand
	blocks []matroska.Block
}

// Seek implements Strip.
func (r *roll) Seek(at time.Duration) error {
	c, err := r.m.seek(r.m.begin + at)
	if err != nil {
		return err
	}
	r.at, r.blocks = c.End, r.pictures(c)
	// The last one at or before it.
	for len(r.blocks) > 1 && r.blocks[1].At <= r.m.begin+at {
		r.blocks = r.blocks[1:]
	}
	return nil
}

// Latest implements Strip.
func (r *roll) Latest() error {
	c, err := r.m.last(func(c matroska.Cluster) bool { return len(r.pictures(c)) > 0 })
	if err != nil {
		return err
	}
	all := r.pictures(c)
	r.at, r.blocks = c.End, all[len(all)-1:]
	return nil
}

// pictures are the blocks of a cluster that are pictures.
func (r *roll) pictures(c matroska.Cluster) []matroska.Block {
	return slices.DeleteFunc(slices.Clone(c.Blocks), func(b matroska.Block) bool { return b.Track != r.m.picture })
}

// Next implements Strip.
func (r *roll) Next() (Picture, error) {
	for {
		for len(r.blocks) == 0 {
			c, err := r.m.read(r.at)
			if err != nil {
				return Picture{}, err
			}
			r.at, r.blocks = c.End, r.pictures(c)
		}
		b := r.blocks[0]
		r.blocks = r.blocks[1:]
		p := whole(b.Data)
		if r.press != nil {
			p = r.press.encode(b.Data)
		}
		if p != nil {
			return Picture{At: b.At - r.m.begin, JPEG: p}, nil
		}
	}
}

// pcm is the sound of a recording, nil where it has none that can be given as
// plain samples.
func (m *Recording) pcm(lasts time.Duration) *Sound {
	bytes := m.frameBytes()
	if bytes == 0 {
		return nil
	}
	t := m.head.Tracks[m.sound-1]
	frames := int64(lasts.Seconds() * float64(t.SampleRate))
	return &Sound{Rate: t.SampleRate, Channels: t.Channels, Bits: t.Bits, Bytes: frames * int64(bytes), tape: func() tape { return &track{m: m, bytes: bytes, rate: t.SampleRate, at: -1} }}
}

// near is how far, in milliseconds, a block may be from where the one before
// ended and still follow it without a gap: times in the file are rounded, and
// the clock of a device is its own.
const near = 20

// leading is how long before a time a block may begin that has its sound.
const leading = 100 * time.Millisecond

// track gives the sound of a recording by its times: a gap is silence, so that
// it stays with the pictures.
type track struct {
	m     *Recording
	bytes int // of a sample of all channels
	rate  int

	at     int64 // the sample that comes next, -1 when nothing is in hand
	next   int64 // the cluster after the one in hand
	blocks []matroska.Block
	data   []byte // what is left of the block in hand
	starts int64  // the sample at which data begins
}

// read implements tape.
func (t *track) read(p []byte, offset int64) (int, error) {
	sample := offset / int64(t.bytes)
	if inside := int(offset % int64(t.bytes)); inside != 0 || len(p) < t.bytes {
		// A player that begins within a sample.
		one := make([]byte, t.bytes)
		if n, err := t.read(one, sample*int64(t.bytes)); n < t.bytes {
			return 0, err
		}
		return copy(p, one[inside:]), nil
	}
	p = p[:len(p)/t.bytes*t.bytes]
	if sample != t.at {
		c, err := t.m.seek(t.m.begin - leading + time.Duration(float64(sample)/float64(t.rate)*float64(time.Second)))
		if err != nil {
			return 0, err
		}
		t.at, t.next, t.blocks, t.data, t.starts = sample, c.End, c.Blocks, nil, -1
	}
	if err := t.ready(); err != nil {
		return 0, err
	}
	n := 0
	if silence := t.starts - t.at; silence > 0 {
		n = int(min(int64(len(p)), silence*int64(t.bytes)))
		clear(p[:n])
	} else {
		n = copy(p, t.data)
		t.drop(n)
	}
	t.at += int64(n / t.bytes)
	return n, nil
}

// drop takes bytes from the beginning of the block in hand.
func (t *track) drop(n int) {
	t.data = t.data[n:]
	t.starts += int64(n / t.bytes)
}

// ready has samples in hand that are not before the one that comes next.
func (t *track) ready() error {
	for {
		if late := t.at - t.starts; late > 0 && len(t.data) > 0 {
			t.drop(int(min(late*int64(t.bytes), int64(len(t.data)))))
		}
		if len(t.data) > 0 {
			return nil
		}
		if err := t.advance(); err != nil {
			return err
		}
	}
}

// advance takes the next block in hand.
func (t *track) advance() error {
	for {
		for len(t.blocks) == 0 {
			c, err := t.m.read(t.next)
			if err != nil {
				return err
			}
			t.next, t.blocks = c.End, c.Blocks
		}
		b := t.blocks[0]
		t.blocks = t.blocks[1:]
		if b.Track != t.m.sound {
			continue
		}
		data := t.m.plain(b.Data)
		if len(data) == 0 {
			continue
		}
		starts := int64((b.At - t.m.begin).Seconds() * float64(t.rate))
		if apart := starts - t.starts; t.starts < 0 || max(apart, -apart)*1000 >= near*int64(t.rate) {
			t.starts = max(starts, 0)
		}
		t.data = data
		return nil
	}
}
