package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/client"
	"videoclub/internal/control"
	"videoclub/internal/dcp"
	"videoclub/internal/rate"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/terminal"
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
		Use: "show D", Args: p.Exactly("D"), ValidArgsFunction: p.completeDeliveries(anyState, 1),
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) error {
			id, err := p.Number(args[0], p.words.badDelivery)
			if err != nil {
				return err
			}
			return p.showOne(ctx, client, id)
		}),
	}
}

// showOne shows delivery id.
func (p *program) showOne(ctx context.Context, client *api.Client, id int64) error {
	story, err := client.Delivery(ctx, id, 0, 0)
	if err != nil {
		return p.About(err, strconv.FormatInt(id, 10))
	}
	return p.showStory(story)
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
	if p.JSON {
		out := shown{DeliveryStory: s}
		if due {
			verified := doubt == nil
			out.ReceiptVerified = &verified
		}
		if doubt != nil {
			out.ReceiptProblem = doubt.Error()
		}
		if err := p.PrintJSON(out); err != nil {
			return err
		}
		return doubt
	}
	if err := p.printStory(s); err != nil {
		return err
	}
	if err := p.printMails(s.Mails); err != nil {
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
	f := terminal.Form{}
	state := p.State(s.State)
	if note := p.NoteOf(s.Delivery); note != "" {
		state += ", " + note
	}
	f.AddIn(p.Palette, client.ColourOf(s.Delivery), p.Words.State, state)
	f.Add(p.words.reason, terminal.Clean(s.Detail))
	progress := fmt.Sprintf("%s, "+p.words.of, p.Percent(s.Delivery), sizeOf(s.Offset), sizeOf(max(0, s.Size)))
	if s.Size < 0 {
		progress = p.Percent(s.Delivery) + ", " + sizeOf(s.Offset)
	}
	f.Add(p.Words.Progress, progress)
	f.Add(p.Words.Title, strconv.Itoa(s.Number))
	f.Add(p.words.requested, p.Instant(s.Requested))
	f.Add(p.Words.Deadline, p.Instant(terminal.SecondsUp(s.Deadline)))
	if !ended(s.State) {
		f.Add(p.words.planned, p.Period(s.Start, s.End))
	}
	p.addPace(&f, s.Delivery)
	if !s.Started.IsZero() {
		f.Add(p.words.started, p.Instant(s.Started))
	}
	if !s.Finished.IsZero() {
		f.Add(p.words.finished, p.Instant(s.Finished))
	}
	f.Add(p.words.resumes, strconv.Itoa(s.Resumes))
	f.Add(p.words.digest, terminal.Clean(s.SHA256))
	if _, err := fmt.Fprintln(p.Out, p.headline(s.Delivery)); err != nil {
		return err
	}
	if err := f.Print(p.Out, p.Width); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.Out, p.words.events); err != nil {
		return err
	}
	events := terminal.Form{}
	for _, e := range s.Events {
		events.Add(p.Instant(e.At), p.event(e, s.Delivery))
	}
	return events.Print(p.Out, p.Width)
}

// event is what happened, how far the delivery was, and why.
func (p *program) event(e control.Event, d control.Delivery) string {
	kind, ok := p.words.kinds[e.Kind]
	if !ok {
		kind = terminal.Clean(e.Kind)
	}
	parts := []string{kind}
	if e.Offset > 0 && d.Size >= 0 {
		d.Offset = e.Offset
		parts = append(parts, p.Percent(d))
	}
	if e.Reason != "" && e.Reason != reason.Cancelled {
		meaning, _ := e.Reason.Words(p.Language)
		parts = append(parts, terminal.Clean(meaning))
	}
	if e.Detail != "" {
		parts = append(parts, terminal.Clean(e.Detail))
	}
	return strings.Join(parts, ", ")
}

// sizeOf writes a size for people, and the bytes where those say more.
func sizeOf(n int64) string {
	if n < 1000 {
		return rate.Size(n).String()
	}
	return fmt.Sprintf("%s (%d B)", terminal.Roughly(n), n)
}

func (p *program) printReceipt(r receipt.Receipt, doubt error) error {
	if r.Version != 0 { // it could be read
		if _, err := fmt.Fprintln(p.Out, p.words.receipt); err != nil {
			return err
		}
		f := terminal.Form{}
		f.Add(p.words.path, terminal.Clean(r.Path))
		f.Add(p.Words.Size, sizeOf(r.Size))
		f.Add(p.words.digest, r.SHA256)
		at := p.Instant(r.Deposited)
		if !r.Promised.IsZero() {
			f.Add(p.words.promisedFor, p.Instant(terminal.SecondsUp(r.Promised)))
			at += ", " + p.margin(r.Promised.Sub(r.Deposited))
		}
		f.Add(p.words.depositedAt, at)
		f.Add(p.words.resumes, strconv.Itoa(r.Resumes))
		f.Add(p.words.key, r.Key)
		if r.Version == receipt.VersionFolder {
			f.Add(p.words.files, strconv.Itoa(r.Files))
		}
		p.addRecorded(&f, r)
		for _, warning := range r.Warnings {
			f.Add(p.words.warning, terminal.Clean(dcp.Words(p.Language, warning)))
		}
		if err := f.Print(p.Out, p.Width); err != nil {
			return err
		}
	}
	line := p.words.verified
	if doubt != nil {
		line = fmt.Sprintf(p.words.notVerified, doubt)
	}
	_, err := fmt.Fprintln(p.Out, line)
	return err
}

// addRecorded says what was captured of a live source, and what is missing.
func (p *program) addRecorded(f *terminal.Form, r receipt.Receipt) {
	if r.Version != receipt.VersionLive {
		return
	}
	millis := func(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
	f.Add(p.words.captured, p.Instant(r.Captured)+", "+millis(r.Duration))
	for i, t := range r.Tracks {
		f.Add(fmt.Sprintf(p.words.track, i+1), fmt.Sprintf(p.words.frames, t.Frames, t.Lost))
	}
	for _, g := range r.Gaps {
		meaning, _ := g.Reason.Words(p.Language)
		f.Add(p.words.gap, fmt.Sprintf(p.words.missing, millis(g.From), millis(g.To), g.Track, g.Lost, terminal.Clean(meaning)))
	}
	if r.MoreGaps > 0 {
		f.Add(p.words.gap, fmt.Sprintf(p.words.moreGaps, r.MoreGaps))
	}
}

// margin says how long before or after its deadline something happened.
func (p *program) margin(before time.Duration) string {
	if before < 0 {
		return fmt.Sprintf(p.words.lateBy, terminal.Span(-before))
	}
	return fmt.Sprintf(p.words.early, terminal.Span(before))
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
		return receipt.Receipt{}, doubt("%s", terminal.Clean(err.Error()))
	}
	if err := receipt.Verify(r); err != nil {
		return r, doubt("%s", terminal.Clean(err.Error()))
	}
	switch {
	case s.ReceiptKey == "":
		return r, doubt(p.words.noKey, terminal.Clean(s.Reception))
	case r.Key != s.ReceiptKey:
		return r, doubt(p.words.otherKey, terminal.Clean(s.Reception))
	case !strings.HasSuffix(r.Delivery, "-"+strconv.FormatInt(s.ID, 10)), r.Title != s.Number, r.Reception != s.Reception:
		return r, doubt(p.words.otherOne, r.Delivery, r.Title, r.Reception)
	case r.Size != s.Size:
		return r, doubt(p.words.otherSize, r.Size, s.Size)
	case r.SHA256 != s.SHA256:
		return r, doubt(p.words.otherDigest, r.SHA256, terminal.Clean(s.SHA256))
	}
	return r, nil
}
