package record

import (
	"bytes"
	"image"
	"image/jpeg"
	"slices"
	"testing"
	"testing/synctest"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// Pictures come out in order; what finds no room is a gap before the next, as
// is one that is damaged.
func TestPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := capture.Format{Pixels: feed.MJPEG, Width: 2048, Height: 1024} // of which no more than the fewest may wait
		hold := make(chan struct{})
		var got []int64
		var gaps []capture.Gap
		p := NewPress(f, asks(t, "/dev/video0")[0], func(q Packet) {
			<-hold
			got = append(got, q.Sequence)
			if q.Gap != nil {
				gaps = append(gaps, *q.Gap)
			}
		})
		put := func(n int64, data string) {
			p.Put(capture.Buffer{Data: []byte(data), At: ms * 10 * 1, Sequence: n}, nil)
			synctest.Wait()
		}
		const good = "\xff\xd8"
		for n := range int64(1 + spare) {
			put(n, good)
		}
		put(5, good) // no room
		put(6, good)
		close(hold)
		synctest.Wait()
		put(7, good)
		put(8, "what is this")
		put(9, good)
		p.Close()
		if want := []int64{0, 1, 2, 3, 4, 7, 9}; !slices.Equal(got, want) {
			t.Errorf("%v came, not %v", got, want)
		}
		if len(gaps) != 2 || gaps[0].Lost != 2 || gaps[0].Code != reason.DeviceOverrun || gaps[1].Lost != 1 || gaps[1].Code != reason.DeviceFailed {
			t.Errorf("the gaps are %+v", gaps)
		}
	})
}

// Of two gaps that follow each other the larger one has the word.
func TestMerge(t *testing.T) {
	slow := &capture.Gap{From: 100 * ms, To: 133 * ms, Lost: 1, Code: reason.DeviceOverrun, Detail: "slow"}
	gone := &capture.Gap{From: 133 * ms, To: 4133 * ms, Lost: 119, Code: reason.DeviceAbsent, Detail: "gone"}
	back := &capture.Gap{From: 4133 * ms, To: 4200 * ms, Lost: 2, Code: reason.DeviceOverrun, Detail: "slow"}
	want := capture.Gap{From: 100 * ms, To: 4200 * ms, Lost: 122, Code: reason.DeviceAbsent, Detail: "gone"}
	if got := merge(merge(slow, gone), back); *got != want {
		t.Errorf("it is %+v", got)
	}
	if got := merge(slow, merge(gone, back)); *got != want {
		t.Errorf("the other way about it is %+v", got)
	}
	if merge(nil, slow) != slow || merge(slow, nil) != slow || merge(nil, nil) != nil {
		t.Error("one alone does not stay as it is")
	}
}

// The same picture comes out of every format, with lines that are longer than
// what is seen.
func TestCoder(t *testing.T) {
	const w, h, stride = 64, 32, 200
	luma := func(x, y int) byte { return byte(16 + 3*x + y) }
	yuyv, nv12 := make([]byte, stride*h), make([]byte, stride*h*3/2)
	for y := range h {
		for x := range w {
			yuyv[y*stride+2*x], nv12[y*stride+x] = luma(x, y), luma(x, y)
			yuyv[y*stride+2*x+1] = []byte{90, 160}[x%2]
			nv12[stride*h+y/2*stride+x] = []byte{90, 160}[x%2]
		}
	}
	for _, c := range []struct {
		pixels feed.Format
		raw    []byte
	}{{feed.YUYV, yuyv}, {feed.NV12, nv12}} {
		f := capture.Format{Pixels: c.pixels, Width: w, Height: h, Stride: stride}
		var out bytes.Buffer
		if !newCoder(f, &feed.Ask{Coding: feed.CodeMJPEG, Quality: 100}).code(&out, c.raw) {
			t.Fatalf("%s was not encoded", c.pixels)
		}
		got, err := jpeg.Decode(&out)
		if err != nil {
			t.Fatal(err)
		}
		m := got.(*image.YCbCr)
		for y := range h {
			for x := range w {
				o := m.COffset(x, y)
				for _, d := range []int{int(m.Y[m.YOffset(x, y)]) - int(luma(x, y)), int(m.Cb[o]) - 90, int(m.Cr[o]) - 160} {
					if d < -3 || d > 3 {
						t.Fatalf("%s: the pixel at %d, %d is off by %d", c.pixels, x, y, d)
					}
				}
			}
		}
		out.Reset()
		if !newCoder(f, &feed.Ask{Coding: feed.CodeRaw}).code(&out, c.raw) {
			t.Fatal("raw was not kept")
		}
		if want := map[feed.Format]int{feed.YUYV: w * h * 2, feed.NV12: w * h * 3 / 2}[c.pixels]; out.Len() != want || !bytes.Equal(out.Bytes()[want/h*2:][:w], c.raw[map[feed.Format]int{feed.YUYV: 2 * stride, feed.NV12: 3 * stride}[c.pixels]:][:w]) {
			t.Errorf("%s raw has %d bytes, not %d", c.pixels, out.Len(), want)
		}
	}
}

func benchmark(b *testing.B, size string) {
	a := asks(b, "pattern:?size="+size)[0]
	d := capture.OpenPattern(a, capture.Now)
	buf, err := d.Next()
	if err != nil {
		b.Fatal(err)
	}
	c := newCoder(d.Format(), a)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		c.code(&out, buf.Data)
	}
	b.SetBytes(int64(len(buf.Data)))
}

func BenchmarkJPEG480(b *testing.B) { benchmark(b, "640x480") }
func BenchmarkJPEG720(b *testing.B) { benchmark(b, "1280x720") }
