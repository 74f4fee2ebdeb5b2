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
	"videoclub/internal/mailbox"
	"videoclub/internal/menu"
	"videoclub/internal/reason"
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
			{Text: w.menuList, Do: func(*menu.Screen) error { return p.ListTitles(ctx, client, p.titleTable) }},
			{Text: w.menuRequest, Then: 5, Do: func(s *menu.Screen) error { return p.askRequest(ctx, client, s, &last) }},
			{Text: w.menuWhere, Do: func(s *menu.Screen) error { return p.askWhere(ctx, client, s) }},
			{Text: w.menuDeliveries, Do: func(*menu.Screen) error { return p.ListDeliveries(ctx, client, mostInMenu) }},
			{Text: w.menuWatch, Then: 6, Do: func(s *menu.Screen) error {
				id, err := p.askNewest(ctx, client, s)
				if err != nil {
					return err
				}
				return p.follow(ctx, client, []int64{id})
			}},
			{Text: w.menuShow, Do: func(s *menu.Screen) error {
				id, err := p.askNewest(ctx, client, s)
				if err != nil {
					return err
				}
				return p.showOne(ctx, client, id)
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
	if o.number, err = p.askTitle(ctx, client, s); err != nil {
		return err
	}
	if err := p.askReception(ctx, client, s, last); err != nil {
		return err
	}
	o.receptions = []string{last.reception}
	if o.by, o.pace, err = p.askDeadline(s, p.words.earliestWord); err != nil {
		return err
	}
	if o.earliest = o.by == p.words.earliestWord; o.earliest {
		o.by = ""
	}
	if o.mail, err = p.askMail(s, last.mail); err != nil {
		return err
	}
	last.mail = o.mail
	q, err := p.read(o)
	if err != nil {
		return err
	}
	return p.ask(ctx, client, q)
}

// askTitle asks for the number of a title, which has to be there: nobody is to
// answer all the other questions for nothing.
func (p *program) askTitle(ctx context.Context, client *api.Client, s *menu.Screen) (number int64, err error) {
	_, err = s.Ask(menu.Question{Text: p.words.askTitle, Check: func(answer string) (err error) {
		if number, err = p.Number(answer, p.words.badTitle); err != nil {
			return err
		}
		page, err := client.TitlesAfter(ctx, int(number)-1)
		if err == nil && (len(page.Titles) == 0 || int64(page.Titles[0].Number) != number) {
			meaning, _ := reason.UnknownTitle.Words(p.Language)
			return fmt.Errorf("%s: %d", meaning, number)
		}
		// If the server does not answer now, the request says so.
		return nil
	}})
	return number, err
}

// askDeadline asks for a time, and takes a pace behind it. A word that stands for
// no time, unless it is empty, is what an empty line means.
func (p *program) askDeadline(s *menu.Screen, word string) (by, pace string, err error) {
	_, err = s.Ask(menu.Question{Text: p.words.askDeadline, Default: word, Check: func(answer string) (err error) {
		by, pace, _ = strings.Cut(answer, ",")
		by, pace = strings.TrimSpace(by), strings.TrimSpace(pace)
		if by != word || word == "" {
			_, err = p.time(p.Words.Deadline, by)
		}
		if err == nil {
			_, err = p.pace(pace)
		}
		return err
	}})
	return by, pace, err
}

// noMail is what takes back the address that was given before.
const noMail = "-"

// askMail asks for an address, which may be none.
func (p *program) askMail(s *menu.Screen, usual string) (string, error) {
	q := menu.Question{Text: p.words.askMail, Default: usual, Optional: true, Check: func(answer string) error {
		if answer != noMail && mailbox.Check(answer) != nil {
			return fmt.Errorf(p.words.badMail, answer)
		}
		return nil
	}}
	if usual != "" {
		q.Text = p.words.askMailAgain
	}
	mail, err := s.Ask(q)
	if mail == noMail {
		mail = ""
	}
	return mail, err
}

// askWhere asks for a title and a deadline, and shows which of the receptions
// that are known could have it.
func (p *program) askWhere(ctx context.Context, client *api.Client, s *menu.Screen) error {
	number, err := p.askTitle(ctx, client, s)
	if err != nil {
		return err
	}
	by, pace, err := p.askDeadline(s, "")
	if err != nil {
		return err
	}
	return p.lookWhere(ctx, client, order{number: number, by: by, pace: pace})
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

// askNewest asks which delivery, by default the newest.
func (p *program) askNewest(ctx context.Context, client *api.Client, s *menu.Screen) (int64, error) {
	newest, err := client.Deliveries(ctx, 1)
	if err != nil {
		return 0, err
	}
	return p.askDelivery(s, newest)
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
