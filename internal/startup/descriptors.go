package startup

import (
	"os"

	"videoclub/internal/control"
	"videoclub/internal/handoff"
	"videoclub/internal/worker"
)

// Descriptors are those that a worker was given.
type Descriptors struct {
	Err   error // the first that was needed and is not there
	files map[string]*os.File
}

// Take takes the descriptors that a worker needs, and those of its handoff
// where it has one.
func Take(in *worker.Inside, needed ...string) *Descriptors {
	d := &Descriptors{files: make(map[string]*os.File)}
	for _, name := range needed {
		f, err := in.File(name)
		if err != nil && d.Err == nil {
			d.Err = err
		}
		d.files[name] = f
	}
	return d
}

// File gives a descriptor.
func (d *Descriptors) File(name string) *os.File { return d.files[name] }

// Control gives the control connection.
func (d *Descriptors) Control() *control.Conn { return control.New(d.files["control"]) }

// Handoff gives the worker's end of its handoff.
func (d *Descriptors) Handoff() handoff.End {
	return handoff.End{Ring: d.files["ring"], Wake: d.files["wake"]}
}
