package wire

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/transport"
)

var hex64 = strings.Repeat("0a", 32)

func signed() receipt.Receipt {
	at := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	return receipt.Sign(receipt.Receipt{
		Delivery: hex64[:8] + "-42", Title: 7, Name: "La Piedra", Reception: "mateo.elo.utfsm.cl", Path: "La Piedra.avi",
		Size: 5, SHA256: hex64, Frames: 1, Promised: at, Started: at, Deposited: at, Central: hex64, Receiver: hex64,
	}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}

func offer() Offer {
	return Offer{
		ID: 42, Title: 7, Name: "La <Piedra> \u2028ñ", Extension: ".avi", Reception: "mateo.elo.utfsm.cl", Size: 1 << 40, MTime: -1,
		SHA256: hex64, Duration: 60_000, Pace: 1, Promised: time.Date(2026, 11, 27, 18, 0, 0, 5, time.UTC),
	}
}

func folderOffer() Offer {
	o := offer()
	o.Manifest, o.ManifestSHA256, o.Files = 77, hex64, 3
	return o
}

func liveOffer(change func(*Offer)) Offer {
	o := offer()
	o.Extension, o.Size, o.MTime, o.SHA256, o.Expected = ".mkv", -1, 1795600800123456789, "", 1<<30
	change(&o)
	return o
}

func messages() []Message {
	return []Message{
		Hello{Version: 1, Program: "vccs"}, offer(), Withdraw{ID: 42}, Accept{Offset: 5, ReceiptKey: hex64}, Accept{ReceiptKey: hex64, Free: new(int64)}, Ack{}, Ack{Offset: 1 << 62},
		Deposited{Receipt: signed()}, Refused{Code: reason.NoSpace, Detail: "x"}, Refused{Code: "a_reason_of_tomorrow"}, Withdrawn{},
		folderOffer(), liveOffer(func(*Offer) {}), Describe{}, Manifest{Text: strings.Repeat("<", MaxText)},
		Pair{Reception: "mateo.elo.utfsm.cl"}, Proof{Proof: hex64, ReceiptKey: hex64}, Paired{}, Look{},
		Condition{Now: time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC), Free: 5, ReceiptKey: hex64}, Probe{Bytes: MaxProbe}, Measured{Bytes: 1, Nanoseconds: 7},
	}
}

func line(t testing.TB, m Message) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func reader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, MaxLine) }

// Every message arrives as it was sent, however it comes in, and takes no byte
// of what follows it.
func TestRoundTrip(t *testing.T) {
	var all strings.Builder
	for _, m := range messages() {
		all.WriteString(line(t, m))
	}
	all.WriteString("frames")
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(all.String()), "halves": iotest.HalfReader(strings.NewReader(all.String())), "bytes": iotest.OneByteReader(strings.NewReader(all.String())),
	} {
		in := reader(r)
		for _, m := range messages() {
			got, err := Read(in)
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("%s: %+v arrived as %+v: %v", name, m, got, err)
			}
		}
		if rest, err := io.ReadAll(in); string(rest) != "frames" {
			t.Errorf("%s: behind the messages stands %q: %v", name, rest, err)
		}
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	m, err := Read(reader(strings.NewReader(`{"later":{"a":[1]},"type":"ack","offset":5,"more":true}` + "\n")))
	if err != nil || m != (Ack{Offset: 5}) {
		t.Errorf("%v, %v", m, err)
	}
}

func TestNotAMessage(t *testing.T) {
	for name, text := range map[string]string{
		"unknown type": `{"type":"bye"}`, "no type": `{}`, "no object": `[]`, "number": `1`, "no JSON": `hello`, "empty line": ``,
		"two values": `{"type":"ack","offset":1}{}`, "offset as text": `{"type":"ack","offset":"1"}`, "half an offset": `{"type":"ack","offset":0.5}`,
		"negative offset": `{"type":"ack","offset":-1}`, "too large": `{"type":"ack","offset":9223372036854775808}`,
		"no version": `{"type":"hello"}`, "bad key": `{"type":"accept","offset":0,"receipt_key":"AB"}`, "no code": `{"type":"refused","reason":"No Space"}`,
		"no receipt": `{"type":"deposited"}`, "id 0": `{"type":"withdraw","id":0}`, "deep": `{"type":` + strings.Repeat("[", 20000),
	} {
		if m, err := Read(reader(strings.NewReader(text + "\n"))); reason.Of(err) != reason.Protocol {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestEnds(t *testing.T) {
	if _, err := Read(reader(strings.NewReader(""))); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := Read(reader(strings.NewReader(`{"type":"ack","offset":1}`))); err != io.ErrUnexpectedEOF {
		t.Errorf("a line that does not end: %v", err)
	}
	cut := fmt.Errorf("cut")
	if _, err := Read(reader(iotest.ErrReader(cut))); err != cut {
		t.Errorf("a reader that fails: %v", err)
	}
}

// A line may have MaxLine bytes with its line feed, and not one more.
func TestLineLimit(t *testing.T) {
	for _, c := range []struct {
		length int
		good   bool
	}{{MaxLine - 1, true}, {MaxLine, true}, {MaxLine + 1, false}, {3 * MaxLine, false}} {
		head := `{"type":"ack","offset":5`
		text := head + strings.Repeat(" ", c.length-len(head)-2) + "}\n"
		for _, size := range []int{MaxLine, 2 * MaxLine} {
			m, err := Read(bufio.NewReaderSize(strings.NewReader(text), size))
			if c.good && (err != nil || m != (Ack{Offset: 5})) || !c.good && reason.Of(err) != reason.Protocol {
				t.Errorf("a line of %d bytes, read by %d: %v, %v", len(text), size, m, err)
			}
		}
	}
}

// Write refuses what the other side would, as a fault of this one and not of the
// connection, and Read what it must not let in.
func TestFieldLimits(t *testing.T) {
	with := func(change func(*Offer)) Offer { o := offer(); change(&o); return o }
	less := int64(-1)
	for name, m := range map[string]Message{
		"hello version":   Hello{},
		"hello program":   Hello{Version: 1, Program: strings.Repeat("x", maxHost+1)},
		"offer id":        with(func(o *Offer) { o.ID = 0 }),
		"offer title":     with(func(o *Offer) { o.Title = -1 }),
		"offer name":      with(func(o *Offer) { o.Name = strings.Repeat("x", maxName+1) }),
		"offer extension": with(func(o *Offer) { o.Extension = "." + strings.Repeat("x", maxExt) }),
		"offer reception": with(func(o *Offer) { o.Reception = strings.Repeat("x", maxHost+1) }),
		"offer size":      with(func(o *Offer) { o.Size = -2 }),
		"offer expected":  with(func(o *Offer) { o.Expected = 1 }),
		"live expected":   liveOffer(func(o *Offer) { o.Expected = -1 }),
		"live digest":     liveOffer(func(o *Offer) { o.SHA256 = hex64 }),
		"live manifest":   liveOffer(func(o *Offer) { o.Manifest, o.ManifestSHA256 = 77, hex64 }),
		"offer sha256":    with(func(o *Offer) { o.SHA256 = strings.ToUpper(hex64) }),
		"offer duration":  with(func(o *Offer) { o.Duration = -1 }),
		"offer pace":      with(func(o *Offer) { o.Pace = -1 }),
		"withdraw id":     Withdraw{},
		"accept offset":   Accept{Offset: -1, ReceiptKey: hex64},
		"accept key":      Accept{ReceiptKey: hex64[1:]},
		"accept space":    Accept{ReceiptKey: hex64, Free: &less},
		"ack offset":      Ack{Offset: -1},
		"deposited":       Deposited{},
		"refused code":    Refused{Code: "No Space"},
		"refused detail":  Refused{Code: reason.NoSpace, Detail: strings.Repeat("x", maxDetail+1)},
		"refused bytes":   Refused{Code: reason.NoSpace, Detail: "\xff"},
		"no JSON":         with(func(o *Offer) { o.Promised = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }),
	} {
		var b bytes.Buffer
		if err := Write(&b, m); reason.Of(err) != reason.Internal || b.Len() != 0 {
			t.Errorf("%s: written as %.60s, %v", name, b.String(), err)
		} else if again := transport.Explain(err, "asking"); reason.Of(again) != reason.Internal {
			t.Errorf("%s: a worker says %q, %v", name, reason.Of(again), again)
		}
	}
	longest := with(func(o *Offer) {
		o.Name, o.Extension, o.Reception = strings.Repeat("<", maxName), strings.Repeat("<", maxExt), strings.Repeat("<", maxHost)
	})
	if got, err := Read(reader(strings.NewReader(line(t, longest)))); err != nil || got != longest {
		t.Errorf("the longest offer: %v, %v", got, err)
	}
}

// The longest receipt fits into a message.
func TestLongestReceipt(t *testing.T) {
	r := signed()
	r.Name, r.Reception, r.Path = strings.Repeat("<", receipt.MaxText), strings.Repeat("<", receipt.MaxText), strings.Repeat("<", receipt.MaxText)
	for i := range int64(receipt.MaxGaps) {
		r.Gaps = append(r.Gaps, receipt.Gap{From: 1<<62 + 2*i, To: 1<<62 + 2*i + 1})
	}
	m := Deposited{Receipt: receipt.Sign(r, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))}
	text := line(t, m)
	if got, err := Read(reader(strings.NewReader(text))); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%d bytes: %v", len(text), err)
	}
}

// A message that was read can be written, and is then read as the same.
func FuzzRead(f *testing.F) {
	for _, m := range messages() {
		f.Add([]byte(line(f, m)))
	}
	f.Add([]byte(`{"type":"ack","offset":1e3}` + "\n"))
	f.Add([]byte(`{"type":"offer","id":1,"promised":"9999-12-31T23:59:59-23:59"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Read(reader(bytes.NewReader(text)))
		if err != nil {
			if m != nil {
				t.Fatalf("%v with %v", m, err)
			}
			return
		}
		first := line(t, m)
		again, err := Read(reader(strings.NewReader(first)))
		if err != nil {
			t.Fatalf("written as %q, not read: %v", first, err)
		}
		if second := line(t, again); second != first {
			t.Fatalf("%q became %q", first, second)
		}
	})
}
