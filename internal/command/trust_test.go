package command

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

const shown = "00000000000000000000000000000000000000000000000000000000000000aa"

func TestMeet(t *testing.T) {
	other := strings.Repeat("b", 64)
	for name, c := range map[string]struct {
		pin, language string
		in            io.Reader
		want          reason.Code
	}{
		"pinned":            {pin: shown, want: ""},
		"pinned in short":   {pin: identity.Short(shown), want: ""},
		"pinned to another": {pin: other, in: strings.NewReader("yes\n"), want: reason.IdentityChanged},
		"nobody to ask":     {want: reason.IdentityUnknown},
		"yes":               {in: strings.NewReader("Yes\n"), want: ""},
		"yes at the end":    {in: strings.NewReader("yes"), want: ""},
		"no":                {in: strings.NewReader("no\n"), want: reason.IdentityUnknown},
		"y is not enough":   {in: strings.NewReader("y\n"), want: reason.IdentityUnknown},
		"no answer":         {in: strings.NewReader(""), want: reason.IdentityUnknown},
		"sí":                {in: strings.NewReader("sí\n"), language: "es", want: ""},
		"si":                {in: strings.NewReader("si\n"), language: "es", want: ""},
		"si in English":     {in: strings.NewReader("si\n"), want: reason.IdentityUnknown},
	} {
		var out bytes.Buffer
		err := Asker{In: c.in, Out: &out, Language: c.language}.meet("films.example:4100", shown, c.pin)
		if got := reason.Of(err); got != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if c.in != nil && c.pin == "" && !strings.Contains(out.String(), identity.Short(shown)) {
			t.Errorf("%s: asked %q", name, &out)
		}
	}
}

// A server on this machine needs no pin, and one that is known no question.
func TestTrust(t *testing.T) {
	pins := identity.OpenPins(filepath.Join(t.TempDir(), "known"))
	for _, server := range []string{"127.0.0.1:4100", "localhost:4100", "[::1]:4100"} {
		if trust, err := Trust(t.Context(), server, "", pins, Asker{}); trust != nil || err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	const server = "films.example:4100"
	if err := pins.Check(server, shown, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	trust, err := Trust(t.Context(), server, identity.Short(shown), pins, Asker{})
	if err != nil {
		t.Fatal(err)
	}
	if err := trust(server, shown); err != nil {
		t.Error(err)
	}
	if _, err := Trust(t.Context(), server, strings.ToUpper(identity.Short(shown)), pins, Asker{}); err != nil {
		t.Errorf("in capitals: %v", err)
	}
	if err := trust(server, strings.Repeat("b", 64)); reason.Of(err) != reason.IdentityChanged {
		t.Errorf("another identity: %v", err)
	}
	if err := trust("other.example:4100", shown); reason.Of(err) != reason.IdentityUnknown {
		t.Errorf("another server: %v", err)
	}
}
