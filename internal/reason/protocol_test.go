package reason

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/PROTOCOL.md, section 5, lists every code as it is, and no other.
func TestProtocolTable(t *testing.T) {
	doc, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## 5. ")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := make(map[Code]string)
	for line := range strings.Lines(section) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			code, _, _ := strings.Cut(rest, "`")
			if listed[Code(code)] != "" {
				t.Errorf("%s is listed twice", code)
			}
			listed[Code(code)] = strings.TrimSpace(line)
		}
	}
	for code := range table {
		meaning, _ := code.Words("en")
		again := "yes"
		if code.Permanent() {
			again = "no"
		}
		want := fmt.Sprintf("| `%s` | %s | %s | %d |", code, meaning, again, code.Exit())
		if listed[code] != want {
			t.Errorf("section 5 has %q for %s; it is now\n%s", listed[code], code, want)
		}
		delete(listed, code)
	}
	for code := range listed {
		t.Errorf("section 5 lists %s, which is no code", code)
	}
}

func TestValid(t *testing.T) {
	for code, want := range map[Code]bool{
		NoSpace: true, "a_reason_of_tomorrow": true, "": false, "No_Space": false, "no space": false, "no\nspace": false,
		Code(strings.Repeat("a", maxCode)): true, Code(strings.Repeat("a", maxCode+1)): false,
	} {
		if code.Valid() != want {
			t.Errorf("%q is taken for valid: %v", code, !want)
		}
	}
	for code := range table {
		if !code.Valid() {
			t.Errorf("%s has not the form of a code", code)
		}
	}
}
