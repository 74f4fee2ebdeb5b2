package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

func testKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func sample() Receipt {
	at := time.Date(2026, 3, 4, 18, 30, 0, 123456789, time.FixedZone("CLT", -3*3600))
	return Receipt{
		Version: Version, Delivery: "0a1b2c3d-42", Title: 7, Name: "La Piedra <1> & «más»",
		Reception: "mateo.elo.utfsm.cl", Path: "La Piedra.mp4", Size: 1 << 40,
		SHA256: strings.Repeat("5f", 32), Frames: 12, Resumes: 3, Gaps: []Gap{{From: 0, To: 40}, {From: 100, To: 120}},
		Promised: at, Started: at.Add(-time.Hour), Deposited: at.Add(-time.Minute),
		Central: "0a1b2c3d" + strings.Repeat("0", 56), Receiver: strings.Repeat("e", 64),
	}
}

func TestSignVerify(t *testing.T) {
	r := Sign(sample(), testKey())
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	data, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, r) {
		t.Fatalf("parsed %+v\nsigned %+v", again, r)
	}
	if err := Verify(again); err != nil {
		t.Fatal(err)
	}
}

// The form is a promise to those who verify with programs of their own.
func TestCanonicalForm(t *testing.T) {
	r := Sign(sample(), testKey())
	r.Started = time.Time{}
	want := "vc receipt v1\n" +
		"version 1:1\n" +
		"delivery 11:0a1b2c3d-42\n" +
		"title 1:7\n" +
		"name 24:La Piedra <1> & «más»\n" +
		"reception 18:mateo.elo.utfsm.cl\n" +
		"path 13:La Piedra.mp4\n" +
		"size 13:1099511627776\n" +
		"sha256 64:" + strings.Repeat("5f", 32) + "\n" +
		"frames 2:12\n" +
		"resumes 1:3\n" +
		"gaps 12:0-40,100-120\n" +
		"promised 24:2026-03-04T21:30:00.123Z\n" +
		"started 0:\n" +
		"deposited 24:2026-03-04T21:29:00.123Z\n" +
		"central 64:0a1b2c3d" + strings.Repeat("0", 56) + "\n" +
		"receiver 64:" + strings.Repeat("e", 64) + "\n" +
		"key 64:" + r.Key + "\n"
	if got := string(r.Canonical()); got != want {
		t.Errorf("canonical form\n%s\nwant\n%s", got, want)
	}
}

// Every field is signed: another valid value in any of them, one at a time,
// breaks the signature and not merely a rule of Validate.
func TestEveryFieldIsSigned(t *testing.T) {
	other := map[string]any{
		"Delivery": "0a1b2c3d-43", "Title": 8, "Name": "B", "Reception": "b", "Path": "b", "Size": int64(1),
		"SHA256": strings.Repeat("a", 64), "Frames": int64(1), "Resumes": 1, "Gaps": []Gap{{From: 0, To: 41}, {From: 100, To: 120}},
		"Promised": time.Time{}, "Started": time.Time{}, "Deposited": time.Unix(5, 0).UTC(),
		"Central": "0a1b2c3d" + strings.Repeat("1", 56), "Receiver": strings.Repeat("a", 64),
		"Key": strings.Repeat("a", 64), "Signature": strings.Repeat("a", 128), "Version": 2, "Files": 3, "Warnings": []string{"b", "a"},
		"MoreGaps": int64(2), "Captured": time.Unix(6, 0).UTC(), "Duration": int64(1), "Tracks": []Track{{1, 2, 3}, {0, 0, 0}}, "Stream": strings.Repeat("c", 64),
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Receipt]()) {
		value, ok := other[field.Name]
		if !ok {
			t.Errorf("no other value for %s", field.Name)
			continue
		}
		r := sample()
		if field.Name == "Files" || field.Name == "Warnings" {
			r = folderSample()
		} else if slices.Contains([]string{"MoreGaps", "Captured", "Duration", "Tracks", "Stream"}, field.Name) {
			r = liveSample()
		}
		r = Sign(r, testKey())
		was := string(r.Canonical())
		reflect.ValueOf(&r).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(value))
		if field.Name != "Signature" && string(r.Canonical()) == was {
			t.Errorf("%s is not in the canonical form", field.Name)
		}
		if err := r.Validate(); err != nil && field.Name != "Version" {
			t.Errorf("%s: the other value is not valid: %v", field.Name, err)
		}
		if err := Verify(r); reason.Of(err) != reason.ReceiptInvalid {
			t.Errorf("%s changed: %v", field.Name, err)
		}
	}
}

// folderSample is the receipt of a folder.
func folderSample() Receipt {
	r := sample()
	r.Version, r.Gaps, r.Files, r.Warnings = VersionFolder, nil, 2, []string{"a", "b"}
	return r
}

func TestFolderReceipt(t *testing.T) {
	r := Sign(folderSample(), testKey())
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	text := string(r.Canonical())
	if !strings.HasPrefix(text, "vc receipt v2\nversion 1:2\n") || !strings.Contains(text, "\ngaps 0:\nfiles 1:2\nwarnings 4:a\nb\n\npromised ") {
		t.Errorf("canonical form\n%s", text)
	}
	printed, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(printed); err != nil || string(again.Canonical()) != text {
		t.Errorf("read again: %+v, %v", again, err)
	}
	for name, spoil := range map[string]func(*Receipt){
		"gaps":          func(r *Receipt) { r.Gaps = []Gap{{From: 1, To: 2}} },
		"files":         func(r *Receipt) { r.Files = -1 },
		"line feed":     func(r *Receipt) { r.Warnings = []string{"a\nb"} },
		"no word":       func(r *Receipt) { r.Warnings = []string{""} },
		"many":          func(r *Receipt) { r.Warnings = slices.Repeat([]string{"a"}, MaxWarnings+1) },
		"a file's":      func(r *Receipt) { r.Version = Version },
		"of a file":     func(r *Receipt) { r.Version, r.Warnings = Version, nil },
		"of no version": func(r *Receipt) { r.Version = 4 },
	} {
		r := Sign(folderSample(), testKey())
		if spoil(&r); r.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

// liveSample is the receipt of a live source.
func liveSample() Receipt {
	r := sample()
	r.Version, r.Stream, r.Captured, r.Duration = VersionLive, strings.Repeat("6d", 32), r.Deposited.Add(-time.Hour), 60_000
	r.Gaps = []Gap{{100, 200, 1, 3, reason.DeviceAbsent}, {100, 150, 2, 2400, reason.DeviceOverrun}}
	r.MoreGaps, r.Tracks = 1, []Track{{1797, 1797, 3}, {5995, 2_877_600, 2400}}
	return r
}

func TestLiveReceipt(t *testing.T) {
	r := Sign(liveSample(), testKey())
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	text := string(r.Canonical())
	want := "\ngaps 61:1:100-200:3:device_absent,2:100-150:2400:device_overrun\nmore_gaps 1:1\ncaptured 24:2026-03-04T20:29:00.123Z\nduration_ms 5:60000\n" +
		"tracks 36:1797:1797:3,5995:2877600:2400\nstream_sha256 64:" + strings.Repeat("6d", 32) + "\npromised "
	want = strings.Replace(want, "gaps 61:", fmt.Sprintf("gaps %d:", len("1:100-200:3:device_absent,2:100-150:2400:device_overrun")), 1)
	want = strings.Replace(want, "tracks 36:", fmt.Sprintf("tracks %d:", len("1797:1797:3,5995:2877600:2400")), 1)
	if !strings.HasPrefix(text, "vc receipt v3\nversion 1:3\n") || !strings.Contains(text, want) || strings.Contains(text, "\nfiles ") {
		t.Errorf("canonical form\n%s", text)
	}
	printed, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(printed); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("read again: %+v, %v", again, err)
	}
	for name, spoil := range map[string]func(*Receipt){
		"no stream":      func(r *Receipt) { r.Stream = "" },
		"no capture":     func(r *Receipt) { r.Captured = time.Time{} },
		"no tracks":      func(r *Receipt) { r.Tracks = nil },
		"many tracks":    func(r *Receipt) { r.Tracks = make([]Track, MaxTracks+1) },
		"less than none": func(r *Receipt) { r.Tracks[1].Frames = -1 },
		"no such track":  func(r *Receipt) { r.Gaps[1].Track = 3 },
		"a file's gap":   func(r *Receipt) { r.Gaps = []Gap{{From: 1, To: 2}} },
		"backwards":      func(r *Receipt) { r.Gaps[0].To = 99 },
		"out of order":   func(r *Receipt) { r.Gaps[1].From = 99 },
		"no reason":      func(r *Receipt) { r.Gaps[0].Reason = "" },
		"many gaps":      func(r *Receipt) { r.Gaps = slices.Repeat(r.Gaps[:1], MaxLosses+1) },
		"long":           func(r *Receipt) { r.Duration = MaxTime + 1 },
		"files":          func(r *Receipt) { r.Files = 1 },
		"warnings":       func(r *Receipt) { r.Warnings = []string{"a"} },
		"a file's":       func(r *Receipt) { r.Version = Version },
		"a folder's":     func(r *Receipt) { r.Version = VersionFolder },
	} {
		r := Sign(liveSample(), testKey())
		if spoil(&r); r.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, spoil := range map[string]func(*Receipt){
		"upper hex":      func(r *Receipt) { r.SHA256 = strings.ToUpper(r.SHA256) },
		"short digest":   func(r *Receipt) { r.SHA256 = r.SHA256[1:] },
		"no central":     func(r *Receipt) { r.Central = "" },
		"other central":  func(r *Receipt) { r.Central = strings.Repeat("9", 64) },
		"leading zero":   func(r *Receipt) { r.Delivery = "0a1b2c3d-042" },
		"plus":           func(r *Receipt) { r.Delivery = "0a1b2c3d-+42" },
		"zero delivery":  func(r *Receipt) { r.Delivery = "0a1b2c3d-0" },
		"long delivery":  func(r *Receipt) { r.Delivery = "0a1b2c3d-9223372036854775808" },
		"negative title": func(r *Receipt) { r.Title = -1 },
		"no name":        func(r *Receipt) { r.Name = "" },
		"long name":      func(r *Receipt) { r.Name = strings.Repeat("n", MaxText+1) },
		"line feed":      func(r *Receipt) { r.Name = "a\nb" },
		"bidi":           func(r *Receipt) { r.Name = "a\u202eb" },
		"not UTF-8":      func(r *Receipt) { r.Name = "a\xffb" },
		"absolute":       func(r *Receipt) { r.Path = "/a" },
		"above":          func(r *Receipt) { r.Path = "../a" },
		"dot":            func(r *Receipt) { r.Path = "." },
		"not clean":      func(r *Receipt) { r.Path = "a/../b" },
		"negative size":  func(r *Receipt) { r.Size = -1 },
		"frames":         func(r *Receipt) { r.Frames = -1 },
		"gap backwards":  func(r *Receipt) { r.Gaps = []Gap{{From: 5, To: 4}} },
		"gaps touch":     func(r *Receipt) { r.Gaps = []Gap{{From: 1, To: 4}, {From: 4, To: 5}} },
		"gaps many":      func(r *Receipt) { r.Gaps = manyGaps(MaxGaps + 1) },
		"local time":     func(r *Receipt) { r.Deposited = r.Deposited.In(time.FixedZone("", 3600)) },
		"microseconds":   func(r *Receipt) { r.Deposited = r.Deposited.Add(time.Microsecond) },
		"no deposit":     func(r *Receipt) { r.Deposited = time.Time{} },
		"year 10000":     func(r *Receipt) { r.Promised = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		r := Sign(sample(), testKey())
		spoil(&r)
		if err := r.Validate(); reason.Of(err) != reason.ReceiptInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyGaps(n int) []Gap {
	const far = 1 << 62
	gaps := make([]Gap, n)
	for i := range gaps {
		gaps[i] = Gap{From: far + int64(3*i), To: far + int64(3*i) + 1}
	}
	return gaps
}

// The largest valid receipts have a JSON form that Parse takes.
func TestLargest(t *testing.T) {
	largest(t, sample(), manyGaps(MaxGaps))
	live := liveSample()
	live.Tracks = slices.Repeat([]Track{{MaxCount, MaxCount, MaxCount}}, MaxTracks)
	live.MoreGaps, live.Duration = MaxCount, MaxTime
	worst := Gap{MaxTime, MaxTime, MaxTracks, MaxCount, reason.Code(strings.Repeat("x", 40))}
	largest(t, live, slices.Repeat([]Gap{worst}, MaxLosses))
}

func largest(t *testing.T, r Receipt, gaps []Gap) {
	t.Helper()
	r.Name = strings.Repeat("<", MaxText)
	r.Reception, r.Path = r.Name, r.Name
	r.Gaps = gaps
	r.Delivery = "0a1b2c3d-9223372036854775807"
	r = Sign(r, testKey())
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	data, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(data); err != nil {
		t.Fatalf("%d bytes: %v", len(data), err)
	}
}

func TestParseRefuses(t *testing.T) {
	data, err := Marshal(Sign(sample(), testKey()))
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for name, text := range map[string]string{
		"empty":       "",
		"null":        "null",
		"array":       "[]",
		"unknown":     strings.Replace(good, `{`, `{"x":1,`, 1),
		"doubled":     strings.Replace(good, `"title":7`, `"title":7,"title":7`, 1),
		"other case":  strings.Replace(good, `"title"`, `"Title"`, 1),
		"misplaced":   strings.Replace(good, `"version":1,`, ``, 1)[:len(good)-13] + `,"version":1}`,
		"missing":     strings.Replace(good, `"resumes":3,`, ``, 1),
		"exponent":    strings.Replace(good, `"title":7`, `"title":7e0`, 1),
		"no gaps":     strings.Replace(good, `"gaps":[{"from":0,"to":40},{"from":100,"to":120}]`, `"gaps":[]`, 1),
		"null number": strings.Replace(good, `"resumes":3`, `"resumes":null`, 1),
		"zone":        strings.Replace(good, `123Z`, `123+00:00`, 1),
		"zeros":       strings.Replace(good, `123Z`, `123000Z`, 1),
		"not UTF-8":   strings.Replace(good, `Piedra`, "Pied\xffra", 1),
		"more":        good + "{}",
		"too long":    good + strings.Repeat(" ", MaxSize),
	} {
		if text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Parse([]byte(text)); reason.Of(err) != reason.ReceiptInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(indented.Bytes()); err != nil {
		t.Errorf("indented: %v", err)
	}
	if _, err := Parse([]byte(strings.Replace(good, "Piedra", `Piedr\u0061`, 1))); err != nil {
		t.Errorf("escaped: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	signed, err := Marshal(Sign(sample(), testKey()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	live, err := Marshal(Sign(liveSample(), testKey()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(live)
	f.Add([]byte(strings.Replace(string(signed), "Piedra", `Piedr\ud800`, 1)))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		printed, err := Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("what was printed is not accepted: %v\n%s", err, printed)
		}
		if !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v became %+v", r, again)
		}
		if !bytes.Equal(r.Canonical(), again.Canonical()) {
			t.Fatal("the canonical form changed")
		}
	})
}
