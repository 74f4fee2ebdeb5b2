package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// shown is the JSON of show: the story, and what this program found out about
// the receipt. Both are absent where there is no receipt to be had yet.
type shown struct {
	control.DeliveryStory
	ReceiptVerified *bool  `json:"receipt_verified,omitempty"`
	ReceiptProblem  string `json:"receipt_problem,omitempty"`
}

func (p *program) show() *cobra.Command {
	return &cobra.Command{
		Use: "show D", Args: p.exactly(1, "D"),
		RunE: p.action(func(ctx context.Context, client *api.Client, args []string) error {
			id, err := p.number(args[0], p.words.badDelivery)
			if err != nil {
				return err
			}
			story, err := client.Delivery(ctx, id, 0, 0)
			if err != nil {
				return p.about(err, args[0])
			}
			return p.showStory(story)
		}),
	}
}

// showStory prints a delivery. Its error, which has reason.ReceiptInvalid, says
// why its receipt proves nothing.
func (p *program) showStory(s control.DeliveryStory) error {
	due := s.State == deposited || len(s.Receipt) > 0
	var r receipt.Receipt
	var doubt error
	if due {
		r, doubt = p.prove(s)
	}
	if p.json {
		out := shown{DeliveryStory: s}
		if due {
			verified := doubt == nil
			out.ReceiptVerified = &verified
		}
		if doubt != nil {
			out.ReceiptProblem = doubt.Error()
		}
		if err := p.printJSON(out); err != nil {
			return err
		}
		return doubt
	}
	if err := p.printStory(s); err != nil {
		return err
	}
	if due {
		if err := p.printReceipt(r, doubt); err != nil {
			return err
		}
	}
	return doubt
}

func (p *program) printStory(s control.DeliveryStory) error {
	f := form{}
	state := p.state(s.State)
	if note := p.noteOf(s.Delivery); note != "" {
		state += ", " + note
	}
	f.add(p.words.state, state)
	f.add(p.words.reason, clean(s.Detail))
	f.add(p.words.progress, fmt.Sprintf("%s, "+p.words.of, percent(s.Delivery), sizeOf(s.Offset), sizeOf(s.Size)))
	f.add(p.words.title, strconv.Itoa(s.Number))
	f.add(p.words.requested, p.instant(s.Requested))
	f.add(p.words.deadline, p.instant(secondsUp(s.Deadline)))
	if !ended(s.State) {
		f.add(p.words.planned, p.period(s.Start, s.End))
	}
	if !s.Started.IsZero() {
		f.add(p.words.started, p.instant(s.Started))
	}
	if !s.Finished.IsZero() {
		f.add(p.words.finished, p.instant(s.Finished))
	}
	f.add(p.words.resumes, strconv.Itoa(s.Resumes))
	f.add(p.words.digest, clean(s.SHA256))
	if _, err := fmt.Fprintln(p.out, p.headline(s.Delivery)); err != nil {
		return err
	}
	if err := f.print(p.out); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.out, p.words.events); err != nil {
		return err
	}
	events := form{}
	for _, e := range s.Events {
		events.add(p.instant(e.At), p.event(e, s.Delivery))
	}
	return events.print(p.out)
}

// event is what happened, how far the delivery was, and why.
func (p *program) event(e control.Event, d control.Delivery) string {
	kind, ok := p.words.kinds[e.Kind]
	if !ok {
		kind = clean(e.Kind)
	}
	parts := []string{kind}
	if e.Offset > 0 {
		d.Offset = e.Offset
		parts = append(parts, percent(d))
	}
	if e.Reason != "" && e.Reason != reason.Cancelled {
		meaning, _ := e.Reason.Words(p.language)
		parts = append(parts, clean(meaning))
	}
	if e.Detail != "" {
		parts = append(parts, clean(e.Detail))
	}
	return strings.Join(parts, ", ")
}

// sizeOf writes a size for people, and the bytes where those say more.
func sizeOf(n int64) string {
	if n < 1000 {
		return rate.Size(n).String()
	}
	return fmt.Sprintf("%s (%d B)", roughly(n), n)
}

func (p *program) printReceipt(r receipt.Receipt, doubt error) error {
	if r.Version != 0 { // it could be read
		if _, err := fmt.Fprintln(p.out, p.words.receipt); err != nil {
			return err
		}
		f := form{}
		f.add(p.words.path, clean(r.Path))
		f.add(p.words.size, sizeOf(r.Size))
		f.add(p.words.digest, r.SHA256)
		at := p.instant(r.Deposited)
		if !r.Promised.IsZero() {
			f.add(p.words.promisedFor, p.instant(secondsUp(r.Promised)))
			at += ", " + p.margin(r.Promised.Sub(r.Deposited))
		}
		f.add(p.words.depositedAt, at)
		f.add(p.words.resumes, strconv.Itoa(r.Resumes))
		f.add(p.words.key, r.Key)
		if err := f.print(p.out); err != nil {
			return err
		}
	}
	line := p.words.verified
	if doubt != nil {
		line = fmt.Sprintf(p.words.notVerified, doubt)
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}

// margin says how long before or after its deadline something happened.
func (p *program) margin(before time.Duration) string {
	if before < 0 {
		return fmt.Sprintf(p.words.lateBy, span(-before))
	}
	return fmt.Sprintf(p.words.early, span(before))
}

// prove verifies the receipt of a delivery here, so that nobody has to believe
// the central server. A receipt that could be read is given with the error too.
func (p *program) prove(s control.DeliveryStory) (receipt.Receipt, error) {
	doubt := func(format string, args ...any) error { return reason.New(reason.ReceiptInvalid, format, args...) }
	if len(s.Receipt) == 0 {
		return receipt.Receipt{}, doubt("%s", p.words.noReceipt)
	}
	r, err := receipt.Parse(s.Receipt)
	if err != nil {
		return receipt.Receipt{}, doubt("%s", clean(err.Error()))
	}
	if err := receipt.Verify(r); err != nil {
		return r, doubt("%s", clean(err.Error()))
	}
	switch {
	case s.ReceiptKey == "":
		return r, doubt(p.words.noKey, clean(s.Reception))
	case r.Key != s.ReceiptKey:
		return r, doubt(p.words.otherKey, clean(s.Reception))
	case !strings.HasSuffix(r.Delivery, "-"+strconv.FormatInt(s.ID, 10)), r.Title != s.Number, r.Reception != s.Reception:
		return r, doubt(p.words.otherOne, r.Delivery, r.Title, r.Reception)
	case r.Size != s.Size:
		return r, doubt(p.words.otherSize, r.Size, s.Size)
	case r.SHA256 != s.SHA256:
		return r, doubt(p.words.otherDigest, r.SHA256, clean(s.SHA256))
	}
	return r, nil
}
