package studio

import (
	"context"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

const (
	// lookWithin is how long a device may take to say what it can do.
	lookWithin = 3 * time.Second
	// looks is how many are asked at a time.
	looks = 4
	// mostSources and shapesOfAll keep the answer within one message.
	mostSources, shapesOfAll = 32, 320
)

// Sources says which live sources there are, what they can do, and who has them
// now. It takes some seconds where a driver hangs.
func (s *Studio) Sources(ctx context.Context) []control.LiveSource {
	found := s.Find()
	found = found[:min(len(found), mostSources)]
	all := make([]control.LiveSource, len(found))
	var looking sync.WaitGroup
	free := make(chan struct{}, looks)
	for i, f := range found {
		looking.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			all[i] = s.source(ctx, f)
		})
	}
	looking.Wait()
	// Cameras have nodes besides that give no pictures.
	all = slices.DeleteFunc(all, func(l control.LiveSource) bool {
		return l.Kind == control.SourceCamera && l.Reason == reason.DeviceUnfit
	})
	for i := range all {
		all[i].Shapes = all[i].Shapes[:min(len(all[i].Shapes), shapesOfAll/len(all))]
	}
	return append(all,
		control.LiveSource{Location: "pattern:", Kind: control.SourcePattern, Titles: s.users(feed.Pattern, "")},
		control.LiveSource{Location: "tone:", Kind: control.SourceTone, Titles: s.users(feed.Tone, "")})
}

// find lists the devices that there are.
func find() []capture.Found { return capture.Find("/dev", soundCards) }

// users are the titles for which what is of a kind and at a node is captured now.
func (s *Studio) users(kind feed.Kind, node string) (titles []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cameras {
		if c.ask.Kind != kind || node != "" && c.key != keyOf(kind, node) {
			continue
		}
		for r := range c.users {
			if !slices.Contains(titles, r.title) && len(titles) < mostSources {
				titles = append(titles, r.title)
			}
		}
	}
	slices.Sort(titles)
	return titles
}

// source says what is to say of one device.
func (s *Studio) source(ctx context.Context, f capture.Found) control.LiveSource {
	node := resolved(f.Node)
	l := control.LiveSource{Location: f.Location, Node: f.Node, Kind: control.SourceCamera, Titles: s.users(f.Kind, node)}
	if f.Kind == feed.ALSA {
		l.Kind = control.SourceMicrophone
	}
	s.mu.Lock()
	c, devices := s.cameras[keyOf(f.Kind, node)], s.settings.Devices
	var gives *control.Capturing
	if c != nil {
		gives, l.Reason, l.Problem = c.gives, c.trouble, c.detail
	}
	s.mu.Unlock()
	if gives != nil {
		l.Name, l.Gives = gives.Device, form(*gives)
	}
	if parsed, err := feed.Parse(f.Location); err == nil && !permitted(parsed.Asks()[0], devices) {
		l.Reason, l.Problem = reason.NotPermitted, "it is not among those that the setting live.devices names"
		return l
	}
	if c != nil && f.Kind == feed.ALSA {
		return l // a sound device cannot be opened twice
	}
	offer, err := s.look(ctx, f)
	if err != nil {
		l.Reason, l.Problem = reason.Of(err), err.Error()
		return l
	}
	l.Name, l.Shapes, l.Bits = offer.Name, offer.Shapes, offer.Bits
	if f.Kind == feed.ALSA {
		l.SampleRates = &control.Range{Least: offer.SampleRates[0], Most: offer.SampleRates[1]}
		l.Channels = &control.Range{Least: offer.Channels[0], Most: offer.Channels[1]}
	}
	return l
}

// look has a worker ask a device what it can do. A driver that hangs is left to
// itself.
func (s *Studio) look(ctx context.Context, f capture.Found) (control.DeviceOffer, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	type answer struct {
		offer control.DeviceOffer
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		file, err := capture.OpenNode(f.Node)
		if err != nil {
			answered <- answer{err: err}
			return
		}
		defer file.Close()
		offer, err := s.ask(ctx, file, f.Kind)
		answered <- answer{offer, err}
	}()
	select {
	case a := <-answered:
		return a.offer, a.err
	case <-ctx.Done():
		return control.DeviceOffer{}, reason.New(reason.DeviceHung, "it does not say within %v what it can do", lookWithin)
	}
}

// ask asks an open device by a worker, which ends with the question.
func (s *Studio) ask(ctx context.Context, file *os.File, kind feed.Kind) (offer control.DeviceOffer, err error) {
	var m crew.Member
	defer m.Close()
	if err := m.Start(s.Spawner, worker.Capture, "look"); err != nil {
		return offer, err
	}
	defer func() { _ = ended(&m) }() // what it said counts
	defer context.AfterFunc(ctx, m.Kill)()
	if err := m.Tell(control.LookAtDevice{Sound: kind == feed.ALSA}); err != nil {
		return offer, err
	}
	if err := m.Control.Hand(file); err != nil {
		return offer, reason.Wrap(reason.WorkerFailed, err, "asking what it can do")
	}
	switch message, err := m.Control.Receive(); message := message.(type) {
	case control.DeviceOffer:
		return message, nil
	case control.Failed:
		return offer, reason.New(message.Code, "%s", message.Detail)
	default:
		m.Kill()
		if err == nil || err == io.EOF {
			err = reason.New(reason.WorkerFailed, "the worker that asks what it can do says %T", message)
		}
		return offer, err
	}
}
