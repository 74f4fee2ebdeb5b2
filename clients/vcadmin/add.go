package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
	"videoclub/internal/terminal"
)

func (p *program) add(h helpTexts) *cobra.Command {
	var q control.AddTitle
	var duration string
	c := &cobra.Command{
		Use: h.addUse, Args: p.Exactly(p.words.nameArgument, p.words.locationArgument), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.Action(func(ctx context.Context, client *api.Client, args []string) (err error) {
			q.Name, q.Location = args[0], args[1]
			if err := p.checkName(q.Name); err != nil {
				return err
			}
			if q.Number < 0 {
				return reason.New(reason.Usage, p.words.badTitle, strconv.Itoa(q.Number))
			}
			if q.Duration, err = p.milliseconds("--duration", duration); err != nil {
				return err
			}
			change, err := client.AddTitle(ctx, q)
			switch {
			case err != nil:
				return p.About(err, q.Location)
			case p.JSON:
				return p.PrintJSON(change)
			}
			return p.printAdded(change)
		}),
	}
	c.Flags().StringVar(&duration, "duration", "", h.duration)
	c.Flags().StringVar(&q.Description, "description", "", h.description)
	c.Flags().IntVar(&q.Number, "number", 0, h.number)
	c.Flags().SortFlags = false
	return c
}

// checkName says what a person may not know of a name. The server has the rest.
func (p *program) checkName(name string) error {
	if strings.Contains(name, "^") {
		return reason.New(reason.Usage, "%s", p.words.caret)
	}
	return nil
}

// milliseconds reads a duration as people write it, or as minutes, which is how
// the file of titles has them. Nothing is 0.
func (p *program) milliseconds(of, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if minutes, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, "0123456789.") == "" {
		// What is too long the server refuses; it only has to fit until then.
		if ms := math.Round(minutes * 60_000); ms >= 1 && ms < 1<<53 {
			return int64(ms), nil
		}
	} else if d, err := moment.ParseDuration(text); err == nil {
		return int64(d / time.Millisecond), nil
	}
	return 0, reason.New(reason.Usage, p.words.badDuration, of, text)
}

func (p *program) printAdded(c control.TitleChange) error {
	f := terminal.Form{}
	f.Add(p.Words.Duration, terminal.Running(c.Title.Duration))
	if s := c.Title.TitleSource; s != nil && s.Size < 0 { // a live one has neither size nor digest yet
		f.Add(p.words.location, terminal.Clean(s.Location))
	} else if s != nil {
		f.Add(p.Words.Size, p.size(s))
		f.Add(p.words.location, terminal.Clean(s.Location))
		// It may have begun by now, or not; what is known already stays so.
		digest := p.words.inBackground
		if s.Digest == control.DigestKnown {
			digest = p.words.known
		} else if s.Folder {
			digest = p.digest(s) // its files are digested as they are delivered
		}
		f.Add(p.words.digest, digest)
	}
	if _, err := fmt.Fprintf(p.Out, p.words.added+"\n", c.Title.Number, terminal.Clean(c.Title.Name)); err != nil {
		return err
	}
	if err := f.Print(p.Out, p.Width); err != nil {
		return err
	}
	if len(c.Same) > 0 {
		fmt.Fprintf(p.Err, "vcadmin: "+p.words.sameLocation+"\n", numbers(c.Same))
	}
	return nil
}

// numbers joins numbers for people.
func numbers[N int | int64](all []N) string {
	var b strings.Builder
	for i, n := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(int64(n), 10))
	}
	return b.String()
}
