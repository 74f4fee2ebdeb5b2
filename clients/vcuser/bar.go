package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"videoclub/internal/control"
)

// leastBar is how many columns the bar keeps, with the blanks around it.
const leastBar = 14

// bar shows a delivery as one live bar. Between two changes its time left and
// laxity go on by the clock.
type bar struct {
	program *program
	screen  *mpb.Progress
	bar     *mpb.Bar

	mu   sync.Mutex
	last control.Delivery
}

func newBar(p *program, first control.Delivery) *bar {
	b := &bar{program: p, last: first, screen: mpb.New(mpb.WithOutput(p.out), mpb.WithRefreshRate(250*time.Millisecond))}
	fmt.Fprintln(b.screen, p.headline(first))
	// A bar is complete only when it is told so: an empty title has a total of
	// nothing, and one that has all its bytes has still to be verified.
	b.bar = b.screen.AddBar(0, mpb.BarFillerTrim(), mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return "  " + p.statusLine(b.last, p.now(), max(1, s.AvailableWidth-leastBar))
	})))
	b.bar.SetTotal(max(first.Size, 1), false)
	return b
}

func (b *bar) show(d control.Delivery) {
	b.mu.Lock()
	b.last = d
	b.mu.Unlock()
	b.bar.SetCurrent(d.Offset)
	switch {
	case d.State == deposited:
		b.bar.SetTotal(max(d.Size, 1), true)
	case ended(d.State):
		b.bar.Abort(false)
	}
}

func (b *bar) note(text string) { io.WriteString(b.screen, "vcuser: "+text+"\n") }

// close leaves the bar on the screen as it stands.
func (b *bar) close() {
	b.bar.Abort(false)
	b.screen.Wait()
}
