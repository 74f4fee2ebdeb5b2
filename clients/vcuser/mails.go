package main

import (
	"fmt"
	"strconv"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/terminal"
)

// mailWords are what a person is told of the mail that tells of a delivery.
type mailWords struct {
	mails, to, attempts, next string
	kinds, states             map[string]string
}

func mailWordsIn(language string) mailWords {
	if language == "es" {
		return mailWords{
			mails: "correos", to: "%s, a %s", attempts: "%s intentos", next: "próximo intento",
			kinds:  map[string]string{"deposited": "depositada", "failed": "fallida", "broken": "llegará tarde"},
			states: map[string]string{"pending": "pendiente", "sent": "enviado", "failed": "abandonado"},
		}
	}
	return mailWords{
		mails: "mail", to: "%s, to %s", attempts: "%s attempts", next: "next attempt",
		kinds:  map[string]string{"deposited": "deposited", "failed": "failed", "broken": "will be late"},
		states: map[string]string{"pending": "pending", "sent": "sent", "failed": "given up"},
	}
}

// printMails prints what was written of a delivery, and what keeps it from
// being taken.
func (p *program) printMails(mails []control.Mail) error {
	if len(mails) == 0 {
		return nil
	}
	w := mailWordsIn(p.Language)
	if _, err := fmt.Fprintln(p.Out, w.mails); err != nil {
		return err
	}
	f := terminal.Form{}
	for _, m := range mails {
		f.Add(p.Instant(m.At), p.mail(w, m))
	}
	return f.Print(p.Out, p.Width)
}

// mail is what a mail tells of, to whom, and where it stands.
func (p *program) mail(w mailWords, m control.Mail) string {
	known := func(words map[string]string, word string) string {
		if said, ok := words[word]; ok {
			return said
		}
		return terminal.Clean(word) // that of a newer server
	}
	parts := []string{known(w.states, m.State), fmt.Sprintf(w.to, known(w.kinds, m.Kind), terminal.Clean(m.To))}
	if m.State == "pending" {
		parts[0] += " (" + w.next + ")"
	}
	if m.Attempts > 1 {
		parts = append(parts, fmt.Sprintf(w.attempts, strconv.Itoa(m.Attempts)))
	}
	if m.Reason != "" {
		meaning, _ := m.Reason.Words(p.Language)
		parts = append(parts, terminal.Clean(meaning))
	}
	if m.Detail != "" {
		parts = append(parts, terminal.Clean(m.Detail))
	}
	return strings.Join(parts, ", ")
}
