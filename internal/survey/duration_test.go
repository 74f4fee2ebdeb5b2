package survey

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/sample"
)

// The files of these tests are put together here, from what the formats say.

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// atom is a box with a size of 32 bits.
func atom(name string, parts ...[]byte) []byte {
	body := join(parts...)
	return join(be32(uint32(8+len(body))), []byte(name), body)
}

// largeAtom is a box with a size of 64 bits, as a large mdat has.
func largeAtom(name string, body []byte) []byte {
	return join(be32(1), []byte(name), be64(uint64(16+len(body))), body)
}

func mvhd(scale, length uint32) []byte {
	return atom("mvhd", make([]byte, 12), be32(scale), be32(length), make([]byte, 80))
}

func mvhd64(scale uint32, length uint64) []byte {
	return atom("mvhd", []byte{1, 0, 0, 0}, make([]byte, 16), be32(scale), be64(length), make([]byte, 80))
}

// piece is an EBML element with a size of eight bytes.
func piece(id string, parts ...[]byte) []byte {
	body := join(parts...)
	size := be64(uint64(len(body)))
	size[0] = 1
	return join([]byte(id), size, body)
}

// endless is one of unknown size.
func endless(id string, parts ...[]byte) []byte {
	return join([]byte(id), []byte{0xff}, join(parts...))
}

func matroska(parts ...[]byte) []byte {
	return join(piece(ebmlHeader, []byte("header")), join(parts...))
}

func float(n float64) []byte { return be64(math.Float64bits(n)) }

func riff(form string, parts ...[]byte) []byte {
	body := join(parts...)
	return join([]byte("RIFF"), le32(uint32(4+len(body))), []byte(form), body)
}

func riffChunk(name string, parts ...[]byte) []byte {
	body := join(parts...)
	if len(body)%2 != 0 {
		return join([]byte(name), le32(uint32(len(body))), body, []byte{0})
	}
	return join([]byte(name), le32(uint32(len(body))), body)
}

// format16 is a fmt chunk of stereo in 16 bits at 48 kHz.
func format16(tag uint16) []byte {
	return riffChunk("fmt ", binary.LittleEndian.AppendUint16(nil, tag), []byte{2, 0}, le32(48_000), le32(192_000), []byte{4, 0, 16, 0})
}

func aviStream(scale, rate, length uint32) []byte {
	return riffChunk("LIST", []byte("strl"), riffChunk("strh", make([]byte, 20), le32(scale), le32(rate), make([]byte, 4), le32(length), make([]byte, 20)))
}

func aviMain(micros, frames uint32) []byte {
	return riffChunk("avih", le32(micros), make([]byte, 12), le32(frames), make([]byte, 36))
}

const cluster = "\x1f\x43\xb6\x75"

// films are files and what Duration says of them; nothing is an error, of which
// why is a part.
var films = []struct {
	name string
	file []byte
	want time.Duration
	why  string
}{
	{"mp4", join(atom("ftyp", []byte("isom")), atom("moov", mvhd(1000, 90_500)), atom("mdat", make([]byte, 99))), 90_500 * time.Millisecond, ""},
	{"mp4 with its header behind", join(atom("ftyp"), largeAtom("mdat", make([]byte, 999)), atom("moov", atom("udta"), mvhd64(90_000, 90_000*7200))), 2 * time.Hour, ""},
	{"mp4 whose last box has no size", join(atom("ftyp"), be32(0), []byte("moov"), mvhd(600, 600)), time.Second, ""},
	{"mov", join(atom("wide"), atom("mdat"), atom("moov", mvhd(600, 1234))), 2057 * time.Millisecond, ""},
	{"mp4 of fragments", join(atom("ftyp"), atom("moov", mvhd(1000, 0), atom("mvex", atom("mehd", make([]byte, 4), be32(5000))))), 5 * time.Second, ""},
	{"mp4 of fragments, unknown", join(atom("ftyp"), atom("moov", mvhd64(1000, 1<<64-1), atom("mvex", atom("mehd", []byte{1, 0, 0, 0}, be64(6000))))), 6 * time.Second, ""},
	{"mp4 of fragments that does not say", join(atom("ftyp"), atom("moov", mvhd(1000, 0))), 0, "fragments"},
	{"mp4 cut off", join(atom("ftyp"), be32(5000), []byte("mdat")), 0, "cut off"},
	{"mp4 without its header", join(atom("ftyp"), atom("mdat")), 0, "\"moov\" is not there"},
	{"mp4 with a box smaller than itself", join(atom("ftyp"), be32(7), []byte("moovxxxx")), 0, "cut off"},
	{"mp4 with a box of nearly all bytes there are", join(atom("ftyp"), be32(1), []byte("moov"), be64(1<<63)), 0, "cut off"},
	{"mp4 without a second", join(atom("ftyp"), atom("moov", mvhd(0, 1000))), 0, "cut off"},
	{"mp4 longer than can be", join(atom("ftyp"), atom("moov", mvhd64(1, 1<<62))), 0, "cut off"},
	{"mp4 of no time", join(atom("ftyp"), atom("moov", mvhd(1<<20, 1))), 0, "no time"},
	{"mp4 of many boxes", join(atom("ftyp"), bytes.Repeat(atom("free"), maxLooks)), 0, "the first 4096"},

	{"matroska", matroska(piece(segmentElement, piece("\xec", make([]byte, 9)), piece(infoElement, piece(scaleElement, be32(1_000_000)[1:]), piece(durationElement, float(61_250))))), 61_250 * time.Millisecond, ""},
	{"webm", matroska(endless(segmentElement, piece(infoElement, piece(durationElement, be32(math.Float32bits(2500)))))), 2500 * time.Millisecond, ""},
	{"matroska in microseconds", matroska(piece(segmentElement, piece(infoElement, piece(scaleElement, []byte{3, 0xe8}), piece(durationElement, float(5_000_000))))), 5 * time.Second, ""},
	{"matroska with its header behind", matroska(endless(segmentElement, piece(cluster, make([]byte, 999)), piece(infoElement, piece(durationElement, float(1000))))), time.Second, ""},
	{"matroska cut off", matroska(piece(segmentElement, piece(infoElement, piece(durationElement, float(4000))), piece(cluster, make([]byte, 99))))[:100], 4 * time.Second, ""},
	{"matroska as it is recorded", matroska(endless(segmentElement, piece(infoElement), endless(cluster, make([]byte, 9)))), 0, "broken off"},
	{"matroska with an endless cluster", matroska(endless(segmentElement, endless(cluster, piece(infoElement, piece(durationElement, float(1)))))), 0, "is not there"},
	{"matroska that lasts no number", matroska(piece(segmentElement, piece(infoElement, piece(durationElement, float(math.NaN()))))), 0, "damaged"},
	{"matroska that lasts for ever", matroska(piece(segmentElement, piece(infoElement, piece(durationElement, float(math.Inf(1)))))), 0, "damaged"},
	{"matroska that lasts less than nothing", matroska(piece(segmentElement, piece(infoElement, piece(durationElement, float(-5))))), 0, "damaged"},
	{"matroska with a duration of three bytes", matroska(piece(segmentElement, piece(infoElement, piece(durationElement, []byte("abc"))))), 0, "damaged"},
	{"matroska of an impossible number", join([]byte(ebmlHeader), []byte{0, 0, 0}), 0, "damaged"},

	{"wav", riff("WAVE", format16(1), riffChunk("LIST", []byte("INFOodd")), riffChunk("data", make([]byte, 192_000*3/2))), 1500 * time.Millisecond, ""},
	{"wav from a pipe", riff("WAVE", format16(0xfffe), []byte("data"), le32(lengthElsewhere), make([]byte, 192_000)), time.Second, ""},
	{"wav that says too much", riff("WAVE", format16(3), []byte("data"), le32(1<<31), make([]byte, 384_000)), 2 * time.Second, ""},
	{"wav of 64 bits", join([]byte("RF64"), le32(lengthElsewhere), []byte("WAVE"), riffChunk("ds64", make([]byte, 8), le32(192_000), make([]byte, 12), []byte{0, 0, 0, 0}),
		format16(1), []byte("data"), le32(lengthElsewhere), make([]byte, 200_000)), time.Second, ""},
	{"wav compressed", riff("WAVE", format16(0x11), riffChunk("fact", le32(24_000)), riffChunk("data", make([]byte, 100))), 500 * time.Millisecond, ""},
	{"wav compressed without a count", riff("WAVE", format16(0x55), riffChunk("data", make([]byte, 96_000))), 500 * time.Millisecond, ""},
	{"wav without a format", riff("WAVE", riffChunk("data", make([]byte, 100)), format16(1)), 0, "in this order"},
	{"wav with a short format", riff("WAVE", riffChunk("fmt ", make([]byte, 4)), riffChunk("data")), 0, "cut off"},
	{"wav without a rate", riff("WAVE", riffChunk("fmt ", make([]byte, 16)), riffChunk("data", make([]byte, 9))), 0, "cut off"},

	{"avi", riff("AVI ", riffChunk("LIST", []byte("hdrl"), aviMain(40_000, 10), aviStream(1, 25, 100), aviStream(4, 192_000, 240_000))), 5 * time.Second, ""},
	{"avi by its main header", riff("AVI ", riffChunk("JUNK", make([]byte, 3)), riffChunk("LIST", []byte("hdrl"), aviMain(40_000, 50), aviStream(1, 0, 100))), 2 * time.Second, ""},
	{"avi as it is recorded", riff("AVI ", riffChunk("LIST", []byte("hdrl"), aviMain(40_000, 0), aviStream(1, 25, 0))), 0, "broken off"},
	{"avi with a short stream", riff("AVI ", riffChunk("LIST", []byte("hdrl"), riffChunk("LIST", []byte("strl"), riffChunk("strh", make([]byte, 8))))), 0, "cut off"},
	{"avi without headers", riff("AVI ", riffChunk("LIST", []byte("movi"))), 0, "\"hdrl\" is not there"},
	{"avi with a list of no kind", riff("AVI ", riffChunk("LIST", []byte("hd"))), 0, "cut off"},

	{"nothing", nil, 0, "it is no MP4"},
	{"text", []byte("1 ^ A ^ 1 x.avi\n"), 0, "it is no MP4"},
	{"another RIFF", riff("WEBP", make([]byte, 30)), 0, "it is no MP4"},
}

func TestDuration(t *testing.T) {
	for _, c := range films {
		got, err := Duration(bytes.NewReader(c.file), int64(len(c.file)))
		switch {
		case c.why == "" && (err != nil || got != c.want):
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s: %v, %v; want an error with %q", c.name, got, err, c.why)
		}
	}
}

// The films that this program makes itself are read too.
func TestDurationOfSample(t *testing.T) {
	for name, write := range map[string]func(io.WriteSeeker, int) error{"avi": sample.Write, "mp4": sample.WriteMP4} {
		f, err := os.Create(filepath.Join(t.TempDir(), "sample."+name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := write(f, 2); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Duration(f, info.Size()); err != nil || d != 2*time.Second {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}

// counted counts what is read.
type counted struct {
	*bytes.Reader
	reads, bytes int
}

func (c *counted) ReadAt(p []byte, offset int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.Reader.ReadAt(p, offset)
}

// Whatever a file says, little is read of it, and what comes out is a duration
// or an error.
func FuzzDuration(f *testing.F) {
	for _, c := range films {
		if len(c.file) < 4096 {
			f.Add(c.file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r := &counted{Reader: bytes.NewReader(file)}
		d, err := Duration(r, int64(len(file)))
		if err == nil && (d < time.Millisecond || d%time.Millisecond != 0) {
			t.Errorf("%v", d)
		}
		if err != nil && d != 0 {
			t.Errorf("%v with %v", d, err)
		}
		if r.reads > maxLooks+1 || r.bytes > (maxLooks+1)*maxPiece {
			t.Errorf("%d reads of %d bytes", r.reads, r.bytes)
		}
	})
}
