package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/menu"
	"videoclub/internal/reason"
)

// mostInMenu is how many deliveries the menu lists.
const mostInMenu = 20

// menu leads through everything that an administrator may do.
func (p *program) menu(c *cobra.Command) error {
	ctx := c.Context()
	client, err := p.Dial(ctx, p.Asker())
	if err != nil {
		return p.Plain(err)
	}
	defer client.Close()
	w := p.words
	return menu.Menu{
		Title: fmt.Sprintf(p.Words.Menu, p.Server), Choose: p.Words.Choose, Quit: p.Words.Quit, Unknown: p.Words.NoOption, Default: 1,
		Explain: func(err error) { command.Explain(p.Err, "vcadmin", p.Language, p.Plain(err)) },
		Options: []menu.Option{
			{Text: w.menuList, Do: func(*menu.Screen) error { return p.ListTitles(ctx, client, p.titleTable) }},
			{Text: w.menuAdd, Do: func(s *menu.Screen) error { return p.askAdd(ctx, client, s) }},
			{Text: w.menuRemove, Do: func(s *menu.Screen) error { return p.askRemove(ctx, client, s) }},
			{Text: w.menuDeliveries, Do: func(*menu.Screen) error { return p.ListDeliveries(ctx, client, mostInMenu) }},
			{Text: w.replace.menu, Do: func(s *menu.Screen) error { return p.askReplace(ctx, client, s) }},
			{Text: w.menuSources, Do: func(*menu.Screen) error { return p.listSources(ctx, client) }},
			{Text: w.schedule.menu, Do: func(*menu.Screen) error { return p.showSchedule(ctx, client) }},
		},
	}.Run(menu.Open(p.In, p.Out))
}

// askAdd asks for a title; for its duration only where its file does not say it.
func (p *program) askAdd(ctx context.Context, client *api.Client, s *menu.Screen) (err error) {
	var q control.AddTitle
	if q.Name, err = s.Ask(menu.Question{Text: p.words.askName, Check: p.checkName}); err != nil {
		return err
	}
	if q.Location, err = s.Ask(menu.Question{Text: p.words.askLocation}); err != nil {
		return err
	}
	if q.Description, err = s.Ask(menu.Question{Text: p.words.askDescription, Optional: true}); err != nil {
		return err
	}
	change, err := client.AddTitle(ctx, q)
	if reason.Of(err) == reason.DurationUnknown {
		fmt.Fprintln(p.Out, "  "+p.words.noDuration)
		if q.Duration, err = p.askDuration(s); err != nil {
			return err
		}
		change, err = client.AddTitle(ctx, q)
	}
	if err != nil {
		return p.About(err, q.Location)
	}
	return p.printAdded(change)
}

func (p *program) askDuration(s *menu.Screen) (ms int64, err error) {
	_, err = s.Ask(menu.Question{Text: p.words.askDuration, Check: func(answer string) (err error) {
		ms, err = p.milliseconds(p.Words.Duration, answer)
		return err
	}})
	return ms, err
}

// askReplace asks for a new version, and then whether those who have an earlier
// one are to get it.
func (p *program) askReplace(ctx context.Context, client *api.Client, s *menu.Screen) error {
	var r replacement
	w := p.words.replace
	text, err := s.Ask(menu.Question{Text: p.words.askNumber, Check: func(answer string) (err error) {
		r.Number, err = p.titleNumber(answer)
		return err
	}})
	if err != nil {
		return err
	}
	if r.Location, err = s.Ask(menu.Question{Text: w.askLocation}); err != nil {
		return err
	}
	change, err := client.ReplaceTitle(ctx, r.ReplaceTitle)
	if reason.Of(err) == reason.DurationUnknown {
		fmt.Fprintln(p.Out, "  "+p.words.noDuration)
		if r.Duration, err = p.askDuration(s); err != nil {
			return err
		}
		change, err = client.ReplaceTitle(ctx, r.ReplaceTitle)
	}
	if err != nil {
		return p.About(err, text)
	}
	older, err := client.Older(ctx, r.Number)
	if err != nil {
		return err
	}
	if err := errors.Join(p.printAdded(change), p.printOlder(older)); err != nil || len(older) == 0 {
		return err
	}
	if r.redeliver, err = p.askYes(s, w.askRedeliver); err != nil || !r.redeliver {
		return err
	}
	_, err = s.Ask(menu.Question{Text: w.askByTime, Optional: true, Check: func(answer string) (err error) {
		r.by, err = p.deadline(answer)
		return err
	}})
	if err != nil {
		return err
	}
	r.byEarliest = r.by.IsZero()
	made, err := p.redeliver(ctx, client, r, receptionsOf(older))
	if err != nil {
		return err
	}
	return p.printRedeliveries(made)
}

// askRemove asks which title, and once more where promises depend on it.
func (p *program) askRemove(ctx context.Context, client *api.Client, s *menu.Screen) error {
	var q control.RemoveTitle
	text, err := s.Ask(menu.Question{Text: p.words.askNumber, Check: func(answer string) (err error) {
		q.Number, err = p.titleNumber(answer)
		return err
	}})
	if err != nil {
		return err
	}
	change, err := client.RemoveTitle(ctx, q)
	if reason.Of(err) == reason.TitleInUse {
		command.Explain(p.Err, "vcadmin", p.Language, p.Plain(err))
		if q.Force, err = p.askForce(s); err != nil || !q.Force {
			return err
		}
		change, err = client.RemoveTitle(ctx, q)
	}
	if err != nil {
		return p.About(err, text)
	}
	return p.printRemoved(change)
}

func (p *program) askForce(s *menu.Screen) (force bool, err error) {
	return p.askYes(s, p.words.askForce)
}

func (p *program) askYes(s *menu.Screen, text string) (force bool, err error) {
	_, err = s.Ask(menu.Question{Text: text, Default: p.words.no, Check: func(answer string) error {
		if force = answer == p.words.yes; !force && answer != p.words.no {
			return errors.New(p.words.yesOrNo)
		}
		return nil
	}})
	return force, err
}
