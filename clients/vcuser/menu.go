package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/menu"
	"videoclub/internal/terminal"
)

const (
	// mostInMenu is how many deliveries the menu lists.
	mostInMenu = 20
	// mostNamed is how many receptions a question names.
	mostNamed = 6
)

// menu leads through what a user may do.
func (p *program) menu(c *cobra.Command) error {
	ctx := c.Context()
	client, err := p.Dial(ctx, p.Asker())
	if err != nil {
		return p.Plain(err)
	}
	defer client.Close()
	w := p.words
	var last asked
	return menu.Menu{
		Title: fmt.Sprintf(p.Words.Menu, p.Server), Choose: p.Words.Choose, Quit: p.Words.Quit, Unknown: p.Words.NoOption, Default: 1,
		Explain: func(err error) { command.Explain(p.Err, "vcuser", p.Language, p.Plain(err)) },
		Options: []menu.Option{
			{Text: w.menuList, Do: func(*menu.Screen) error { return p.listTitles(ctx, client) }},
			{Text: w.menuRequest, Do: func(s *menu.Screen) error { return p.askRequest(ctx, client, s, &last) }},
			{Text: w.menuDeliveries, Do: func(*menu.Screen) error { return p.ListDeliveries(ctx, client, mostInMenu) }},
			{Text: w.menuWatch, Do: func(s *menu.Screen) error {
				newest, err := client.Deliveries(ctx, 1)
				if err != nil {
					return err
				}
				id, err := p.askDelivery(s, newest)
				if err != nil {
					return err
				}
				return p.follow(ctx, client, []int64{id})
			}},
			{Text: w.menuCancel, Do: func(s *menu.Screen) error {
				// Without a default: an empty line must not cancel anything.
				id, err := p.askDelivery(s, nil)
				if err != nil {
					return err
				}
				return p.cancelOne(ctx, client, id)
			}},
		},
	}.Run(menu.Open(p.In, p.Out))
}

// asked are the answers that are offered again with the next request.
type asked struct{ reception, mail string }

// askRequest asks for what a request needs: the title, the reception, the
// deadline, and where to write to.
func (p *program) askRequest(ctx context.Context, client *api.Client, s *menu.Screen, last *asked) (err error) {
	o := order{mail: last.mail}
	if _, err = s.Ask(menu.Question{Text: p.words.askTitle, Check: func(answer string) (err error) {
		o.number, err = p.Number(answer, p.words.badTitle)
		return err
	}}); err != nil {
		return err
	}
	if err := p.askReception(ctx, client, s, last); err != nil {
		return err
	}
	o.receptions = []string{last.reception}
	if o.by, err = s.Ask(menu.Question{Text: p.words.askDeadline, Default: p.words.earliestWord, Check: func(answer string) error {
		if answer == p.words.earliestWord {
			return nil
		}
		_, err := p.time(p.Words.Deadline, answer)
		return err
	}}); err != nil {
		return err
	}
	if o.earliest = o.by == p.words.earliestWord; o.earliest {
		o.by = ""
	}
	if o.mail, err = s.Ask(menu.Question{Text: p.words.askMail, Default: last.mail, Optional: true}); err != nil {
		return err
	}
	last.mail = o.mail
	q, err := p.read(o)
	if err != nil {
		return err
	}
	return p.ask(ctx, client, q)
}

// askReception asks where to, and names some of those that the server knows.
func (p *program) askReception(ctx context.Context, client *api.Client, s *menu.Screen, last *asked) error {
	names, err := client.Receptions(ctx)
	if err != nil {
		return err
	}
	q := menu.Question{Text: p.words.askReception, Default: last.reception}
	switch {
	case len(names) == 1 && q.Default == "":
		q.Default = terminal.Clean(names[0])
	case len(names) > 1:
		q.Text += " (" + terminal.Clean(strings.Join(names[:min(len(names), mostNamed)], ", ")) + ")"
	}
	last.reception, err = s.Ask(q)
	return err
}

// askDelivery asks which delivery; the first of usual stands for an empty line.
func (p *program) askDelivery(s *menu.Screen, usual []control.Delivery) (id int64, err error) {
	text := ""
	if len(usual) > 0 {
		text = strconv.FormatInt(usual[0].ID, 10)
	}
	_, err = s.Ask(menu.Question{Text: p.words.askDelivery, Default: text, Check: func(answer string) (err error) {
		id, err = p.Number(answer, p.words.badDelivery)
		return err
	}})
	return id, err
}
