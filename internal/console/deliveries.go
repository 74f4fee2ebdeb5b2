package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/rate"
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

// Shot is how much of a live source was captured.
func (d row) Shot() time.Duration { return time.Duration(d.Captured) * time.Millisecond }

// Second is how many seconds that is: its picture is another one at each.
func (d row) Second() int64 { return d.Captured / 1000 }

// Length is how much of a live source is to be captured.
func (d row) Length() time.Duration { return time.Duration(d.Lasts) * time.Millisecond }

// Filming says whether a live source is being captured for it: nobody knows how
// many bytes there will be.
func (d row) Filming() bool { return d.Live && d.Size < 0 && d.Running() && !d.Started.IsZero() }

// Left is how long it takes at the measured rate; 0 where there is none.
func (d row) Left() time.Duration {
	if d.Rate <= 0 || d.Offset >= d.Size || d.Size < 0 {
		return 0
	}
	return rate.Rate(d.Rate).Time(d.Size - d.Offset).Round(time.Second)
}

// Laxity is how much later it could be and still be in time.
func (d row) Laxity() time.Duration {
	end := d.End
	if left := d.Left(); left > 0 {
		end = d.Now.Add(left)
	}
	return d.Deadline.Sub(end).Round(time.Second)
}

// Overdue is how much later than promised it ended, or will.
func (d row) Overdue() time.Duration {
	if !d.Finished.IsZero() {
		return -d.Margin()
	}
	return -d.Laxity()
}

// Why is why it ended or waits, in words.
func (d row) Why(language string) string { return because(d.Reason, language) }

// Margin is how much earlier than promised it ended.
func (d row) Margin() time.Duration { return d.Deadline.Sub(d.Finished).Round(time.Second) }

// deliveriesPage is what is under way, due first, and part of what has ended, the
// latest first.
type deliveriesPage struct {
	Running []row
	Ended   []row
	Before  int64 // of the next page of those that have ended; 0 is none
	Older   int64 // of the next page of those under way; 0 is none
	Live    bool  // what is under way is shown, and kept fresh
	Since   int64 // before it was looked at, in ns since 1970, as revisions are
}

func (c Console) deliveries(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "deliveries", "deliveries", nil)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	running, _ := strconv.ParseInt(r.URL.Query().Get("running"), 10, 64)
	data := deliveriesPage{Live: before <= 0 && running <= 0, Since: c.Clock().UnixNano()}
	var err error
	if before <= 0 {
		data.Running, data.Older, err = c.underWay(r, max(running, 0))
	}
	reply := control.Reply{Deliveries: &control.DeliveryPage{}}
	if err == nil && running <= 0 {
		reply, err = c.call(r.Context(), control.Call{Deliveries: &control.DeliveryQuery{Before: max(before, 0), Some: control.Ended}})
	}
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	if running > 0 && len(data.Running) == 0 { // they have ended since the page that led here
		http.Redirect(w, r, "/deliveries", http.StatusSeeOther)
		return
	}
	data.Ended = c.rows(reply.Deliveries.Deliveries)
	if reply.Deliveries.More {
		data.Before = data.Ended[len(data.Ended)-1].ID
	}
	p.Data = data
	c.show(w, http.StatusOK, "deliveries.html", p)
}

// mostRunning bounds how many pages of deliveries are kept fresh.
const mostRunning = 4

// underWay gives the latest deliveries that have not ended, those due first ahead, of
// those before one, 0 for all; older is before which there are others, 0 for none.
func (c Console) underWay(r *http.Request, before int64) (all []row, older int64, err error) {
	q := control.DeliveryQuery{Before: before, Some: control.Running}
	for range mostRunning {
		reply, err := c.call(r.Context(), control.Call{Deliveries: &q})
		if err != nil {
			return nil, 0, err
		}
		all = append(all, c.rows(reply.Deliveries.Deliveries)...)
		if older = 0; !reply.Deliveries.More || len(reply.Deliveries.Deliveries) == 0 {
			break
		}
		q.Before = all[len(all)-1].ID
		older = q.Before
	}
	slices.SortStableFunc(all, func(a, b row) int { return cmp.Or(a.Deadline.Compare(b.Deadline), cmp.Compare(a.ID, b.ID)) })
	return all, older, nil
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

// Gaps are those of a live source, as far as they are known.
func (p storyPage) Gaps() []receipt.Gap {
	switch {
	case p.Receipt != nil:
		return p.Receipt.Gaps
	case p.Story.Filmed != nil:
		return p.Story.Filmed.Gaps
	}
	return nil
}

// Unlisted is how many gaps there are besides.
func (p storyPage) Unlisted() int {
	switch {
	case p.Receipt != nil:
		return int(p.Receipt.MoreGaps)
	case p.Story.Filmed != nil:
		return p.Story.Filmed.MoreGaps
	}
	return 0
}

// Still is how long its capture goes on.
func (p storyPage) Still() time.Duration {
	if f := p.Story.Filmed; f != nil && !f.Stopped {
		return max(0, f.Until.Sub(p.Now)).Round(time.Second)
	}
	return 0
}

// Behind is how much later what is captured arrives.
func (p storyPage) Behind() time.Duration {
	return (time.Duration(p.Story.Filmed.Behind) * time.Millisecond).Round(100 * time.Millisecond)
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
	p.Title, p.Data, p.Done = s.Title, c.tell(s), c.told(w, r).say(p.Lang)
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
	switch to := "/deliveries/" + strconv.FormatInt(s.ID, 10); {
	case err == nil && s.Live && s.State != "cancelled":
		c.sendOn(w, r, to, outcome{Word: "end_done"})
	case err == nil:
		c.sendOn(w, r, to, outcome{Word: "cancel_done"})
	case s.ID == 0:
		c.fail(w, r, err, look.Status(err))
	default:
		p.Problem, p.Hint = look.Explain(err, p.Lang)
		p.Title, p.Data = s.Title, c.tell(s)
		c.show(w, look.Status(err), "delivery.html", p)
	}
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
