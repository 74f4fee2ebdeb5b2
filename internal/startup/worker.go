package startup

import "videoclub/internal/worker"

// Needed names the descriptors without which a worker is nothing.
type Needed []string

// Worker is the worker that takes them and runs.
func (n Needed) Worker(run func(*Descriptors) error) func(*worker.Inside) error {
	return func(in *worker.Inside) error {
		d := Take(in, n...)
		if d.Err != nil {
			return d.Err
		}
		return run(d)
	}
}
