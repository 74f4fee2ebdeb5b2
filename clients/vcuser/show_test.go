package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"videoclub/internal/client"
	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// tester is a program that writes into out.
func tester(language string, out *bytes.Buffer) *program {
	return &program{words: wordsIn(language), Program: &client.Program{
		Name: "vcuser", Out: out, Err: out, Now: func() time.Time { return noon }, Zone: time.UTC,
		Language: language, Words: client.WordsIn(language), Server: "127.0.0.1:" + port, Port: port, Getenv: func(string) string { return "" },
	}}
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// depositedStory is a delivery with a good receipt; change may spoil the
// receipt before it is signed.
func depositedStory(t *testing.T, change func(*receipt.Receipt)) control.DeliveryStory {
	t.Helper()
	central := strings.Repeat("ab", 32)
	r := receipt.Receipt{
		Delivery: central[:8] + "-3", Title: 1, Name: "The Night Train", Reception: "hall", Path: "The Night Train.bin",
		Size: 600_000, SHA256: strings.Repeat("cd", 32), Frames: 3, Resumes: 1,
		Promised: noon, Started: noon.Add(-time.Hour), Deposited: noon.Add(-10 * time.Minute), Central: central, Receiver: strings.Repeat("ef", 32),
	}
	if change != nil {
		change(&r)
	}
	r = receipt.Sign(r, key(1))
	text, err := receipt.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return control.DeliveryStory{
		Delivery: control.Delivery{
			ID: 3, Title: "The Night Train", Number: 1, Reception: "hall", State: deposited, Offset: 600_000, Size: 600_000,
			Deadline: noon, Finished: noon.Add(-10 * time.Minute), SHA256: strings.Repeat("cd", 32),
		},
		Receipt: text, ReceiptKey: r.Key,
	}
}

func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		signed func(*receipt.Receipt)       // before the signature
		story  func(*control.DeliveryStory) // after it
		want   string
	}{
		"good":             {},
		"missing":          {story: func(s *control.DeliveryStory) { s.Receipt = nil }, want: "there is none"},
		"not a receipt":    {story: func(s *control.DeliveryStory) { s.Receipt = json.RawMessage(`{"x":1}`) }, want: "version 0"},
		"size changed":     {story: replace(`"size":600000`, `"size":600001`), want: "the signature"},
		"path changed":     {story: replace(`Train.bin`, `Traim.bin`), want: "the signature"},
		"time changed":     {story: replace(`T11:50:00Z`, `T11:40:00Z`), want: "the signature"},
		"key unknown":      {story: func(s *control.DeliveryStory) { s.ReceiptKey = "" }, want: "the key of hall is not known"},
		"key of another":   {story: func(s *control.DeliveryStory) { s.ReceiptKey = strings.Repeat("00", 32) }, want: "signed by another key"},
		"another delivery": {signed: func(r *receipt.Receipt) { r.Delivery = r.Central[:8] + "-13" }, want: "for another delivery"},
		"another title":    {signed: func(r *receipt.Receipt) { r.Title = 2 }, want: "for another delivery"},
		"another place":    {signed: func(r *receipt.Receipt) { r.Reception = "studio" }, want: "for another delivery"},
		"another size":     {signed: func(r *receipt.Receipt) { r.Size = 1 }, want: "it is for 1 bytes, the delivery has 600000"},
		"another digest":   {signed: func(r *receipt.Receipt) { r.SHA256 = strings.Repeat("00", 32) }, want: "is not the delivery's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := depositedStory(t, c.signed)
			if c.story != nil {
				c.story(&s)
			}
			var out bytes.Buffer
			err := tester("en", &out).showStory(s)
			if c.want == "" {
				if err != nil || !strings.Contains(out.String(), "\nreceipt: verified\n") || !strings.Contains(out.String(), "10m early") {
					t.Fatalf("%v\n%s", err, out.String())
				}
				return
			}
			if reason.Of(err) != reason.ReceiptInvalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if reason.Of(err).Exit() != reason.ExitFailed {
				t.Errorf("exit status %d", reason.Of(err).Exit())
			}
			if !strings.Contains(out.String(), "\nreceipt: NOT verified: ") || strings.Contains(out.String(), "receipt: verified") {
				t.Errorf("printed\n%s", out.String())
			}
			out.Reset()
			p := tester("es", &out)
			p.JSON = true
			p.showStory(s)
			if !strings.Contains(out.String(), `"receipt_verified":false,"receipt_problem":"`) {
				t.Errorf("JSON %s", out.String())
			}
		})
	}
}

func replace(old, new string) func(*control.DeliveryStory) {
	return func(s *control.DeliveryStory) { s.Receipt = bytes.Replace(s.Receipt, []byte(old), []byte(new), 1) }
}

// TestShowEscapes looks whether anything of the server's gets through to the
// terminal that could steer it.
func TestShowEscapes(t *testing.T) {
	const evil = "\x1b[2J\u202e"
	s := depositedStory(t, nil)
	s.State, s.Receipt = evil, nil
	s.Title, s.Reception, s.Detail, s.SHA256, s.Reason = evil, evil, evil, evil, reason.Code(evil)
	s.Events = []control.Event{{At: noon, Kind: evil, Reason: evil, Detail: evil}}
	for _, language := range []string{"en", "es"} {
		var out bytes.Buffer
		p := tester(language, &out)
		if err := p.showStory(s); err != nil {
			t.Fatal(err)
		}
		if err := p.PrintDeliveries([]control.Delivery{s.Delivery}); err != nil {
			t.Fatal(err)
		}
		p.prospectTable([]control.Prospect{{Reception: evil, Code: reason.Code(evil)}, {Reception: evil, Possible: true}, {Constraint: evil}}).Print(&out, 0)
		p.titleTable([]control.Title{{Number: 1, Name: evil, Description: evil}}).Print(&out, 0)
		(newPlainLines(p, false)).show(s.Delivery)
		if strings.ContainsAny(out.String(), "\x1b\u202e") {
			t.Errorf("%s: %q", language, out.String())
		}
	}
}
