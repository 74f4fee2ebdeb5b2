package capture

import (
	"math"
	"sync"
	"time"

	"videoclub/internal/feed"
)

// made is the clock of a device that is made: it gives its buffers when a real
// one would.
type made struct {
	start time.Time
	woken chan struct{}
	once  sync.Once
}

func newMade() *made {
	return &made{start: time.Now(), woken: make(chan struct{})}
}

// Wake lets go who waits in Next.
func (m *made) Wake() { m.once.Do(func() { close(m.woken) }) }

// Close has nothing to let go.
func (m *made) Close() error { return nil }

// until waits for a time since the start and says how late it is.
func (m *made) until(due time.Duration) (late time.Duration, err error) {
	timer := time.NewTimer(due - time.Since(m.start))
	defer timer.Stop()
	select {
	case <-m.woken:
		return 0, ErrWoken
	default:
	}
	select {
	case <-m.woken:
		return 0, ErrWoken
	case <-timer.C:
		return max(0, time.Since(m.start)-due), nil
	}
}

// PatternCamera makes pictures that carry their number and time (ReadMark), in
// YUYV as a camera would give them.
type PatternCamera struct {
	*made
	base   time.Duration // when it started
	format Format
	still  []byte
	buf    []byte
	next   int64
}

// OpenPattern starts a pattern, whose buffers have their times by clock.
func OpenPattern(a *feed.Ask, clock Clock) *PatternCamera {
	p := &PatternCamera{made: newMade(), base: clock(), format: Format{
		Pixels: feed.YUYV, Width: a.Width, Height: a.Height, Stride: 2 * a.Width, Largest: 2 * a.Width * a.Height,
		Rate: a.Rate, Device: "pattern",
	}}
	p.still, p.buf = make([]byte, p.format.Largest), make([]byte, p.format.Largest)
	p.bars()
	return p
}

// Format is what was asked.
func (p *PatternCamera) Format() Format { return p.format }

// due is when picture n is taken, from the start.
func (p *PatternCamera) due(n int64) time.Duration {
	seconds, rest := n*int64(p.format.Rate.Den)/int64(p.format.Rate.Num), n*int64(p.format.Rate.Den)%int64(p.format.Rate.Num)
	return time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(p.format.Rate.Num)
}

// Next makes the next picture when it is due. Who comes later than a camera's
// buffers would last has lost pictures, as with a camera.
func (p *PatternCamera) Next() (Buffer, error) {
	late, err := p.until(p.due(p.next))
	if err != nil {
		return Buffer{}, err
	}
	lost := int64(0)
	if behind := int64(late / max(1, p.due(1))); behind > cameraBuffers {
		lost = behind - cameraBuffers
		p.next += lost
	}
	at := p.base + p.due(p.next)
	p.draw(Mark{Number: p.next, At: at})
	b := Buffer{Data: p.buf, At: at, Sequence: p.next, Lost: lost}
	p.next++
	return b, nil
}

// The colours of the bars as they stand in YUYV: luma, blue, red.
var barColours = [...][3]byte{
	{180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58}, {84, 184, 198}, {65, 100, 212}, {35, 212, 114}, {16, 128, 128},
}

// bars draws what all pictures share.
func (p *PatternCamera) bars() {
	for y := range p.format.Height {
		for x := 0; x < p.format.Width; x += 2 {
			c := barColours[x*len(barColours)/p.format.Width]
			copy(p.still[y*p.format.Stride+2*x:], []byte{c[0], c[1], c[0], c[2]})
		}
	}
}

// stripe is how wide the stripe is that moves over the picture, in pixels.
const stripe = 8

// draw makes one picture: the bars, a stripe that moves on by 4 pixels, and the
// mark over both.
func (p *PatternCamera) draw(m Mark) {
	copy(p.buf, p.still)
	from := int(m.Number*4%int64(p.format.Width)) &^ 1
	for y := range p.format.Height {
		line := p.buf[y*p.format.Stride:]
		for x := from; x < min(from+stripe, p.format.Width); x++ {
			line[2*x] = 235
		}
	}
	g := gridOf(p.format.Width, p.format.Height)
	bits := m.bits()
	for i := range markBits {
		level := byte(16)
		if bits[i/8]>>(7-i%8)&1 == 1 {
			level = 235
		}
		x, y := g.x+i%markColumns*g.side, g.y+i/markColumns*g.side
		for row := y; row < y+g.side; row++ {
			line := p.buf[row*p.format.Stride:]
			for px := 2 * x; px < 2*(x+g.side); px += 2 {
				line[px], line[px+1] = level, 128
			}
		}
	}
}

// ToneMicrophone makes a tone whose samples carry their position
// (ReadPositions).
type ToneMicrophone struct {
	*made
	base   time.Duration // when it started
	format Format
	wave   []int32 // one second, in 32 bits
	buf    []byte
	next   int64
}

// loudness is the amplitude of the tone: a quarter of what there is.
const loudness = math.MaxInt32 / 4

// OpenTone starts a tone, whose buffers have their times by clock.
func OpenTone(a *feed.Ask, clock Clock) *ToneMicrophone {
	t := &ToneMicrophone{made: newMade(), base: clock(), format: Format{SampleRate: a.SampleRate, Channels: a.Channels, Bits: a.Bits, Device: "tone"}}
	t.wave = make([]int32, a.SampleRate)
	for i := range t.wave {
		t.wave[i] = int32(loudness * math.Sin(2*math.Pi*float64(i*a.Frequency%a.SampleRate)/float64(a.SampleRate)))
	}
	t.buf = make([]byte, a.SampleRate/100*t.format.FrameBytes())
	return t
}

// Format is what was asked.
func (t *ToneMicrophone) Format() Format { return t.format }

// due is when sound frame n is over, from the start.
func (t *ToneMicrophone) due(n int64) time.Duration {
	rate := int64(t.format.SampleRate)
	return time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate)
}

// Next makes the next 10 ms when they are over. Who comes later than a sound
// card's memory would last has lost some, as with a sound card.
func (t *ToneMicrophone) Next() (Buffer, error) {
	n := int64(len(t.buf) / t.format.FrameBytes())
	late, err := t.until(t.due(t.next + n))
	if err != nil {
		return Buffer{}, err
	}
	lost := int64(0)
	if late > usualBuffer {
		lost = int64((late-usualBuffer)/usualPeriod) * n
		t.next += lost
	}
	t.fill(n)
	b := Buffer{Data: t.buf, At: t.base + t.due(t.next), Sequence: t.next, Lost: lost}
	t.next += n
	return b, nil
}

// Samples gives n sound frames of the tone, from one on: for what plays it to a
// microphone that is real.
func (t *ToneMicrophone) Samples(from, n int64) []byte {
	to := make([]byte, n*int64(t.format.FrameBytes()))
	t.samples(to, from, n)
	return to
}

// fill makes n sound frames from next on.
func (t *ToneMicrophone) fill(n int64) { t.samples(t.buf, t.next, n) }

// samples puts n sound frames from one on into to, each channel alike.
func (t *ToneMicrophone) samples(to []byte, from, n int64) {
	bytes := t.format.Bits / 8
	for i := from; i < from+n; i++ {
		v := uint32(t.wave[i%int64(len(t.wave))]) >> (32 - t.format.Bits)
		v = v&^1 | uint32(positionWord(i/positionBits)>>(positionBits-1-i%positionBits)&1)
		for range t.format.Channels {
			for b := range bytes {
				to[b] = byte(v >> (8 * b))
			}
			to = to[bytes:]
		}
	}
}
