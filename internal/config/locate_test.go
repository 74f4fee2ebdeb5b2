package config

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLocate(t *testing.T) {
	text := strings.Join([]string{
		1:  `a = 1 # b = 2`,
		2:  `"b" = """`,
		3:  `[no]`,
		4:  `c = 1 \"""`,
		5:  `"""""`,
		6:  "c.d . e = '''",
		7:  `\''''`,
		8:  `list = [ # ]`,
		9:  `  1, [ 2,`,
		10: `  3 ], { y = "}" },`,
		11: `  "]",`,
		12: `]`,
		13: ` [ t . 'u.v' ]  # [z]`,
		14: `k = 1979-05-27 07:32:00`,
		15: `[[r]]`,
		16: `k = ""`,
		17: `[[ r ]]`,
		18: `k = ''`,
		19: `[r.s]`,
		20: `k = "\\"`,
		21: `[[r.q]]`,
		22: `k = "\""`,
		23: `[[r.q]]`,
		24: `"" = 1`,
		25: `"\u0061" = 2`,
	}[1:], "\r\n")
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		t.Fatal(err)
	}
	got := locate(text)
	want := map[string]int{
		"": 1, "a": 1, "b": 2, "c": 6, "c.d": 6, "c.d.e": 6,
		"list": 8, "list[0]": 9, "list[1]": 9, "list[1][0]": 9, "list[1][1]": 10, "list[2]": 10, "list[2].y": 10, "list[3]": 11,
		"t": 13, `t."u.v"`: 13, `t."u.v".k`: 14,
		"r": 15, "r[0]": 15, "r[0].k": 16, "r[1]": 17, "r[1].k": 18, "r[1].s": 19, "r[1].s.k": 20,
		"r[1].q": 21, "r[1].q[0]": 21, "r[1].q[0].k": 22, "r[1].q[1]": 23, `r[1].q[1].""`: 24, "r[1].q[1].a": 25,
	}
	for path, line := range want {
		if got[path] != line {
			t.Errorf("%s is on line %d, want %d", path, got[path], line)
		}
	}
	for path, line := range got {
		if want[path] == 0 {
			t.Errorf("%s, on line %d, is not there", path, line)
		}
	}
}

// everyPath calls visit with the path of everything in value, which is at path.
func everyPath(path string, value any, visit func(path string)) {
	visit(path)
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			everyPath(child(path, key), inner, visit)
		}
	case []map[string]any:
		for i, inner := range value {
			everyPath(element(path, i), inner, visit)
		}
	case []any:
		for i, inner := range value {
			everyPath(element(path, i), inner, visit)
		}
	}
}

// Whatever TOML the package accepts, everything in it is located, and nothing
// else.
func FuzzLocate(f *testing.F) {
	for _, text := range []string{
		"a = 1\n[b]\nc = \"\"\"x\n\"\"\"\"\"\n", "[[a]]\n[a.b]\n[[a.c]]\n[[a]]\n", "a = [[1, 2], [{b = 1}], # ]\n ]",
		"'a b'.\"c\\\"\".d = {e.f = '''x''''', g = {}}", "\xef\xbb\xbfa = 1", "\xff\xfea=1", "a = \"\\\\\"\r\nb = ''\r\n", "a = [{},{}]\n\"\"=1\n[\"\".\"\"]",
		"a = [[[[[", "{{{", "=", "[[", "\"\"\"", "a.b.c=1\na.b.d=2\n[a.x]\n[[a.y]]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := locate(text)
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		there := map[string]bool{}
		everyPath("", tree, func(path string) {
			there[path] = true
			if line := got[path]; line < 1 || line > lines {
				t.Errorf("%q: %s is on line %d of %d", text, path, line, lines)
			}
		})
		for path := range got {
			if !there[path] {
				t.Errorf("%q: %s is not there", text, path)
			}
		}
	})
}
