package gallery

import (
	"context"
	"net/http"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/rate"
	"videoclub/internal/reel"
)

// refresh is how often what is arriving is looked at while somebody watches it.
const refresh = time.Second

// front is the first page: the space, what is arriving, what arrived.
type front struct {
	Room     space
	Arriving []arrival
	More     bool // is arriving
	Shelf    shelf
}

// space is the space of the store, for people.
type space struct {
	control.Room
	Taken, All int64 // of the quota or the disk
	Tight      bool
}

func spaceOf(r control.Room) space {
	s := space{Room: r, All: r.Total}
	if r.Quota > 0 {
		s.All = r.Quota
	}
	s.Taken = max(0, s.All-r.Free)
	s.Tight = s.All > 0 && float64(r.Free) < float64(s.All)/20
	return s
}

// shelf is a page of what arrived.
type shelf struct {
	Deposits []card
	Search   string
	Before   string // the key of the one before these, "" at the beginning
	Next     string // the key of the last one, "" when there are no others
}

// card is a deposit in the list.
type card struct {
	control.Shelved
	Kind   reel.Kind
	Poster string // path of a picture, "" where there is none
	Late   bool
}

// arrival is a delivery that is not deposited yet.
type arrival struct {
	control.Arrival
	Percent int
	Left    time.Duration // 0 is not known
}

func arrivalOf(a control.Arrival) arrival {
	n := arrival{Arrival: a, Percent: percent(a.Durable, a.Size)}
	if a.Rate > 0 && a.Size > a.Written {
		n.Left = rate.Rate(a.Rate).Time(a.Size - a.Written)
	}
	return n
}

// Live says whether it comes from a live source, whose end is not known.
func (a arrival) Live() bool { return a.Size < 0 }

// incoming gives what is arriving.
func (g Gallery) incoming(ctx context.Context) ([]arrival, bool, error) {
	a, err := g.query(ctx, control.StoreQuery{Arriving: &control.AfterKey{}})
	if err != nil || a.Arriving == nil {
		return nil, false, err
	}
	var all []arrival
	for _, one := range a.Arriving.Arrivals {
		all = append(all, arrivalOf(one))
	}
	return all, a.Arriving.More, nil
}

// room gives the space.
func (g Gallery) room(ctx context.Context) (space, error) {
	a, err := g.query(ctx, control.StoreQuery{Room: &control.RoomQuery{}})
	if err != nil || a.Room == nil {
		return space{}, err
	}
	return spaceOf(*a.Room), nil
}

// arrived gives a page of what arrived, and looks what each is.
func (g Gallery) arrived(ctx context.Context, search, before string) (shelf, error) {
	s := shelf{Search: search, Before: before}
	a, err := g.query(ctx, control.StoreQuery{Shelf: &control.ShelfQuery{Search: search, Before: before}})
	if err != nil || a.Shelf == nil {
		return s, err
	}
	for _, d := range a.Shelf.Deposits {
		s.Deposits = append(s.Deposits, g.card(ctx, d))
	}
	if n := len(s.Deposits); a.Shelf.More && n > 0 {
		s.Next = s.Deposits[n-1].Key
	}
	return s, nil
}

// posterSize is the longest image that is shown in a list, in bytes.
const posterSize = 4 << 20

func (g Gallery) card(ctx context.Context, d control.Shelved) card {
	c := card{Shelved: d, Kind: reel.Data, Late: !d.Promised.IsZero() && d.Deposited.After(d.Promised)}
	if d.Folder {
		return c
	}
	m, err := g.open(ctx, which{key: d.Key, what: control.OfDeposit})
	if err != nil {
		return c
	}
	defer m.Close()
	c.Kind = m.film.Kind
	if m.film.Duration > 0 {
		c.Duration = m.film.Duration
	}
	switch {
	case c.Kind == reel.Pictures:
		c.Poster = "/deposits/" + d.Key + "/snapshot.jpg?from=" + at(reel.Picture{At: c.Duration / 4})
	case c.Kind == reel.Image && m.Size() <= posterSize:
		c.Poster = "/deposits/" + d.Key + "/file"
	}
	return c
}

// searched is what is searched for: whole characters, as many as may be.
func searched(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	return strings.ToValidUTF8(text[:min(len(text), control.MaxSearch)], "")
}

func (g Gallery) front(w http.ResponseWriter, r *http.Request) {
	var f front
	var err error
	search, before := searched(r.URL.Query().Get("q")), r.URL.Query().Get("before")
	f.Room, err = g.room(r.Context())
	if err == nil {
		f.Arriving, f.More, err = g.incoming(r.Context())
	}
	if err == nil {
		f.Shelf, err = g.arrived(r.Context(), search, before)
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	p := g.page(r, "", f)
	pages.Show(w, p.Lang, http.StatusOK, "front.html", p)
}

// frontEvents keeps the first page fresh: the space, what is arriving, and when
// something has arrived the beginning of the list.
func (g Gallery) frontEvents(w http.ResponseWriter, r *http.Request) {
	s := pages.Stream(w, r)
	search, before := r.URL.Query().Get("q"), r.URL.Query().Get("before")
	deposits := -1
	for s.Err() == nil {
		room, err := g.room(r.Context())
		if err != nil {
			return // the browser comes back by itself
		}
		all, more, err := g.incoming(r.Context())
		if err != nil {
			return
		}
		s.Part("space", "space", room)
		s.Part("arriving", "arriving", front{Arriving: all, More: more})
		if deposits >= 0 && deposits != room.Deposits && search == "" && before == "" {
			if list, err := g.arrived(r.Context(), "", ""); err == nil {
				s.Part("shelf", "shelf", list)
			}
		}
		deposits = room.Deposits
		if !rest(r.Context(), s) {
			return
		}
	}
}

// rest ends a round of a stream; false is its end.
func rest(ctx context.Context, s *look.Stream) bool {
	s.Rest()
	select {
	case <-ctx.Done():
		return false
	case <-time.After(refresh):
		return s.Err() == nil
	}
}

// incomingPage is the page of one that is arriving.
type incomingPage struct {
	arrival
	Film reel.Film
	Base string // of the paths of what is shown
}

// Shown says how it is shown while it comes.
func (p incomingPage) Shown() string {
	switch {
	case p.Film.Kind == reel.Pictures:
		return "pictures"
	case p.Film.Recording != nil && p.Film.Kind == reel.Video:
		return "video"
	case p.Film.Recording != nil && p.Film.Kind == reel.Audio:
		return "audio"
	}
	return ""
}

func (g Gallery) arrival(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	a, err := g.query(r.Context(), control.StoreQuery{Show: &control.ShowKey{Key: key}})
	if err != nil {
		g.fail(w, r, err)
		return
	}
	if a.Shown == nil || a.Shown.Arrival == nil {
		http.Redirect(w, r, "/deposits/"+key, http.StatusSeeOther)
		return
	}
	i := incomingPage{arrival: arrivalOf(*a.Shown.Arrival), Base: "/arriving/" + key}
	if !i.Folder {
		if m, err := g.open(r.Context(), which{key: key, what: control.OfArriving}); err == nil {
			i.Film = m.film
			m.Close()
		}
	}
	p := g.page(r, i.Name, i)
	pages.Show(w, p.Lang, http.StatusOK, "arrival.html", p)
}

// arrivalEvents keeps the page of one that is arriving fresh, and leads to it
// when it has arrived.
func (g Gallery) arrivalEvents(w http.ResponseWriter, r *http.Request) {
	s := pages.Stream(w, r)
	key := r.PathValue("key")
	for s.Err() == nil {
		a, err := g.query(r.Context(), control.StoreQuery{Show: &control.ShowKey{Key: key}})
		if err != nil || a.Shown == nil {
			return
		}
		if a.Shown.Arrival == nil {
			s.Event("goto", map[string]string{"path": "/deposits/" + key})
			s.Rest()
			return
		}
		s.Part("progress", "progress", arrivalOf(*a.Shown.Arrival))
		if !rest(r.Context(), s) {
			return
		}
	}
}
