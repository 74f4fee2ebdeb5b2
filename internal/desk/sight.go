package desk

import (
	"context"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// see says what is to be seen of a title: a picture or a wave of its file, made once
// for each version; the latest of a live source that is captured. One that is not
// is captured for a moment where an administrator wants to see it.
func (s asker) see(ctx context.Context, q control.SeeQuery) (*control.Seen, error) {
	titles := s.desk.Titles.List()
	t, ok := titles.Lookup(q.Number)
	switch {
	case !ok:
		return nil, reason.New(reason.UnknownTitle, "there is no title %d", q.Number)
	case q.Film && !s.admin:
		return nil, reason.New(reason.NotPermitted, "a device is captured to be looked at for administrators alone")
	}
	if t.Kind() == catalogue.KindLive {
		return s.seeLive(ctx, t, q.Film)
	}
	at := t.Resolve(titles.Base)
	f, facts, err := s.desk.Surveyor.Open(at)
	switch {
	case err != nil && !s.admin: // where it lies is not for users
		return &control.Seen{}, nil
	case err != nil:
		return nil, err
	case facts.Folder:
		f.Close()
		return &control.Seen{}, nil
	}
	seen, err := s.desk.Surveyor.See(ctx, at, f, facts)
	return &seen, err
}

func (s asker) seeLive(ctx context.Context, t catalogue.Title, film bool) (*control.Seen, error) {
	studio := s.desk.Studio
	if studio == nil {
		return nil, reason.New(reason.NotPermitted, "this server takes no live sources")
	}
	if film {
		if err := studio.Peek(ctx, t.Location, t.Name); err != nil {
			return nil, err
		}
	}
	data, recording, since, err := studio.Newest(t.Location, t.Name)
	if err != nil || data == nil {
		return &control.Seen{}, err
	}
	seen, err := s.desk.Surveyor.SeeLatest(ctx, recording, data)
	seen.Since = utc(since)
	return &seen, err
}
