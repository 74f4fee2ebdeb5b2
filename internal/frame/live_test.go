package frame

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

func recorded() Live {
	return Live{
		Recorded: receipt.Recorded{
			Duration: 60_000, Tracks: []receipt.Track{{Packets: 1797, Frames: 1797, Lost: 3}, {Packets: 6000, Frames: 2_880_000}},
			Gaps: []receipt.Gap{{From: 100, To: 200, Track: 1, Lost: 3, Reason: reason.DeviceAbsent}}, MoreGaps: 1,
		},
		Patches: []Patch{{Offset: 40, Bytes: bytes.Repeat([]byte{0xec}, 128)}, {Offset: 200, Bytes: []byte{1}}},
	}
}

func final(t testing.TB, l Live) []byte {
	t.Helper()
	out, err := AppendFinal(nil, 1<<40, Trailer{SHA256: strings.Repeat("0", 64), Frames: 1, Live: &l})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What the final frame says of a live source is read back as it was said, also
// the most that it may say.
func TestLive(t *testing.T) {
	most := recorded()
	most.Tracks = slices.Repeat([]receipt.Track{{Packets: receipt.MaxCount, Frames: receipt.MaxCount, Lost: receipt.MaxCount}}, receipt.MaxTracks)
	most.Gaps = slices.Repeat([]receipt.Gap{{
		From: receipt.MaxTime, To: receipt.MaxTime, Track: receipt.MaxTracks, Lost: receipt.MaxCount, Reason: reason.Code(strings.Repeat("x", 40)),
	}}, receipt.MaxLosses)
	most.Patches = slices.Repeat([]Patch{{Offset: 1 << 40, Bytes: make([]byte, MaxPatch)}}, MaxPatches)
	for name, l := range map[string]Live{"usual": recorded(), "most": most} {
		_, trailer, err := decode(bytes.NewReader(final(t, l)))
		if err != nil || !reflect.DeepEqual(trailer.Live, &l) {
			t.Errorf("%s: %+v, %v", name, trailer, err)
		}
	}
	for name, spoil := range map[string]func(*Live){
		"no tracks":     func(l *Live) { l.Tracks = nil },
		"many patches":  func(l *Live) { l.Patches = slices.Repeat(l.Patches[:1], MaxPatches+1) },
		"empty patch":   func(l *Live) { l.Patches[0].Bytes = nil },
		"long patch":    func(l *Live) { l.Patches[0].Bytes = make([]byte, MaxPatch+1) },
		"before it all": func(l *Live) { l.Patches[0].Offset = -1 },
		"lost":          func(l *Live) { l.Gaps[0].Lost = -1 },
	} {
		l := recorded()
		spoil(&l)
		if _, err := AppendFinal(nil, 0, Trailer{Live: &l}); reason.Of(err) != reason.FrameInvalid {
			t.Errorf("%s: written, %v", name, err)
		}
	}
	said := final(t, recorded())
	said = bytes.Replace(said, []byte(`"lost":3`), []byte(`"lost":-`), 1)
	if _, _, err := decode(bytes.NewReader(said)); reason.Of(err) != reason.FrameInvalid {
		t.Errorf("a trailer that is none: %v", err)
	}
}
