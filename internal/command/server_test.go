package command

import "testing"

func TestServer(t *testing.T) {
	for text, want := range map[string]string{
		"films.example":         "films.example:4100",
		"films.example:5000":    "films.example:5000",
		"192.0.2.1":             "192.0.2.1:4100",
		"192.0.2.1:5000":        "192.0.2.1:5000",
		"::1":                   "[::1]:4100",
		"[2001:db8::1]":         "[2001:db8::1]:4100",
		"[2001:db8::1]:5000":    "[2001:db8::1]:5000",
		"":                      "",
		":4100":                 "",
		"films.example:":        "",
		"films.example:0":       "",
		"films.example:65536":   "",
		"films.example:x":       "",
		"user@films.example":    "",
		"films.example/v1":      "",
		"https://films.example": "",
		"two words":             "",
		"fe80::1%eth0":          "",
		"[films.example":        "",
	} {
		got, ok := Server(text, "4100")
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
}
