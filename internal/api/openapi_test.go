package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"videoclub/internal/control"
	"videoclub/internal/receipt"
)

func readSpec(t *testing.T) spec {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := yaml.Unmarshal(text, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

// operation is one method of one path.
type operation struct {
	method, path string
	object
}

func (s spec) operations() (all []operation) {
	for path, methods := range s.root["paths"].(object) {
		for method, o := range methods.(object) {
			all = append(all, operation{strings.ToUpper(method), path, o.(object)})
		}
	}
	return all
}

// Every resource of the server is described, and no other.
func TestEveryResourceIsDescribed(t *testing.T) {
	described := make(map[string]bool)
	ids := make(map[any]bool)
	for _, o := range readSpec(t).operations() {
		described[o.method+" "+o.path] = true
		if id := o.object["operationId"]; id == nil || ids[id] {
			t.Errorf("%s %s has the operationId %v", o.method, o.path, id)
		} else {
			ids[id] = true
		}
	}
	for _, pattern := range newResources(nil).patterns {
		if !described[pattern] {
			t.Errorf("docs/openapi.yaml does not describe %s: add it there, and how it is answered to replies here", pattern)
		}
		delete(described, pattern)
	}
	for pattern := range described {
		t.Errorf("docs/openapi.yaml describes %s, which the server does not have", pattern)
	}
}

// described are the types whose JSON a schema describes; those that come from
// clients may be left out as far as the server minds nothing.
var described = map[string]struct {
	is        any
	fromUsers bool
	without   []string // what crosses elsewhere
}{
	"Refusal": {is: control.Refusal{}}, "TitlePage": {is: control.TitlePage{}}, "Title": {is: control.Title{}}, "Facts": {is: control.Facts{}},
	"TitleChange": {is: control.TitleChange{}}, "ProspectPage": {is: control.ProspectPage{}}, "Prospect": {is: control.Prospect{}},
	"Promises": {is: control.Promises{}}, "DeliveryPage": {is: control.DeliveryPage{}}, "Delivery": {is: control.Delivery{}}, "Story": {is: control.DeliveryStory{}},
	"Event": {is: control.Event{}}, "Filmed": {is: control.Filmed{}}, "Gap": {is: receipt.Gap{}}, "Mail": {is: control.Mail{}}, "NamePage": {is: control.NamePage{}}, "PairingCode": {is: control.PairingCode{}},
	"ReceptionPage": {is: control.ReceptionPage{}}, "Reception": {is: control.KnownReception{}}, "Findings": {is: control.Findings{}}, "Finding": {is: control.Finding{}},
	"AccountPage": {is: control.AccountPage{}}, "Account": {is: control.KnownAccount{}}, "MadeAccount": {is: control.MadeAccount{}}, "Removed": {is: control.Removed{}}, "ConsoleLink": {is: control.OnceLink{}},
	"Chart": {is: control.Chart{}}, "Lane": {is: control.Lane{}}, "LinkChart": {is: control.LinkChart{}}, "Shut": {is: control.Shut{}}, "Slot": {is: control.Slot{}},
	"OlderPage": {is: control.OlderPage{}}, "Older": {is: control.Older{}}, "Comparing": {is: control.Comparing{}},
	"NewVersion": {is: control.ReplaceTitle{}, fromUsers: true, without: []string{"number"}},
	"Redelivery": {is: control.Redeliver{}, fromUsers: true, without: []string{"key", "number"}},
	"SourceList": {is: control.SourceList{}}, "Source": {is: control.LiveSource{}}, "Form": {is: control.DeviceShape{}}, "Range": {is: control.Range{}},
	"NewTitle": {is: control.AddTitle{}, fromUsers: true}, "NewReception": {is: control.AddReception{}, fromUsers: true},
	"NewAccount": {is: control.AddAccount{}, fromUsers: true}, "Request": {is: control.Request{}, fromUsers: true, without: []string{"key"}},
}

// Every field has its name, its type and whether it may be left out.
func TestEveryFieldIsDescribed(t *testing.T) {
	s := readSpec(t)
	schemas := s.root["components"].(object)["schemas"].(object)
	for name, schema := range schemas {
		o := s.deref(schema)
		d, ok := described[name]
		if o["properties"] == nil && o["allOf"] == nil {
			continue // a text
		}
		if !ok {
			t.Errorf("no type is known for the schema %s", name)
			continue
		}
		properties, required := s.fields(schema)
		for field, kind := range jsonFields(reflect.TypeOf(d.is)) {
			if slices.Contains(d.without, field) {
				continue
			}
			of := s.deref(properties[field])
			if of == nil {
				t.Errorf("%s: %s is not described", name, field)
				continue
			}
			if described := fmt.Sprint(of["type"]); of["allOf"] == nil && described != kind.is {
				t.Errorf("%s: %s is described as %s and is %s", name, field, described, kind.is)
			}
			if needed := slices.Contains(required, field); !d.fromUsers && needed == kind.optional {
				t.Errorf("%s: %s is required: %v, and may be left out: %v", name, field, needed, kind.optional)
			}
			delete(properties, field)
		}
		for field := range properties {
			t.Errorf("%s: there is no %s", name, field)
		}
	}
	for name := range described {
		if schemas[name] == nil {
			t.Errorf("there is no schema %s", name)
		}
	}
}

type jsonField struct {
	is       string
	optional bool
}

// jsonFields gives the fields of a type as encoding/json has them.
func jsonFields(of reflect.Type) map[string]jsonField {
	all := make(map[string]jsonField)
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			inner, optional := f.Type, false
			if optional = inner.Kind() == reflect.Pointer; optional {
				inner = inner.Elem()
			}
			for name, field := range jsonFields(inner) {
				all[name] = jsonField{field.is, field.optional || optional}
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		field := jsonField{optional: strings.Contains(options, "omit")}
		switch {
		case kind == reflect.TypeFor[time.Time]() || kind.Kind() == reflect.String:
			field.is = "string"
		case kind == reflect.TypeFor[json.RawMessage]() || kind.Kind() == reflect.Struct:
			field.is = "object"
		case kind.Kind() == reflect.Slice:
			field.is = "array"
		case kind.Kind() == reflect.Bool:
			field.is = "boolean"
		default:
			field.is = "integer"
		}
		all[name] = field
	}
	return all
}

// Every reason code is described, and no other.
func TestEveryReasonIsDescribed(t *testing.T) {
	doc, err := os.ReadFile("../../docs/PROTOCOL.md") // which is compared with the codes themselves
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## 5. ")
	section, _, _ = strings.Cut(section, "\n## 6. ")
	var want, got []string
	for line := range strings.Lines(section) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			code, _, _ := strings.Cut(rest, "`")
			want = append(want, code)
		}
	}
	for _, code := range listOf(readSpec(t).root["components"].(object)["schemas"].(object)["Reason"].(object)["enum"]) {
		got = append(got, code.(string))
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/openapi.yaml has the reasons\n%s\nPROTOCOL.md has\n%s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// replies puts an example of an answer where the handler takes it from.
var replies = map[string]func(*control.Reply) any{
	"listTitles":       func(r *control.Reply) any { r.Titles = &control.TitlePage{}; return r.Titles },
	"addTitle":         func(r *control.Reply) any { r.Change = &control.TitleChange{}; return r.Change },
	"removeTitle":      func(r *control.Reply) any { r.Change = &control.TitleChange{}; return r.Change },
	"whereTitle":       func(r *control.Reply) any { r.Prospects = &control.ProspectPage{}; return r.Prospects },
	"request":          func(r *control.Reply) any { r.Delivery = &control.DeliveryStory{}; return r.Delivery },
	"listDeliveries":   func(r *control.Reply) any { r.Deliveries = &control.DeliveryPage{}; return r.Deliveries },
	"showDelivery":     func(r *control.Reply) any { r.Delivery = &control.DeliveryStory{}; return r.Delivery },
	"cancelDelivery":   func(r *control.Reply) any { r.Delivery = &control.DeliveryStory{}; return r.Delivery },
	"schedule":         func(r *control.Reply) any { r.Chart = &control.Chart{}; return r.Chart },
	"listReceptions":   func(r *control.Reply) any { r.Receptions = &control.NamePage{}; return r.Receptions },
	"addReception":     func(r *control.Reply) any { r.Code = &control.PairingCode{}; return r.Code },
	"removeReception":  func(r *control.Reply) any { r.Removed = &control.Removed{}; return r.Removed },
	"checkReception":   func(r *control.Reply) any { r.Findings = &control.Findings{}; return r.Findings },
	"listRoster":       func(r *control.Reply) any { r.Roster = &control.ReceptionPage{}; return r.Roster },
	"listSources":      func(r *control.Reply) any { r.Sources = &control.SourceList{}; return r.Sources },
	"listAccounts":     func(r *control.Reply) any { r.Accounts = &control.AccountPage{}; return r.Accounts },
	"addAccount":       func(r *control.Reply) any { r.Account = &control.MadeAccount{}; return r.Account },
	"removeAccount":    func(r *control.Reply) any { r.Removed = &control.Removed{}; return r.Removed },
	"linkConsole":      func(r *control.Reply) any { r.Once = &control.OnceLink{}; return r.Once },
	"replaceTitle":     func(r *control.Reply) any { r.Change = &control.TitleChange{}; return r.Change },
	"olderVersions":    func(r *control.Reply) any { r.Older = &control.OlderPage{}; return r.Older },
	"redeliver":        func(r *control.Reply) any { r.Promises = &control.Promises{}; return r.Promises },
	"redeliver 202":    func(r *control.Reply) any { r.Comparing = &control.Comparing{}; return r.Comparing },
	"followDeliveries": nil, // a stream: TestEvents
}

// The examples are asked, become calls with all that was asked in them, and what is
// answered to them is as described; so is what is refused.
func TestExamples(t *testing.T) {
	s := readSpec(t)
	for _, o := range s.operations() {
		id := o.object["operationId"].(string)
		put, ok := replies[id]
		if !ok {
			t.Errorf("%s %s: this test does not know what answers it", o.method, o.path)
		}
		responses := o.object["responses"].(object)
		for code, response := range responses {
			content := s.deref(response)["content"].(object)
			media, ok := content["application/json"].(object)
			if !ok {
				continue
			}
			example := jsonOf(t, media["example"])
			var reply control.Reply
			switch {
			case strings.HasPrefix(code, "2"):
				into := put
				if other := replies[id+" "+code]; other != nil {
					into = other
				}
				strictly(t, id, example, into(&reply))
			default:
				reply.Refusal = &control.Refusal{}
				strictly(t, id, example, reply.Refusal)
			}
			s.ask(t, o, reply, code, media["schema"])
		}
	}
}

// jsonOf gives what was written in YAML as JSON.
func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// strictly reads an example into what it is an example of.
func strictly(t *testing.T, what string, example []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(example))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %s: %v", what, example, err)
	}
}

// ask asks an operation by its examples and looks at the answer.
func (s spec) ask(t *testing.T, o operation, reply control.Reply, code string, schema any) {
	t.Helper()
	path, query := o.path, url.Values{}
	r := httptest.NewRequest(o.method, "/", nil)
	for _, parameter := range listOf(o.object["parameters"]) {
		p := s.deref(parameter)
		value := jsonOf(t, p["example"])
		var v any
		if err := json.Unmarshal(value, &v); err != nil || p["example"] == nil {
			t.Fatalf("%s has no example, %v", p["name"], err)
		}
		for _, wrong := range s.check(o.path+" "+p["name"].(string), p["schema"], v) {
			t.Error(wrong)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			text := strings.Trim(string(jsonOf(t, one)), `"`)
			switch p["in"] {
			case "path":
				path = strings.ReplaceAll(path, "{"+p["name"].(string)+"}", url.PathEscape(text))
			case "query":
				query.Add(p["name"].(string), text)
			case "header":
				r.Header.Set(p["name"].(string), text)
			}
		}
	}
	var body []byte
	if b, ok := o.object["requestBody"].(object); ok {
		media := b["content"].(object)["application/json"].(object)
		body = jsonOf(t, media["example"])
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range s.check(o.path+" body", media["schema"], v) {
			t.Error(wrong)
		}
	}
	asked := httptest.NewRequest(o.method, path+"?"+query.Encode(), bytes.NewReader(body))
	asked.Header = r.Header
	w := httptest.NewRecorder()
	called := false
	handler(func(_ context.Context, c control.Call) (control.Reply, error) { called = true; return reply, nil }).ServeHTTP(w, asked)
	if !called {
		t.Errorf("%s %s is not asked: %s", o.method, asked.URL, w.Body)
		return
	}
	if got := fmt.Sprint(w.Code); got != code && (code != "default" || w.Code < 400) {
		t.Errorf("%s %s answers %s and not %s: %s", o.method, asked.URL, got, code, w.Body)
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Errorf("%s %s answers %q", o.method, asked.URL, w.Body)
		return
	}
	for _, wrong := range s.check(o.method+" "+o.path+" "+code, schema, v) {
		t.Error(wrong)
	}
}

// What does not fit a schema is found: the schemas are looked at.
func TestSchemasRefuse(t *testing.T) {
	s := readSpec(t)
	of := func(name string) any { return object{"$ref": "#/components/schemas/" + name} }
	good := `{"reason":"busy","detail":"x","earliest":"2026-11-27T18:00:00Z","constraint":"link"}`
	for text, want := range map[string]int{
		good:                                                          0,
		strings.Replace(good, "busy", "lazy", 1):                      1,
		strings.Replace(good, `"x"`, "1", 1):                          1,
		strings.Replace(good, "detail", "hint", 1):                    2,
		strings.Replace(good, "2026-11-27T18", "18", 1):               1,
		strings.Replace(good, "00Z", "00+01:00", 1):                   1,
		`{"reason":"busy","detail":"x","report":[{"reception":"r"}]}`: 1,
		`[]`:   1,
		`null`: 1,
		`"x"`:  1,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if wrong := s.check("x", of("Refusal"), v); len(wrong) != want {
			t.Errorf("%s: %v", text, wrong)
		}
	}
	for _, v := range []any{-1.0, 1.5, "1", true} {
		if wrong := s.check("x", object{"type": "integer", "minimum": 0}, v); len(wrong) != 1 {
			t.Errorf("%v: %v", v, wrong)
		}
	}
	if wrong := s.check("x", object{"type": "integer", "multipleOf": 2}, 2.0); len(wrong) != 1 {
		t.Errorf("a keyword that is not known: %v", wrong)
	}
}
