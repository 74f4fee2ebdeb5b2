package reason

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// Every constant of the package has words in both languages.
func TestEveryCodeHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || spec.Type == nil {
			return true
		}
		code := Code(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		n++
		if !code.Known() {
			t.Errorf("%s has no words", code)
		}
		for _, lang := range []string{"en", "es"} {
			meaning, hint := code.Words(lang)
			if meaning == "" || strings.HasSuffix(meaning, ".") || strings.HasSuffix(hint, ".") {
				t.Errorf("%s in %s: %q, %q", code, lang, meaning, hint)
			}
		}
		return true
	})
	if n != len(table) {
		t.Errorf("%d constants, %d in the table", n, len(table))
	}
}

func TestOf(t *testing.T) {
	wrapped := fmt.Errorf("delivery 4: %w", New(NoSpace, "%d bytes short", 5))
	for _, c := range []struct {
		err  error
		want Code
	}{{nil, ""}, {errors.New("x"), Internal}, {wrapped, NoSpace}} {
		if got := Of(c.err); got != c.want {
			t.Errorf("Of(%v) = %q, want %q", c.err, got, c.want)
		}
	}
	if got := wrapped.Error(); got != "delivery 4: 5 bytes short" {
		t.Errorf("error reads %q", got)
	}
}

func TestExit(t *testing.T) {
	for code, want := range map[Code]int{"": 0, DigestMismatch: 1, Usage: 2, UnknownTitle: 3, RemotePeer: 4, Unreachable: 5, "nonsense": 1} {
		if got := code.Exit(); got != want {
			t.Errorf("%q exits with %d, want %d", code, got, want)
		}
	}
}

// What users are told of a detail is none where that may be a place.
func TestForUsers(t *testing.T) {
	for code, want := range map[Code]string{
		TitleUnreadable: "", SourceChanged: "", SourceUnreadable: "", DeviceAbsent: "", LedgerFailed: "", StoreFailed: "", Internal: "",
		"": "x", Usage: "x", Unreachable: "x", DeadlineTooSoon: "x", DigestMismatch: "x", "a_reason_of_tomorrow": "x",
	} {
		if got := code.ForUsers("x"); got != want || code.Located() != (want == "") {
			t.Errorf("%s: %q", code, got)
		}
	}
	for code := range located {
		if !code.Known() {
			t.Errorf("%s is no code", code)
		}
	}
}
