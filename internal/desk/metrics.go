package desk

import (
	"context"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/metrics"
	"videoclub/internal/reason"
)

// healthWithin is how long the ledger may take to answer when the server is asked
// how it does.
const healthWithin = 2 * time.Second

// health says how the server does. What it is doing is for those who may see its
// metrics.
func (s *session) health(ctx context.Context) *control.Health {
	status, well := s.desk.Status()
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	if _, err := s.desk.Ledger.HasAccounts(ctx); err != nil {
		status, well = "the ledger cannot be read", false
	}
	if s.secure {
		status = ""
	}
	return &control.Health{Well: well, Status: status}
}

// metrics counts, for those on this machine, and for who shows the token.
func (s *session) metrics(ctx context.Context, q control.MetricsQuery) (*control.Metrics, error) {
	if s.role != Browser {
		return nil, reason.New(reason.NotPermitted, "metrics are on the console's address")
	}
	s.desk.mu.Lock()
	token := s.desk.token
	s.desk.mu.Unlock()
	if s.secure {
		if err := s.desk.mayTry(s.peer); err != nil {
			return nil, err
		}
		if err := token.Check(q.Token); err != nil {
			if reason.Of(err) == reason.LoginInvalid {
				err = s.desk.failed(s.desk.scrapes, s.peer, "metrics", err)
			}
			return nil, err
		}
	}
	s.known()
	return s.desk.count(ctx, q.After)
}

// count gives what is counted; after a reception, that of those after it alone.
func (d *Desk) count(ctx context.Context, after string) (*control.Metrics, error) {
	c, more := d.Dispatcher.Counts(after, control.PageSize)
	m := &control.Metrics{More: more}
	add := func(name, label string, value float64) {
		m.Samples = append(m.Samples, control.Sample{Name: name, Label: label, Value: value})
	}
	for _, r := range c.Receptions {
		m.After = r.Name
		add(metrics.ReceptionOpen, r.Name, float64(r.Open))
		add(metrics.ReceptionBytes, r.Name, float64(r.Queue))
		add(metrics.ReceptionRate, r.Name, float64(r.Rate))
		if r.Free >= 0 {
			add(metrics.ReceptionFree, r.Name, float64(r.Free))
		}
	}
	if after != "" {
		return m, nil
	}
	kept, err := d.Ledger.Counts(ctx)
	if err != nil {
		return nil, err
	}
	add(metrics.Build, "vccs", 1)
	for state, n := range kept.Deliveries {
		add(metrics.Deliveries, string(state), float64(n))
	}
	add(metrics.Late, "", float64(kept.Late))
	add(metrics.Lateness, "", kept.Lateness.Seconds())
	add(metrics.AtRisk, "", float64(c.AtRisk))
	add(metrics.Connected, "", float64(c.Sending))
	add(metrics.QueuedBytes, "", float64(c.Queue))
	add(metrics.NextStart, "", seconds(c.Next))
	add(metrics.SentTotal, "", float64(c.Sent))
	add(metrics.AckedTotal, "", float64(c.Acked))
	add(metrics.Rate, "", float64(c.Rate))
	live := d.Studio.State()
	add(metrics.Recordings, "", float64(live.Recordings))
	add(metrics.SpoolBytes, "", float64(live.Bytes))
	add(metrics.DevicesUsed, "", float64(live.Devices))
	add(metrics.LostTotal, "", float64(live.Lost))
	for state, n := range kept.Mails {
		if state == ledger.MailGivenUp {
			state = "given_up"
		}
		add(metrics.Mails, string(state), float64(n))
	}
	oldest := 0.0
	if !kept.Oldest.IsZero() {
		oldest = max(0, d.Clock().Sub(kept.Oldest).Seconds())
	}
	add(metrics.MailOldest, "", oldest)
	for kind, n := range d.Spawner.Running() {
		add(metrics.Workers, string(kind), float64(n))
	}
	for role, of := range map[Role]string{User: "users", Administrator: "administrators", Browser: "browsers"} {
		add(metrics.Connections, of, float64(d.connections[role].Count()))
	}
	return m, nil
}

// seconds is an instant as Prometheus has them; 0 is none.
func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
