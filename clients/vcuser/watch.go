package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

// mostWait bounds the time between two tries to reach a server that went.
const mostWait = 5 * time.Second

// view shows deliveries while they go on.
type view interface {
	// show takes a delivery as it stands now, changed or not.
	show(d control.Delivery)
	// note says something about the server.
	note(text string)
	// close leaves the screen as it is to stay.
	close()
}

func (p *program) watch() *cobra.Command {
	return &cobra.Command{
		Use: "watch D…", Args: p.AtLeast("D"), ValidArgsFunction: p.completeDeliveries(anyState, math.MaxInt),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			ids, err := p.deliveryNumbers(args)
			if err != nil {
				return err
			}
			return p.follow(ctx, client, ids)
		}),
	}
}

// follow shows deliveries until all have ended, or the person has seen enough.
func (p *program) follow(ctx context.Context, client *api.Client, ids []int64) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	w := watcher{
		ids: ids, pause: pause, view: p.view, noAnswer: p.words.noAnswer, answersAgain: p.words.answersAgain,
		ask: func(ctx context.Context, id int64) (control.DeliveryStory, error) {
			ctx, cancel := context.WithTimeout(ctx, answerWithin)
			defer cancel()
			story, err := client.Delivery(ctx, id, 0, 0)
			return story, p.About(err, strconv.FormatInt(id, 10))
		},
		events: client.Events,
	}
	last, err := w.run(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(p.Err, "vcuser: "+p.words.stopped)
		return &command.Ended{Status: reason.ExitFailed}
	case err != nil:
		return err
	}
	return p.howTheyEnded(last)
}

// deliveryNumbers reads the numbers of deliveries. One that is given twice
// counts once.
func (p *program) deliveryNumbers(args []string) (ids []int64, err error) {
	for _, arg := range args {
		id, err := p.Number(arg, p.words.badDelivery)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// howTheyEnded says why those that were not deposited were not.
func (p *program) howTheyEnded(last []control.Delivery) error {
	var bad []error
	for _, d := range last {
		if d.State != deposited {
			bad = append(bad, p.endedBadly(d))
		}
	}
	switch len(bad) {
	case 0:
		return nil
	case 1:
		return bad[0]
	}
	for _, err := range bad {
		command.Explain(p.Err, "vcuser", p.Language, err)
	}
	return &command.Ended{Status: reason.ExitFailed}
}

// endedBadly is the end of a delivery that was not deposited. The status is
// that of a failure, whatever the reason's would be: the server was asked, and
// answered.
func (p *program) endedBadly(d control.Delivery) error {
	detail := fmt.Sprintf(p.words.deliveryOf, d.ID)
	if d.Detail != "" {
		detail += ": " + terminal.Clean(d.Detail)
	}
	return &command.Ended{Status: reason.ExitFailed, Err: reason.New(d.Reason, "%s", detail)}
}

// view gives what suits the output, for deliveries as they stand at first.
func (p *program) view(first []control.Delivery) view {
	switch {
	case p.JSON:
		return &jsonLines{program: p, last: make(map[int64]control.Delivery)}
	case p.Terminal:
		return newBars(p, first)
	}
	return newPlainLines(p, len(first) > 1)
}

// watcher follows deliveries to their ends.
type watcher struct {
	ids    []int64
	ask    func(ctx context.Context, id int64) (control.DeliveryStory, error)
	events func(ctx context.Context, ids []int64, after int64, opened func(), heard func(control.Change) error) error
	pause  func(context.Context, time.Duration) error
	view   func(first []control.Delivery) view

	noAnswer, answersAgain string

	last  []control.Delivery // as they are known, in the order of ids
	after int64              // the revision from which on what changes is to be told
}

// run shows the deliveries until all have ended, and gives them as they ended.
// A server that has answered once is waited for as long as it takes: one that
// is restarted goes on with its deliveries.
func (w *watcher) run(ctx context.Context) ([]control.Delivery, error) {
	for _, id := range w.ids {
		d, err := w.ask(ctx, id)
		for wait := firstWait; len(w.last) > 0 && err != nil && isTransient(err); wait = min(2*wait, mostWait) {
			if err = w.pause(ctx, wait); err == nil {
				d, err = w.ask(ctx, id)
			}
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		w.last = append(w.last, d.Delivery)
		// What changes from here on is told: a stream from nothing on tells, without
		// ids, nothing of what has ended before it begins.
		if !ended(d.State) && (w.after == 0 || d.Revision < w.after) {
			w.after = d.Revision
		}
	}
	v := w.view(slices.Clone(w.last))
	defer v.close()
	for _, d := range w.last {
		v.show(d)
	}
	for away, wait := false, time.Duration(0); !w.over(); {
		if err := w.pause(ctx, wait); err != nil {
			return nil, err
		}
		err := w.hear(ctx, v, func() {
			if away {
				v.note(w.answersAgain)
			}
			away, wait = false, 0
		})
		switch {
		case w.over():
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !isTransient(err):
			return nil, err
		case err != nil && !away:
			v.note(w.noAnswer)
			away = true
		}
		// One that ended the stream itself, as it does after some time, is asked
		// again soon.
		wait = min(max(2*wait, firstWait), mostWait)
	}
	return w.last, nil
}

// over says whether all have ended.
func (w *watcher) over() bool {
	return !slices.ContainsFunc(w.last, func(d control.Delivery) bool { return !ended(d.State) })
}

// hear shows what one stream of events tells, until it breaks off or all have ended.
func (w *watcher) hear(ctx context.Context, v view, opened func()) error {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	ids := w.ids
	if len(ids) > control.MaxFollowed {
		ids = nil // all of them are looked through
	}
	return w.events(ctx, ids, w.after, opened, func(c control.Change) error {
		w.after = c.Revision
		i := slices.Index(w.ids, c.Delivery.ID)
		// What has ended stays so: an event may come twice.
		if i < 0 || ended(w.last[i].State) {
			return nil
		}
		w.last[i] = c.Delivery
		v.show(c.Delivery)
		if w.over() {
			enough()
		}
		return nil
	})
}
