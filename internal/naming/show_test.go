package naming

import "testing"

func TestShown(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "La Piedra": "La Piedra", "Ñandú, 東京": "Ñandú, 東京", "a\u00a0b": "a\u00a0b", "e\u0301": "e\u0301", "\ufffd": "\ufffd", "❤\ufe0f": "❤\ufe0f",
		"\U0001F468\u200d\U0001F469": "\U0001F468\u200d\U0001F469", "می\u200cخواهم": "می\u200cخواهم",
		"Kinder\u00adgarten": "Kindergarten", "a\u200bb": "ab", "a\u2060b": "ab", "a\ufeffb": "ab", "\uf8ff TV": " TV", "a\u202eb": "ab", "a\u061cb": "ab",
		"Cup \U0001F3F4\U000E0067\U000E0062\U000E007F": "Cup \U0001F3F4",
		"a\x00b\x7f\u0085": "ab", "a\nb\tc": "abc", "a\u2028b\u2029": "ab", "a\ufffeb": "ab", "\u00ad\u200b": "",
	} {
		if got := Shown(s); got != want {
			t.Errorf("%q is shown as %q, want %q", s, got, want)
		}
	}
}
