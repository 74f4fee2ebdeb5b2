package studio

import (
	"os"
	"time"

	"videoclub/internal/encode"
	"videoclub/internal/reason"
)

// lathe is the program that encodes for one capture worker, one after the other.
type lathe struct {
	now   *encode.Encoder
	ended chan struct{} // closed before it is to end
	since time.Time
}

// leastLife is the least time from one program to the next: a worker waits longer
// by itself.
const leastLife = 250 * time.Millisecond

// open starts a program in the place of the one before, and gives the other end
// of the way of its pictures.
func (l *lathe) open(c *camera) (*os.File, error) {
	l.end()
	if time.Since(l.since) < leastLife {
		return nil, reason.New(reason.EncoderFailed, "an encoder was started just now")
	}
	s := c.studio
	s.mu.Lock()
	program := encode.Find(s.settings.Encoder)
	s.mu.Unlock()
	e, f, err := encode.Start(s.Spawner, program, c.ask)
	if err != nil {
		return nil, err
	}
	l.now, l.ended, l.since = e, make(chan struct{}), time.Now()
	log := s.Log.With("device", c.ask.String(), "encoder", program)
	log.Info("an encoder is started")
	go func(ended <-chan struct{}) {
		<-e.Done()
		select {
		case <-ended:
		default:
			log.Warn("an encoder ended, starting another", "error", e.End())
		}
	}(l.ended)
	return f, nil
}

// end ends the program, without waiting for it: its pictures have ended.
func (l *lathe) end() {
	if l.now == nil {
		return
	}
	close(l.ended)
	go l.now.End()
	l.now = nil
}
