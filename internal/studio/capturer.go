package studio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/encode"
	"videoclub/internal/feed"
	"videoclub/internal/handoff"
	"videoclub/internal/matroska"
	"videoclub/internal/record"
)

// Capturer is what the capture worker is given: one device, which comes by its
// control connection, as do the ends of handoffs to those who record it.
type Capturer struct {
	Control *control.Conn

	device func() (capture.Device, error) // gives the device; nil is the real one

	ask    *feed.Ask
	hung   time.Duration
	opened chan device // what the supervisor answered
	way    chan device // to a program that encodes, likewise

	keeper  *capture.Keeper
	track   matroska.Track
	packets atomic.Int64

	mu      sync.Mutex // of outlets
	outlets map[int64]*record.Outlet
	ending  sync.WaitGroup // of outlets
}

// device is an open one, or why there is none.
type device struct {
	file *os.File
	err  error
}

// Run captures until the supervisor has no more use for it, or says why it
// cannot begin.
func (c *Capturer) Run() error {
	err := c.run()
	if err != nil && err != io.EOF {
		c.Control.Fail(err)
	}
	return err
}

func (c *Capturer) run() error {
	m, err := c.Control.Receive()
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case control.LookAtDevice:
		return c.look(m)
	case control.CaptureDevice:
		f, err := feed.Parse(m.Location)
		if err != nil {
			return err
		}
		c.ask, c.hung = f.Asks()[0], m.Hung
	default:
		return fmt.Errorf("studio: the supervisor says %T instead of what to capture", m)
	}
	c.opened, c.way, c.outlets = make(chan device, 1), make(chan device, 1), make(map[int64]*record.Outlet)
	ended := make(chan error, 2)
	go func() { ended <- c.capture() }()
	go func() { ended <- c.listen() }()
	err = <-ended
	c.mu.Lock()
	k := c.keeper
	c.mu.Unlock()
	if k != nil {
		k.Wake()
	}
	return err
}

// capture opens the device and passes on what it gives.
func (c *Capturer) capture() error {
	k, err := capture.Keep(c.open)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.keeper = k
	c.mu.Unlock()
	f := k.Format()
	stream, err := record.Open(k, c.ask, c.encoder)
	if err != nil {
		return errors.Join(err, k.Close())
	}
	c.track = stream.Track()
	if err := c.Control.Send(control.Capturing{
		Device: f.Device, Pixels: string(f.Pixels), Width: f.Width, Height: f.Height, RateNum: f.Rate.Num, RateDen: f.Rate.Den,
		SampleRate: f.SampleRate, Channels: f.Channels, Bits: f.Bits, Largest: largest(f, c.ask),
	}); err != nil {
		return errors.Join(err, k.Close())
	}
	done := make(chan struct{})
	go beat(c.Control, done, c.how)
	err = stream.Run(c.put)
	close(done)
	return errors.Join(err, k.Close())
}

// encoder asks for a program that encodes.
func (c *Capturer) encoder() (io.ReadWriteCloser, error) {
	if err := c.Control.Send(control.OpenEncoder{}); err != nil {
		return nil, err
	}
	w := <-c.way
	if w.err != nil {
		return nil, w.err
	}
	return encode.Take(w.file)
}

// largest is how many bytes a packet may have. A JPEG of noise, at the best
// quality, has less than what it was made of and half of that.
func largest(f capture.Format, a *feed.Ask) int {
	switch {
	case !f.Picture():
		return f.SampleRate / 5 * f.FrameBytes() // periods last at most 40 ms
	case a.Coding == feed.CodeRaw || f.Stride == 0:
		return f.Largest
	}
	return f.Largest*3/2 + 64<<10
}

// open gives the device: what is made is made here, and all else comes from the
// supervisor.
func (c *Capturer) open() (capture.Device, error) {
	if c.device != nil {
		return c.device()
	}
	switch c.ask.Kind {
	case feed.Pattern:
		return capture.OpenPattern(c.ask, capture.Now), nil
	case feed.Tone:
		return capture.OpenTone(c.ask, capture.Now), nil
	}
	if err := c.Control.Send(control.OpenDevice{}); err != nil {
		return nil, err
	}
	d := <-c.opened
	switch {
	case d.err != nil:
		return nil, d.err
	case c.ask.Kind == feed.ALSA:
		m, err := capture.OpenMicrophone(d.file, c.ask, c.hung)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	m, err := capture.OpenCamera(d.file, c.ask, c.hung)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// how says how it goes.
func (c *Capturer) how() control.Message {
	m := control.Captured{Packets: c.packets.Load()}
	if g := c.keeper.Trouble(); g != nil {
		m.Trouble, m.Detail = g.Code, g.Detail
	}
	return m
}

// put passes a packet on to all who record it.
func (c *Capturer) put(p record.Packet) {
	c.packets.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, o := range c.outlets {
		if err := o.Put(p); err != nil { // it has gone
			delete(c.outlets, id)
			o.Cut()
		}
	}
}

// listen does what the supervisor says, until it has gone.
func (c *Capturer) listen() error {
	for {
		m, err := c.Control.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case control.DeviceOpened:
			d := device{}
			if m.Code != "" {
				d.err = refusal(m.Code, m.Detail)
			} else if d.file, err = c.Control.Take(); err != nil {
				return err
			}
			c.opened <- d
		case control.EncoderOpened:
			d := device{}
			if m.Code != "" {
				d.err = refusal(m.Code, m.Detail)
			} else if d.file, err = c.Control.Take(); err != nil {
				return err
			}
			c.way <- d
		case control.Attach:
			p, err := producer(c.Control, m)
			if err != nil {
				return err
			}
			if err := c.attach(m.Output, p); err != nil {
				return err
			}
		case control.Detach:
			c.detach(m.Output)
		default:
			return fmt.Errorf("studio: the supervisor says %T to who captures", m)
		}
	}
}

// attach begins an output. The device gives something by then.
func (c *Capturer) attach(id int64, p *handoff.Producer) error {
	o, err := record.NewOutlet(p, c.track)
	if err == io.EOF { // its recorder has gone already
		o.Cut()
		return nil
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outlets[id] = o
	return nil
}

// detach ends an output, of which may be left what its recorder has not yet
// taken.
func (c *Capturer) detach(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.outlets[id]
	if o == nil {
		return
	}
	delete(c.outlets, id)
	missing := c.keeper.Trouble()
	c.ending.Go(func() { o.End(missing) }) // that its recorder has gone is no matter
}

// look answers what a device can do.
func (c *Capturer) look(m control.LookAtDevice) error {
	f, err := c.Control.Take()
	if err != nil {
		return err
	}
	kind := feed.V4L2
	if m.Sound {
		kind = feed.ALSA
	}
	o, err := capture.Look(f, kind)
	if err != nil {
		return err
	}
	answer := control.DeviceOffer{Name: o.Name, SampleRates: o.SampleRates, Channels: o.Channels, Bits: o.Bits}
	for _, s := range o.Shapes[:min(len(o.Shapes), control.MaxShapes)] {
		shape := control.DeviceShape{Pixels: string(s.Pixels), Width: s.Width, Height: s.Height}
		for _, r := range s.Rates[:min(len(s.Rates), control.MaxRates)] {
			shape.Rates = append(shape.Rates, r.String())
		}
		answer.Shapes = append(answer.Shapes, shape)
	}
	return c.Control.Send(answer)
}
