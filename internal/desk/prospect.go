package desk

import (
	"context"
	"errors"
	"slices"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/dispatch"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
)

// title gives a title that can be delivered.
func (s asker) title(number int) (dispatch.Title, error) {
	titles := s.desk.Titles.List()
	t, ok := titles.Lookup(number)
	if !ok {
		return dispatch.Title{}, reason.New(reason.UnknownTitle, "there is no title %d", number)
	}
	return dispatch.Title{Number: t.Number, Name: t.Name, Location: t.Resolve(titles.Base), Duration: t.Duration}, nil
}

// checkReceptions refuses names that are too many, too long, or the same.
func checkReceptions(names []string) error {
	if len(names) > control.MaxReceptions {
		return reason.New(reason.Usage, "%d receptions are named, %d are the most", len(names), control.MaxReceptions)
	}
	seen := make(map[string]bool)
	for _, name := range names {
		if name == "" || len(name) > maxText {
			return reason.New(reason.Usage, "the name of a reception has 1 to %d bytes", maxText)
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return reason.New(reason.Usage, "the reception %.260q is named twice", name)
		}
		seen[folded] = true
	}
	return nil
}

// checkPace refuses a pace that nothing goes at.
func checkPace(most int64) error {
	if most < 0 || most > int64(rate.Max) {
		return reason.New(reason.Usage, "max_pace is %d bytes a second, and has to be from 1 to %d; without it, it is as fast as can be", most, int64(rate.Max))
	}
	return nil
}

// promises answers a request for several receptions.
func (s asker) promises(ctx context.Context, q control.Request) (*control.Promises, error) {
	ids, err := s.promise(ctx, q, q.Receptions)
	if err != nil {
		return nil, err
	}
	made := &control.Promises{}
	for _, id := range ids {
		v, err := s.desk.Dispatcher.Look(ctx, id)
		if err != nil {
			return nil, err
		}
		made.Deliveries = append(made.Deliveries, s.publicOf(v))
	}
	return made, nil
}

// where answers which receptions could have a title by a deadline.
func (s asker) where(ctx context.Context, q control.WhereQuery) (*control.ProspectPage, error) {
	if err := checkReceptions(q.Receptions); err != nil {
		return nil, err
	}
	if err := checkPace(q.MaxPace); err != nil {
		return nil, err
	}
	title, err := s.title(q.Number)
	if err != nil {
		return nil, err
	}
	names, more := q.Receptions, false
	if len(names) == 0 {
		if names, more, err = s.receptionsAfter(ctx, q.After, control.MaxReceptions); err != nil {
			return nil, err
		}
	}
	prospects, err := s.desk.Dispatcher.Where(ctx, dispatch.Ask{Title: title, Receptions: names, By: q.By, From: q.From, MaxPace: rate.Rate(q.MaxPace)})
	if err != nil {
		return nil, err
	}
	return &control.ProspectPage{Receptions: s.publicProspects(prospects), More: more}, nil
}

// receptions answers what the known receptions are called: all that a user is
// told of them.
func (s asker) receptions(ctx context.Context, after string) (*control.NamePage, error) {
	names, more, err := s.receptionsAfter(ctx, after, control.PageSize)
	if err != nil {
		return nil, err
	}
	return &control.NamePage{Receptions: append([]string{}, names...), More: more}, nil
}

// receptionsAfter gives at most most names of known receptions after one, and
// whether there are more.
func (s asker) receptionsAfter(ctx context.Context, after string, most int) (names []string, more bool, err error) {
	names, err = s.desk.Dispatcher.Receptions(ctx)
	if err != nil {
		return nil, false, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name <= after })
	return names[:min(most, len(names))], len(names) > most, nil
}

func (c caller) publicProspects(prospects []dispatch.Prospect) []control.Prospect {
	public := []control.Prospect{}
	for _, p := range prospects {
		one := control.Prospect{Reception: p.Reception, Possible: p.Err == nil, Start: utc(p.Start), End: utc(p.End)}
		if p.Err != nil {
			one.Code = reason.Of(p.Err)
			one.Detail = cut(c.sayable(one.Code, p.Err.Error()), 300)
		}
		var refused *dispatch.Refusal
		if errors.As(p.Err, &refused) {
			one.Earliest, one.Constraint = utc(refused.Earliest), refused.Constraint
		}
		public = append(public, one)
	}
	return public
}
