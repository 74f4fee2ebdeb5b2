package console

import (
	"net/http"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

// schedulePage is how full the uplink and the links are, drawn.
type schedulePage struct {
	control.Chart
	Spans         []span
	Hours         int // that are drawn
	Uplink        band
	Lanes         []lane
	Height, Width int
	Marks         []mark
	NowX          int // -1 where now is not drawn
	Slots         []slot
}

// span is a choice of how much time is drawn.
type span struct {
	Hours   int // 0 is all that is promised
	Current bool
}

// band is what is reserved of a rate, drawn from its own y on downwards.
type band struct {
	Name  string
	Rate  int64
	Most  int // percent that is reserved at most
	Y     int
	Steps []bar
	Shut  []bar
}

// bar is a rectangle in the drawing's units.
type bar struct{ X, Y, Width, Height int }

// lane is the link to one reception with its reservations.
type lane struct {
	band
	Slots []slot
}

// slot is the reservation of one delivery, drawn.
type slot struct {
	control.Slot
	Reception string
	bar
	Due int // x of the deadline; -1 where it is not drawn
}

// mark is an instant on the axis.
type mark struct {
	At time.Time
	X  int
}

// The drawing's units.
const (
	drawn      = 1000 // across
	bandHeight = 46
	bandTop    = 24 // of it, for the name
	slotHeight = 20
	laneGap    = 18
	axis       = 30
)

// spans are the hours that can be chosen to be drawn.
var spans = []int{0, 6, 24, 24 * 7}

func (c Console) schedule(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "schedule", "schedule", nil)
	hours, _ := strconv.Atoi(r.URL.Query().Get("hours"))
	var all control.Chart
	q := control.ChartQuery{}
	if hours > 0 && hours <= 24*31 {
		q.From = p.Now
		q.To = q.From.Add(time.Duration(hours) * time.Hour)
	}
	for {
		reply, err := c.call(r.Context(), control.Call{Chart: &q})
		if err != nil {
			c.fail(w, r, err, look.Status(err))
			return
		}
		links := append(all.Links, reply.Chart.Links...)
		all = *reply.Chart
		all.Links = links
		if !all.More || len(reply.Chart.Links) == 0 {
			break
		}
		q.From, q.To, q.After = all.From, all.To, links[len(links)-1].Reception
	}
	page := draw(all)
	for _, h := range spans {
		page.Spans = append(page.Spans, span{h, h == hours})
	}
	p.Data = page
	c.show(w, http.StatusOK, "schedule.html", p)
}

// draw lays a chart out.
func draw(c control.Chart) schedulePage {
	s := schedulePage{Chart: c, Width: drawn, NowX: -1, Hours: int(c.To.Sub(c.From).Hours() + .5)}
	whole := max(c.To.Sub(c.From), time.Second)
	x := func(t time.Time) int { return int(t.Sub(c.From).Seconds() / whole.Seconds() * drawn) }
	within := func(from, to time.Time) (at, width int, ok bool) {
		a, b := min(max(x(from), 0), drawn), min(max(x(to), 0), drawn)
		return a, max(b-a, 3), from.Before(c.To) && to.After(c.From)
	}
	y := axis
	band := func(name string, l control.Lane, shut []control.Shut) (b band) {
		b.Name, b.Rate, b.Y = name, l.Rate, y+bandTop
		for i, reserved := range l.Reserved {
			part := float64(reserved) / float64(max(l.Rate, 1))
			b.Most = max(b.Most, int(part*100+.5))
			if high := int(min(part, 1)*bandHeight + .5); high > 0 || reserved > 0 {
				high = max(high, 1)
				from, to := i*drawn/len(l.Reserved), (i+1)*drawn/len(l.Reserved)
				b.Steps = append(b.Steps, bar{from, b.Y + bandHeight - high, to - from, high})
			}
		}
		for _, t := range shut {
			if at, width, ok := within(t.From, t.To); ok {
				b.Shut = append(b.Shut, bar{at, b.Y, width, bandHeight})
			}
		}
		y += bandTop + bandHeight
		return b
	}
	s.Uplink = band("", c.Uplink, nil)
	y += laneGap
	for _, link := range c.Links {
		l := lane{band: band(link.Reception, link.Lane, link.Closed)}
		y += 4
		rows := []int{} // the end of the last slot in each row, so that none covers another
		for _, reserved := range link.Slots {
			at, width, ok := within(reserved.Start, reserved.End)
			if !ok {
				continue
			}
			row := 0
			for row < len(rows) && rows[row] > at {
				row++
			}
			if row == len(rows) {
				rows = append(rows, 0)
			}
			rows[row] = at + width + 2
			one := slot{Slot: reserved, Reception: link.Reception, bar: bar{at, y + row*(slotHeight+3), width, slotHeight}, Due: -1}
			if due := x(reserved.Deadline); due >= 0 && due <= drawn {
				one.Due = due
			}
			l.Slots = append(l.Slots, one)
			s.Slots = append(s.Slots, one)
		}
		y += len(rows)*(slotHeight+3) + laneGap
		s.Lanes = append(s.Lanes, l)
	}
	s.Height = y
	if now := x(c.Now); now >= 0 && now <= drawn {
		s.NowX = now
	}
	const marks = 6
	for i := range marks {
		at := c.From.Add(whole * time.Duration(i) / marks)
		s.Marks = append(s.Marks, mark{at, x(at)})
	}
	return s
}
