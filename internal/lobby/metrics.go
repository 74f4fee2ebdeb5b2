package lobby

import (
	"videoclub/internal/control"
	"videoclub/internal/metrics"
	"videoclub/internal/reason"
)

// health says how the server does; what it is doing, to this machine.
func (v *visitor) health() *control.Health {
	status, well := v.lobby.Status()
	if _, err := v.lobby.Depot.Room(); err != nil {
		status, well = "the store cannot be used", false
	}
	if v.secure {
		status = ""
	}
	return &control.Health{Well: well, Status: status}
}

// metrics counts, for those on this machine, and for who shows the token.
func (v *visitor) metrics(q control.MetricsQuery) (*control.Metrics, error) {
	l := v.lobby
	l.mu.Lock()
	token := l.settings.Scrape
	l.mu.Unlock()
	if v.secure {
		if err := v.mayTry(); err != nil {
			return nil, err
		}
		if err := token.Check(q.Token); err != nil {
			if reason.Of(err) == reason.LoginInvalid {
				wait := l.scrapes.Failed(addrOf(v.peer), l.Clock())
				l.Log.Warn("login refused", "peer", v.peer, "account", "metrics", "reason", string(reason.Of(err)), "error", err, "wait", wait)
			}
			return nil, err
		}
	}
	v.known()
	samples, err := l.Count()
	if err != nil {
		return nil, err
	}
	for kind, n := range l.Spawner.Running() {
		samples = append(samples, control.Sample{Name: metrics.Workers, Label: string(kind), Value: float64(n)})
	}
	return &control.Metrics{Samples: append(samples, control.Sample{Name: metrics.Connections, Label: "browsers", Value: float64(l.connections.Count())})}, nil
}
