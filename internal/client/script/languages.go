package script

import (
	"reflect"
	"regexp"
	"testing"
)

// Languages looks whether everything that texts in English say, in structs and maps
// of whatever depth, is said in Spanish too, with the same values in it in the same
// order.
func Languages(t *testing.T, what string, english, spanish any) {
	t.Helper()
	same(t, what, reflect.ValueOf(english), reflect.ValueOf(spanish))
}

func same(t *testing.T, path string, en, es reflect.Value) {
	t.Helper()
	switch en.Kind() {
	case reflect.Struct:
		for i := range en.NumField() {
			same(t, path+"."+en.Type().Field(i).Name, en.Field(i), es.Field(i))
		}
	case reflect.Map:
		for _, key := range en.MapKeys() {
			if !es.MapIndex(key).IsValid() {
				t.Errorf("%s: %v is not there in Spanish", path, key)
				continue
			}
			same(t, path+"."+key.String(), en.MapIndex(key), es.MapIndex(key))
		}
		if en.Len() != es.Len() {
			t.Errorf("%s: %d in English, %d in Spanish", path, en.Len(), es.Len())
		}
	case reflect.String:
		a, b := verbs.FindAllString(en.String(), -1), verbs.FindAllString(es.String(), -1)
		if en.Len() == 0 || es.Len() == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %q and %q", path, en, es)
		}
	}
}

// verbs are those of fmt.
var verbs = regexp.MustCompile(`%[.0-9]*[a-z]`)
