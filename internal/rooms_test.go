package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "videoclub/"

// source is a Go file that is no test.
type source struct {
	name string // relative to the module
	ast  *ast.File
}

// packages parses all files that are no tests, by their directory relative to
// the module.
func packages(t *testing.T) map[string][]source {
	t.Helper()
	all := make(map[string][]source)
	for _, top := range []string{"internal", "daemons", "clients"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			name = strings.TrimPrefix(filepath.ToSlash(name), "../")
			all[path.Dir(name)] = append(all[path.Dir(name)], source{name, file})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all["internal/frame"]) == 0 || len(all["daemons/vccs"]) == 0 {
		t.Fatal("this test does not find the rooms")
	}
	return all
}

// imports gives the paths that a file imports.
func imports(t *testing.T, f source) []string {
	t.Helper()
	var all []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// row is what docs/ARCHITECTURE.md says of a room.
type row struct {
	any    bool
	allows []string
}

// table reads the rows of docs/ARCHITECTURE.md.
func table(t *testing.T) map[string]row {
	t.Helper()
	doc, err := os.ReadFile("../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]row)
	tables, in := 0, false
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case strings.HasPrefix(line, "| room | what it is for | may import |"):
			tables, in = tables+1, true
			continue
		case !in || strings.HasPrefix(line, "|---"):
			continue
		case !strings.HasPrefix(line, "|"):
			in = false
			continue
		case len(cells) != 3 || strings.TrimSpace(cells[1]) == "":
			t.Fatalf("a row of another form: %s", line)
		}
		name, allows := strings.TrimSpace(cells[0]), strings.Fields(cells[2])
		if _, twice := all[name]; twice {
			t.Errorf("%s has two rows", name)
		}
		all[name] = row{any: slices.Equal(allows, []string{"any"}), allows: allows}
	}
	if tables != 1 {
		t.Fatalf("%d tables of rooms instead of one", tables)
	}
	return all
}

// Each room imports what its row allows, each has a row, and each row a room.
func TestRooms(t *testing.T) {
	all := table(t)
	everybody := []string{"reason", "rate", "moment"}
	for name, r := range all {
		for _, allowed := range r.allows {
			if _, known := all[allowed]; !known && !r.any {
				t.Errorf("the row of %s allows %s, which has no row", name, allowed)
			}
		}
	}
	for dir, files := range packages(t) {
		room, ok := strings.CutPrefix(dir, "internal/")
		if !ok {
			continue // a program joins rooms
		}
		r, ok := all[room]
		if !ok {
			t.Errorf("%s has no row in docs/ARCHITECTURE.md", dir)
			continue
		}
		for _, f := range files {
			for _, p := range imports(t, f) {
				other, ok := strings.CutPrefix(p, module+"internal/")
				if ok && !r.any && !slices.Contains(r.allows, other) && !slices.Contains(everybody, other) {
					t.Errorf("%s imports %s, which its row does not allow", f.name, other)
				}
			}
		}
	}
	for _, room := range slices.Sorted(maps.Keys(all)) {
		if entries, err := os.ReadDir(filepath.FromSlash(room)); err != nil || len(entries) == 0 {
			t.Errorf("%s has a row and is not there: %v", room, err)
		}
	}
}

// The codecs and what only computes know neither the network nor the system.
func TestPureRooms(t *testing.T) {
	all := packages(t)
	for _, room := range []string{"feed", "avc", "matroska", "reel", "frame", "wire", "schedule", "catalogue", "naming", "manifest", "receipt", "moment", "config", "mailbox", "letter"} {
		for _, f := range all["internal/"+room] {
			for _, p := range imports(t, f) {
				first, _, _ := strings.Cut(p, "/")
				if p != "net/netip" && (first == "net" || first == "os" || first == "syscall" || strings.HasPrefix(p, "golang.org/x/sys")) {
					t.Errorf("%s imports %s", f.name, p)
				}
			}
		}
	}
}

// SQL stands in the ledger alone.
func TestSQLInOnePlace(t *testing.T) {
	found := false
	for dir, files := range packages(t) {
		for _, f := range files {
			for _, p := range imports(t, f) {
				if p != "database/sql" && !strings.HasPrefix(p, "database/sql/") && !strings.HasPrefix(p, "modernc.org/sqlite") {
					continue
				}
				if found = true; dir != "internal/ledger" {
					t.Errorf("%s imports %s", f.name, p)
				}
			}
		}
	}
	if !found {
		t.Error("no SQL was found: this test looks for the wrong thing")
	}
}

// What loses data or obeys a peer on purpose is for tests alone.
func TestInTestsAlone(t *testing.T) {
	for _, files := range packages(t) {
		for _, f := range files {
			for _, room := range []string{"disk/powerloss", "crew/puppet"} {
				if slices.Contains(imports(t, f), module+"internal/"+room) {
					t.Errorf("%s imports %s", f.name, room)
				}
			}
		}
	}
}

// Only a main package ends the process, and every package says what it is for
// under a name that says something.
func TestForm(t *testing.T) {
	nameless := []string{"util", "utils", "common", "helper", "helpers", "types", "pkg", "misc", "videoclub"}
	for dir, files := range packages(t) {
		documented := false
		for _, f := range files {
			documented = documented || f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != ""
			if f.ast.Name.Name != "main" {
				for _, call := range endings(f.ast) {
					t.Errorf("%s: %s outside of a main package", f.name, call)
				}
			}
		}
		if !documented {
			t.Errorf("%s: no file has a package comment", dir)
		}
		if name := files[0].ast.Name.Name; slices.Contains(nameless, name) || slices.Contains(nameless, path.Base(dir)) {
			t.Errorf("%s: its name says nothing", dir)
		}
	}
}

// endings gives the uses of what ends the process.
func endings(f *ast.File) []string {
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok {
			call := of.Name + "." + selector.Sel.Name
			if call == "os.Exit" || strings.HasPrefix(call, "log.Fatal") || strings.HasPrefix(call, "log.Panic") {
				all = append(all, call)
			}
		}
		return true
	})
	return all
}
