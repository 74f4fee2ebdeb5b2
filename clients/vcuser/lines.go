package main

import (
	"fmt"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/journal"
	"videoclub/internal/rate"
	"videoclub/internal/terminal"
)

// jsonLines shows each change as a line of JSON.
type jsonLines struct {
	program *program
	last    map[int64]control.Delivery
}

func (v *jsonLines) show(d control.Delivery) {
	if d == v.last[d.ID] {
		return
	}
	v.last[d.ID] = d
	v.program.PrintJSON(d) // a reader that has gone ends the program by SIGPIPE
}

func (v *jsonLines) note(text string) { fmt.Fprintln(v.program.Err, "vcuser: "+text) }
func (v *jsonLines) close()           {}

// plainLines shows a line for each change of what a person has to know, at
// each tenth, and after 30 seconds in which there was progress.
type plainLines struct {
	program *program
	several bool // each line says of which delivery it is
	shown   map[int64]*plainLine
}

// plainLine is the last that was shown of one delivery.
type plainLine struct {
	last     control.Delivery
	progress journal.Progress
}

func newPlainLines(p *program, several bool) *plainLines {
	return &plainLines{program: p, several: several, shown: make(map[int64]*plainLine)}
}

func (v *plainLines) show(d control.Delivery) {
	now, one := v.program.Now(), v.shown[d.ID]
	first := one == nil
	if first {
		one = &plainLine{}
		v.shown[d.ID] = one
		fmt.Fprintln(v.program.Out, v.program.headline(d))
		have, all := d.Measure()
		one.progress.Start(now, have, all)
	}
	// What does not move has no line for the time that passes.
	have, all := d.Measure()
	due := d.Offset != one.last.Offset && one.progress.Due(now, have, all)
	if !first && !due && !noteworthy(one.last, d) {
		return
	}
	one.last = d
	which := ""
	if v.several {
		which = fmt.Sprintf("%d  ", d.ID)
	}
	fmt.Fprintf(v.program.Out, "%s  %s%s\n", v.program.Clock(now), which, v.program.statusLine(d, now, 0))
}

func (v *plainLines) note(text string) { fmt.Fprintln(v.program.Err, "vcuser: "+text) }
func (v *plainLines) close()           {}

// noteworthy says whether something changed beside the progress.
func noteworthy(before, after control.Delivery) bool {
	return before.State != after.State || before.Reason != after.Reason || before.AtRisk != after.AtRisk || before.Late != after.Late
}

// part is a piece of a line; in a narrow one, those of the highest rank go first.
type part struct {
	text string
	rank int
}

// statusLine is a delivery in one line of at most width columns; 0 is no
// bound.
func (p *program) statusLine(d control.Delivery, now time.Time, width int) string {
	parts := []part{{text: p.Percent(d)}, {p.bytesOf(d), 4}}
	switch {
	case ended(d.State):
		parts = append(parts, part{text: p.State(d.State)})
		if d.State == deposited {
			parts = append(parts, part{p.margin(d.Deadline.Sub(d.Finished)), 1})
		}
	default:
		if d.Rate > 0 {
			parts = append(parts, part{terminal.Speed(d.Rate), 3})
		}
		end := expectedEnd(d, now)
		parts = append(parts, part{fmt.Sprintf(p.words.left, terminal.Span(end.Sub(now))), 1},
			part{fmt.Sprintf(p.words.laxity, terminal.Span(d.Deadline.Sub(end))), 2}, part{text: p.State(d.State)})
	}
	if note := p.NoteOf(d); note != "" && d.State != "cancelled" {
		parts = append(parts, part{note, 5})
	}
	return fit(parts, width)
}

// bytesOf is how many bytes are there, and of how many if that is known.
func (p *program) bytesOf(d control.Delivery) string {
	if d.Size < 0 {
		return terminal.Roughly(d.Offset)
	}
	return fmt.Sprintf(p.words.of, terminal.Roughly(d.Offset), terminal.Roughly(d.Size))
}

// fit joins as many parts as width holds.
func fit(parts []part, width int) string {
	for rank := 5; ; rank-- {
		line := ""
		for _, part := range parts {
			if part.rank > rank {
				continue
			}
			if line != "" {
				line += "  "
			}
			line += part.text
		}
		if width <= 0 || rank == 0 || terminal.Width(line) <= width {
			return line
		}
	}
}

// expectedEnd is when the delivery will have arrived as things are: by its rate
// while it has one, else as planned, and never before now.
func expectedEnd(d control.Delivery, now time.Time) time.Time {
	end := d.End
	if d.Rate > 0 && d.Size >= 0 {
		end = now.Add(rate.Rate(d.Rate).Time(d.Size - d.Offset))
	}
	if end.Before(now) {
		return now
	}
	return end
}
