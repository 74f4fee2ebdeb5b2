package studio

import (
	"time"

	"videoclub/internal/control"
)

// tellEvery is how often a worker says how it goes.
const tellEvery = time.Second

// beat says each second how it goes, until done is closed: a worker that says
// nothing for Config.Mute is taken for one that hangs.
func beat(c *control.Conn, done <-chan struct{}, how func() control.Message) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		if c.Send(how()) != nil {
			return // who listens sees it too
		}
	}
}
