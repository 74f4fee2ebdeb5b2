package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
)

// Message is what who captures says to who records: one of its fields.
type Message struct {
	// Track is how the device's packets are kept. It is said first.
	Track *matroska.Track
	// Packet is one of them. Its data is that of the message.
	Packet *Packet
	// Missing is what is missing at the end, behind the last packet.
	Missing *capture.Gap
}

// A message is
//
//	1 u8 · the track as JSON
//	2 u8 · flags u8 · bytes of the code u8 · bytes of the detail u8 · 0 u32 · at i64 · sequence i64 · frames i64 · from i64 · to i64 · lost i64 · code · detail · data
//	3 u8 · the same, without data
//
// little-endian.
const (
	sayTrack, sayPacket, sayMissing = 1, 2, 3
	flagKey, flagGap                = 1, 2
	packetHead                      = 8 + 6*8

	// Overhead is the most bytes of a message besides a packet's data.
	Overhead = packetHead + 2*255
	// maxTrack is the most bytes of a track.
	maxTrack = 256 << 10
	// mostLost and mostFrames are more than there can be.
	mostLost, mostFrames = 1 << 48, 1 << 32
)

// Append appends m to b.
func (m Message) Append(b []byte) ([]byte, error) {
	switch {
	case m.Track != nil:
		text, err := json.Marshal(m.Track)
		return append(append(b, sayTrack), text...), err
	case m.Packet != nil:
		return append(header(b, sayPacket, *m.Packet), m.Packet.Data...), nil
	}
	return header(b, sayMissing, Packet{Gap: m.Missing}), nil
}

func header(b []byte, kind byte, p Packet) []byte {
	gap, flags := capture.Gap{}, byte(0)
	if p.Gap != nil {
		gap, flags = *p.Gap, flagGap
	}
	if p.Key {
		flags |= flagKey
	}
	code, detail := gap.Code[:min(len(gap.Code), 255)], gap.Detail[:min(len(gap.Detail), 255)]
	b = append(b, kind, flags, byte(len(code)), byte(len(detail)), 0, 0, 0, 0)
	for _, n := range []int64{int64(p.At), p.Sequence, p.Frames, int64(gap.From), int64(gap.To), gap.Lost} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return append(append(b, code...), detail...)
}

// ParseMessage reads a message, whose bytes it goes on using. Who says it may be
// in the hands of a device: what no device can have said is an error.
func ParseMessage(b []byte) (Message, error) {
	switch {
	case len(b) > 0 && b[0] == sayTrack && len(b) <= maxTrack:
		d := json.NewDecoder(bytes.NewReader(b[1:]))
		d.DisallowUnknownFields()
		var t matroska.Track
		if err := d.Decode(&t); err != nil {
			return Message{}, fmt.Errorf("record: a track: %w", err)
		}
		return Message{Track: &t}, checkTrack(t)
	case len(b) >= packetHead && (b[0] == sayPacket || b[0] == sayMissing):
		return parsePacket(b)
	}
	return Message{}, fmt.Errorf("record: a message of %d bytes that is none", len(b))
}

func checkTrack(t matroska.Track) error {
	sound := t.SampleRate >= feed.MinRate && t.SampleRate <= feed.MaxRate && t.Channels >= 1 && t.Channels <= feed.MaxChannels && t.Bits >= 0 && t.Bits <= 32
	picture := t.Width <= feed.MaxSide && t.Height >= 1 && t.Height <= feed.MaxSide && len(t.FourCC) <= 4
	if t.Width < 0 || t.Picture() && !picture || !t.Picture() && !sound || len(t.Codec) > 64 {
		return reason.New(reason.DeviceUnfit, "a track cannot be %q, %dx%d, %d Hz, %d channels, %d bits", t.Codec, t.Width, t.Height, t.SampleRate, t.Channels, t.Bits)
	}
	return nil
}

func parsePacket(b []byte) (Message, error) {
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8+8*i:])) }
	code, detail := int(b[2]), int(b[3])
	if len(b) < packetHead+code+detail {
		return Message{}, fmt.Errorf("record: a packet of %d bytes", len(b))
	}
	text := b[packetHead:]
	p := Packet{At: time.Duration(at(0)), Sequence: at(1), Frames: at(2), Key: b[1]&flagKey != 0, Data: text[code+detail:]}
	if b[1]&flagGap != 0 {
		p.Gap = &capture.Gap{From: time.Duration(at(3)), To: time.Duration(at(4)), Lost: at(5),
			Code: reason.Code(text[:code]), Detail: string(text[code : code+detail])}
		if !p.Gap.Code.Valid() || p.Gap.Lost < 0 || p.Gap.Lost > mostLost {
			return Message{}, fmt.Errorf("record: a gap of %d that are lost for %q", p.Gap.Lost, p.Gap.Code)
		}
	}
	if p.Frames < 0 || p.Frames > mostFrames || p.At < 0 {
		return Message{}, fmt.Errorf("record: a packet of %d frames at %v", p.Frames, p.At)
	}
	if b[0] == sayMissing {
		return Message{Missing: p.Gap}, nil
	}
	return Message{Packet: &p}, nil
}
