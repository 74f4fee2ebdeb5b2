package record

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

func messages(t testing.TB) (all []Message, said [][]byte) {
	t.Helper()
	gap := &capture.Gap{From: -1, To: time.Second, Lost: 3, Code: reason.DeviceHung, Detail: "nothing came"}
	all = []Message{
		{Track: &matroska.Track{Codec: "V_MJPEG", Width: 640, Height: 480}},
		{Track: &matroska.Track{Codec: "A_PCM/INT/LIT", SampleRate: 48_000, Channels: 2, Bits: 16, Private: []byte{1, 2}}},
		{Packet: &Packet{Data: []byte("data"), At: time.Hour, Sequence: 7, Frames: 480, Key: true}},
		{Packet: &Packet{Data: []byte{}, At: time.Hour, Frames: 1, Gap: gap}},
		{Missing: gap},
		{},
	}
	for _, m := range all {
		b, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, b)
	}
	return all, said
}

func TestMessage(t *testing.T) {
	all, said := messages(t)
	for i, b := range said {
		if got, err := ParseMessage(b); err != nil || !reflect.DeepEqual(got, all[i]) {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
	for _, wrong := range []Message{
		{Track: &matroska.Track{Width: 1 << 20, Height: 2}}, {Track: &matroska.Track{SampleRate: 1, Channels: 2}}, {Track: &matroska.Track{Width: -1, SampleRate: 48_000, Channels: 2}},
		{Packet: &Packet{Frames: -1}}, {Packet: &Packet{At: -1}}, {Packet: &Packet{Gap: &capture.Gap{Lost: -1, Code: reason.DeviceHung}}},
		{Missing: &capture.Gap{Code: "not a code"}},
	} {
		b, err := wrong.Append(nil)
		if err == nil {
			_, err = ParseMessage(b)
		}
		if err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

func FuzzMessage(f *testing.F) {
	_, said := messages(f)
	for _, b := range said {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		again, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Packet != nil && !bytes.Equal(m.Packet.Data, b[len(b)-len(m.Packet.Data):]) {
			t.Error("the data is another")
		}
		if n, err := ParseMessage(again); err != nil || !reflect.DeepEqual(m, n) {
			t.Errorf("%+v, %+v, %v", m, n, err)
		}
	})
}
