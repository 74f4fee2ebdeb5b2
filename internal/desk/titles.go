package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// maxPage bounds a page of titles, in bytes: with the rest of its message it
// stays within control.MaxMessage.
const maxPage = 64 << 10

// listTitles gives one page of titles, to administrators with their sources.
func (s asker) listTitles(ctx context.Context, q control.TitlesQuery) (*control.TitlePage, error) {
	page, size := &control.TitlePage{Titles: []control.Title{}}, 0
	most := control.PageSize
	if q.Most > 0 {
		most = min(q.Most, most)
	}
	list := s.desk.Titles.List()
	for _, t := range list.Titles() {
		if t.Number <= q.After {
			continue
		}
		shown := publicTitle(t)
		if s.admin {
			var err error
			if shown.TitleSource, err = s.source(ctx, t, t.Resolve(list.Base)); err != nil {
				return nil, err
			}
		}
		if q.Facts {
			shown.Facts = s.facts(t, t.Resolve(list.Base), shown.TitleSource)
		}
		text, err := json.Marshal(shown)
		if err != nil {
			return nil, err
		}
		size += len(text)
		if len(page.Titles) == most || size > maxPage && len(page.Titles) > 0 {
			page.More = true
			break
		}
		page.Titles = append(page.Titles, shown)
	}
	return page, nil
}

func publicTitle(t catalogue.Title) control.Title {
	return control.Title{
		Number: t.Number, Name: t.Name, Duration: int64(t.Duration.Round(time.Second) / time.Second), Description: cut(t.Description, 600),
	}
}

// source looks at a title's source as it is now.
func (s asker) source(ctx context.Context, t catalogue.Title, path string) (*control.TitleSource, error) {
	shown := &control.TitleSource{Location: t.Location, Size: -1, Digest: control.DigestNone}
	if t.Kind() == catalogue.KindLive {
		// Whether its devices are there shows when they are captured.
		if err := s.desk.Studio.Check(t.Location); err != nil {
			shown.Problem = cut(err.Error(), 300)
		}
		return shown, nil
	}
	f, facts, err := s.desk.Surveyor.Open(path)
	if err != nil {
		shown.Problem = cut(err.Error(), 300)
		return shown, nil
	}
	f.Close()
	if shown.Size = facts.Size; facts.Folder {
		shown.Size, shown.Folder = s.desk.Surveyor.FolderSize(path), true
		if offset, wanted := s.desk.Surveyor.Progress(path); wanted && shown.Size > 0 {
			shown.Digest, shown.Hashed = control.DigestComputing, max(0, offset)
		}
		return shown, nil
	}
	sum, known, err := s.desk.Ledger.DigestOf(ctx, path, facts.Size, facts.MTime)
	switch offset, wanted := s.desk.Surveyor.Progress(path); {
	case err != nil:
		return nil, err
	case known:
		shown.Digest, shown.SHA256 = control.DigestKnown, sum
	case wanted && offset >= 0:
		shown.Digest, shown.Hashed = control.DigestComputing, offset
	case wanted:
		shown.Digest = control.DigestWaiting
	}
	return shown, nil
}

// changeTitles does what administrators alone may.
func (s asker) changeTitles(ctx context.Context, c control.Call) (*control.TitleChange, error) {
	if !s.admin {
		return nil, reason.New(reason.NotPermitted, "titles are added and removed by administrators, on their own port")
	}
	if c.Add != nil {
		return s.addTitle(ctx, *c.Add)
	}
	return s.removeTitle(ctx, *c.Remove)
}

// addTitle adds a title whose source can be delivered. Its duration is what was
// given or what the source says; its digest is found out in the background.
func (s asker) addTitle(ctx context.Context, q control.AddTitle) (*control.TitleChange, error) {
	d := s.desk
	t := catalogue.Title{
		Number: q.Number, Name: q.Name, Location: q.Location, Description: q.Description, Duration: time.Duration(q.Duration) * time.Millisecond,
	}
	// A first look, before anything is opened: only the number and the duration
	// are still to come.
	check := t
	check.Number, check.Duration = max(t.Number, 1), max(t.Duration, catalogue.MinDuration)
	switch err := check.Check(); {
	case err != nil:
		return nil, reason.Wrap(reason.Usage, err, "this cannot be a title")
	case q.Number < 0 || q.Duration < 0 || q.Duration > catalogue.MaxDuration.Milliseconds():
		return nil, reason.New(reason.Usage, "a number and a duration are more than 0, and a duration at most %d minutes", catalogue.MaxDuration/time.Minute)
	case t.Kind() == catalogue.KindLive:
		return s.addLive(ctx, t)
	}
	path := t.Resolve(d.Titles.List().Base)
	f, facts, err := d.Surveyor.Open(path)
	if err != nil {
		return nil, err
	}
	if facts.Folder {
		if t.Duration <= 0 {
			f.Close()
			return nil, reason.New(reason.DurationUnknown, "%s is a folder", t.Location)
		}
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
	if t, err = s.keep(t); err != nil {
		return nil, err
	}
	if facts.Folder {
		// Its files are digested as they are delivered.
	} else if err := d.Surveyor.Want(ctx, ledger.Source{Location: path, Size: facts.Size, MTime: facts.MTime}); err != nil {
		// The title is there; its first delivery will compute the digest.
		d.Log.Warn("the digest is not computed ahead", "title", t.Name, "error", err)
	}
	return s.added(ctx, t, path)
}

// addLive adds a title that is captured, for as long as it lasts.
func (s asker) addLive(ctx context.Context, t catalogue.Title) (*control.TitleChange, error) {
	err := s.desk.Studio.Check(t.Location)
	if err == nil && t.Duration <= 0 {
		err = reason.New(reason.DurationUnknown, "%s is a live source, which is captured for as long as it is to last", t.Location)
	}
	if err == nil {
		t, err = s.keep(t)
	}
	if err != nil {
		return nil, err
	}
	return s.added(ctx, t, t.Location)
}

// keep writes a new title down.
func (s asker) keep(t catalogue.Title) (catalogue.Title, error) {
	t, err := s.desk.Titles.Add(t)
	if err == nil {
		s.desk.Log.Info("title added", journal.TitleAdded.Mark(), "title", t.Name, "number", t.Number, "location", t.Location, "duration", t.Duration)
	}
	return t, err
}

// added says what became of a new title whose source is at path.
func (s asker) added(ctx context.Context, t catalogue.Title, path string) (_ *control.TitleChange, err error) {
	change := &control.TitleChange{Title: publicTitle(t)}
	if change.Title.TitleSource, err = s.source(ctx, t, path); err != nil {
		return nil, err
	}
	list := s.desk.Titles.List()
	for _, other := range list.Titles() {
		if other.Number != t.Number && other.Resolve(list.Base) == path && len(change.Same) < control.MaxListed {
			change.Same = append(change.Same, other.Number)
		}
	}
	return change, nil
}

// removeTitle takes a title out. Where promises depend on it, it is refused or,
// by force, their deliveries are cancelled first: a crash in between leaves a
// title to be removed again, and no delivery without one.
func (s asker) removeTitle(ctx context.Context, q control.RemoveTitle) (*control.TitleChange, error) {
	d := s.desk
	d.promising.Lock()
	defer d.promising.Unlock()
	change := &control.TitleChange{}
	gone, err := d.Titles.Remove(q.Number, func(t catalogue.Title) error {
		depend, err := s.depending(ctx, t.Number)
		if err != nil {
			return err
		}
		if len(depend) > 0 && !q.Force {
			return reason.New(reason.TitleInUse, "%s: %s", t.Name, listed(depend))
		}
		for _, id := range depend {
			if err := d.Dispatcher.Withdraw(ctx, id); err != nil && reason.Of(err) != reason.AlreadyEnded {
				return err
			} else if err == nil && len(change.Cancelled) < control.MaxListed {
				change.Cancelled = append(change.Cancelled, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Log.Info("title removed", journal.TitleRemoved.Mark(), "title", gone.Name, "number", gone.Number, "location", gone.Location, "cancelled", len(change.Cancelled))
	change.Title = publicTitle(gone)
	if err := s.forget(ctx, gone); err != nil {
		d.Log.Warn("a digest is computed that nobody needs", "title", gone.Name, "error", err)
	}
	if err := d.Dispatcher.SweepProofs(ctx); err != nil {
		d.Log.Warn("digests that nobody needs cannot be removed", "title", gone.Name, "error", err)
	}
	return change, nil
}

// depending gives the deliveries of a title that have not ended, by their ids.
func (s asker) depending(ctx context.Context, number int) (ids []int64, err error) {
	active, err := s.desk.Ledger.Active(ctx)
	for _, l := range active {
		if l.Title == number {
			ids = append(ids, l.ID)
		}
	}
	return ids, err
}

// listed names some deliveries.
func listed(ids []int64) string {
	const some = 10
	text := "delivery"
	for i, id := range ids[:min(len(ids), some)] {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", id)
	}
	if more := len(ids) - some; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// forget ends the survey of a source that no title has any more.
func (s asker) forget(ctx context.Context, gone catalogue.Title) error {
	list := s.desk.Titles.List()
	path := gone.Resolve(list.Base)
	for _, t := range list.Titles() {
		if t.Resolve(list.Base) == path {
			return nil
		}
	}
	return s.desk.Surveyor.Drop(ctx, path)
}
