package desk

import (
	"context"
	"slices"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// gather is how long what changes is gathered after the first change: a delivery
// changes at each acknowledgement, and nobody reads faster.
const gather = 200 * time.Millisecond

// news gives what has changed of the deliveries that the caller may see.
func (s asker) news(ctx context.Context, q control.NewsQuery) (*control.News, error) {
	if len(q.IDs) > control.MaxFollowed {
		return nil, reason.New(reason.Usage, "%d deliveries cannot be followed by their numbers, at most %d can", len(q.IDs), control.MaxFollowed)
	}
	for _, id := range q.IDs {
		if err := s.own(ctx, id); err != nil {
			return nil, err
		}
		if s.trusted { // whom own lets ask for what is not there
			if _, err := s.desk.Ledger.Get(ctx, id); err != nil {
				return nil, err
			}
		}
	}
	for over := time.Now().Add(min(q.Wait, mostWait)); ; {
		n, next, err := s.newsNow(ctx, q)
		left := time.Until(over)
		if err != nil || len(n.Changes) > 0 || left <= 0 {
			return n, err
		}
		q.After = n.After
		if err := pause(ctx, next, min(left, mostWait)); err != nil {
			return nil, err
		}
		if err := pause(ctx, nil, min(gather, left)); err != nil {
			return nil, err
		}
		// Meanwhile the account may have ended.
		if _, err := s.authorise(ctx); err != nil {
			return nil, err
		}
	}
}

// pause waits until something is closed, or a time is over.
func pause(ctx context.Context, closed <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	case <-ctx.Done():
		return reason.New(reason.ShuttingDown, "the central server is stopping")
	}
	return nil
}

// untold is for how long before the latest that somebody was told something may have
// ended that nobody was told of: it is written down when it ends, and told when its
// workers have ended, which a server that is stopped or killed does not come to.
const untold = time.Minute

// newsNow is news without waiting; next is closed at the next change of anything.
func (s asker) newsNow(ctx context.Context, q control.NewsQuery) (*control.News, <-chan struct{}, error) {
	n := s.desk.Dispatcher.News(s.filter(), q.IDs, q.After, control.PageSize)
	news := &control.News{Changes: []control.Change{}, After: n.After, More: n.More}
	q.After = n.Asked
	told := make(map[int64]bool)
	for _, c := range n.Changes {
		v, err := s.desk.Dispatcher.Look(ctx, c.ID)
		if err != nil {
			return nil, nil, err
		}
		// What has changed since has another revision, and is told again.
		news.Changes = append(news.Changes, control.Change{Revision: c.Revision, Delivery: s.publicOf(v)})
		told[c.ID] = true
	}
	before, err := s.before(ctx, q, n.Since, told)
	if err != nil {
		return nil, nil, err
	}
	if len(before) > 0 {
		// They come first, as they changed first; the page may be another's then.
		most := max(0, control.PageSize-len(before))
		if len(news.Changes) > most {
			news.More, news.After = true, n.Since
			if news.Changes = news.Changes[:most]; most > 0 {
				news.After = news.Changes[most-1].Revision
			}
		}
		news.Changes = append(before, news.Changes...)
	}
	return news, n.Next, nil
}

// before gives what ended before the dispatcher remembers, as far as it was asked
// for and is not told already: the latest of it. The revision of such a delivery is
// when it ended, or where that was not told then, after the one asked about. What may
// have been told is told twice.
func (s asker) before(ctx context.Context, q control.NewsQuery, since int64, told map[int64]bool) ([]control.Change, error) {
	if q.After >= since {
		return nil, nil
	}
	var all []control.Change
	add := func(id int64) error {
		v, err := s.desk.Dispatcher.Look(ctx, id)
		if err == nil && v.State.Ended() && !told[id] {
			all = append(all, control.Change{Revision: min(v.Finished.UnixNano(), since), Delivery: s.publicOf(v)})
		}
		return err
	}
	switch {
	case len(q.IDs) > 0:
		for _, id := range q.IDs {
			if err := add(id); err != nil {
				return nil, err
			}
		}
	case q.After > 0:
		ended, err := s.desk.Ledger.EndedSince(ctx, s.filter(), time.Unix(0, q.After).Add(-untold), control.PageSize)
		if err != nil {
			return nil, err
		}
		for _, l := range ended {
			if err := add(l.ID); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b control.Change) int { return int(min(1, max(-1, a.Revision-b.Revision))) })
	for i, last := 0, q.After; i < len(all); i++ {
		last = min(max(all[i].Revision, last+1), since)
		all[i].Revision = last
	}
	return all, nil
}
