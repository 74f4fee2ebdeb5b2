package schedule

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes the property tests the same each time, unless -rapid.seed or
// -rapid.checks say otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.seed": "20261102", "rapid.checks": "300"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}
