package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

const (
	// tries is how often a request is made before the server is given up, the
	// first wait between two of them is firstWait, and each is twice the last.
	tries     = 4
	firstWait = 250 * time.Millisecond

	// answerWithin bounds one try.
	answerWithin = 20 * time.Second

	// maxKey is how long an idempotency key may be, in bytes.
	maxKey = 128

	// spare is what a counter-offer adds to the earliest deadline: while a
	// person reads and pastes, the earliest moves on.
	spare = time.Minute
)

// order is a request as it stands on the command line.
type order struct {
	number                         int64
	reception, by, from, mail, key string
	earliest                       bool
}

func (p *program) request() *cobra.Command {
	var o order
	h := helpIn(p.language)
	c := &cobra.Command{
		Use:  h.requestUse,
		Args: p.exactly(1, "N"),
		RunE: p.action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			if o.number, err = p.number(args[0], p.words.badTitle); err != nil {
				return err
			}
			asked, err := p.read(o)
			if err != nil {
				return err
			}
			return p.ask(ctx, client, asked)
		}),
	}
	c.Flags().StringVar(&o.reception, "at", "", h.at)
	c.Flags().StringVar(&o.by, "by", "", h.by)
	c.Flags().BoolVar(&o.earliest, "by-earliest", false, h.byEarliest)
	c.Flags().StringVar(&o.from, "from", "", h.from)
	c.Flags().StringVar(&o.mail, "mail", "", h.mail)
	c.Flags().StringVar(&o.key, "key", "", h.key)
	c.Flags().SortFlags = false
	return c
}

// read makes a request of what a person wrote.
func (p *program) read(o order) (q control.Request, err error) {
	q = control.Request{Key: o.key, Number: int(o.number), Reception: o.reception, ByEarliest: o.earliest, Mail: o.mail}
	switch {
	case o.reception == "":
		return q, reason.New(reason.Usage, "%s", p.words.noReception)
	case (o.by == "") != o.earliest:
		return q, reason.New(reason.Usage, "%s", p.words.byOrEarliest)
	case len(o.key) > maxKey:
		return q, reason.New(reason.Usage, p.words.keyTooLong, len(o.key))
	}
	if q.By, err = p.time("--by", o.by); err != nil {
		return q, err
	}
	if q.From, err = p.time("--from", o.from); err != nil {
		return q, err
	}
	if o.by != "" && o.from != "" && !q.From.Before(q.By) {
		return q, reason.New(reason.Usage, p.words.fromNotBefore, p.instant(q.From), p.instant(q.By))
	}
	if q.Key == "" {
		q.Key = newKey()
	}
	return q, nil
}

// time reads a time as people write it; nothing is the zero time.
func (p *program) time(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := moment.ParseDeadline(text, p.now().In(p.zone))
	if err != nil {
		return at, reason.New(reason.Usage, p.words.badTime, flag, text)
	}
	return at, nil
}

// newKey gives 128 random bits as text: no two requests have the same by chance.
func newKey() string {
	var bits [16]byte
	rand.Read(bits[:]) // never fails: crypto/rand
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:]))
}

// ask makes the request and tells what came of it.
func (p *program) ask(ctx context.Context, client *api.Client, q control.Request) error {
	story, err := p.promise(ctx, q, client.Request)
	var refused *api.Refused
	switch {
	case err == nil && p.json:
		return p.printJSON(story)
	case err == nil:
		return p.printPromise(story)
	case errors.As(err, &refused):
		return p.refusal(err, refused.Refusal, q)
	case isTransient(err):
		status := command.Explain(p.err, "vcuser", p.language, p.plain(err))
		fmt.Fprintf(p.err, "vcuser: %s\n  %s\n", p.words.maybeHeard, p.again(q, true))
		return &command.Ended{Status: status}
	}
	return err
}

// promise makes the request, and makes it again while no answer comes: the key
// keeps that from being a second one.
func (p *program) promise(ctx context.Context, q control.Request,
	request func(context.Context, control.Request) (control.DeliveryStory, error),
) (story control.DeliveryStory, err error) {
	wait := firstWait
	for try := 1; ; try++ {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		story, err = request(within, q)
		cancel()
		if err == nil || !isTransient(err) || try == tries {
			return story, err
		}
		if try == 1 {
			fmt.Fprintln(p.err, "vcuser: "+p.words.askingAgain)
		}
		if err := pause(ctx, wait); err != nil {
			return story, err
		}
		wait *= 2
	}
}

// pause waits for d or until ctx ends, which is its error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *program) printPromise(s control.DeliveryStory) error {
	f := form{}
	f.add(p.words.thereBy, p.instant(secondsUp(s.Deadline)))
	f.add(p.words.expected, p.period(s.Start, s.End))
	if s.State != "promised" { // the same request was made before
		f.add(p.words.state, p.state(s.State)+", "+percent(s.Delivery))
	}
	f.add(p.words.followIt, p.command("watch", strconv.FormatInt(s.ID, 10)))
	if _, err := fmt.Fprintln(p.out, p.headline(s.Delivery)); err != nil {
		return err
	}
	return f.print(p.out)
}

// headline names a delivery.
func (p *program) headline(d control.Delivery) string {
	return fmt.Sprintf(p.words.delivery, d.ID, clean(d.Title), clean(d.Reception))
}

// refusal tells why not, and what would be accepted instead.
func (p *program) refusal(err error, r control.Refusal, q control.Request) error {
	switch r.Code {
	case reason.UnknownTitle:
		return p.about(err, strconv.Itoa(q.Number))
	case reason.UnknownReception:
		return p.about(err, clean(q.Reception))
	case reason.DeadlinePast:
		return p.about(err, p.instant(q.By))
	case reason.DeadlineTooSoon:
	default:
		return err
	}
	why, known := p.words.constraints[r.Constraint]
	if !known { // that of a newer server
		why = fmt.Sprintf(p.words.otherConstraint, clean(r.Constraint))
	}
	err = p.about(err, why)
	if r.Earliest.IsZero() {
		return err
	}
	status := command.Explain(p.err, "vcuser", p.language, err)
	q.By, q.ByEarliest = r.Earliest.Add(spare+time.Minute-time.Nanosecond).Truncate(time.Minute), false
	fmt.Fprintf(p.err, "vcuser: "+p.words.earliest+"\n", p.instant(secondsUp(r.Earliest)))
	fmt.Fprintf(p.err, "vcuser: %s\n  %s\n", p.words.offered, p.again(q, false))
	return &command.Ended{Status: status}
}

// again is the command line of a request, with its times in full, so that it
// means the same whenever it is pasted. With the key, it is the same request.
func (p *program) again(q control.Request, withKey bool) string {
	full := func(t time.Time) string { return t.In(p.zone).Format(time.RFC3339) }
	args := []string{"request", strconv.Itoa(q.Number), "--at", q.Reception}
	if q.ByEarliest {
		args = append(args, "--by-earliest")
	} else {
		args = append(args, "--by", full(q.By))
	}
	if !q.From.IsZero() {
		args = append(args, "--from", full(q.From))
	}
	if q.Mail != "" {
		args = append(args, "--mail", q.Mail)
	}
	if withKey {
		args = append(args, "--key", q.Key)
	}
	return p.command(args...)
}
