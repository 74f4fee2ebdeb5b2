package e2e

import (
	"testing"
)

// A live title is recorded, followed and deposited.
func TestLive(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	n := c.add("La cámara", "pattern:?size=160x120&fps=25+tone:", 0.05)
	d := c.ask(n, "mateo.test")
	d = c.deposited(d.ID)
	t.Logf("%+v", d)
	t.Logf("%s", d.Receipt)
	t.Log(r.files())
}
