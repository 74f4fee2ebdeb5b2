package config

import (
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// locate finds the line, from 1 on, on which every key, table and list element
// of text is given first, by its path as child and element write it. The TOML
// package keeps no lines, and a search for a key's name would be fooled by
// comments, texts and other tables.
//
// The text must have been accepted by the TOML package, so nothing is checked
// again here. Of text that it refuses, the lines mean nothing; it still ends.
func locate(text string) map[string]int {
	// Byte order marks, that the TOML package accepts before the text.
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			text = rest
			break
		}
	}
	l := &locator{text: text, line: 1, lines: map[string]int{"": 1}, tables: map[string]int{}}
	table := ""
	for l.skip(" \t\r\n"); l.text != ""; l.skip(" \t\r\n") {
		before := len(l.text)
		if l.at("[") {
			table = l.header()
		} else {
			l.pair(table)
		}
		if len(l.text) == before {
			l.advance(1) // not TOML; go on, so as to end
		}
	}
	return l.lines
}

// longestPath is where paths are no longer made longer. No setting lies that
// deep, and a file of brackets alone must not take a day.
const longestPath = 1000

// child is the path of key in the table at path.
func child(path, key string) string {
	switch {
	case len(path) > longestPath:
		return path
	case path == "":
		return quoted(key)
	}
	return path + "." + quoted(key)
}

// element is the path of element i of the list at path.
func element(path string, i int) string {
	if len(path) > longestPath {
		return path
	}
	return path + "[" + strconv.Itoa(i) + "]"
}

// quoted is key as it would be written, so that no two paths are alike.
func quoted(key string) string {
	if key != "" && strings.Trim(key, bare) == "" {
		return key
	}
	return strconv.Quote(key)
}

// bare is what a key without quotes consists of.
const bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// locator goes through a TOML text: what is left of it, and on which line.
type locator struct {
	text   string
	line   int
	lines  map[string]int
	tables map[string]int // how many [[...]] there are of each path
}

// advance passes n bytes, or what is left.
func (l *locator) advance(n int) {
	n = min(n, len(l.text))
	l.line += strings.Count(l.text[:n], "\n")
	l.text = l.text[n:]
}

func (l *locator) at(prefix string) bool { return strings.HasPrefix(l.text, prefix) }

// take passes prefix, if it comes next.
func (l *locator) take(prefix string) bool {
	if !l.at(prefix) {
		return false
	}
	l.advance(len(prefix))
	return true
}

// until passes everything before the first of the bytes in stop, or all.
func (l *locator) until(stop string) {
	n := strings.IndexAny(l.text, stop)
	if n < 0 {
		n = len(l.text)
	}
	l.advance(n)
}

// skip passes space and comments.
func (l *locator) skip(space string) {
	for {
		l.advance(len(l.text) - len(strings.TrimLeft(l.text, space)))
		if !l.at("#") {
			return
		}
		l.until("\n")
	}
}

// found notes that what is at path stands on this line, if it is the first.
func (l *locator) found(path string) {
	if _, ok := l.lines[path]; !ok {
		l.lines[path] = l.line
	}
}

// header passes [table] or [[table]], and gives the path of the table.
func (l *locator) header() string {
	l.take("[")
	list := l.take("[")
	path := ""
	for more := true; more; {
		path = child(l.lastOf(path), l.key())
		l.found(path)
		more = l.take(".")
	}
	if list {
		l.tables[path]++
		path = l.lastOf(path)
		l.found(path)
		l.take("]")
	} else {
		path = l.lastOf(path)
	}
	l.take("]")
	return path
}

// lastOf is the path of the last table of the [[...]] at path, else path.
func (l *locator) lastOf(path string) string {
	if n := l.tables[path]; n > 0 {
		return element(path, n-1)
	}
	return path
}

// pair passes a key and its value in the table at path.
func (l *locator) pair(path string) {
	for more := true; more; {
		path = child(path, l.key())
		l.found(path)
		more = l.take(".")
	}
	l.take("=")
	l.skip(" \t")
	l.value(path)
}

// key passes one part of a key, with the space around it, and gives its name.
func (l *locator) key() string {
	l.advance(len(l.text) - len(strings.TrimLeft(l.text, " \t")))
	start, name := l.text, ""
	if l.at(`"`) || l.at("'") {
		l.quote()
		name = unquote(start[:len(start)-len(l.text)])
	} else {
		l.advance(len(l.text) - len(strings.TrimLeft(l.text, bare)))
		name = start[:len(start)-len(l.text)]
	}
	l.advance(len(l.text) - len(strings.TrimLeft(l.text, " \t")))
	return name
}

// unquote gives the name that a quoted key stands for. The TOML package itself
// is asked, so that there is one meaning of escapes.
func unquote(key string) string {
	var one map[string]any
	if _, err := toml.Decode(key+" = 1", &one); err == nil {
		for name := range one {
			return name
		}
	}
	return key
}

// value passes the value at path.
func (l *locator) value(path string) {
	switch {
	case l.at(`"`), l.at("'"):
		l.quote()
	case l.take("["):
		for i := 0; l.next(); i++ {
			l.found(element(path, i))
			l.value(element(path, i))
		}
	case l.take("{"):
		for l.next() {
			l.pair(path)
		}
	default:
		l.until(",]}#\n")
	}
}

// next passes to the next element of a list or inline table; false when it is
// closed instead, which is passed as well.
func (l *locator) next() bool {
	l.skip(" \t\r\n")
	if l.take(",") {
		l.skip(" \t\r\n")
	}
	if l.at("]") || l.at("}") {
		l.advance(1)
		return false
	}
	return l.text != ""
}

// quote passes a text in quotes of any of the four kinds.
func (l *locator) quote() {
	mark := l.text[:1]
	escapes := mark == `"`
	long := l.take(strings.Repeat(mark, 3))
	if long {
		mark = strings.Repeat(mark, 3)
	} else {
		l.take(mark)
	}
	for l.text != "" && !l.at(mark) {
		if escapes && l.at(`\`) {
			l.advance(1)
		}
		l.advance(1)
	}
	l.take(mark)
	// Up to two quotes before the closing three belong to the text, so the
	// last three close.
	for range 2 {
		if long {
			l.take(mark[:1])
		}
	}
}
