package capture

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// What is asked of every sound device, where it can: short periods for short
// delay, and a buffer that bears a machine that is busy for a while.
const (
	usualPeriod   = 10 * time.Millisecond
	longestPeriod = 40 * time.Millisecond
	usualBuffer   = 500 * time.Millisecond
	usualSamples  = 48_000
	usualChannels = 2
)

// sampleForms are the forms of samples that are understood, the usual first:
// their number, the bits that are kept, and the bytes that the device gives.
var sampleForms = []struct{ form, bits, bytes int }{
	{alsaS16, 16, 2}, {alsaS32, 32, 4}, {alsaS24, 24, 4}, {alsaS24Packed, 24, 3},
}

// Microphone is an open ALSA device that records.
type Microphone struct {
	sys    system
	wake   func()
	format Format
	hung   time.Duration

	form     int // index into sampleForms
	period   int // sound frames
	buffer   int // sound frames
	raw      []byte
	packed   []byte
	clock    steady
	position int64
	overrun  bool
}

// OpenMicrophone takes over an open device, agrees with its driver on what a
// asks for, and starts it. hung is how long it may be silent.
func OpenMicrophone(f *os.File, a *feed.Ask, hung time.Duration) (*Microphone, error) {
	n, sys, err := openNode(f)
	if err != nil {
		return nil, err
	}
	return openMicrophone(sys, n.Wake, a, hung)
}

func openMicrophone(sys system, wake func(), a *feed.Ask, hung time.Duration) (*Microphone, error) {
	m := &Microphone{sys: sys, wake: wake, hung: hung}
	for _, step := range []func(*feed.Ask) error{m.identify, m.agree, m.arrange, m.start} {
		if err := step(a); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// Format is what the driver gave, which need not be what was asked.
func (m *Microphone) Format() Format { return m.format }

// Wake lets go who waits in Next.
func (m *Microphone) Wake() { m.wake() }

func (m *Microphone) identify(*feed.Ask) error {
	var is alsaInfo
	if err := m.sys.ioctl(pcmInfo, unsafe.Pointer(&is)); err != nil {
		return fault(err, "asking what the device is")
	}
	m.format.Device = text(is.name[:])
	return nil
}

// anything is a set of parameters that excludes nothing.
func anything() alsaHWParams {
	p := alsaHWParams{rmask: ^uint32(0)}
	for i := range p.masks {
		for j := range p.masks[i] {
			p.masks[i][j] = ^uint32(0)
		}
	}
	for i := range p.intervals {
		p.intervals[i].max = ^uint32(0)
	}
	return p
}

// refine narrows *p by change to what the device can do then. Where nothing
// would be left, *p stays as it was.
func (m *Microphone) refine(p *alsaHWParams, change func(*alsaHWParams)) error {
	next := *p
	change(&next)
	next.rmask, next.cmask = ^uint32(0), 0
	if err := m.sys.ioctl(pcmHWRefine, unsafe.Pointer(&next)); err != nil {
		return err
	}
	*p = next
	return nil
}

// set narrows one parameter to a range.
func set(index int, low, high uint32) func(*alsaHWParams) {
	return func(p *alsaHWParams) {
		v := &p.intervals[index]
		*v = alsaInterval{min: max(v.min, low), max: min(v.max, high), flags: v.flags & alsaIntervalInteger}
	}
}

// nearest narrows one parameter to the value nearest to want that the device
// has.
func (m *Microphone) nearest(p *alsaHWParams, index int, want uint32) error {
	can := p.intervals[index]
	want = min(max(want, can.min), can.max)
	if m.refine(p, set(index, want, want)) == nil {
		return nil
	}
	up, down := *p, *p
	upErr, downErr := m.refine(&up, set(index, want, can.max)), m.refine(&down, set(index, can.min, want))
	above, below := up.intervals[index].min, down.intervals[index].max
	switch {
	case upErr != nil && downErr != nil:
		return upErr
	case upErr == nil && (downErr != nil || above-want <= want-below):
		*p = up
		return m.refine(p, set(index, above, above))
	}
	*p = down
	return m.refine(p, set(index, below, below))
}

// agree settles the form of samples, their rate and channels, and how the
// device's memory is divided.
func (m *Microphone) agree(a *feed.Ask) error {
	p := anything()
	name := m.format.Device
	if err := m.refine(&p, func(p *alsaHWParams) { p.masks[alsaMaskAccess] = alsaMask{1 << alsaAccessInterleaved} }); err != nil {
		return reason.Wrap(reason.DeviceUnfit, err, "%s does not give interleaved samples", name)
	}
	m.form = -1
	for i, f := range sampleForms {
		if a.Bits != 0 && f.bits != a.Bits || a.Coding == feed.CodeFLAC && f.bits == 32 {
			continue
		}
		var only alsaMask
		only[f.form/32] = 1 << (f.form % 32)
		if m.refine(&p, func(p *alsaHWParams) { p.masks[alsaMaskFormat] = only }) == nil {
			m.form = i
			break
		}
	}
	if m.form < 0 {
		return reason.New(reason.DeviceUnfit, "%s has no samples of a form that is understood (asked for: %d bits, kept as %s; 0 is any of 16, 24, 32)", name, a.Bits, a.Coding)
	}
	for _, w := range []struct {
		index, asked, usual, most int
		what                      string
	}{
		{alsaChannels, a.Channels, usualChannels, feed.MaxChannels, "channels"},
		{alsaRate, a.SampleRate, usualSamples, feed.MaxRate, "samples a second"},
	} {
		want := w.asked
		if want == 0 {
			want = w.usual
		}
		if err := m.nearest(&p, w.index, uint32(want)); err != nil || p.intervals[w.index].min > uint32(w.most) {
			return reason.New(reason.DeviceUnfit, "%s cannot do with %d %s: %v", name, want, w.what, err)
		}
	}
	rate := int(p.intervals[alsaRate].min)
	frames := func(d time.Duration) uint32 { return uint32(int64(d) * int64(rate) / int64(time.Second)) }
	// What the device cannot do of these, it does in its own way.
	_ = m.refine(&p, set(alsaPeriodSize, frames(usualPeriod)/2, frames(longestPeriod)))
	_ = m.nearest(&p, alsaPeriodSize, frames(usualPeriod))
	_ = m.nearest(&p, alsaBufferSize, frames(usualBuffer))
	p.rmask = ^uint32(0)
	if err := m.sys.ioctl(pcmHWParams, unsafe.Pointer(&p)); err != nil {
		return fault(err, "setting %s to %d samples a second", name, rate)
	}
	m.period, m.buffer = int(p.intervals[alsaPeriodSize].min), int(p.intervals[alsaBufferSize].min)
	m.format.SampleRate, m.format.Channels = int(p.intervals[alsaRate].min), int(p.intervals[alsaChannels].min)
	m.format.Bits = sampleForms[m.form].bits
	if m.period < 1 || m.buffer < 2*m.period || m.buffer > 1<<24 {
		return reason.New(reason.DeviceUnfit, "%s has periods of %d and a buffer of %d sound frames", name, m.period, m.buffer)
	}
	if f := m.format; f.Channels < 1 || f.Channels > feed.MaxChannels || f.SampleRate < 1 || f.SampleRate > feed.MaxRate {
		return reason.New(reason.DeviceUnfit, "%s gives %d channels of %d samples a second, whatever it is asked for", name, f.Channels, f.SampleRate)
	}
	return nil
}

// arrange has the driver stamp what it records by the clock that the pictures
// have too, and stop when its memory is full.
func (m *Microphone) arrange(*feed.Ask) error {
	p := alsaSWParams{
		tstampMode: alsaTstampEnable, availMin: uint64(m.period), xferAlign: 1,
		start: 1, stop: uint64(m.buffer), proto: 2<<16 | 12, tstampType: alsaTstampMonotonic,
	}
	if err := m.sys.ioctl(pcmSWParams, unsafe.Pointer(&p)); err != nil {
		return fault(err, "arranging %s", m.format.Device)
	}
	form := sampleForms[m.form]
	m.raw = make([]byte, m.period*m.format.Channels*form.bytes)
	if form.bytes*8 != form.bits {
		m.packed = make([]byte, m.period*m.format.FrameBytes())
	}
	m.clock = steady{rate: m.format.SampleRate}
	return nil
}

func (m *Microphone) start(*feed.Ask) error {
	for _, request := range []uint{pcmPrepare, pcmStart} {
		if err := m.sys.ioctl(request, nil); err != nil {
			return fault(err, "starting %s", m.format.Device)
		}
	}
	return nil
}

// Next gives the sound of one period, or less. Sound for which the device had
// no more memory is counted as lost, by the clock.
func (m *Microphone) Next() (Buffer, error) {
	for {
		t := alsaTransfer{buf: unsafe.Pointer(&m.raw[0]), frames: uint64(m.period)}
		err := m.sys.ioctl(pcmRead, unsafe.Pointer(&t))
		switch {
		case err == nil && t.result > 0 && t.result <= int64(m.period):
			return m.took(int(t.result))
		case errors.Is(err, unix.EPIPE): // an overrun: the device stopped
			m.overrun = true
			if err := m.start(nil); err != nil {
				return Buffer{}, err
			}
			continue
		case err == nil:
			return Buffer{}, reason.New(reason.DeviceFailed, "%s gave %d sound frames of %d", m.format.Device, t.result, m.period)
		case !errors.Is(err, unix.EAGAIN):
			return Buffer{}, fault(err, "recording from %s", m.format.Device)
		}
		if err := m.sys.wait(m.hung); errors.Is(err, ErrWoken) {
			return Buffer{}, err
		} else if err != nil && !errors.Is(err, unix.EIO) { // POLLERR is an overrun, a suspended or a lost device: reading tells
			return Buffer{}, fault(err, "waiting %v for sound from %s", m.hung, m.format.Device)
		}
	}
}

// took makes a buffer of n sound frames that were read. The driver says when
// its memory had how many more: the time of the first of these follows.
func (m *Microphone) took(n int) (Buffer, error) {
	var s alsaStatus
	if err := m.sys.ioctl(pcmStatus, unsafe.Pointer(&s)); err != nil {
		return Buffer{}, fault(err, "asking %s for the time", m.format.Device)
	}
	stamp := time.Duration(s.sec)*time.Second + time.Duration(s.nano)
	if stamp == 0 || s.state == alsaStateXRun {
		stamp = m.sys.now()
	}
	measured := m.sys.trusted(stamp) - m.clock.length(int64(min(s.avail, uint64(m.buffer)))+int64(n))
	at, lost := m.clock.next(measured, n, m.overrun)
	m.overrun = false
	m.position += lost
	b := Buffer{Data: m.samples(n), At: at, Sequence: m.position, Lost: lost}
	m.position += int64(n)
	return b, nil
}

// samples gives n sound frames as they are kept: 24 bits in three bytes.
func (m *Microphone) samples(n int) []byte {
	form := sampleForms[m.form]
	count := n * m.format.Channels
	if m.packed == nil {
		return m.raw[:count*form.bytes]
	}
	for i := range count {
		copy(m.packed[3*i:3*i+3], m.raw[4*i:])
	}
	return m.packed[:3*count]
}

// Close stops the device and lets it go.
func (m *Microphone) Close() error {
	// One that is gone cannot be stopped; what counts is that it is let go.
	_ = m.sys.ioctl(pcmDrop, nil)
	if err := m.sys.close(); err != nil {
		return fmt.Errorf("capture: closing %s: %w", m.format.Device, err)
	}
	return nil
}
