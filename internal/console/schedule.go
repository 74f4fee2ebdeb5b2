package console

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

// schedulePage is when promised deliveries are planned, a lane for each reception.
type schedulePage struct {
	From, To time.Time
	Lanes    []lane
	Height   int
	Marks    []mark
}

// lane is what is planned for one reception.
type lane struct {
	Reception string
	Y         int
	Bars      []bar
}

// bar is one delivery in the drawing, in its units of 1/1000 of the width.
type bar struct {
	row
	X, Width, Y, Due int
}

// mark is an instant on the axis.
type mark struct {
	At time.Time
	X  int
}

const (
	drawn      = 1000 // units across
	laneHeight = 44
	axis       = 24
	most       = 20 // pages of deliveries that are looked at
)

func (c Console) schedule(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "schedule", "schedule", nil)
	var rows []row
	for before, pages := int64(0), 0; pages < most; pages++ {
		reply, err := c.call(r.Context(), control.Call{Deliveries: &control.DeliveryQuery{Before: before}})
		if err != nil {
			c.fail(w, r, err, look.Status(err))
			return
		}
		for _, d := range c.rows(reply.Deliveries.Deliveries) {
			before = d.ID
			if d.Running() {
				rows = append(rows, d)
			}
		}
		if !reply.Deliveries.More {
			break
		}
	}
	p.Data = draw(rows, p.Now)
	c.show(w, http.StatusOK, "schedule.html", p)
}

// draw lays out what is planned from now until the last deadline.
func draw(rows []row, now time.Time) schedulePage {
	s := schedulePage{From: now, To: now.Add(time.Hour)}
	for _, d := range rows {
		for _, t := range []time.Time{d.End, d.Deadline} {
			if t.After(s.To) {
				s.To = t
			}
		}
	}
	x := func(t time.Time) int {
		part := t.Sub(s.From).Seconds() / s.To.Sub(s.From).Seconds()
		return int(min(max(part, 0), 1) * drawn)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Reception, b.Reception), a.Start.Compare(b.Start))
	})
	for _, d := range rows {
		if n := len(s.Lanes); n == 0 || s.Lanes[n-1].Reception != d.Reception {
			s.Lanes = append(s.Lanes, lane{Reception: d.Reception, Y: axis + n*laneHeight})
		}
		l := &s.Lanes[len(s.Lanes)-1]
		from, to := x(d.Start), x(d.End)
		l.Bars = append(l.Bars, bar{row: d, X: from, Width: max(to-from, 3), Y: l.Y + 20, Due: x(d.Deadline)})
	}
	s.Height = axis + len(s.Lanes)*laneHeight
	const marks = 4
	for i := range marks + 1 {
		at := s.From.Add(s.To.Sub(s.From) * time.Duration(i) / marks)
		s.Marks = append(s.Marks, mark{at, x(at)})
	}
	return s
}
