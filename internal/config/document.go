package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"videoclub/internal/reason"
)

// maxFile is more than the settings of thousands of receptions take. It keeps
// a path given by mistake, that of a film say, from being taken for settings.
const maxFile = 1 << 20

// document is one file being read: its values, where each stands, and what is
// wrong with them. It is read as values rather than into a struct, because
// that would stop at the first value of a wrong type.
type document struct {
	file     string
	values   map[string]any
	lines    map[string]int
	problems []problem
}

// problem is one thing that is wrong, at a line of the file.
type problem struct {
	line int
	text string
}

// read parses text as TOML.
func read(file string, text []byte) (*document, error) {
	if len(text) > maxFile {
		return nil, reason.New(reason.ConfigInvalid, "%s:1: has %d bytes, settings at most %d; check that it is the right file", file, len(text), maxFile)
	}
	d := &document{file: file}
	_, err := toml.Decode(string(text), &d.values)
	if syntax := (toml.ParseError{}); errors.As(err, &syntax) {
		// The message may quote a line's end, and each problem has one line.
		message := strings.ReplaceAll(syntax.Message, "\n", `\n`)
		line := syntax.Position.Line
		if line < 1 { // it was cut short, within an escape
			line = 1 + strings.Count(string(text), "\n")
		}
		return nil, reason.New(reason.ConfigInvalid, "%s:%d: is not TOML: %s", file, line, message)
	}
	if err != nil {
		return nil, reason.Wrap(reason.ConfigInvalid, err, "%s:1: is not TOML", file)
	}
	d.lines = locate(string(text))
	return d, nil
}

// err is every problem found, in the order of the file, or nil.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var lines []string
	for _, p := range d.problems {
		lines = append(lines, fmt.Sprintf("%s:%d: %s", d.file, p.line, p.text))
	}
	return reason.New(reason.ConfigInvalid, "%s", strings.Join(lines, "\n"))
}

// section is one table of a document. Each key that is asked for is thereby
// known; end reports the others.
type section struct {
	doc    *document
	name   string // for people: "" or "reception"
	path   string // for lines: "" or "reception[1]"
	values map[string]any
	known  []string
}

func (d *document) top() *section { return &section{doc: d, values: d.values} }

func (s *section) given(key string) bool { _, ok := s.values[key]; return ok }

// problem reports what is wrong with key, or with the whole table for "".
func (s *section) problem(key, format string, args ...any) {
	path := s.path
	if key != "" {
		path = child(path, key)
	}
	s.report(path, key, fmt.Sprintf(format, args...))
}

// problemAt is problem for element i of the list key.
func (s *section) problemAt(key string, i int, format string, args ...any) {
	s.report(element(child(s.path, key), i), key, fmt.Sprintf(format, args...))
}

func (s *section) report(path, key, text string) {
	if s.name != "" {
		key = strings.TrimSuffix(s.name+"."+key, ".")
	}
	s.doc.problems = append(s.doc.problems, problem{s.doc.lines[path], key + ": " + text})
}

// value is what stands under key, which becomes known.
func (s *section) value(key string) (value any, given bool) {
	s.known = append(s.known, key)
	value, given = s.values[key]
	return value, given
}

// set reads the text under key with parse into into, which keeps its default
// when there is none or it is wrong.
func set[T any](s *section, key string, parse func(string) (T, error), into *T) {
	value, given := s.value(key)
	if !given {
		return
	}
	text, ok := value.(string)
	if !ok {
		s.problem(key, "is %s; write it as text, in quotes", kind(value))
		return
	}
	parsed, err := parse(text)
	if err != nil {
		s.problem(key, "%v", err)
		return
	}
	*into = parsed
}

// setEach reads the list of texts under key with parse into into, which keeps
// its default when there is none or anything in it is wrong.
func setEach[T any](s *section, key string, parse func(string) (T, error), into *[]T) {
	value, given := s.value(key)
	if !given {
		return
	}
	list, ok := value.([]any)
	if !ok {
		s.problem(key, "is %s; write a list of texts, [\"...\", \"...\"]", kind(value))
		return
	}
	var all []T
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			s.problemAt(key, i, "has %s in it; write every element as text, in quotes", kind(value))
			continue
		}
		parsed, err := parse(text)
		if err != nil {
			s.problemAt(key, i, "%v", err)
			continue
		}
		all = append(all, parsed)
	}
	if len(all) == len(list) {
		*into = all
	}
}

// whole reads the number under key, from least to most, into into, which keeps
// its default when there is none or it is wrong.
func (s *section) whole(key string, least, most int, into *int) {
	value, given := s.value(key)
	if !given {
		return
	}
	n, ok := value.(int64)
	switch {
	case !ok:
		s.problem(key, "is %s; write a whole number from %d to %d, without quotes", kind(value), least, most)
	case n < int64(least) || n > int64(most):
		s.problem(key, "%d is out of range; write a whole number from %d to %d", n, least, most)
	default:
		*into = int(n)
	}
}

// flag reads whether something is so under key into into, which keeps its
// default when there is none or it is wrong.
func (s *section) flag(key string, into *bool) {
	value, given := s.value(key)
	if !given {
		return
	}
	is, ok := value.(bool)
	if !ok {
		s.problem(key, "is %s; write true or false, without quotes", kind(value))
		return
	}
	*into = is
}

// table is the table [key], if there is one.
func (s *section) table(key string) (table *section, given bool) {
	value, given := s.value(key)
	if !given {
		return nil, false
	}
	values, ok := value.(map[string]any)
	if !ok {
		s.problem(key, "is %s; head its settings with [%s]", kind(value), key)
		return nil, false
	}
	return &section{doc: s.doc, name: key, path: child(s.path, key), values: values}, true
}

// tables is the tables [[key]].
func (s *section) tables(key string) []*section {
	value, given := s.value(key)
	if !given {
		return nil
	}
	// TOML lets the same be written as a list of inline tables, which comes as
	// a list of anything.
	var list []any
	switch value := value.(type) {
	case []map[string]any:
		for _, table := range value {
			list = append(list, table)
		}
	case []any:
		list = value
	default:
		s.problem(key, "is %s; head each with [[%s]]", kind(value), key)
		return nil
	}
	var sections []*section
	for i, value := range list {
		table, ok := value.(map[string]any)
		if !ok {
			s.problemAt(key, i, "has %s in it; head each with [[%s]]", kind(value), key)
			continue
		}
		sections = append(sections, &section{doc: s.doc, name: key, path: element(child(s.path, key), i), values: table})
	}
	return sections
}

// end reports each key of s that was not asked for.
func (s *section) end() {
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if !slices.Contains(s.known, key) {
			s.report(child(s.path, key), quoted(key), "is not a setting; there are "+strings.Join(s.known, ", "))
		}
	}
}

// kind says what value is.
func kind(value any) string {
	switch value := value.(type) {
	case string:
		return "a text"
	case int64:
		return "the number " + strconv.FormatInt(value, 10)
	case float64:
		return "a number with decimals"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a date or time"
}
