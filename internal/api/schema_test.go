package api

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// object is an object of JSON or YAML.
type object = map[string]any

// spec is a document of OpenAPI 3.1, whose schemas are JSON Schema (draft 2020-12)
// as far as docs/openapi.yaml uses it. A keyword that is not known is an error, so
// that none is thought to be looked at which is not.
type spec struct{ root object }

// deref follows a reference within the document, if v is one.
func (s spec) deref(v any) object {
	o, ok := v.(object)
	if !ok {
		return nil
	}
	ref, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	at := any(s.root)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(object)[step]
	}
	return s.deref(at)
}

// keywords are those of the schemas.
var keywords = []string{"$ref", "description", "type", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength",
	"minItems", "maxItems", "uniqueItems", "items", "required", "properties", "additionalProperties", "allOf", "oneOf", "example"}

// check says what of a value does not fit a schema. A field that is in no schema of
// an object is wrong, also where others are allowed: this server has none.
func (s spec) check(at string, schema any, v any) (wrong []string) {
	if o, ok := schema.(object); ok {
		for k := range o {
			if !slices.Contains(keywords, k) {
				wrong = append(wrong, fmt.Sprintf("%s: the schema has %q", at, k))
			}
		}
	}
	o := s.deref(schema)
	if one, ok := o["oneOf"].([]any); ok {
		fits := 0
		for _, alternative := range one {
			problems := s.check(at, alternative, v)
			if len(problems) == 0 {
				fits++
			}
			wrong = append(wrong, problems...)
		}
		if fits == 1 {
			return nil
		}
		return append(wrong, fmt.Sprintf("%s: %d of %d schemas fit", at, fits, len(one)))
	}
	if enum, ok := o["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return reflect.DeepEqual(e, v) }) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is none of %v", at, v, enum))
	}
	kind, _ := o["type"].(string)
	if o["allOf"] != nil {
		kind = "object"
	}
	switch v := v.(type) {
	case string:
		return append(wrong, checkText(at, o, kind, v)...)
	case bool:
		if kind != "boolean" {
			wrong = append(wrong, fmt.Sprintf("%s: %v is no %s", at, v, kind))
		}
	case float64:
		if kind != "integer" || v != math.Trunc(v) {
			wrong = append(wrong, fmt.Sprintf("%s: %v is no %s", at, v, kind))
		}
		if least, ok := numberOf(o["minimum"]); ok && v < least {
			wrong = append(wrong, fmt.Sprintf("%s: %v is less than %v", at, v, least))
		}
	case []any:
		return append(wrong, s.checkList(at, o, kind, v)...)
	case object:
		return append(wrong, s.checkObject(at, schema, kind, v)...)
	default:
		wrong = append(wrong, fmt.Sprintf("%s: %v is nothing that is answered", at, v))
	}
	return wrong
}

func numberOf(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func checkText(at string, o object, kind, v string) (wrong []string) {
	if kind != "string" {
		wrong = append(wrong, fmt.Sprintf("%s: %q is no %s", at, v, kind))
	}
	if pattern, ok := o["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
		wrong = append(wrong, fmt.Sprintf("%s: %q is not of %s", at, v, pattern))
	}
	if o["format"] == "date-time" {
		if t, err := time.Parse(time.RFC3339, v); err != nil || !strings.HasSuffix(v, "Z") || t.IsZero() {
			wrong = append(wrong, fmt.Sprintf("%s: %q is no instant", at, v))
		}
	}
	n := float64(utf8.RuneCountInString(v))
	least, _ := numberOf(o["minLength"])
	if most, ok := numberOf(o["maxLength"]); n < least || ok && n > most {
		wrong = append(wrong, fmt.Sprintf("%s: %q has %v characters", at, v, n))
	}
	return wrong
}

func (s spec) checkList(at string, o object, kind string, v []any) (wrong []string) {
	if kind != "array" {
		wrong = append(wrong, fmt.Sprintf("%s: a list is no %s", at, kind))
	}
	least, _ := numberOf(o["minItems"])
	if most, ok := numberOf(o["maxItems"]); float64(len(v)) < least || ok && float64(len(v)) > most {
		wrong = append(wrong, fmt.Sprintf("%s: %d entries", at, len(v)))
	}
	for i, one := range v {
		wrong = append(wrong, s.check(fmt.Sprintf("%s[%d]", at, i), o["items"], one)...)
		if o["uniqueItems"] == true && slices.ContainsFunc(v[:i], func(other any) bool { return reflect.DeepEqual(one, other) }) {
			wrong = append(wrong, fmt.Sprintf("%s[%d] is there twice", at, i))
		}
	}
	return wrong
}

func (s spec) checkObject(at string, schema any, kind string, v object) (wrong []string) {
	if kind != "object" {
		return []string{fmt.Sprintf("%s: an object is no %s", at, kind)}
	}
	properties, required := s.fields(schema)
	for _, name := range required {
		if _, ok := v[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: %s is missing", at, name))
		}
	}
	if len(properties) == 0 {
		return wrong // of any kind: it is described elsewhere
	}
	for name, value := range v {
		if of, ok := properties[name]; ok {
			wrong = append(wrong, s.check(at+"."+name, of, value)...)
		} else {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not described", at, name))
		}
	}
	return wrong
}

// fields gives the properties of a schema and of all that it is made of, and those
// that are required.
func (s spec) fields(schema any) (properties object, required []string) {
	o := s.deref(schema)
	properties = object{}
	for _, part := range listOf(o["allOf"]) {
		more, needed := s.fields(part)
		maps.Copy(properties, more)
		required = append(required, needed...)
	}
	if own, ok := o["properties"].(object); ok {
		maps.Copy(properties, own)
	}
	for _, name := range listOf(o["required"]) {
		required = append(required, name.(string))
	}
	return properties, required
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}
