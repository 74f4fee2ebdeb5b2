package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/mailbox"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
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
	number        int64
	receptions    []string
	by, mail, key string
	pace          string
	from, atTime  string // two names of one time: of what is sent, and of what is filmed
	earliest      bool
}

func (p *program) request() *cobra.Command {
	var o order
	h := helpIn(p.Language)
	c := &cobra.Command{
		Use:  h.requestUse,
		Args: p.Exactly("N"), ValidArgsFunction: p.CompleteTitles,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			if o.number, err = p.Number(args[0], p.words.badTitle); err != nil {
				return err
			}
			asked, err := p.read(o)
			if err != nil {
				return err
			}
			return p.ask(ctx, client, asked)
		}),
	}
	c.Flags().StringArrayVar(&o.receptions, "at", nil, h.at)
	c.Flags().StringVar(&o.by, "by", "", h.by)
	c.Flags().BoolVar(&o.earliest, "by-earliest", false, h.byEarliest)
	c.Flags().StringVar(&o.atTime, "at-time", "", h.atTime)
	c.Flags().StringVar(&o.from, "from", "", h.from)
	c.Flags().StringVar(&o.pace, "pace", "", h.pace)
	c.Flags().StringVar(&o.mail, "mail", "", h.mail)
	c.Flags().StringVar(&o.key, "key", "", h.key)
	c.Flags().SortFlags = false
	p.completeFlags(c)
	return c
}

// read makes a request of what a person wrote.
func (p *program) read(o order) (q control.Request, err error) {
	q = control.Request{Key: o.key, Number: int(o.number), ByEarliest: o.earliest, Mail: o.mail}
	receptions, err := p.receptions(o.receptions)
	switch {
	case err != nil:
		return q, err
	case len(receptions) == 0:
		return q, reason.New(reason.Usage, "%s", p.words.noReception)
	case (o.by == "") != o.earliest:
		return q, reason.New(reason.Usage, "%s", p.words.byOrEarliest)
	case len(o.key) > maxKey:
		return q, reason.New(reason.Usage, p.words.keyTooLong, len(o.key))
	case o.mail != "" && mailbox.Check(o.mail) != nil:
		return q, reason.New(reason.Usage, p.words.badMail, o.mail)
	}
	if q.By, q.From, err = p.between(o); err != nil {
		return q, err
	}
	if q.MaxPace, err = p.pace(o.pace); err != nil {
		return q, err
	}
	if q.Key == "" {
		q.Key = newKey()
	}
	if q.Mail != "" {
		q.Language = p.letters
	}
	if q.Receptions = receptions; len(receptions) == 1 {
		q.Reception, q.Receptions = receptions[0], nil
	}
	return q, nil
}

// receptions reads names, several in one text joined by commas. One that is
// given twice counts once.
func (p *program) receptions(texts []string) (names []string, err error) {
	for _, text := range texts {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name == "" {
				return nil, reason.New(reason.Usage, p.words.emptyReception, text)
			}
			if !slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(other, name) }) {
				names = append(names, name)
			}
		}
	}
	if len(names) > control.MaxReceptions {
		return nil, reason.New(reason.Usage, p.words.tooManyReceptions, len(names), control.MaxReceptions)
	}
	return names, nil
}

// between reads the deadline and the time not before which it may begin.
func (p *program) between(o order) (by, from time.Time, err error) {
	if by, err = p.time("--by", o.by); err != nil {
		return by, from, err
	}
	flag, text := "--from", o.from
	if o.atTime != "" {
		flag, text = "--at-time", o.atTime
	}
	if from, err = p.time(flag, text); err != nil {
		return by, from, err
	}
	switch {
	case o.atTime != "" && o.from != "":
		err = reason.New(reason.Usage, "%s", p.words.twoBeginnings)
	case o.by != "" && text != "" && !from.Before(by):
		err = reason.New(reason.Usage, p.words.fromNotBefore, flag, p.Instant(from), p.Instant(by))
	}
	return by, from, err
}

// time reads a time as people write it; nothing is the zero time.
func (p *program) time(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := moment.ParseDeadline(text, p.Now().In(p.Zone))
	if err != nil {
		return at, reason.New(reason.Usage, p.words.badTime, flag, text)
	}
	return at, nil
}

// pace reads the rate that it may go at; nothing is no bound. "20Mbit" can only
// mean that much a second.
func (p *program) pace(text string) (most int64, err error) {
	if text == "" {
		return 0, nil
	}
	r, err := rate.ParseRate(strings.TrimSuffix(text, "/s") + "/s")
	if err != nil {
		return 0, reason.New(reason.Usage, p.words.badPace, text)
	}
	return int64(r), nil
}

// newKey gives 128 random bits as text: no two requests have the same by chance.
func newKey() string {
	var bits [16]byte
	rand.Read(bits[:]) // never fails: crypto/rand
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:]))
}

// ask makes the request and tells what came of it.
func (p *program) ask(ctx context.Context, client *api.Client, q control.Request) error {
	if len(q.Receptions) > 0 {
		made, err := insist(ctx, p, q, client.Requests)
		switch {
		case err != nil:
			return p.notPromised(err, q)
		case p.JSON:
			return p.PrintJSON(control.Promises{Deliveries: made})
		}
		return p.printPromises(made)
	}
	story, err := insist(ctx, p, q, client.Request)
	switch {
	case err != nil:
		return p.notPromised(err, q)
	case p.JSON:
		return p.PrintJSON(story)
	}
	return p.printPromise(story)
}

// notPromised tells why a request came to nothing, and what may be done.
func (p *program) notPromised(err error, q control.Request) error {
	var refused *api.Refused
	switch {
	case errors.As(err, &refused) && len(refused.Report) > 0:
		return p.report(refused.Refusal, q)
	case errors.As(err, &refused):
		return p.refusal(err, refused.Refusal, q)
	case isTransient(err):
		status := command.Explain(p.Err, "vcuser", p.Language, p.Plain(err))
		fmt.Fprintf(p.Err, "vcuser: %s\n  %s\n", p.words.maybeHeard, p.again(q, true))
		return &command.Ended{Status: status}
	}
	return err
}

// insist makes the request, and makes it again while no answer comes: the key
// keeps that from being a second one.
func insist[T any](ctx context.Context, p *program, q control.Request, request func(context.Context, control.Request) (T, error)) (answer T, err error) {
	wait := firstWait
	for try := 1; ; try++ {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		answer, err = request(within, q)
		cancel()
		if err == nil || !isTransient(err) || try == tries {
			return answer, err
		}
		if try == 1 {
			fmt.Fprintln(p.Err, "vcuser: "+p.words.askingAgain)
		}
		if err := pause(ctx, wait); err != nil {
			return answer, err
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
	f := terminal.Form{}
	f.Add(p.words.thereBy, p.Instant(terminal.SecondsUp(s.Deadline)))
	f.Add(p.words.expected, p.Period(s.Start, s.End))
	p.addPace(&f, s.Delivery)
	if s.State != "promised" { // the same request was made before
		f.Add(p.Words.State, p.State(s.State)+", "+p.Percent(s.Delivery))
	}
	f.AddWhole(p.words.followIt, p.Command("watch", strconv.FormatInt(s.ID, 10)))
	if _, err := fmt.Fprintln(p.Out, p.headline(s.Delivery)); err != nil {
		return err
	}
	return f.Print(p.Out, p.Width)
}

// addPace says what a delivery may go at, where that is bound.
func (p *program) addPace(f *terminal.Form, d control.Delivery) {
	if d.MaxPace > 0 {
		f.Add(p.words.pace, fmt.Sprintf(p.words.atMost, rate.Rate(d.MaxPace)))
	}
}

// headline names a delivery.
func (p *program) headline(d control.Delivery) string {
	return fmt.Sprintf(p.words.delivery, d.ID, terminal.Clean(d.Title), terminal.Clean(d.Reception))
}

// refusal tells why not, and what would be accepted instead.
func (p *program) refusal(err error, r control.Refusal, q control.Request) error {
	switch r.Code {
	case reason.UnknownTitle:
		return p.About(err, strconv.Itoa(q.Number))
	case reason.UnknownReception, reason.NoSpace:
		return p.About(err, terminal.Clean(q.Reception))
	case reason.DeadlinePast:
		return p.About(err, p.Instant(q.By))
	case reason.DeadlineTooSoon:
	default:
		return err
	}
	err = p.About(err, p.constraint(r.Constraint))
	if r.Earliest.IsZero() {
		return err
	}
	status := command.Explain(p.Err, "vcuser", p.Language, err)
	p.offer(r.Earliest, q)
	return &command.Ended{Status: status}
}

// constraint says what keeps a request from being granted.
func (p *program) constraint(name string) string {
	if why, known := p.words.constraints[name]; known {
		return why
	}
	return fmt.Sprintf(p.words.otherConstraint, terminal.Clean(name)) // that of a newer server
}

// offer tells the earliest deadline that would be accepted, and how to ask for it.
func (p *program) offer(earliest time.Time, q control.Request) {
	q.By, q.ByEarliest = earliest.Add(spare+time.Minute-time.Nanosecond).Truncate(time.Minute), false
	fmt.Fprintf(p.Err, "vcuser: "+p.words.earliest+"\n", p.Instant(terminal.SecondsUp(earliest)))
	fmt.Fprintf(p.Err, "vcuser: %s\n  %s\n", p.words.offered, p.again(q, false))
}

// exactly writes a rate so that it is read as the same, to the byte.
func exactly(r rate.Rate) string {
	short := strings.ReplaceAll(r.String(), " ", "")
	if read, err := rate.ParseRate(short); err == nil && read == r {
		return short
	}
	return strconv.FormatInt(int64(r), 10) + "B/s"
}

// again is the command line of a request, with its times in full, so that it
// means the same whenever it is pasted. With the key, it is the same request.
func (p *program) again(q control.Request, withKey bool) string {
	full := func(t time.Time) string { return t.In(p.Zone).Format(time.RFC3339) }
	at := q.Reception
	if len(q.Receptions) > 0 {
		at = strings.Join(q.Receptions, ",")
	}
	args := []string{"request", strconv.Itoa(q.Number), "--at", at}
	if q.ByEarliest {
		args = append(args, "--by-earliest")
	} else {
		args = append(args, "--by", full(q.By))
	}
	if !q.From.IsZero() {
		args = append(args, "--from", full(q.From))
	}
	if q.MaxPace > 0 {
		args = append(args, "--pace", exactly(rate.Rate(q.MaxPace)))
	}
	if q.Mail != "" {
		args = append(args, "--mail", q.Mail)
	}
	if withKey {
		args = append(args, "--key", q.Key)
	}
	return p.Command(args...)
}
