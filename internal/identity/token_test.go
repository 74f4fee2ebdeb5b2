package identity

import (
	"strings"
	"testing"

	"videoclub/internal/reason"
)

func TestToken(t *testing.T) {
	for _, name := range []string{"ana", "a", "a.b-c_9", strings.Repeat("x", 64)} {
		token := NewToken(name)
		got, ok := ParseToken(token.String())
		if !ok || got != token || got.Account != name {
			t.Errorf("%s is %+v, %v", token, got, ok)
		}
		if !got.Matches(token.Hash()) || NewToken(name).Matches(token.Hash()) || got.Matches(nil) || strings.Contains(string(token.Hash()), token.secret) {
			t.Errorf("%s: the hash is not its own", name)
		}
	}
	secret := strings.Repeat("a", 32)
	for _, wrong := range []string{"", ".", "ana", "ana.", "." + secret, "Ana." + secret, "ana/x." + secret, "ana." + secret[1:], "ana." + secret + "a", "ana." + strings.Repeat("0", 32), "-a." + secret, strings.Repeat("x", 65) + "." + secret} {
		if got, ok := ParseToken(wrong); ok || got != (Token{}) {
			t.Errorf("%q is %+v", wrong, got)
		}
	}
	if twice, ok := ParseToken("ana." + secret + "ana." + secret); !ok || twice.Whose() != "" || NewToken("ana").Whose() != "ana" {
		t.Errorf("one that was pasted twice is of %q, %v", twice.Whose(), ok)
	}
}

func TestLink(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for _, server := range []string{"films.example.org:4100", "127.0.0.1:4100", "[2001:db8::7]:4100"} {
		l := Link{server, id, NewToken("ana")}
		if got, err := ParseLink(" " + l.String() + "\n"); err != nil || got != l {
			t.Errorf("%s is %+v, %v", l, got, err)
		}
	}
	token := NewToken("ana").String()
	for _, wrong := range []string{
		"", "vc://", "https://films:1/" + id + "/" + token, "vc://films/" + id + "/" + token, "vc://films:0/" + id + "/" + token, "vc://fi lms:1/" + id + "/" + token,
		"vc://films:1/" + id[1:] + "/" + token, "vc://films:1/" + id + "/" + token[1:] + "!", "vc://films:1/" + id + "/" + token + "/",
	} {
		if got, err := ParseLink(wrong); reason.Of(err) != reason.LoginInvalid || strings.Contains(err.Error(), "ana") {
			t.Errorf("%q is %+v, %v", wrong, got, err)
		}
	}
}

func FuzzLink(f *testing.F) {
	f.Add(Link{"films:4100", strings.Repeat("a", 64), NewToken("ana")}.String())
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err != nil {
			return
		}
		if again, err := ParseLink(l.String()); err != nil || again != l {
			t.Errorf("%q is %+v, and that %+v: %v", text, l, again, err)
		}
	})
}
