package letter

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

var (
	noon     = time.Date(2026, 11, 27, 12, 0, 0, 250e6, time.UTC)
	santiago = time.FixedZone("", -3*3600)
)

// letterOf is a letter of a kind in a language.
func letterOf(t testing.TB, kind Kind, language string) *Letter {
	t.Helper()
	l := &Letter{
		Kind: kind, Language: language, Zone: santiago, From: "videoclub@example.org", To: "ana@example.cl",
		MessageID: "<delivery-42-" + string(kind) + ".34750f98@example.org>", Date: noon,
		Delivery: 42, Name: "La Piedra", Reception: "mateo.elo.utfsm.cl", Promised: noon.Add(time.Hour),
	}
	switch kind {
	case Deposited:
		central := strings.Repeat("34750f98", 8)
		r := receipt.Sign(receipt.Receipt{
			Delivery: "34750f98-42", Title: 7, Name: l.Name, Reception: l.Reception, Path: "La Piedra.avi", Size: 1_500_000_000,
			SHA256: strings.Repeat("ab", 32), Frames: 5860, Resumes: 1, Promised: l.Promised, Started: noon.Add(-time.Hour), Deposited: noon,
			Central: central, Receiver: strings.Repeat("cd", 32),
		}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
		text, err := receipt.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		l.Receipt, l.ReceiptJSON = &r, text
	case Failed:
		l.Reason, l.Detail = reason.SourceChanged, "/srv/films/piedra.avi has 12 bytes; promised were 13"
	case Broken:
		l.Expected = noon.Add(3 * time.Hour)
	}
	return l
}

func message(t testing.TB, l *Letter) []byte {
	t.Helper()
	m, err := l.Message()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The messages are those of testdata, there with line feeds alone. With
// UPDATE_GOLDEN set they are written there instead.
func TestGolden(t *testing.T) {
	for _, language := range []string{"es", "en"} {
		for _, kind := range []Kind{Deposited, Failed, Broken} {
			file := filepath.Join("testdata", string(kind)+"."+language+".eml")
			got := strings.ReplaceAll(string(message(t, letterOf(t, kind, language))), "\r\n", "\n")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%s: %v, got\n%s", file, err, got)
			}
		}
	}
}

// read is a message as a reader of mail has it.
type read struct {
	header           mail.Header
	subject, to      string
	text, attachment string
}

func readBack(t testing.TB, raw []byte) (r read) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%q", err, raw)
	}
	r.header = m.Header
	if r.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 {
		t.Fatalf("To %q: %v", m.Header.Get("To"), err)
	}
	r.to = to[0].Address
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind == "text/plain" {
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		r.text = string(text)
		return r
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF && n == 2 {
			return r
		}
		if err != nil {
			t.Fatalf("part %d: %v", n, err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			r.text = string(content)
			continue
		}
		plain, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(content), "\r\n", ""))
		if err != nil || part.FileName() != "receipt.json" {
			t.Fatalf("attached is %q: %v", part.FileName(), err)
		}
		r.attachment = string(plain)
	}
}

// expected are the headers of a message, and no others.
var expected = []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}

// check reads a message back and compares it with its letter.
func check(t testing.TB, l *Letter, raw []byte) {
	t.Helper()
	r := readBack(t, raw)
	headers := slices.Sorted(maps.Keys(r.header))
	if headers = slices.DeleteFunc(headers, func(h string) bool { return h == "Content-Transfer-Encoding" }); !slices.Equal(headers, expected) {
		t.Fatalf("headers %v", headers)
	}
	for name, values := range r.header {
		if len(values) != 1 {
			t.Fatalf("%s is there %d times", name, len(values))
		}
	}
	first, _, _ := strings.Cut(r.text, "\r\n")
	if r.subject != l.Subject() || first != l.Subject() {
		t.Fatalf("subject %q, first line %q, want %q", r.subject, first, l.Subject())
	}
	if r.to != l.To || r.header.Get("Message-Id") != l.MessageID || r.header.Get("Auto-Submitted") != "auto-generated" {
		t.Fatalf("%+v", r.header)
	}
	if at, err := r.header.Date(); err != nil || !at.Equal(l.Date.Truncate(time.Second)) {
		t.Fatalf("date %v, %v", at, err)
	}
	if len(raw) <= MaxSize && l.Kind == Deposited && r.attachment != "" && r.attachment != string(l.ReceiptJSON) {
		t.Fatalf("attached is %q", r.attachment)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00") || len(line) > maxLine && !strings.Contains(line, "@") || len(line) > 998 {
			t.Fatalf("a line of %d: %q", len(line), line)
		}
	}
}

func TestSubjectIsTheSentence(t *testing.T) {
	for language, want := range map[string]string{
		"es": "Su video El ñandú ya ha sido depositado en mateo.elo.utfsm.cl",
		"en": "Your video El ñandú has been deposited at mateo.elo.utfsm.cl",
		"fr": "Your video El ñandú has been deposited at mateo.elo.utfsm.cl",
	} {
		l := letterOf(t, Deposited, language)
		l.Name = "El ñandú"
		if l.Subject() != want {
			t.Errorf("%s: %q", language, l.Subject())
		}
		check(t, l, message(t, l))
	}
}

// Nothing that stands in a name gets out of its place.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"", " ", "a  b   c", "%1 %2 %s %d", "ñandú 映画 🎬", "\x00\x1b[2J\x7f", "a\r\nBcc: eve@example.org\r\n\r\nbody", "\u202eevil", "\u2028x",
		"=?utf-8?q?a?=", "=?UTF-8?B?YQ==?= =?UTF-8?B?Yg==?=", "\xff\xfe", strings.Repeat("x", 1024), strings.Repeat("ñ", 512), strings.Repeat("long words ", 90),
		".", "\n.\n", "From here", "--boundary", strings.Repeat("映", 5000),
	} {
		for _, kind := range []Kind{Deposited, Failed, Broken} {
			l := letterOf(t, kind, "es")
			l.Name, l.Detail = name, name
			check(t, l, message(t, l))
			l.Reception = name
			check(t, l, message(t, l))
			if strings.ContainsFunc(l.Subject(), func(r rune) bool { return r < ' ' || r == '\u202e' || r == '\u2028' }) {
				t.Errorf("subject %q", l.Subject())
			}
		}
	}
}

func TestSameLetterSameMessage(t *testing.T) {
	for _, kind := range []Kind{Deposited, Failed, Broken} {
		first := message(t, letterOf(t, kind, "es"))
		for range 5 {
			if !bytes.Equal(first, message(t, letterOf(t, kind, "es"))) {
				t.Fatalf("%s: two messages of one letter", kind)
			}
		}
	}
}

// A receipt that would make the mail too large stays out of it.
func TestLargeReceipt(t *testing.T) {
	l := letterOf(t, Deposited, "en")
	l.ReceiptJSON = bytes.Repeat([]byte("x"), receipt.MaxSize)
	raw := message(t, l)
	check(t, l, raw)
	if r := readBack(t, raw); r.attachment != "" || !strings.Contains(r.text, "is shown and verified by: vcuser show 42") || len(raw) > MaxSize {
		t.Errorf("%d bytes, %q", len(raw), r.text)
	}
}

func TestMargin(t *testing.T) {
	for by, want := range map[time.Duration]string{
		time.Hour: ", 1h early", -90 * time.Second: ", 1m30s late", 300 * time.Millisecond: ", on time",
	} {
		l := letterOf(t, Deposited, "en")
		l.Receipt.Promised = l.Receipt.Deposited.Add(by)
		if text := l.text(true); !strings.Contains(text, want+"\n") {
			t.Errorf("%v: %s", by, text)
		}
	}
	l := letterOf(t, Broken, "en")
	l.Expected = time.Time{}
	if text := l.text(false); !strings.Contains(text, "Expected for:  not known yet\n") {
		t.Error(text)
	}
}

func TestBadAddresses(t *testing.T) {
	for name, change := range map[string]func(*Letter){
		"to":         func(l *Letter) { l.To = "ana@example.cl>\r\nBcc: <eve@example.org" },
		"from":       func(l *Letter) { l.From = "" },
		"message id": func(l *Letter) { l.MessageID = "<a@b>\r\nBcc: <eve@example.org>" },
	} {
		l := letterOf(t, Broken, "es")
		change(l)
		if m, err := l.Message(); err == nil {
			t.Errorf("%s: %q", name, m)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("La Piedra", "mateo.elo.utfsm.cl", "ana@example.cl", byte(0))
	f.Add("a\r\nBcc: eve@example.org", "=?utf-8?q?x?=", "ana@example.cl\r\n", byte(1))
	f.Add("\xff ñ \u202e", strings.Repeat("映", 400), "a.b+c@d", byte(2))
	kinds := []Kind{Deposited, Failed, Broken}
	f.Fuzz(func(t *testing.T, name, reception, address string, n byte) {
		l := letterOf(t, kinds[int(n)%len(kinds)], []string{"es", "en"}[int(n/3)%2])
		l.Name, l.Reception, l.To, l.Detail = name, reception, address, name
		raw, err := l.Message()
		if err != nil {
			if reason.Of(err) != reason.Usage {
				t.Fatal(err)
			}
			return
		}
		check(t, l, raw)
	})
}

// What is wrong with a folder at its source is said, file by file.
func TestWarnings(t *testing.T) {
	for language, want := range map[string]string{
		"es": "ATENCIÓN: llegó tal como está en el servidor central, pero allí le pasa esto:\r\n  sound.mxf: su contenido no es el de la lista de empaque\r\n",
		"en": "WARNING: it arrived as it is at the central server, but there this is wrong with it:\r\n  sound.mxf: its content is not that of the packing list\r\n",
	} {
		l := letterOf(t, Deposited, language)
		if sound := readBack(t, message(t, l)).text; strings.Contains(sound, "  sound.mxf") {
			t.Errorf("%s: warned of nothing: %s", language, sound)
		}
		r := *l.Receipt
		r.Warnings = []string{"pkl_hash sound.mxf"}
		l.Receipt = &r
		if text := readBack(t, message(t, l)).text; !strings.Contains(text, want) {
			t.Errorf("%s:\n%s", language, text)
		}
	}
}
