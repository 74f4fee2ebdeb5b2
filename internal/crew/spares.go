package crew

import (
	"log/slog"
	"sync"
	"time"

	"videoclub/internal/worker"
)

// refillAgain is how long Spares waits after a worker could not be started.
const refillAgain = time.Second

// refillAfter is how long the one that was taken has the processor to itself:
// a process takes more of it to start than a handshake does. While there is no
// other spare one, nobody waits.
const refillAfter = 20 * time.Millisecond

// Spares keeps a few workers started ahead, which wait for the connection that
// is theirs (control.Conn.Take), so that nobody waits for a process to start.
type Spares struct {
	spawner *worker.Spawner
	kind    worker.Kind
	log     *slog.Logger
	ready   chan *Member
	missing chan struct{}
	done    chan struct{}
	filling sync.WaitGroup
	close   sync.Once
}

// NewSpares keeps n workers of the kind.
func NewSpares(s *worker.Spawner, kind worker.Kind, n int, log *slog.Logger) *Spares {
	p := &Spares{spawner: s, kind: kind, log: log, ready: make(chan *Member, n), missing: make(chan struct{}, n), done: make(chan struct{})}
	for range n {
		p.missing <- struct{}{}
	}
	p.filling.Go(p.fill)
	return p
}

// fill starts a worker for each that is missing.
func (p *Spares) fill() {
	for {
		select {
		case <-p.done:
			return
		case <-p.missing:
		}
		if len(p.ready) > 0 && !p.pause(refillAfter) {
			return
		}
		m := &Member{}
		if err := m.Start(p.spawner, p.kind, "spare"); err != nil {
			m.Close()
			p.log.Warn("no spare worker could be started, trying again", "kind", string(p.kind), "error", err, "wait", refillAgain)
			if !p.pause(refillAgain) {
				return
			}
			p.missing <- struct{}{} // its own place: there is room
			continue
		}
		p.ready <- m // there is room for all that were missing
	}
}

// pause waits, and says whether there is still something to wait for.
func (p *Spares) pause(d time.Duration) bool {
	select {
	case <-p.done:
		return false
	case <-time.After(d):
		return true
	}
}

// Take gives a worker that waits for its connection: a spare one, or one that
// is started now.
func (p *Spares) Take() (*Member, error) {
	for {
		select {
		case m := <-p.ready:
			p.missing <- struct{}{}
			select {
			case <-m.Done(): // it died while it waited
				m.Close()
				continue
			default:
				return m, nil
			}
		default:
			m := &Member{}
			return m, m.Start(p.spawner, p.kind, "now")
		}
	}
}

// Close ends the spare workers and reaps them. Those that were taken are the
// takers'.
func (p *Spares) Close() {
	p.close.Do(func() { close(p.done) })
	p.filling.Wait()
	for {
		select {
		case m := <-p.ready:
			m.Kill()
			<-m.Done()
			m.Close()
		default:
			return
		}
	}
}
