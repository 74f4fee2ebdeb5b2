package console

import (
	"net/http"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// row is one delivery as a list shows it, at one moment.
type row struct {
	control.Delivery
	Now time.Time
}

// Running says whether its end is still to come.
func (d row) Running() bool {
	switch d.State {
	case "promised", "sending", "verifying":
		return true
	}
	return false
}

// Left is how long it takes at the measured rate; 0 where there is none.
func (d row) Left() time.Duration {
	if d.Rate <= 0 || d.Offset >= d.Size {
		return 0
	}
	return time.Duration(float64(d.Size-d.Offset) / float64(d.Rate) * float64(time.Second)).Round(time.Second)
}

// Laxity is how much later it could be and still be in time.
func (d row) Laxity() time.Duration {
	end := d.End
	if left := d.Left(); left > 0 {
		end = d.Now.Add(left)
	}
	return d.Deadline.Sub(end).Round(time.Second)
}

// Margin is how much earlier than promised it ended.
func (d row) Margin() time.Duration { return d.Deadline.Sub(d.Finished).Round(time.Second) }

// deliveriesPage is part of the list, the newest first.
type deliveriesPage struct {
	Rows   []row
	Before int64 // of the next page; 0 is none
	Live   bool  // the newest are shown, and kept fresh
}

func (c Console) deliveries(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "deliveries", "deliveries", nil)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	reply, err := c.call(r.Context(), control.Call{Deliveries: &control.DeliveryQuery{Before: max(before, 0)}})
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	data := deliveriesPage{Rows: c.rows(reply.Deliveries.Deliveries), Live: before <= 0}
	if reply.Deliveries.More {
		data.Before = data.Rows[len(data.Rows)-1].ID
	}
	p.Data = data
	c.show(w, http.StatusOK, "deliveries.html", p)
}

func (c Console) rows(list []control.Delivery) []row {
	now := c.Clock()
	var rows []row
	for _, d := range list {
		rows = append(rows, row{d, now})
	}
	return rows
}

// storyPage is all that is known of one delivery.
type storyPage struct {
	row
	Story    control.DeliveryStory
	Receipt  *receipt.Receipt
	Verified bool
}

// tell makes the page of a story. A receipt is verified here as vcuser does it:
// its signature, by the key that the reception is known by, and that it is of
// this delivery.
func (c Console) tell(s control.DeliveryStory) storyPage {
	p := storyPage{row: row{s.Delivery, c.Clock()}, Story: s}
	if len(s.Receipt) == 0 {
		return p
	}
	signed, err := receipt.Parse(s.Receipt)
	if err != nil {
		return p
	}
	p.Receipt = &signed
	p.Verified = receipt.Verify(signed) == nil && signed.Key == s.ReceiptKey && signed.SHA256 == s.SHA256 && signed.Size == s.Size
	return p
}

// one asks for the delivery that the path names.
func (c Console) one(r *http.Request) (control.DeliveryStory, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return control.DeliveryStory{}, reason.New(reason.UnknownDelivery, "%.40q is no number of a delivery", r.PathValue("id"))
	}
	reply, err := c.call(r.Context(), control.Call{Show: &control.ShowQuery{ID: id}})
	if err != nil {
		return control.DeliveryStory{}, err
	}
	return *reply.Delivery, nil
}

func (c Console) story(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "deliveries", "deliveries", nil)
	s, err := c.one(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Title, p.Data = s.Title, c.tell(s)
	c.show(w, http.StatusOK, "delivery.html", p)
}

func (c Console) cancel(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "deliveries", "deliveries", nil)
	s, err := c.one(r)
	if err == nil {
		var reply control.Reply
		if reply, err = c.call(r.Context(), control.Call{Cancel: &control.CancelQuery{ID: s.ID}}); err == nil {
			s = *reply.Delivery
		}
	}
	switch {
	case err == nil:
		p.Done = made.Say(p.Lang, "cancel_done")
	case s.ID == 0:
		c.fail(w, r, err, look.Status(err))
		return
	default:
		p.Problem, p.Hint = look.Explain(err, p.Lang)
	}
	p.Title, p.Data = s.Title, c.tell(s)
	code := http.StatusOK
	if err != nil {
		code = look.Status(err)
	}
	c.show(w, code, "delivery.html", p)
}

// receipt gives the receipt as the reception signed it.
func (c Console) receipt(w http.ResponseWriter, r *http.Request) {
	s, err := c.one(r)
	if err == nil && len(s.Receipt) == 0 {
		err = reason.New(reason.UnknownDelivery, "delivery %d has no receipt yet", s.ID)
	}
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="receipt-`+strconv.FormatInt(s.ID, 10)+`.json"`)
	w.Write(s.Receipt)
}
