package survey

import (
	"strings"
	"testing"

	"videoclub/internal/reason"
)

// A survey worker in the hands of its source finds nothing out, whatever it says:
// no duration, and no digest that deliveries would be judged by.
func TestHostileWorkers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.running(t)
	for name, says := range map[string]string{
		"no message":            "nonsense",
		"a huge one":            strings.Repeat("x", 150_000),
		"of another kind":       `{"kind":"withdrawn","body":{}}`,
		"a call of a session":   `{"kind":"call","body":{"seq":1,"titles":{"after":0}}}`,
		"a signature":           `{"kind":"sign","body":{"message":"AA=="}}`,
		"a duration below 0":    `{"kind":"lasts","body":{"millis":-5}}`,
		"a digest that is none": `{"kind":"surveyed","body":{"sha256":"../../etc/passwd"}}`,
	} {
		s := p.write(t, strings.ReplaceAll(name, " ", "-"), []byte(puppets+says+"\n"))
		if d, err := p.duration(t, s); err == nil || reason.Of(err) != reason.WorkerFailed {
			t.Errorf("%s: it lasts %v, %v", name, d, err)
		}
		if err := p.Want(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		p.tried(t, s.Location)
		if known := p.digestOf(t, s); known != "" {
			t.Errorf("%s: the digest is %q", name, known)
		}
	}
}
