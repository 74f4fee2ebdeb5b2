package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// recordedMost is the most that can be said of a live source.
func recordedMost() *receipt.Recorded {
	return &receipt.Recorded{
		Duration: receipt.MaxTime, Tracks: slices.Repeat([]receipt.Track{{Packets: receipt.MaxCount, Frames: receipt.MaxCount, Lost: receipt.MaxCount}}, receipt.MaxTracks),
		Gaps: slices.Repeat([]receipt.Gap{{
			From: receipt.MaxTime, To: receipt.MaxTime, Track: receipt.MaxTracks, Lost: receipt.MaxCount, Reason: reason.Code(strings.Repeat("x", 40)),
		}}, receipt.MaxLosses), MoreGaps: receipt.MaxCount,
	}
}

func messages() []Message {
	at, hex := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC), strings.Repeat("0f", 32)
	return []Message{
		Start{Certificate: []byte{1}, Silence: time.Second}, Sign{Message: []byte{2}}, Signed{Signature: []byte{3}},
		Failed{Code: reason.NoSpace, Detail: "x"},
		Deliver{Offer: Offer{ID: 4, Name: "La Piedra", Promised: at}, Rate: 5}, Withdraw{ID: 6},
		Accepted{Offset: 7, Identity: hex, ReceiptKey: hex}, Acked{Offset: 8, Sent: 9},
		Settled{Receipt: []byte(`{"a":1}`), Identity: hex, Sent: 1}, Withdrawn{},
		Begin{Offset: 1, Size: 2, MTime: 3, State: []byte{4}, Known: "5"}, Sealed{SHA256: hex, Read: 1, Hashed: 2}, Lease{Rate: 10},
		Begin{Offset: 1, Size: -1, Live: &Live{Head: 2, Base: 3, Began: at, Duration: time.Second, End: 4, Stops: 5, Silent: []reason.Code{"", reason.DeviceHung}}}, Recording{Size: 1, Lasts: time.Second}, Over{Silent: []reason.Code{"", reason.DeviceAbsent}}, Finish{},
		Sealed{SHA256: hex, Size: 5, End: 6, Recorded: recordedMost()},
		Offered{Identity: hex, Offer: Offer{ID: 11, Promised: at}}, WithdrawAsked{Identity: hex, ID: 12},
		Accept{Offset: 13, ReceiptKey: "k"}, Refuse{Code: reason.Busy, Detail: "y"}, Deposit{Receipt: []byte(`{}`)}, LetGo{},
		Fill{Size: 13}, Ready{Offset: 14}, Durable{Offset: 15}, Whole{SHA256: hex, Frames: 1, Written: 2, Hashed: 3},
		Whole{SHA256: hex, Size: 4, Stream: hex, Recorded: recordedMost()},
		CaptureDevice{Location: "tone:", Hung: 1}, LookAtDevice{Sound: true}, OpenDevice{}, DeviceOpened{Code: reason.DeviceBusy, Detail: "x"},
		Capturing{Device: "a", Pixels: "yuyv", Width: 2, Height: 3, RateNum: 30, RateDen: 1, Largest: 4}, Captured{Packets: 1, Trouble: reason.DeviceHung},
		DeviceOffer{Name: "a", Shapes: []DeviceShape{{Pixels: "yuyv", Width: 2, Height: 2, Rates: []string{"30"}}}, Bits: []int{16}}, Attach{Track: 1, Output: 2, Slots: 3, Size: 4096, Away: &Outage{reason.DeviceAbsent, 1}}, Detach{Output: 2},
		MakeRecording{Title: "t", Tracks: 2, Limit: 3}, Appended{Head: 1, Offset: 2, End: 3, From: 4, To: 5, Reached: 5, Origin: 6, Key: true, Lost: 7}, Alive{}, Spare{Offset: 9}, StopRecording{Until: 1, Silent: []Outage{{}, {reason.DeviceHung, 2}}},
		BecomeEncoder{Program: "p", Quality: 5}, OpenEncoder{}, EncoderOpened{Code: reason.EncoderAbsent, Detail: "x"},
		Survey{Size: 1, MTime: 2, Digest: true}, Lasts{Millis: 3, Why: "w"}, Surveying{Offset: 4}, Surveyed{SHA256: hex}, Sight{JPEG: []byte{5}, Wave: []byte{6}},
		Describe{}, Described{Entries: 1, Files: 2, Size: 3, Bytes: 5, SHA256: hex},
		SendMail{Server: "m", TLS: TLSRequired, Message: []byte("x"), Step: time.Second}, MailTaken{Reply: "250"}, MailUnsecured{Detail: "x"}, MailRefused{Step: "DATA", Status: 451, Temporary: true},
		PairWith{Reception: "r"}, PairProof{Identity: hex, Exporter: bytes.Repeat([]byte{1}, 32), Proof: bytes.Repeat([]byte{2}, 32), ReceiptKey: hex}, PairTaken{},
		LookAt{}, Looked{Identity: hex, ReceiptKey: hex, Ahead: -time.Second, Free: 1, Rate: 2}, Visited{},
		PairAsked{Identity: hex, Reception: "r", Exporter: bytes.Repeat([]byte{3}, 32)}, Prove{Proof: []byte{4}, ReceiptKey: hex}, PairDone{},
		LookAsked{Identity: hex}, Condition{Now: at, Free: 5, ReceiptKey: hex},
		Call{Seq: 1, Show: &ShowQuery{ID: 2, Revision: 3, Wait: time.Second}},
		Reply{Seq: 1, Refusal: &Refusal{Code: reason.UnknownTitle, Earliest: at}},
	}
}

// Every kind of message arrives as it was sent, and none is forgotten here.
func TestEveryMessage(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := New(file)
	defer supervisor.Close()
	seen := make(map[string]bool)
	for _, m := range messages() {
		if err := worker.Send(m); err != nil {
			t.Fatal(err)
		}
		got, err := supervisor.Receive()
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s arrived as %+v: %v", m.kind(), got, err)
		}
		seen[m.kind()] = true
	}
	for kind := range kinds {
		if !seen[kind] {
			t.Errorf("%s is not tried", kind)
		}
	}
	worker.Close()
	if _, err := supervisor.Receive(); err != io.EOF {
		t.Errorf("after the worker went: %v", err)
	}
}

// The last words of a side that goes without having read all that it was told
// are heard.
func TestLastWords(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	worker := New(file)
	if err := supervisor.Send(Lease{Rate: 1}); err != nil { // it is never read
		t.Fatal(err)
	}
	for offset := range int64(2) {
		if err := worker.Send(Acked{Offset: offset}); err != nil {
			t.Fatal(err)
		}
	}
	worker.Close()
	for offset := range int64(2) {
		if m, err := supervisor.Receive(); err != nil || m != (Acked{Offset: offset}) {
			t.Fatalf("%#v, %v", m, err)
		}
	}
	if m, err := supervisor.Receive(); err != io.EOF {
		t.Errorf("after the last: %#v, %v", m, err)
	}
}

func TestBounds(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	defer file.Close()
	worker := New(file)
	if err := worker.Send(Failed{Detail: strings.Repeat("x", MaxMessage)}); !errors.Is(err, ErrUnsayable) {
		t.Errorf("a message beyond the bound: %v", err)
	}
	if err := worker.Send(Call{Where: &WhereQuery{By: time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)}}); !errors.Is(err, ErrUnsayable) {
		t.Errorf("a message that JSON cannot write: %v", err)
	}
	if _, err := file.Write([]byte(strings.Repeat("x", MaxMessage+1))); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Receive(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a packet beyond the bound: %v", err)
	}
	// The next one is not affected.
	if err := worker.Send(Ready{Offset: 1}); err != nil {
		t.Fatal(err)
	}
	if m, err := supervisor.Receive(); err != nil || m != (Ready{Offset: 1}) {
		t.Errorf("the next: %v, %v", m, err)
	}
}

// A full page of the longest lists fits into a message.
func TestPagesFit(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	defer file.Close()
	worker := New(file)
	titles, deliveries := &TitlePage{}, &DeliveryPage{}
	for range PageSize {
		titles.Titles = append(titles.Titles, Title{Name: strings.Repeat("ñ", 100), Description: strings.Repeat("<", 200)})
		deliveries.Deliveries = append(deliveries.Deliveries, Delivery{Title: strings.Repeat("ñ", 100), Reception: strings.Repeat("r", 253), Detail: strings.Repeat("d", 300), SHA256: strings.Repeat("0", 64)})
	}
	prospects, promises, names := &ProspectPage{}, &Promises{}, &NamePage{}
	for range MaxReceptions {
		prospects.Receptions = append(prospects.Receptions, Prospect{Reception: strings.Repeat("r", 300), Detail: strings.Repeat("<", 300)})
		promises.Deliveries = append(promises.Deliveries, deliveries.Deliveries[0])
	}
	for range PageSize {
		names.Receptions = append(names.Receptions, strings.Repeat("r", 300))
	}
	report := &Refusal{Detail: strings.Repeat("<", 900), Report: prospects.Receptions}
	for _, m := range []Message{Reply{Titles: titles}, Reply{Deliveries: deliveries}, Reply{Prospects: prospects}, Reply{Promises: promises},
		Reply{Receptions: names}, Reply{Refusal: report}} {
		if err := supervisor.Send(m); err != nil {
			t.Error(err)
			continue
		}
		if _, err := worker.Receive(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range []string{`{"kind":"ready","body":{"offset":1}}`, `{"kind":"ready","body":{"offset":1,"x":2}}`, `{"kind":"x"}`, `{}`, `[]`, `{"kind":"ready","body":{}}{}`} {
		f.Add([]byte(p))
	}
	for kind, unpack := range kinds { // one of each, with nothing in it
		m, _ := unpack(nil)
		body, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(fmt.Appendf(nil, `{"kind":%q,"body":%s}`, kind, body))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		m, err := decode(packet)
		if (m == nil) == (err == nil) {
			t.Fatalf("%v, %v", m, err)
		}
	})
}
