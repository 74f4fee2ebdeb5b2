package studio

import (
	"fmt"
	"slices"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
)

// Which cameras work for which recordings, and by what a device is known.

// book has the cameras of a recording work for it. The mutex is held.
func (s *Studio) book(r *reel) error {
	asks, keys := r.feed.Asks(), slices.Clone(r.keys)
	for i, a := range asks {
		if keys[i] == "" {
			keys[i] = fmt.Sprintf("%s:%s:%d", a.Kind, r.name, i) // what is made is made for each
		}
		if c := s.cameras[keys[i]]; c != nil {
			if err := c.suits(a); err != nil {
				return err
			}
		}
	}
	for i, key := range keys {
		c := s.cameras[key]
		if c == nil {
			c = newCamera(s, key, asks[i])
			c.before = s.leaving[key]
			s.cameras[key] = c
			s.running.Go(c.run)
		}
		c.users[r] = i + 1
		r.cameras = append(r.cameras, c)
	}
	return nil
}

// keys are the devices of a live source by which cameras are known: "" for what is
// made.
func (s *Studio) keys(f feed.Feed) (all []string) {
	for _, a := range f.Asks() {
		key := ""
		if a.Device != "" {
			key = keyOf(a.Kind, s.node(a))
		}
		all = append(all, key)
	}
	return all
}

// keyOf is the key of a camera whose device has that node.
func keyOf(kind feed.Kind, node string) string { return string(kind) + ":" + node }

// nodeOf is a device by its own name, whatever it was called.
func nodeOf(a *feed.Ask) string {
	path, err := capture.Node(a, soundCards)
	if err != nil {
		return a.Device
	}
	return resolved(path)
}

// unbook lets the cameras of a recording go. The mutex is held.
func (s *Studio) unbook(r *reel) {
	for _, c := range r.cameras {
		delete(c.users, r)
		c.post(func() { c.detach(r) })
		if len(c.users) == 0 && s.cameras[c.key] == c {
			delete(s.cameras, c.key)
			s.leaving[c.key] = c.done
			c.cancel()
		}
	}
	r.cameras = nil
}
