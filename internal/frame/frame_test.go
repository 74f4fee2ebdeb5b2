package frame

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"videoclub/internal/reason"
)

// noise gives n bytes that do not compress, the same for the same n.
func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(p)
	return p
}

// text gives n bytes that compress well.
func text(n int) []byte {
	return bytes.Repeat([]byte("all that is sent arrives whole; "), n/32+1)[:n]
}

// stream gives the frames of source from offset on, as they cross the wire.
func stream(t testing.TB, source []byte, offset int) []byte {
	t.Helper()
	e := NewEncoder()
	var out []byte
	for at := offset; at < len(source); {
		n := min(SourceSize, len(source)-at)
		before := len(out)
		out, _ = e.Append(out, int64(at), source[at:at+n])
		if len(out)-before > MaxMember {
			t.Fatalf("a frame of %d source bytes has %d bytes, more than %d", n, len(out)-before, MaxMember)
		}
		at += n
	}
	out, err := AppendFinal(out, int64(len(source)), Trailer{SHA256: strings.Repeat("0", 64), Frames: Frames(int64(len(source)))})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// decode reads a whole stream back.
func decode(r io.Reader) ([]byte, *Trailer, error) {
	d, member, buf := NewDecoder(), make([]byte, MaxMember), make([]byte, SourceSize)
	var out []byte
	for {
		h, err := Read(r, member)
		if err != nil {
			return out, nil, err
		}
		_, src, trailer, err := d.Decode(member[:h.Member], buf)
		if err != nil {
			return out, nil, err
		}
		out = append(out, src...)
		if h.Final {
			return out, trailer, nil
		}
	}
}

var lengths = []int{0, 1, 255_999, 256_000, 256_001, 700_000}

func TestRoundTrip(t *testing.T) {
	for _, n := range lengths {
		for name, source := range map[string][]byte{"noise": noise(n), "text": text(n), "zeros": make([]byte, n)} {
			wire := stream(t, source, 0)
			for reader, r := range map[string]io.Reader{
				"whole": bytes.NewReader(wire), "halves": iotest.HalfReader(bytes.NewReader(wire)), "bytes": iotest.OneByteReader(bytes.NewReader(wire)),
			} {
				if reader == "bytes" && n > 256_000 {
					continue
				}
				got, trailer, err := decode(r)
				if err != nil || !bytes.Equal(got, source) || trailer.Frames != Frames(int64(n)) {
					t.Fatalf("%d of %s read as %s: %v, %d bytes, %+v", n, name, reader, err, len(got), trailer)
				}
			}
			if name == "noise" && len(wire) > n+n/1000+512 {
				t.Errorf("%d bytes that do not compress grew to %d", n, len(wire))
			}
		}
	}
}

// What crosses the wire is a .gz file to the real zcat and to Go, from any
// offset on (MISSION C5). 100 MiB crosses in the tests of whole deliveries.
func TestGzipReadsTheStream(t *testing.T) {
	zcat, err := exec.LookPath("zcat")
	if err != nil {
		t.Fatalf("zcat (package gzip) is needed: %v", err)
	}
	for _, n := range lengths {
		for name, source := range map[string][]byte{"noise": noise(n), "text": text(n)} {
			for _, offset := range []int{0, SourceSize, 2 * SourceSize} {
				if offset > n {
					continue
				}
				wire := stream(t, source, offset)
				cmd := exec.Command(zcat)
				cmd.Stdin = bytes.NewReader(wire)
				got, err := cmd.Output()
				if err != nil || !bytes.Equal(got, source[offset:]) {
					t.Errorf("zcat of %d of %s from %d: %v, %d bytes", n, name, offset, err, len(got))
				}
				r, err := gzip.NewReader(bytes.NewReader(wire))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, source[offset:]) {
					t.Errorf("gunzip in Go of %d of %s from %d: %v, %d bytes", n, name, offset, err, len(got))
				}
			}
		}
	}
}

// Every byte of a frame changed, to several values: refused with a reason, or
// the same bytes (padding bits of deflate).
func TestEveryByteChanged(t *testing.T) {
	for name, source := range map[string][]byte{"noise": noise(900), "text": text(5000), "empty": nil} {
		wire := stream(t, source, 0)
		for i := range wire {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := bytes.Clone(wire)
				bad[i] ^= flip
				got, trailer, err := decode(bytes.NewReader(bad))
				switch {
				case err == nil && bytes.Equal(got, source) && trailer.Frames == Frames(int64(len(source))):
				case err == nil:
					t.Fatalf("%s: byte %d of %d changed by %#x gave other bytes", name, i, len(wire), flip)
				case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
				case reason.Of(err) == reason.FrameInvalid || reason.Of(err) == reason.Version:
				default:
					t.Fatalf("%s: byte %d changed by %#x: no reason in %v", name, i, flip, err)
				}
			}
		}
	}
}

// A stream cut anywhere is never taken for a whole one.
func TestCutIsNotTheEnd(t *testing.T) {
	wire := stream(t, text(3000), 0)
	for n := range wire {
		if _, _, err := decode(bytes.NewReader(wire[:n])); err == nil {
			t.Fatalf("cut at %d of %d was taken for whole", n, len(wire))
		}
	}
}

func TestLimits(t *testing.T) {
	good := stream(t, text(1000), 0)
	put32 := func(at int, v uint32) []byte {
		p := bytes.Clone(good)
		p[at], p[at+1], p[at+2], p[at+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		return p
	}
	for name, p := range map[string][]byte{
		"source length":      put32(28, SourceSize+1),
		"huge source length": put32(28, 1<<31),
		"member length":      put32(32, MaxMember+1),
		"huge member length": put32(32, 1<<32-1),
		"tiny member length": put32(32, 40),
		"huge offset":        put32(24, 1<<31-1),
		"no source":          put32(28, 0),
	} {
		if _, _, err := decode(bytes.NewReader(p)); reason.Of(err) != reason.FrameInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := AppendFinal(nil, 0, Trailer{SHA256: strings.Repeat("0", MaxTrailer)}); err == nil {
		t.Error("a trailer beyond its limit was made")
	}
	largest, err := AppendFinal(nil, 0, Trailer{SHA256: strings.Repeat("0", MaxTrailer-30)})
	if err != nil || len(largest) > MaxMember {
		t.Errorf("the largest trailer: %v, %d bytes", err, len(largest))
	}
}

// The example of docs/PROTOCOL.md is what this package makes, byte for byte.
func TestProtocolExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```hex\n(.*?)```").FindSubmatch(doc)
	if block == nil {
		t.Fatal("docs/PROTOCOL.md has no hex example")
	}
	var digits strings.Builder
	for line := range strings.Lines(string(block[1])) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	want, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := NewEncoder().Append(nil, 0, []byte("hola\n"))
	got, err = AppendFinal(got, 5, Trailer{SHA256: "133ee989293f92736301280c6f14c89d521200c17dcdcecca30cd20705332d44", Frames: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the example is out of date; it is now\n%s", hex.Dump(got))
	}
}

func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 1, 300} {
		f.Add(stream(f, noise(n), 0))
		f.Add(stream(f, text(n), 0))
	}
	f.Add(final(f, recorded()))
	f.Add([]byte{0x1f, 0x8b, 8, 4})
	f.Fuzz(func(t *testing.T, wire []byte) {
		source, trailer, err := decode(bytes.NewReader(wire))
		if len(source) > len(wire)*1100 {
			t.Fatalf("%d bytes out of %d", len(source), len(wire))
		}
		if err != nil || trailer == nil {
			return
		}
		// What is taken for a whole stream is also one for gunzip.
		r, err := gzip.NewReader(bytes.NewReader(wire))
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(true)
		got, err := io.ReadAll(r)
		if !bytes.HasPrefix(got, source) {
			t.Fatalf("gunzip gives %d other bytes: %v", len(got), err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for name, source := range map[string][]byte{"noise": noise(SourceSize), "text": text(SourceSize)} {
		b.Run(name, func(b *testing.B) {
			e, dst := NewEncoder(), make([]byte, 0, MaxMember)
			b.SetBytes(SourceSize)
			for b.Loop() {
				e.Append(dst, 0, source)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, source := range map[string][]byte{"noise": noise(SourceSize), "text": text(SourceSize)} {
		b.Run(name, func(b *testing.B) {
			d, buf := NewDecoder(), make([]byte, SourceSize)
			member, _ := NewEncoder().Append(nil, 0, source)
			b.SetBytes(SourceSize)
			for b.Loop() {
				d.Decode(member, buf)
			}
		})
	}
}
