package dispatch

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes the property tests the same each time, unless -rapid.seed says
// otherwise, and leaves no files of those that fail.
func TestMain(m *testing.M) {
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
