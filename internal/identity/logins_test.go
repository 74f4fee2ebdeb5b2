package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

func TestLogins(t *testing.T) {
	l := OpenLogins(filepath.Join(t.TempDir(), "deeper", "logins"))
	if token, err := l.Token(strings.Repeat("a", 64)); token != "" || err != nil || l.Latest() != "" {
		t.Fatal(token, err, l.Latest())
	}
	films := Link{"films:4100", strings.Repeat("a", 64), NewToken("ana")}
	news := Link{"news:4100", strings.Repeat("b", 64), NewToken("ana")}
	renewed := Link{"films.example.org:4100", films.Identity, NewToken("ana")}
	for _, link := range []Link{films, news, renewed} {
		if err := l.Keep(link); err != nil {
			t.Fatal(err)
		}
		if token, err := l.Token(link.Identity); token != link.Token.String() || err != nil || l.Latest() != link.Server {
			t.Errorf("%s: %s, %v, at %s", link.Server, token, err, l.Latest())
		}
	}
	if token, _ := l.Token(news.Identity); token != news.Token.String() {
		t.Error("the other login is lost")
	}
	text, err := os.ReadFile(l.Path())
	if err != nil || strings.Count(string(text), "\n") != 2 || strings.Contains(string(text), films.Token.String()) {
		t.Errorf("%s%v", text, err)
	}
	if info, err := os.Stat(l.Path()); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	// A line that is no login harms nobody; a file that others read is no place
	// for logins.
	if err := os.WriteFile(l.Path(), append([]byte("nonsense\n# a b\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := l.Token(news.Identity); token != news.Token.String() || err != nil {
		t.Error(token, err)
	}
	if err := os.Chmod(l.Path(), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Token(news.Identity); reason.Of(err) != reason.LoginInvalid || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	if l.Keep(news) == nil {
		t.Error("kept where others read")
	}
}
