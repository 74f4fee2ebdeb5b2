package journal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ids reads the ids of the events from their source.
func ids(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			id, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all[id] = spec.Names[0].Name
		}
		return true
	})
	return all
}

// The catalogs explain every event that their program has, once and in each
// language, and no other, with nothing but fields that there are. What both
// programs have is explained alike: a host may have both.
func TestCatalogs(t *testing.T) {
	events := ids(t)
	known := map[string]bool{}
	for _, field := range fields {
		known[field] = true
	}
	bodies := map[string]string{} // by id and language
	found := map[string]int{}
	for _, name := range []string{"vccs.catalog", "vcvrs.catalog", "vccs.es.catalog", "vcvrs.es.catalog"} {
		_, language, _ := strings.Cut(name, ".")
		text, err := os.ReadFile(filepath.Join("../../units/catalog", name))
		if err != nil {
			t.Fatal(err)
		}
		entries := strings.Split(string(text), "\n-- ")[1:]
		seen := map[string]bool{}
		for _, entry := range entries {
			id, body, _ := strings.Cut(entry, "\n")
			if events[id] == "" || seen[id] {
				t.Errorf("%s: %q is no event, or is there twice", name, id)
			}
			seen[id] = true
			found[id]++
			body = strings.TrimSpace(body)
			if other, ok := bodies[id+language]; ok && other != body {
				t.Errorf("%s: %s is explained otherwise by the other program", name, events[id])
			}
			bodies[id+language] = body
			head, explained, _ := strings.Cut(body, "\n\n")
			if !strings.HasPrefix(head, "Subject: ") || len(strings.TrimSpace(explained)) < 40 {
				t.Errorf("%s: %s is not explained", name, events[id])
			}
			for _, m := range regexp.MustCompile(`@(\w+)@`).FindAllStringSubmatch(body, -1) {
				if !known[m[1]] {
					t.Errorf("%s: %s has the unknown field %s", name, events[id], m[1])
				}
			}
		}
	}
	for id := range events {
		if found[id] != 2 && found[id] != 4 {
			t.Errorf("%s is explained %d times", events[id], found[id])
		}
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
			t.Errorf("%q is no MESSAGE_ID", id)
		}
	}
}
