package identity

import (
	"bytes"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	s := NewSecret()
	if got, ok := ParseSecret(string(s)); !ok || got != s || s == NewSecret() {
		t.Errorf("%q is not read back", s)
	}
	if bytes.Equal(s.Hash(), NewSecret().Hash()) || bytes.Contains(s.Hash(), []byte(s)) {
		t.Error("the hash is not of the secret")
	}
	for _, bad := range []string{"", "a", string(s) + "a", strings.ToUpper(string(s)), string(s[1:]), "ana." + string(s), strings.Repeat("=", len(s))} {
		if _, ok := ParseSecret(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
