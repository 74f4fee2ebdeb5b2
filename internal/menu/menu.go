package menu

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mostQuoted is how much of an answer that is none is said back, in bytes.
const mostQuoted = 60

// Option is something that can be chosen.
type Option struct {
	Text string
	// Do does it. ErrBack is no error; any other is told, and the menu goes on.
	Do func(*Screen) error
	// Then is the number of the option that an empty line stands for once this
	// one was done; 0 is the menu's default.
	Then int
}

// Menu is a list of options; the last one, Quit, has none of its own to do.
type Menu struct {
	Title   string
	Options []Option
	Quit    string
	// Choose is the question for an option, and Default the number of the one
	// that an empty line stands for.
	Choose  string
	Default int
	// Unknown says, with %q, that an answer is none of the options.
	Unknown string
	// Explain tells the person about an error of an option.
	Explain func(error)
}

// Run leads through the menu until the person quits or the input ends, neither
// of which is an error.
func (m Menu) Run(s *Screen) error {
	usual := m.Default
	for {
		if err := m.show(s.Out); err != nil {
			return err
		}
		chosen, err := m.choose(s)
		switch {
		case errors.Is(err, io.EOF), err == nil && chosen == len(m.Options):
			return nil
		case err != nil:
			return err
		}
		err = m.Options[chosen].Do(s)
		if m.Default = usual; err == nil && m.Options[chosen].Then > 0 {
			m.Default = m.Options[chosen].Then
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, ErrBack):
			m.Explain(err)
		}
	}
}

func (m Menu) show(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", m.Title)
	for i, o := range append(m.Options[:len(m.Options):len(m.Options)], Option{Text: m.Quit}) {
		fmt.Fprintf(&b, "  %d  %s\n", i+1, o.Text)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(out, b.String())
	return err
}

// choose asks for an option: its number, or the beginning of its text where no
// other begins so.
func (m Menu) choose(s *Screen) (chosen int, err error) {
	_, err = s.Ask(Question{Text: m.Choose, Default: strconv.Itoa(m.Default), Check: func(answer string) error {
		if chosen = m.find(answer); chosen < 0 {
			return fmt.Errorf(m.Unknown, answer[:min(len(answer), mostQuoted)])
		}
		return nil
	}})
	return chosen, err
}

func (m Menu) find(answer string) int {
	if n, err := strconv.Atoi(answer); err == nil {
		if n < 1 || n > len(m.Options)+1 {
			return -1
		}
		return n - 1
	}
	found := -1
	for i := range len(m.Options) + 1 {
		text := m.Quit
		if i < len(m.Options) {
			text = m.Options[i].Text
		}
		if strings.HasPrefix(strings.ToLower(text), strings.ToLower(answer)) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}
