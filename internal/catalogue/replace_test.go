package catalogue

import (
	"testing"
	"time"

	"videoclub/internal/reason"
)

// A title gets another source on its own line, which ends as it did; all else
// stays, byte for byte.
func TestReplace(t *testing.T) {
	c, _, err := Parse([]byte("# ours\r\n1 ^ One ^ 1 a.avi\r\n2 ^ Two ^ 2 b.avi"))
	if err != nil {
		t.Fatal(err)
	}
	for n, location := range map[int]string{1: "/new/a longer place.avi", 2: "c.avi"} {
		title, _ := c.Lookup(n)
		title.Location, title.Duration = location, 3*time.Minute
		if err := c.Replace(title); err != nil {
			t.Fatal(err)
		}
	}
	const want = "# ours\r\n1 ^ One ^ 3 /new/a longer place.avi\r\n2 ^ Two ^ 3 c.avi"
	if got := string(c.Bytes()); got != want || c.size != len(want) {
		t.Errorf("the text is %q, of %d bytes by its count", got, c.size)
	}
	title, _ := c.Lookup(1)
	if title.Number = 9; reason.Of(c.Replace(title)) != reason.UnknownTitle {
		t.Error("a title that is not there is replaced")
	}
	if title.Number, title.Location = 1, ""; reason.Of(c.Replace(title)) != reason.Usage {
		t.Error("a title without a source is taken")
	}
}
