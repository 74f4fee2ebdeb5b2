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
	mu          sync.Mutex
	titles      []control.Title
	deliveries  []control.DeliveryStory // the newest first
	requests    []control.Request
	refusal     *control.Refusal // of the next request
	wheres      []control.WhereQuery
	changed     chan struct{} // for those who wait for a story
	added       []control.AddTitle
	replaced    []control.ReplaceTitle
	redelivered []control.Redeliver
	comparing   int                  // answers until a redelivery has been compared
	seen        map[int]control.Seen // by title
	filmed      int                  // for a moment

	visitor  *control.Visitor // who has no session; nil is refused
	secret   string           // that is taken for a login
	sessions map[string]control.Visitor
	shown    string // the session of the call before
	places   []control.KnownReception
	accounts []control.KnownAccount
}

func newDesk() *desk {
	d := &desk{changed: make(chan struct{}, 1), sessions: make(map[string]control.Visitor)}
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
	free := int64(2_000_000_000_000)
	d.places = []control.KnownReception{
		{Name: "casa", Address: "10.0.0.7:4102", Link: 12_500_000, Identity: "ab", Paired: noon, Free: &free, Owed: 1_750_000_000, Deposited: 40, InTime: 39},
		{Name: "mateo.elo.utfsm.cl", Address: "mateo.elo.utfsm.cl:4102", Link: 2_500_000, Expires: noon.Add(time.Hour), Reason: reason.Unreachable, Detail: "connection refused"},
	}
	d.accounts = []control.KnownAccount{{Name: "ana", Mail: "ana@example.org", Created: noon}, {Name: "jefa", Mail: "jefa@example.org", Admin: true, Created: noon, Seen: noon}}
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
	case c.See != nil:
		if c.See.Film {
			d.filmed++
		}
		seen := d.seen[c.See.Number]
		return control.Reply{Seen: &seen}, nil
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
			if before := c.Deliveries.Before; before > 0 && s.ID >= before {
				continue
			}
			if p.More = len(p.Deliveries) == control.PageSize; p.More {
				break
			}
			if running := (row{Delivery: s.Delivery}).Running(); c.Deliveries.Some == control.All || running == (c.Deliveries.Some == control.Running) {
				p.Deliveries = append(p.Deliveries, s.Delivery)
			}
		}
		return control.Reply{Deliveries: p}, nil
	case c.News != nil:
		n := &control.News{After: c.News.After}
		for _, s := range d.deliveries {
			if at := s.Finished.UnixNano(); !s.Finished.IsZero() && at > c.News.After {
				n.Changes = append(n.Changes, control.Change{Revision: at, Delivery: s.Delivery})
			}
		}
		return control.Reply{News: n}, nil
	case c.Show != nil:
		return d.show(ctx, *c.Show)
	case c.Cancel != nil:
		for i := range d.deliveries {
			switch s := &d.deliveries[i]; {
			case s.ID == c.Cancel.ID && s.Filmed != nil: // what there is of it is kept
				s.Filmed.Stopped = true
			case s.ID == c.Cancel.ID:
				d.deliveries[i].State = "cancelled"
			}
		}
		return d.show(ctx, control.ShowQuery{ID: c.Cancel.ID})
	case c.Add != nil:
		if c.Add.Location == "/etc/shadow" {
			return control.Reply{Refusal: &control.Refusal{Code: reason.TitleUnreadable, Detail: "/etc/shadow is not under the roots"}}, nil
		}
		d.added = append(d.added, *c.Add)
		t := control.Title{Number: 8, Name: c.Add.Name, Duration: c.Add.Duration / 1000, Description: c.Add.Description}
		d.titles = append(d.titles, t)
		return control.Reply{Change: &control.TitleChange{Title: t}}, nil
	case c.Replace != nil:
		d.replaced = append(d.replaced, *c.Replace)
		return control.Reply{Change: &control.TitleChange{}}, nil
	case c.Older != nil:
		return control.Reply{Older: d.older(*c.Older)}, nil
	case c.Redeliver != nil:
		d.redelivered = append(d.redelivered, *c.Redeliver)
		if no := d.refusal; no != nil {
			d.refusal = nil
			return control.Reply{Refusal: no}, nil
		}
		if d.comparing > 0 {
			d.comparing--
			return control.Reply{Comparing: &control.Comparing{Hashed: 30, Size: 120}}, nil
		}
		return control.Reply{Promises: &control.Promises{}}, nil
	case c.Remove != nil:
		if !c.Remove.Force {
			return control.Reply{Refusal: &control.Refusal{Code: reason.TitleInUse, Detail: "delivery 3 depends on it"}}, nil
		}
		return control.Reply{Change: &control.TitleChange{}}, nil
	}
	return d.belong(c)
}

// older gives who has earlier versions of title 1, a reception a page.
func (d *desk) older(q control.OlderQuery) *control.OlderPage {
	p := &control.OlderPage{}
	all := []control.Older{
		{Delivery: control.Delivery{Reception: "casa", State: "deposited", Finished: noon}, Location: "/srv/a.mp4", Present: true},
		{Delivery: control.Delivery{Reception: "mateo.elo.utfsm.cl", State: "promised", Deadline: noon.Add(time.Hour)}, Location: "/srv/a.mp4"},
	}
	for i, o := range all {
		if q.Number == 1 && o.Reception > q.After {
			p.Deliveries, p.More = append(p.Deliveries, o), i == 0
			break
		}
	}
	return p
}

// news tells whoever waits for a story that it changed; who has heard already is
// not waited for.
func (d *desk) news() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
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

// belong answers what is about who belongs to the server. d.mu is held.
func (d *desk) belong(c control.Call) (r control.Reply, err error) {
	no := func(code reason.Code) (control.Reply, error) {
		return control.Reply{Refusal: &control.Refusal{Code: code, Detail: "no"}}, nil
	}
	switch {
	case c.Visit != nil:
		d.shown = c.Visit.Secret
		if v, ok := d.sessions[d.shown]; ok {
			return control.Reply{Visitor: &v}, nil
		}
		if d.visitor == nil {
			return no(reason.LoginNeeded)
		}
		r.Visitor = d.visitor
	case c.Enter != nil:
		if d.secret == "" || c.Enter.Secret != d.secret {
			return no(reason.LoginInvalid)
		}
		delete(d.sessions, d.shown)
		d.sessions["sesame"] = control.Visitor{Account: "ana", Mail: "ana@example.org", LoggedIn: true}
		r.Entered = &control.Entered{Secret: "sesame"}
	case c.Leave != nil:
		delete(d.sessions, d.shown)
	case c.Roster != nil:
		r.Roster = &control.ReceptionPage{Receptions: d.places}
	case c.AddReception != nil:
		d.places = append(d.places, control.KnownReception{Name: c.AddReception.Name, Address: c.AddReception.Address, Link: c.AddReception.Link, Expires: noon.Add(time.Hour)})
		r.Code = &control.PairingCode{Reception: c.AddReception.Name, Address: c.AddReception.Address, Code: "vcp1-secret", Expires: noon.Add(time.Hour)}
	case c.CheckReception != nil:
		r.Findings = &control.Findings{Findings: []control.Finding{{What: control.FoundName, OK: true, Name: "casa"}, {What: control.FoundConnection, Code: reason.Unreachable}}}
	case c.RemoveReception != nil:
		r.Removed = &control.Removed{Name: c.RemoveReception.Name, Stays: c.RemoveReception.Name == "casa"}
	case c.Accounts != nil:
		r.Accounts = &control.AccountPage{Accounts: d.accounts}
	case c.AddAccount != nil:
		if c.AddAccount.Name == "ana" && !c.AddAccount.Renew {
			return no(reason.AccountExists)
		}
		r.Account = &control.MadeAccount{KnownAccount: control.KnownAccount{Name: c.AddAccount.Name}, Link: "vc://films:4100/x/" + c.AddAccount.Name + ".secret"}
	case c.RemoveAccount != nil:
		r.Removed = &control.Removed{Name: c.RemoveAccount.Name}
	case c.Sources != nil:
		r.Sources = &control.SourceList{Sources: []control.LiveSource{
			{Location: "v4l2:/dev/video0", Node: "/dev/video0", Kind: control.SourceCamera, Name: "Integrated Camera", Titles: []string{"El Mar"}, Gives: "MJPEG 1280x720", Shapes: []control.DeviceShape{
				{Pixels: "MJPEG", Width: 640, Height: 480, Rates: []string{"30", "15"}}, {Pixels: "MJPEG", Width: 1280, Height: 720, Rates: []string{"30"}}, {Pixels: "YUYV", Width: 640, Height: 480, Rates: []string{"30"}},
			}},
			{Location: "alsa:hw:0,0", Node: "/dev/snd/pcmC0D0c", Kind: control.SourceMicrophone, Name: "HDA Intel", SampleRates: &control.Range{Least: 8000, Most: 192000}, Channels: &control.Range{Least: 2, Most: 2}, Bits: []int{16, 24}, Reason: reason.DeviceBusy},
			{Location: "pattern:", Kind: control.SourcePattern}, {Location: "tone:", Kind: control.SourceTone},
		}}
	case c.Chart != nil:
		r.Chart = d.chart()
	default:
		err = reason.New(reason.Internal, "an empty call")
	}
	return r, err
}

// chart has a link that is closed for a while, and one reservation.
func (d *desk) chart() *control.Chart {
	full := make([]int64, control.ChartSteps)
	for i := range full[:20] {
		full[i] = 1_000_000
	}
	return &control.Chart{Now: noon, From: noon, To: noon.Add(2 * time.Hour), Uplink: control.Lane{Rate: 4_000_000, Reserved: full}, Links: []control.LinkChart{
		{Reception: "casa", Lane: control.Lane{Rate: 12_500_000, Reserved: make([]int64, control.ChartSteps)}},
		{Reception: "mateo.elo.utfsm.cl", Lane: control.Lane{Rate: 2_500_000, Reserved: full}, Closed: []control.Shut{{From: noon.Add(time.Hour), To: noon.Add(90 * time.Minute)}},
			Slots: []control.Slot{{ID: 2, Title: "La Piedra", State: "sending", Start: noon, End: noon.Add(20 * time.Minute), Deadline: noon.Add(time.Hour), AtRisk: true}}},
	}}
}

func newConsole(t testing.TB, administrator bool) (*desk, Console) {
	t.Helper()
	d := newDesk()
	d.visitor = &control.Visitor{Admin: administrator}
	return d, Console{Ask: d.ask, Clock: func() time.Time { return noon }}
}
