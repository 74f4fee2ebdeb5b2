package record

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

const ms = time.Millisecond

func asks(t testing.TB, location string) []*feed.Ask {
	t.Helper()
	f, err := feed.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return f.Asks()
}

// sources opens what is made.
func sources(t testing.TB, location string) []Source {
	t.Helper()
	var all []Source
	for _, a := range asks(t, location) {
		k, err := capture.Keep(func() (capture.Device, error) {
			if a.Kind == feed.Tone {
				return capture.OpenTone(a), nil
			}
			return capture.OpenPattern(a), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Source{k, a})
	}
	return all
}

// files gives the two files of a spool, and how one is made in them.
func files(t testing.TB, limit int64) (data, marks *os.File, create func([]byte) (*spool.Writer, error)) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	data, marks = open("data"), open("mark")
	return data, marks, func(head []byte) (*spool.Writer, error) {
		return spool.Create(spool.OS(data), spool.OS(marks), head, limit)
	}
}

// blocks reads a recording from its front to its end, and checks that clusters
// are short.
func blocks(t testing.TB, r io.ReaderAt, size int64) (matroska.Contents, []matroska.Block) {
	t.Helper()
	c, err := matroska.ReadHead(r, size)
	if err != nil {
		t.Fatal(err)
	}
	var all []matroska.Block
	for at := c.Clusters; ; {
		cluster, err := matroska.ReadCluster(r, at, size)
		if err == io.EOF {
			return c, all
		}
		if err != nil {
			t.Fatal(err)
		}
		first, last := cluster.Blocks[0].At, cluster.Blocks[0].At
		for _, b := range cluster.Blocks {
			first, last = min(first, b.At), max(last, b.At)
		}
		if last-first > ClusterSpan {
			t.Errorf("a cluster of %v", last-first)
		}
		all = append(all, cluster.Blocks...)
		at = cluster.End
	}
}

func patched(t testing.TB, f *os.File, patches []matroska.Patch) (*bytes.Reader, int64) {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range patches {
		copy(b[p.Offset:], p.Bytes)
	}
	return bytes.NewReader(b), int64(len(b))
}

// What a pattern and a tone give is read back from the file: none lost, none
// doubled, in order, at the right times, and picture and sound belong together.
func TestRecord(t *testing.T) {
	data, _, create := files(t, 1<<30)
	var report Report
	synctest.Test(t, func(t *testing.T) {
		s := sources(t, "pattern:?size=160x120&fps=30000/1001+tone:?channels=1")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		if report, err = Record(ctx, "A pattern", s, create); err != nil {
			t.Fatal(err)
		}
	})
	r, size := patched(t, data, report.Patches)
	c, all := blocks(t, r, size)
	if c.Title != "A pattern" || c.Duration < 4900*ms || c.Duration > 5100*ms || c.Cues == 0 || c.Cues >= size {
		t.Errorf("the head says %+v", c)
	}
	var low []byte
	pictures, base := int64(0), time.Duration(-1)
	var sound time.Duration
	for _, b := range all {
		if b.Track == 2 {
			if len(low) == 0 {
				sound = b.At
			}
			if off := (b.At - sound - time.Duration(len(low))*time.Second/48_000).Abs(); off > 2*ms {
				t.Fatalf("sound frame %d is off by %v", len(low), off)
			}
			low = append(low, capture.LowBits(b.Data, capture.Format{SampleRate: 48_000, Channels: 1, Bits: 16})...)
			continue
		}
		m, err := jpeg.Decode(bytes.NewReader(b.Data))
		if err != nil {
			t.Fatal(err)
		}
		mark, err := capture.ReadMark(m.(*image.YCbCr))
		if err != nil {
			t.Fatal(err)
		}
		if pictures == 0 {
			base = mark.At - b.At
		}
		if off := (mark.At - b.At - base).Abs(); mark.Number != pictures || off > ms || !b.Key {
			t.Errorf("picture %d has the number %d and is off by %v", pictures, mark.Number, off)
		}
		pictures++
	}
	runs := capture.ReadPositions(low)
	if len(runs) != 1 || runs[0].Frames < int64(len(low))-128 {
		t.Errorf("the sound has the runs %v of %d", runs, len(low))
	}
	if pictures != 150 || report.Tracks[0] != (Tally{150, 150, 0}) || report.Tracks[1].Frames != int64(len(low)) || len(report.Gaps) != 0 {
		t.Errorf("%d pictures and %d sound frames; the report says %+v", pictures, len(low), report)
	}
	// Both began at the same time: what the tone had before the first picture
	// was taken is not there, and nothing else is missing.
	if first := runs[0].Position - runs[0].At; (sound - time.Duration(first)*time.Second/48_000).Abs() > 2*ms {
		t.Errorf("the sound begins at %v with frame %d", sound, first)
	}
}

// A spool that is full ends the recording with what is there.
func TestRecordFull(t *testing.T) {
	data, marks, create := files(t, 200_000)
	var report Report
	synctest.Test(t, func(t *testing.T) {
		var err error
		report, err = Record(t.Context(), "", sources(t, "tone:"), create)
		if reason.Of(err) != reason.SpoolFull {
			t.Errorf("%v", err)
		}
	})
	r, size := patched(t, data, report.Patches)
	_, all := blocks(t, r, size)
	if m, err := spool.Follow(data, marks).Mark(); err != nil || !m.Ended || m.Offset != size || len(all) < 90 || len(all) > 110 {
		t.Errorf("%v, %v, %d blocks of 10 ms", m, err, len(all))
	}
}

func TestRecordRefused(t *testing.T) {
	for _, location := range []string{"pattern:?encode=h264", "tone:?encode=flac"} {
		_, err := Record(t.Context(), "", sources(t, location), func([]byte) (*spool.Writer, error) { return nil, errors.New("it begins") })
		if reason.Of(err) != reason.DeviceUnfit {
			t.Errorf("%s: %v", location, err)
		}
	}
}
