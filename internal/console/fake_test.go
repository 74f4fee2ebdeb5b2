package console

import (
	"context"
	"sync"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// desk stands for the supervisor: some titles, some deliveries, and what it was
// asked.
type desk struct {
	mu         sync.Mutex
	titles     []control.Title
	deliveries []control.DeliveryStory // the newest first
	requests   []control.Request
	refusal    *control.Refusal // of the next request
	wheres     []control.WhereQuery
	changed    chan struct{} // for those who wait for a story
}

func newDesk() *desk {
	d := &desk{changed: make(chan struct{}, 1)}
	d.titles = []control.Title{
		{Number: 1, Name: "La Piedra", Duration: 5400, Description: "Valparaíso, 1968"},
		{Number: 2, Name: `<script>alert("no")</script>`, Duration: 60},
		{Number: 7, Name: "El Mar", Duration: 7265, TitleSource: &control.TitleSource{Location: "/srv/films/el-mar.mkv", Size: 4_200_000_000, Digest: control.DigestKnown}},
	}
	story := func(id int64, state string, offset int64) control.DeliveryStory {
		return control.DeliveryStory{Delivery: control.Delivery{
			ID: id, Title: "La Piedra", Number: 1, Reception: "mateo.elo.utfsm.cl", State: state, Offset: offset, Size: 1000_000_000,
			Deadline: noon.Add(time.Hour), Start: noon, End: noon.Add(20 * time.Minute),
		}, Revision: 1, Requested: noon, Events: []control.Event{{At: noon, Kind: "promised"}}}
	}
	sending := story(2, "sending", 250_000_000)
	sending.Rate, sending.AtRisk = 1_000_000, true
	d.deliveries = []control.DeliveryStory{story(3, "promised", 0), sending, story(1, "cancelled", 10)}
	return d
}

func (d *desk) ask(ctx context.Context, c control.Call) (control.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case c.Titles != nil:
		p := &control.TitlePage{}
		for _, t := range d.titles {
			if t.Number > c.Titles.After {
				p.Titles = append(p.Titles, t)
			}
		}
		return control.Reply{Titles: p}, nil
	case c.Receptions != nil:
		return control.Reply{Receptions: &control.NamePage{Receptions: []string{"casa", "mateo.elo.utfsm.cl"}}}, nil
	case c.Request != nil:
		d.requests = append(d.requests, *c.Request)
		if no := d.refusal; no != nil {
			d.refusal = nil
			return control.Reply{Refusal: no}, nil
		}
		return control.Reply{Delivery: &d.deliveries[0]}, nil
	case c.Where != nil:
		d.wheres = append(d.wheres, *c.Where)
		return control.Reply{Prospects: &control.ProspectPage{Receptions: []control.Prospect{
			{Reception: "casa", Possible: true, Start: noon, End: noon.Add(time.Minute)},
			{Reception: "mateo.elo.utfsm.cl", Code: reason.DeadlineTooSoon, Earliest: noon.Add(time.Hour), Constraint: "uplink"},
		}}}, nil
	case c.Deliveries != nil:
		p := &control.DeliveryPage{}
		for _, s := range d.deliveries {
			p.Deliveries = append(p.Deliveries, s.Delivery)
		}
		return control.Reply{Deliveries: p}, nil
	case c.Show != nil:
		return d.show(ctx, *c.Show)
	case c.Cancel != nil:
		for i := range d.deliveries {
			if d.deliveries[i].ID == c.Cancel.ID {
				d.deliveries[i].State = "cancelled"
			}
		}
		return d.show(ctx, control.ShowQuery{ID: c.Cancel.ID})
	case c.Add != nil:
		if c.Add.Location == "/etc/shadow" {
			return control.Reply{Refusal: &control.Refusal{Code: reason.TitleUnreadable, Detail: "/etc/shadow is not under the roots"}}, nil
		}
		t := control.Title{Number: 8, Name: c.Add.Name, Duration: c.Add.Duration / 1000, Description: c.Add.Description}
		d.titles = append(d.titles, t)
		return control.Reply{Change: &control.TitleChange{Title: t}}, nil
	case c.Remove != nil:
		if !c.Remove.Force {
			return control.Reply{Refusal: &control.Refusal{Code: reason.TitleInUse, Detail: "delivery 3 depends on it"}}, nil
		}
		return control.Reply{Change: &control.TitleChange{}}, nil
	}
	return control.Reply{}, reason.New(reason.Internal, "an empty call")
}

// show answers as the supervisor does: a wait ends with a change. d.mu is held.
func (d *desk) show(ctx context.Context, q control.ShowQuery) (control.Reply, error) {
	for i := range d.deliveries {
		s := d.deliveries[i]
		if s.ID != q.ID {
			continue
		}
		if q.Wait > 0 && s.Revision == q.Revision {
			d.mu.Unlock()
			select {
			case <-d.changed:
			case <-ctx.Done():
			}
			d.mu.Lock()
			s = d.deliveries[i]
		}
		return control.Reply{Delivery: &s}, ctx.Err()
	}
	return control.Reply{Refusal: &control.Refusal{Code: reason.UnknownDelivery, Detail: "there is none"}}, nil
}

func newConsole(t testing.TB, administrator bool) (*desk, Console) {
	t.Helper()
	d := newDesk()
	return d, Console{Ask: d.ask, Clock: func() time.Time { return noon }, Administrator: administrator}
}
