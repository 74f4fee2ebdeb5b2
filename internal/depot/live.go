package depot

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"

	"videoclub/internal/disk"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// A live source is a part whose size nobody knows: a recording as Matroska that
// grows. What its clusters have is counted as they pass, and at the end two
// places at its front are filled in.

// spare is how much of the space of a live part is reserved ahead of what it
// has: what comes before the next look.
const spare = 4 << 20

// Grow reserves the space for a live part that has grown to size bytes. Its
// errors have the codes reason.NoSpace, reason.UnknownDelivery and
// reason.StoreFailed.
func (d *Depot) Grow(key Key, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.parts[key]
	switch {
	case p == nil || p.live == nil || !p.offer.Live():
		return reason.New(reason.UnknownDelivery, "delivery %s is not being received, or not live", key)
	case size <= p.need()-spare/2:
		return nil
	}
	_, allocated, err := d.extent(p.live, p.offer)
	if err != nil {
		return storeFailed(err, "the part of delivery %s cannot be looked at", key)
	}
	// The longer it is, the more at once.
	to := size + min(max(spare, size/16), math.MaxInt64-size)
	if err := d.room(key, to, allocated); err != nil {
		return err
	}
	if err := d.reserve(key, p.live.Data, to); err != nil {
		return err
	}
	p.grown = to
	return nil
}

// Most is how long the process that has a live part may make it: what is
// reserved, and what nobody else has.
func (d *Depot) Most(key Key) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free, left, err := d.left(Key{})
	if p := d.parts[key]; p != nil {
		return p.need() + min(free, left), err
	}
	return 0, reason.New(reason.UnknownDelivery, "there is no part of delivery %s", key)
}

// OpenLive is OpenPart for a live source.
func OpenLive(data, slots disk.File) (*Part, error) {
	p, err := openPart(data, slots, -1)
	if err != nil {
		return nil, err
	}
	p.count = restoreCensus(p.noted)
	// Of what is there it reads the front, and what was not counted yet.
	if err := p.count.advance(data, p.at.offset); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Counted is what a live part has: of each track its packets and frames. It
// fails with reason.Protocol where the part does not end as a recording does.
func (p *Part) Counted() ([]receipt.Track, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.count
	if c.tracks == nil || !c.cues && c.next != p.at.offset {
		return nil, reason.New(reason.Protocol, "the recording of %d bytes ends within its front, or the cluster at %d", p.at.offset, c.next)
	}
	return c.counted, nil
}

// Ends says whether what a live part has ends with a whole cluster: it is worth
// making durable at once.
func (p *Part) Ends() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count != nil && p.count.tracks != nil && p.count.next == p.at.offset
}

// hashedAtOnce is after how many bytes Complete says that it still goes on.
const hashedAtOnce = 16 << 20

// Complete fills patches in at the front of a live part that is whole, and gives
// the SHA-256 of the file in hex. Done again it gives the same. alive is called
// now and then.
func (p *Part) Complete(patches []matroska.Patch, alive func()) (sum string, err error) {
	// alive may ask the part how far it is: nothing of it is held while it is read.
	p.mu.Lock()
	size, head, err := p.at.offset, p.count.head, p.usable()
	p.mu.Unlock()
	if err != nil {
		return "", err
	}
	for _, patch := range patches {
		if patch.Offset < 0 || patch.Offset > head-int64(len(patch.Bytes)) {
			return "", reason.New(reason.Protocol, "%d bytes at %d are to be filled in, of a front of %d", len(patch.Bytes), patch.Offset, head)
		}
	}
	for _, patch := range patches {
		if _, err := p.data.WriteAt(patch.Bytes, patch.Offset); err != nil {
			return "", storeFailed(err, "the front of the recording cannot be filled in")
		}
	}
	// This also frees what was reserved and not needed.
	if err := p.data.Truncate(size); err != nil {
		return "", storeFailed(err, "what is reserved beyond the recording cannot be freed")
	}
	if err := p.data.Datasync(); err != nil {
		return "", storeFailed(err, "the front of the recording cannot be made durable")
	}
	h, buf, told := sha256.New(), make([]byte, 1<<20), int64(0)
	for at := int64(0); at < size; {
		n, err := p.data.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if n == 0 {
			return "", storeFailed(errors.Join(err, io.ErrUnexpectedEOF), "the recording cannot be read at %d", at)
		}
		h.Write(buf[:n])
		at += int64(n)
		if at >= told+hashedAtOnce {
			told = at
			alive()
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// census counts what the clusters of a recording have.
type census struct {
	tracks  []matroska.Track // nil until the front is there
	head    int64            // how long the front is
	next    int64            // where the cluster begins that was not counted yet
	cues    bool             // or the cues do, behind which there is none
	counted []receipt.Track
}

// The state of a census stands in a slot behind that of SHA-256:
//
//	next u64 · cues u8 · tracks u8 · of each packets u64 · frames u64
const (
	censusHead  = 8 + 1 + 1
	censusTrack = 2 * 8
)

// state is what restoreCensus makes the census of.
func (c *census) state(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(c.next))
	cues := byte(0)
	if c.cues {
		cues = 1
	}
	b = append(b, cues, byte(len(c.counted)))
	for _, t := range c.counted {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Packets))
		b = binary.BigEndian.AppendUint64(b, uint64(t.Frames))
	}
	return b
}

// restoreCensus takes up a census; without a state that is one, from the
// beginning.
func restoreCensus(state []byte) *census {
	if len(state) < censusHead || len(state) != censusHead+censusTrack*int(state[9]) {
		return &census{}
	}
	c := &census{next: int64(binary.BigEndian.Uint64(state)), cues: state[8] == 1}
	for b := state[censusHead:]; len(b) > 0; b = b[censusTrack:] {
		c.counted = append(c.counted, receipt.Track{Packets: int64(binary.BigEndian.Uint64(b)), Frames: int64(binary.BigEndian.Uint64(b[8:]))})
	}
	return c
}

// advance counts the clusters that are whole in the first size bytes. What is no
// recording is reason.Protocol.
func (c *census) advance(r io.ReaderAt, size int64) error {
	wrong := func(err error) error { return reason.Wrap(reason.Protocol, err, "what arrives is no recording") }
	if c.tracks == nil {
		front, err := matroska.ReadHead(r, size)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return wrong(err)
		}
		if c.counted != nil && len(c.counted) != len(front.Tracks) {
			*c = census{}
		}
		c.tracks, c.head = front.Tracks, front.Clusters
		if c.counted == nil {
			c.counted = make([]receipt.Track, len(c.tracks))
		}
		c.next = max(c.next, c.head)
	}
	for !c.cues {
		cluster, err := matroska.ReadCluster(r, c.next, size)
		switch {
		case err == io.EOF:
			c.cues = c.next < size
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return wrong(err)
		}
		for _, b := range cluster.Blocks {
			if b.Track < 1 || b.Track > len(c.tracks) {
				return reason.New(reason.Protocol, "what arrives has a block of track %d", b.Track)
			}
			c.counted[b.Track-1].Packets++
			c.counted[b.Track-1].Frames += c.tracks[b.Track-1].Frames(b.Data)
		}
		c.next = cluster.End
	}
	return nil
}
