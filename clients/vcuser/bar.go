package main

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"videoclub/internal/client"
	"videoclub/internal/control"
)

// leastBar is how many columns the bar keeps, with the blanks around it.
const leastBar = 14

// bars shows each delivery as a live bar.
type bars struct {
	screen *mpb.Progress
	of     map[int64]*bar
}

// bar is the bar of one delivery. Between two changes its time left and laxity
// go on by the clock.
type bar struct {
	program *program
	bar     *mpb.Bar

	mu   sync.Mutex
	last control.Delivery
}

func newBars(p *program, first []control.Delivery) *bars {
	v := &bars{of: make(map[int64]*bar), screen: mpb.New(mpb.WithOutput(p.Out), mpb.WithRefreshRate(250*time.Millisecond))}
	widest := 0
	for _, d := range first {
		fmt.Fprintln(v.screen, p.headline(d))
		widest = max(widest, len(strconv.FormatInt(d.ID, 10)))
	}
	for _, d := range first {
		which := ""
		if len(first) > 1 {
			which = fmt.Sprintf("%*d ", widest, d.ID)
		}
		v.of[d.ID] = newBar(v.screen, p, d, which)
	}
	return v
}

// newBar adds a bar to the screen, with what says of which delivery it is.
func newBar(screen *mpb.Progress, p *program, first control.Delivery, which string) *bar {
	b := &bar{program: p, last: first}
	// A bar is complete only when it is told so: an empty title has a total of
	// nothing, and one that has all its bytes has still to be verified.
	b.bar = screen.AddBar(0, mpb.BarFillerTrim(), mpb.PrependDecorators(decor.Name(which)),
		mpb.AppendDecorators(decor.Meta(decor.Any(func(s decor.Statistics) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return "  " + p.statusLine(b.last, p.Now(), max(1, s.AvailableWidth-leastBar))
		}, decor.WCSyncWidthR), func(line string) string { // as wide as the widest, so that bars align
			b.mu.Lock()
			defer b.mu.Unlock()
			return p.Palette.Paint(client.ColourOf(b.last), line)
		})))
	_, all := first.Measure()
	b.bar.SetTotal(max(all, 1), false)
	return b
}

func (v *bars) show(d control.Delivery) { v.of[d.ID].show(d) }

func (b *bar) show(d control.Delivery) {
	b.mu.Lock()
	b.last = d
	b.mu.Unlock()
	have, all := d.Measure()
	if d.Live {
		b.bar.SetTotal(max(all, 1), false) // its bytes are known at its end
	}
	b.bar.SetCurrent(have)
	switch {
	case d.State == deposited:
		b.bar.SetTotal(max(d.Size, 1), true)
	case ended(d.State):
		b.bar.Abort(false)
	}
}

func (v *bars) note(text string) { io.WriteString(v.screen, "vcuser: "+text+"\n") }

// close leaves the bars on the screen as they stand.
func (v *bars) close() {
	for _, b := range v.of {
		b.bar.Abort(false)
	}
	v.screen.Wait()
}
