package dispatch

import (
	"flag"
	"os"
	"testing"

	"videoclub/internal/crew/puppet"
	"videoclub/internal/worker"
)

// TestMain makes the property tests the same each time, unless -rapid.seed says
// otherwise, and leaves no files of those that fail.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Send: puppetOf("conn"), worker.Read: puppetOf("source")}))
	}
	flag.Parse()
	for name, value := range map[string]string{"rapid.seed": "20261122", "rapid.nofailfile": "true"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// puppetOf is a worker that says to its supervisor what it reads from one of its
// descriptors.
func puppetOf(script string) func(*worker.Inside) error {
	return func(in *worker.Inside) error {
		from, err := in.File(script)
		if err != nil {
			return err
		}
		control, err := in.File("control")
		if err != nil {
			return err
		}
		return puppet.Follow(from, control, nil)
	}
}
