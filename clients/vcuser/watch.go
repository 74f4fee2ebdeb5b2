package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

const (
	// newsWithin is how long the server may keep a question open until there
	// is news, and answerWithin more is how long the answer may take.
	newsWithin = 20 * time.Second

	// askEvery is how often the server is asked at most, as a fast delivery
	// has news all the time.
	askEvery = 200 * time.Millisecond

	// mostWait bounds the time between two tries to reach a server that went.
	mostWait = 5 * time.Second
)

// view shows a delivery while it goes on.
type view interface {
	// show takes the delivery as it stands now, changed or not.
	show(d control.Delivery)
	// note says something about the server.
	note(text string)
	// close leaves the screen as it is to stay.
	close()
}

func (p *program) watch() *cobra.Command {
	return &cobra.Command{
		Use: "watch D", Args: p.exactly(1, "D"),
		RunE: p.action(func(ctx context.Context, client *api.Client, args []string) error {
			id, err := p.number(args[0], p.words.badDelivery)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			w := watcher{
				now: p.now, pause: pause, view: p.view, noAnswer: p.words.noAnswer, answersAgain: p.words.answersAgain,
				ask: func(ctx context.Context, revision int64) (control.DeliveryStory, error) {
					ctx, cancel := context.WithTimeout(ctx, newsWithin+answerWithin)
					defer cancel()
					return client.Delivery(ctx, id, revision, newsWithin)
				},
			}
			story, err := w.run(ctx)
			switch {
			case errors.Is(err, context.Canceled):
				fmt.Fprintln(p.err, "vcuser: "+p.words.stopped)
				return &command.Ended{Status: reason.ExitFailed}
			case err != nil:
				return p.about(err, args[0])
			case story.State == deposited:
				return nil
			}
			return p.endedBadly(story.Delivery)
		}),
	}
}

// endedBadly is the end of a delivery that was not deposited. The status is
// that of a failure, whatever the reason's would be: the server was asked, and
// answered.
func (p *program) endedBadly(d control.Delivery) error {
	detail := fmt.Sprintf(p.words.deliveryOf, d.ID)
	if d.Detail != "" {
		detail += ": " + clean(d.Detail)
	}
	return &command.Ended{Status: reason.ExitFailed, Err: reason.New(d.Reason, "%s", detail)}
}

// view gives what suits the output.
func (p *program) view(first control.Delivery) view {
	switch {
	case p.json:
		return &jsonLines{program: p}
	case p.terminal:
		return newBar(p, first)
	}
	return &plainLines{program: p}
}

// watcher follows one delivery to its end.
type watcher struct {
	ask   func(ctx context.Context, revision int64) (control.DeliveryStory, error)
	now   func() time.Time
	pause func(context.Context, time.Duration) error
	view  func(first control.Delivery) view

	noAnswer, answersAgain string

	asked time.Time // last
}

// run shows the delivery until it ends and gives it as it ended. A server that
// has answered once is waited for as long as it takes: one that is restarted
// goes on with the delivery.
func (w *watcher) run(ctx context.Context) (control.DeliveryStory, error) {
	story, err := w.askAfter(ctx, 0, 0)
	if err != nil {
		return story, err
	}
	v := w.view(story.Delivery)
	defer v.close()
	for {
		v.show(story.Delivery)
		if ended(story.State) {
			return story, nil
		}
		if story, err = w.news(ctx, v, story.Revision); err != nil {
			return story, err
		}
	}
}

// news asks until the server answers.
func (w *watcher) news(ctx context.Context, v view, revision int64) (control.DeliveryStory, error) {
	story, err := w.askAfter(ctx, askEvery, revision)
	if err == nil || !isTransient(err) {
		return story, err
	}
	v.note(w.noAnswer)
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		story, err = w.askAfter(ctx, wait, revision)
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
func (w *watcher) askAfter(ctx context.Context, wait time.Duration, revision int64) (control.DeliveryStory, error) {
	// A clock that was set back must not make the wait longer.
	rest := min(wait, wait-w.now().Sub(w.asked))
	if err := w.pause(ctx, rest); err != nil {
		return control.DeliveryStory{}, err
	}
	w.asked = w.now()
	story, err := w.ask(ctx, revision)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return story, err
}
