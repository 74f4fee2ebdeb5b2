package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 22, 23, 30, 0, 0, time.FixedZone("", -3*3600))

// protocol is the page of the document as it stands.
func protocol(t *testing.T) (document, page string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	if page, err = Protocol(string(text), day); err != nil {
		t.Fatal(err)
	}
	return string(text), page
}

// The whole document becomes the page: each word, as often.
func TestProtocolIsWhole(t *testing.T) {
	document, page := protocol(t)
	_, document, _ = strings.Cut(document, "\n") // its title; the page has one
	words := regexp.MustCompile(`[A-Za-z0-9_]+`)
	fences := regexp.MustCompile("(?m)^```.*$")
	count := func(text string) map[string]int {
		n := make(map[string]int)
		for _, word := range words.FindAllString(text, -1) {
			n[strings.ToLower(word)]++
		}
		return n
	}
	// What roff is told is no word of the page.
	page = regexp.MustCompile(`\\f[BIP]|\\\[u[0-9A-F]+\]|\\\(..|(?m:^T[{}]$)`).ReplaceAllString(strings.ReplaceAll(page, `\-`, "-"), " ")
	page = strings.ReplaceAll(page, `\e`, `\`)
	had := count(page)
	for word, n := range count(fences.ReplaceAllString(document, "")) {
		if had[word] < n {
			t.Errorf("%q is %d times in the document, %d times in the page", word, n, had[word])
		}
	}
	if !strings.Contains(page, ".Dd November 23, 2026\n") {
		t.Error("not of the day in UTC that was given")
	}
}

// Each form of Markdown becomes its form of the page.
func TestProtocolForms(t *testing.T) {
	for markdown, want := range map[string]string{
		"## 1. Way\n\nOne. Two `a-b`\nand *c*.": ".Sh 1. WAY\nOne.\nTwo \\fBa\\-b\\fP and \\fIc\\fP.\n",
		"### way\n\n* **A.** B\n  c\n* D":       ".Ss way\n.Bl -bullet\n.It\n\\fBA.\\fP B c\n.It\nD\n.El\n",
		"1. one\n2. two":                        ".Bl -enum\n.It\none\n.It\ntwo\n.El\n",
		"```json\n.x\\n\n```":                   ".Bd -literal -offset 2n\n\\&.x\\en\n.Ed\n",
		"[this](there.md) → 'it'":               ".Pp\nthis (there.md) \\[u2192] \\(aqit\\(aq\n",
		"| a | b |\n|---|---|\n| 1 | a text that is longer than the others are |": ".Pp\n.TS\nlb lbx\nl lx.\na\tT{\nb\nT}\n1\tT{\na text that is longer than the others are\nT}\n.TE\n",
		"| a | b | c |\n|---|---|---|\n| 1 | a text that is longer than the others are | and another one that is as long as it |": "\\fIa:\\fP\n.Bl -tag -width Ds\n.It \\&1\n" +
			"\\fIb:\\fP a text that is longer than the others are\n.br\n\\fIc:\\fP and another one that is as long as it\n.El\n",
	} {
		page, err := Protocol(markdown, day)
		if _, body, _ := strings.Cut(page, ".Sh DESCRIPTION\n"); err != nil || !strings.HasPrefix(body, strings.TrimPrefix(want, ".Pp\n")) {
			t.Errorf("%q becomes %v\n%s", markdown, err, body)
		}
	}
}

// What the page has no form for is refused with its line, rather than lost.
func TestProtocolRefuses(t *testing.T) {
	for markdown, line := range map[string]string{
		"# A\n\n    code":                     ":3:",
		"# A\n\n#### deep":                    ":3:",
		"> quoted":                            ":1:",
		"```\nno end":                         ":3:",
		"a `half":                             ":2:",
		"| a | b |\n|---|---|\n| 1 | 2 | 3 |": ":3:",
		"| a | b |":                           ":2:",
		"text\n\n# a second title":            ":3:",
		"<b>HTML</b>":                         ":1:",
	} {
		if _, err := Protocol(markdown, day); err == nil || !strings.Contains(err.Error(), "PROTOCOL.md"+line) {
			t.Errorf("%q: %v, want line %s", markdown, err, line)
		}
	}
}

// The pages are good to a program that knows the language, where there is one.
func TestPagesAreWellFormed(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log("mandoc is not installed: make e2e has it and looks")
		return
	}
	_, page := protocol(t)
	made := filepath.Join(t.TempDir(), "vc-protocol.7")
	if err := os.WriteFile(made, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../../packaging/man/*.[0-9]")
	if err != nil || len(pages) < 6 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, made) {
		if out, err := exec.Command(mandoc, "-Tlint", "-Wwarning", page).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
