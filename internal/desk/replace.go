package desk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// replacing does what a new version of a title asks for.
func (s asker) replacing(ctx context.Context, c control.Call) (r control.Reply, err error) {
	if !s.admin {
		return r, reason.New(reason.NotPermitted, "titles are replaced by administrators, on their own port")
	}
	switch {
	case c.Replace != nil:
		r.Change, err = s.replaceTitle(ctx, *c.Replace)
	case c.Older != nil:
		r.Older, err = s.older(ctx, *c.Older)
	default:
		r.Promises, r.Comparing, err = s.redeliver(ctx, *c.Redeliver)
	}
	return r, err
}

// replaceTitle gives a title another source. What was promised of the one before
// stays promised.
func (s asker) replaceTitle(ctx context.Context, q control.ReplaceTitle) (*control.TitleChange, error) {
	d := s.desk
	list := d.Titles.List()
	t, ok := list.Lookup(q.Number)
	if !ok {
		return nil, reason.New(reason.UnknownTitle, "there is no title %d", q.Number)
	}
	t.Location, t.Duration = q.Location, time.Duration(q.Duration)*time.Millisecond
	check := t
	check.Duration = max(t.Duration, catalogue.MinDuration)
	switch err := check.Check(); {
	case err != nil:
		return nil, reason.Wrap(reason.Usage, err, "this cannot be a title")
	case q.Duration < 0 || q.Duration > catalogue.MaxDuration.Milliseconds():
		return nil, reason.New(reason.Usage, "a duration is more than 0, and at most %d minutes", catalogue.MaxDuration/time.Minute)
	case t.Kind() != catalogue.KindFile:
		return nil, reason.New(reason.Usage, "%s is a live source, which has no versions", t.Location)
	}
	path := t.Resolve(list.Base)
	f, facts, err := d.Surveyor.Open(path)
	if err != nil {
		return nil, err
	}
	if facts.Folder {
		var release func()
		if facts.Size, facts.MTime, release, err = d.Surveyor.Describe(ctx, path, f); err != nil {
			return nil, err
		}
		release()
	} else if t.Duration > 0 {
		f.Close()
	} else if t.Duration, err = d.Surveyor.Duration(ctx, f, facts); err != nil {
		return nil, reason.Wrap(reason.Of(err), err, "%s", t.Location)
	}
	// A folder does not say how long it lasts: as long as the version before,
	// unless it was said.
	was, t, err := d.Titles.Replace(q.Number, func(now catalogue.Title) catalogue.Title {
		now.Location = t.Location
		if t.Duration > 0 {
			now.Duration = t.Duration
		}
		return now
	})
	if err != nil {
		return nil, err
	}
	d.Log.Info("title replaced", journal.TitleAdded.Mark(), "title", t.Name, "number", t.Number, "location", t.Location, "before", was.Location, "duration", t.Duration)
	if facts.Folder {
		// Its files are digested when they are compared, or delivered.
	} else if err := d.Surveyor.Want(ctx, ledger.Source{Location: path, Size: facts.Size, MTime: facts.MTime}); err != nil {
		d.Log.Warn("the digest is not computed ahead", "title", t.Name, "error", err)
	}
	if was.Location != t.Location {
		if err := s.forget(ctx, was); err != nil {
			d.Log.Warn("a digest is computed that nobody needs", "title", was.Name, "error", err)
		}
	}
	change := &control.TitleChange{Title: publicTitle(t)}
	change.Title.TitleSource, err = s.source(ctx, t, path)
	return change, err
}

// older gives one page of what receptions hold and await of earlier versions.
func (s asker) older(ctx context.Context, q control.OlderQuery) (*control.OlderPage, error) {
	title, err := s.title(q.Number)
	if err != nil {
		return nil, err
	}
	src, _, release, err := s.desk.Dispatcher.Version(ctx, title.Location)
	if err != nil {
		return nil, err
	}
	release()
	all, err := s.desk.Dispatcher.Older(ctx, q.Number, src)
	if err != nil {
		return nil, err
	}
	page, last, size := &control.OlderPage{Deliveries: []control.Older{}}, "", 0
	for _, l := range all {
		if strings.Compare(l.Reception, q.After) <= 0 {
			continue
		}
		// A reception is on one page with all that it has, or the oldest of more
		// than fits.
		if (len(page.Deliveries) >= control.PageSize || size > maxPage) && l.Reception != last {
			page.More = true
			break
		}
		if size > maxPage {
			continue
		}
		last = l.Reception
		one := control.Older{
			Delivery: s.publicOf(s.desk.Dispatcher.View(l)), Location: cut(l.Location, maxText), Present: s.present(l),
		}
		text, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		size += len(text)
		page.Deliveries = append(page.Deliveries, one)
	}
	return page, nil
}

// present says whether the source of a delivery is there as it was promised, as
// far as can be seen without looking through a folder.
func (s asker) present(l ledger.Delivery) bool {
	f, facts, err := s.desk.Surveyor.Open(l.Location)
	if err != nil {
		return false
	}
	f.Close()
	return facts.Folder || facts.Size == l.Size && facts.MTime == l.MTime
}

// redeliver promises a title anew in the place of its earlier versions. Where a
// reception holds a folder that the new one can be compared with, its files are
// hashed first; until they are it says how far that is.
func (s asker) redeliver(ctx context.Context, q control.Redeliver) (*control.Promises, *control.Comparing, error) {
	if q.Key == "" || len(q.Key) > maxKey || len(q.Receptions) == 0 {
		return nil, nil, reason.New(reason.Usage, "a request has an idempotency key of 1 to %d bytes, and receptions", maxKey)
	}
	if err := checkReceptions(q.Receptions); err != nil {
		return nil, nil, err
	}
	s.desk.promising.RLock()
	defer s.desk.promising.RUnlock()
	title, err := s.title(q.Number)
	if err != nil {
		return nil, nil, err
	}
	if wait, err := s.comparing(ctx, q, title.Location); err != nil || wait != nil {
		return nil, wait, err
	}
	promised, err := s.desk.Dispatcher.Redeliver(ctx, dispatch.Ask{
		Account: s.account, Key: q.Key, Receptions: q.Receptions, By: q.By, ByEarliest: q.ByEarliest, Title: title,
	})
	if err != nil {
		return nil, nil, err
	}
	made := &control.Promises{}
	for _, l := range promised {
		made.Deliveries = append(made.Deliveries, s.publicOf(s.desk.Dispatcher.View(l)))
	}
	return made, nil, nil
}

// comparing says how far the hashing of a folder is that has to be compared; nil
// where there is nothing to wait for.
func (s asker) comparing(ctx context.Context, q control.Redeliver, path string) (*control.Comparing, error) {
	d := s.desk
	if offset, wanted := d.Surveyor.Progress(path); wanted && d.Surveyor.FolderSize(path) >= 0 {
		return &control.Comparing{Hashed: max(0, offset), Size: d.Surveyor.FolderSize(path)}, nil
	}
	src, folder, release, err := d.Dispatcher.Version(ctx, path)
	if err != nil {
		return nil, err
	}
	defer release()
	if !folder {
		return nil, nil
	}
	worth, err := d.Dispatcher.Comparable(ctx, q.Number, slices.Clone(q.Receptions))
	if err != nil || !worth {
		return nil, err
	}
	if err := d.Surveyor.WantProof(ctx, src); err != nil {
		return nil, err
	}
	if offset, wanted := d.Surveyor.Progress(path); wanted {
		return &control.Comparing{Hashed: max(0, offset), Size: src.Size}, nil
	}
	return nil, nil
}
