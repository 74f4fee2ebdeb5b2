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

const (
	// newsWithin is how long the server may keep a question open until there
	// is news, and answerWithin more is how long the answer may take.
	newsWithin = 20 * time.Second

	// askEvery is how often the server is asked at most, as a fast delivery
	// has news all the time. Several deliveries are asked for one after another
	// over one connection, where none may keep the others waiting: then a round
	// of questions begins each roundEvery.
	askEvery   = 200 * time.Millisecond
	roundEvery = 500 * time.Millisecond

	// mostWait bounds the time between two tries to reach a server that went.
	mostWait = 5 * time.Second
)

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
		ids: ids, now: p.Now, pause: pause, view: p.view, noAnswer: p.words.noAnswer, answersAgain: p.words.answersAgain,
		ask: func(ctx context.Context, id, revision int64, wait time.Duration) (control.DeliveryStory, error) {
			ctx, cancel := context.WithTimeout(ctx, wait+answerWithin)
			defer cancel()
			story, err := client.Delivery(ctx, id, revision, wait)
			return story, p.About(err, strconv.FormatInt(id, 10))
		},
	}
	stories, err := w.run(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(p.Err, "vcuser: "+p.words.stopped)
		return &command.Ended{Status: reason.ExitFailed}
	case err != nil:
		return err
	}
	return p.howTheyEnded(stories)
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
func (p *program) howTheyEnded(stories []control.DeliveryStory) error {
	var bad []error
	for _, story := range stories {
		if story.State != deposited {
			bad = append(bad, p.endedBadly(story.Delivery))
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
	ids   []int64
	ask   func(ctx context.Context, id, revision int64, wait time.Duration) (control.DeliveryStory, error)
	now   func() time.Time
	pause func(context.Context, time.Duration) error
	view  func(first []control.Delivery) view

	noAnswer, answersAgain string

	asked time.Time // last
}

// run shows the deliveries until all have ended, and gives them as they ended.
// A server that has answered once is waited for as long as it takes: one that
// is restarted goes on with its deliveries.
func (w *watcher) run(ctx context.Context) ([]control.DeliveryStory, error) {
	stories, first := make([]control.DeliveryStory, len(w.ids)), make([]control.Delivery, len(w.ids))
	for i, id := range w.ids {
		story, err := w.askAfter(ctx, 0, id, 0)
		if err != nil {
			return nil, err
		}
		stories[i], first[i] = story, story.Delivery
	}
	v := w.view(first)
	defer v.close()
	for _, d := range first {
		v.show(d)
	}
	for {
		every, active := roundEvery, 0
		if len(w.ids) == 1 {
			every = askEvery
		}
		for i := range stories {
			if ended(stories[i].State) {
				continue
			}
			story, err := w.news(ctx, v, every, stories[i].ID, stories[i].Revision)
			if err != nil {
				return nil, err
			}
			v.show(story.Delivery)
			stories[i], every = story, 0
			active++
		}
		if active == 0 {
			return stories, nil
		}
	}
}

// news asks until the server answers.
func (w *watcher) news(ctx context.Context, v view, every time.Duration, id, revision int64) (control.DeliveryStory, error) {
	story, err := w.askAfter(ctx, every, id, revision)
	if err == nil || !isTransient(err) {
		return story, err
	}
	v.note(w.noAnswer)
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		story, err = w.askAfter(ctx, wait, id, revision)
		switch {
		case err == nil:
			v.note(w.answersAgain)
			return story, nil
		case !isTransient(err):
			return story, err
		}
	}
}

// askAfter asks once wait has passed since the last question began. Its error
// is that of ctx once that has ended.
func (w *watcher) askAfter(ctx context.Context, wait time.Duration, id, revision int64) (control.DeliveryStory, error) {
	// A clock that was set back must not make the wait longer.
	rest := min(wait, wait-w.now().Sub(w.asked))
	if err := w.pause(ctx, rest); err != nil {
		return control.DeliveryStory{}, err
	}
	w.asked = w.now()
	open := newsWithin
	if len(w.ids) > 1 || revision == 0 {
		open = 0
	}
	story, err := w.ask(ctx, id, revision, open)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return story, err
}
