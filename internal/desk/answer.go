package desk

import (
	"context"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/ledger"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// answer does what a call asks for, if whoever has the session may.
func (s *session) answer(ctx context.Context, c control.Call) (r control.Reply) {
	if r, known := s.identify(ctx, c); known {
		return r
	}
	who, err := s.authorise(ctx)
	if err == nil {
		r, err = asker{s, who}.answer(ctx, c)
	}
	if err = stopped(ctx, err); err != nil {
		s.logRefusal(err)
		return control.Reply{Refusal: who.refusal(err)}
	}
	return r
}

// stopped is err, as whoever asked is told it. What was being done when the server
// stopped, and ended with its context, has no fault of its own: it may be tried again.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return reason.New(reason.ShuttingDown, "the central server is stopping")
	}
	return err
}

// identify answers what is about who has the session; known is whether the call
// was. Logins that are refused there were logged.
func (s *session) identify(ctx context.Context, c control.Call) (r control.Reply, known bool) {
	var err error
	switch {
	case c.Login != nil:
		err = s.login(ctx, c.Login.Token)
		r.Welcome = err == nil
	case c.Enter != nil:
		r.Entered, err = s.enter(ctx, *c.Enter)
	case c.Visit != nil:
		r.Visitor, err = s.show(ctx, *c.Visit)
	case c.Leave != nil:
		err = s.leave(ctx)
	case c.Health != nil:
		r.Health = s.health(ctx)
	case c.Metrics != nil:
		r.Metrics, err = s.metrics(ctx, *c.Metrics)
	default:
		return r, false
	}
	if err = stopped(ctx, err); err != nil {
		if reason.Of(err).Located() {
			s.logRefusal(err)
		}
		r.Refusal = caller{}.refusal(err)
	}
	return r, true
}

// answer does what a call asks for.
func (s asker) answer(ctx context.Context, c control.Call) (r control.Reply, err error) {
	switch {
	case c.Titles != nil:
		r.Titles, err = s.listTitles(ctx, *c.Titles)
	case c.Request != nil && len(c.Request.Receptions) > 0:
		r.Promises, err = s.promises(ctx, *c.Request)
	case c.Request != nil:
		r.Delivery, err = s.request(ctx, *c.Request)
	case c.Deliveries != nil:
		r.Deliveries, err = s.deliveries(ctx, *c.Deliveries)
	case c.Show != nil:
		r.Delivery, err = s.show(ctx, *c.Show)
	case c.News != nil:
		r.News, err = s.news(ctx, *c.News)
	case c.Cancel != nil:
		if err = s.own(ctx, c.Cancel.ID); err != nil {
			break
		}
		if err = s.desk.Dispatcher.Cancel(ctx, c.Cancel.ID); err == nil {
			r.Delivery, err = s.show(ctx, control.ShowQuery{ID: c.Cancel.ID})
		}
	case c.Where != nil:
		r.Prospects, err = s.where(ctx, *c.Where)
	case c.See != nil:
		r.Seen, err = s.see(ctx, *c.See)
	case c.Receptions != nil:
		r.Receptions, err = s.receptions(ctx, c.Receptions.After)
	case c.Chart != nil:
		r.Chart, err = s.chart(*c.Chart)
	case c.LinkOnce != nil:
		r.Once, err = s.linkOnce(ctx)
	case c.Add != nil || c.Remove != nil:
		r.Change, err = s.changeTitles(ctx, c)
	case c.Replace != nil || c.Older != nil || c.Redeliver != nil:
		r, err = s.replacing(ctx, c)
	case administrative(c):
		r, err = s.administer(ctx, c)
	default:
		err = reason.New(reason.Internal, "an empty call")
	}
	return r, err
}

// refusal is err, told to the caller.
func (c caller) refusal(err error) *control.Refusal {
	code := reason.Of(err)
	r := &control.Refusal{Code: code, Detail: c.sayable(code, err.Error())}
	var refused *dispatch.Refusal
	if errors.As(err, &refused) {
		r.Earliest, r.Constraint = refused.Earliest, refused.Constraint
		if len(refused.Report) > 0 {
			r.Report = c.publicProspects(refused.Report)
		}
	}
	return r
}

// sayable is what the caller is told of a detail: where things lie is not for users.
func (c caller) sayable(code reason.Code, detail string) string {
	if c.admin {
		return detail
	}
	return code.ForUsers(detail)
}

// cut bounds a text, at a character's beginning, by how many bytes it has as JSON
// writes it: of what peers say, each may take six there.
func cut(s string, most int) string {
	for i, r := range s {
		switch {
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError:
			most -= len(`\u0000`)
		case r == '"' || r == '\\':
			most -= 2
		default:
			most -= utf8.RuneLen(r)
		}
		if most < 0 {
			return s[:i]
		}
	}
	return s
}

// Bounds of what a request may carry, in bytes.
const (
	maxKey  = 128
	maxText = 300
)

func (s asker) request(ctx context.Context, q control.Request) (*control.DeliveryStory, error) {
	ids, err := s.promise(ctx, q, []string{q.Reception})
	if err != nil {
		return nil, err
	}
	return s.show(ctx, control.ShowQuery{ID: ids[0]})
}

// promise gives the ids of what is promised to the receptions.
func (s asker) promise(ctx context.Context, q control.Request, receptions []string) (ids []int64, err error) {
	if q.Key == "" || len(q.Key) > maxKey || len(q.Mail) > maxText {
		return nil, reason.New(reason.Usage, "a request has an idempotency key of 1 to %d bytes, and a mail address of at most %d", maxKey, maxText)
	}
	if err := checkMail(q); err != nil {
		return nil, err
	}
	if q.Mail, err = s.mailFor(q.Mail); err != nil {
		return nil, err
	}
	if q.Reception != "" && len(q.Receptions) > 0 {
		return nil, reason.New(reason.Usage, "a request names either one reception or several")
	}
	if err := checkReceptions(receptions); err != nil {
		return nil, err
	}
	if err := checkPace(q.MaxPace); err != nil {
		return nil, err
	}
	// No title is removed from under a promise that is being made.
	s.desk.promising.RLock()
	defer s.desk.promising.RUnlock()
	title, unknown := s.title(q.Number)
	ask := dispatch.Ask{
		Account: s.account, Key: q.Key, Receptions: receptions, By: q.By, ByEarliest: q.ByEarliest, From: q.From, MaxPace: rate.Rate(q.MaxPace),
		Mail: q.Mail, Language: q.Language, Title: title,
	}
	var promised []ledger.Delivery
	if unknown == nil {
		promised, err = s.desk.Dispatcher.Promise(ctx, ask)
	} else {
		promised, err = s.again(ctx, ask, q.Number, unknown)
	}
	for _, l := range promised {
		ids = append(ids, l.ID)
	}
	return ids, err
}

// again answers a request for a title that is unknown now: with what was promised
// when it was made before, under the same key, and the title was still there.
func (s asker) again(ctx context.Context, ask dispatch.Ask, number int, unknown error) ([]ledger.Delivery, error) {
	ask.Title.Number = number
	promised, found, err := s.desk.Dispatcher.Promised(ctx, ask)
	if err == nil && !found {
		return nil, unknown
	}
	return promised, err
}

func (s asker) deliveries(ctx context.Context, q control.DeliveryQuery) (*control.DeliveryPage, error) {
	f := ledger.Filter{Account: s.filter(), Before: q.Before, Limit: control.PageSize + 1}
	switch q.Some {
	case control.Running:
		f.States = ledger.Running
	case control.Ended:
		f.States = ledger.Over
	}
	list, err := s.desk.Ledger.List(ctx, f)
	if err != nil {
		return nil, err
	}
	page := &control.DeliveryPage{Deliveries: []control.Delivery{}, More: len(list) > control.PageSize}
	for _, l := range list[:min(len(list), control.PageSize)] {
		page.Deliveries = append(page.Deliveries, s.publicOf(s.desk.Dispatcher.View(l)))
	}
	return page, nil
}

// show gives one delivery; with a wait, when it is no longer at the revision given.
func (s asker) show(ctx context.Context, q control.ShowQuery) (*control.DeliveryStory, error) {
	v, err := s.desk.Dispatcher.Look(ctx, q.ID)
	if err == nil {
		err = s.owns(v.Delivery)
	}
	if err != nil {
		return nil, err
	}
	if q.Wait > 0 && v.Revision == q.Revision && v.Changed != nil {
		timer := time.NewTimer(min(q.Wait, mostWait))
		defer timer.Stop()
		select {
		case <-v.Changed:
		case <-timer.C:
		case <-ctx.Done():
			return nil, reason.New(reason.ShuttingDown, "the central server is stopping")
		}
		if _, err := s.authorise(ctx); err != nil { // meanwhile the account may have ended
			return nil, err
		}
		if v, err = s.desk.Dispatcher.Look(ctx, q.ID); err != nil {
			return nil, err
		}
	}
	return s.story(ctx, v)
}

func (c caller) publicOf(v dispatch.View) control.Delivery {
	d := control.Delivery{
		ID: v.ID, Title: v.Name, Number: v.Title, Reception: v.Reception, State: string(v.State), Offset: v.Offset, Size: v.Size,
		Rate: v.Rate, MaxPace: v.MaxPace, Deadline: v.Deadline.UTC(), Start: v.Start.UTC(), End: v.End.UTC(), Started: utc(v.Started), Finished: utc(v.Finished),
		SHA256: v.SHA256, Reason: v.Reason, Detail: cut(c.sayable(v.Reason, v.Detail), 300), AtRisk: v.AtRisk, Late: v.Late, Resumes: v.Resumes,
	}
	if v.Live.Asked {
		d.Live, d.Captured, d.Lasts = true, v.Captured.Milliseconds(), v.Duration.Milliseconds()
	}
	return d
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func (s asker) story(ctx context.Context, v dispatch.View) (*control.DeliveryStory, error) {
	events, err := s.desk.Ledger.Events(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	story := &control.DeliveryStory{
		Delivery: s.publicOf(v), Revision: v.Revision, Pace: v.Pace, Requested: v.Requested.UTC(), Sent: v.Sent,
		Events: []control.Event{}, Receipt: v.Receipt,
	}
	for _, e := range events[max(0, len(events)-control.MaxEvents):] {
		story.Events = append(story.Events, control.Event{At: e.At.UTC(), Kind: string(e.Kind), Reason: e.Reason, Offset: e.Offset, Detail: cut(s.sayable(e.Reason, e.Detail), 300)})
	}
	if story.ReceiptKey, err = s.desk.Ledger.ReceiptKey(ctx, v.Delivery); err != nil {
		return nil, err
	}
	story.Filmed = s.filmed(v)
	if story.Mails, err = s.mails(ctx, v.ID); err != nil {
		return nil, err
	}
	return story, fit(story)
}

// fit leaves out the oldest events of a story for which a message has no room: the
// receipt may have taken most of it.
func fit(story *control.DeliveryStory) error {
	const besides = 200 // what stands around a story
	for {
		text, err := json.Marshal(story)
		if err != nil || len(text) <= control.MaxMessage-besides || len(story.Events) == 0 {
			return err
		}
		story.Events = story.Events[(len(story.Events)+9)/10:]
	}
}

// filmed says how a live source is captured for a delivery that has not ended.
func (s asker) filmed(v dispatch.View) *control.Filmed {
	if s.desk.Studio == nil || v.State.Ended() || !v.Live.Joined() {
		return nil
	}
	r, ok := s.desk.Studio.Report(v.ID, v.Offset)
	if !ok {
		return nil
	}
	return &control.Filmed{
		Since: v.Live.Began.UTC(), Until: v.Live.Began.Add(v.Live.Lasts).UTC(), Recorded: r.Recorded, Behind: r.Behind.Milliseconds(),
		Gaps: append([]receipt.Gap{}, r.Gaps...), MoreGaps: r.MoreGaps, Trouble: r.Trouble, Stopped: v.Live.Stopped,
	}
}
