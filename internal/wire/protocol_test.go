package wire

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"videoclub/internal/receipt"
)

// block gives the lines of the fenced blocks of that language in docs/PROTOCOL.md.
func block(t *testing.T, language string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		all.WriteString(m[1])
	}
	return all.String()
}

// The examples of section 3 are messages, byte for byte as they are written,
// and there is one of each kind.
func TestProtocolExamples(t *testing.T) {
	seen := make(map[string]bool)
	for text := range strings.Lines(block(t, "wire")) {
		m, err := Read(reader(strings.NewReader(text)))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again := line(t, m); again != text {
			t.Errorf("%sis now\n%s", text, again)
		}
		seen[m.kind()] = true
	}
	for _, m := range messages() {
		if !seen[m.kind()] {
			t.Errorf("there is no example of %s", m.kind())
		}
	}
}

// The example's receipt is signed, over the canonical form that stands there.
func TestProtocolReceipt(t *testing.T) {
	var found bool
	for text := range strings.Lines(block(t, "wire")) {
		m, err := Read(reader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		d, ok := m.(Deposited)
		if !ok {
			continue
		}
		found = true
		if err := receipt.Verify(d.Receipt); err != nil {
			t.Error(err)
		}
		if form := block(t, "receipt"); form != string(d.Receipt.Canonical()) {
			t.Errorf("the canonical form is now\n%s", d.Receipt.Canonical())
		}
	}
	if !found {
		t.Error("there is no receipt among the examples")
	}
}
