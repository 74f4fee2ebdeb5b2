package capture

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/feed"
)

// picture makes an image of YUYV.
func picture(b []byte, f Format) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, f.Width, f.Height), image.YCbCrSubsampleRatio422)
	for i := range f.Width * f.Height {
		m.Y[i] = b[2*i]
		if i%2 == 0 {
			m.Cb[i/2], m.Cr[i/2] = b[2*i+1], b[2*i+3]
		}
	}
	return m
}

// Every picture of a pattern tells its number and time after a strong
// compression; one that nobody takes in time is lost and counted.
func TestPattern(t *testing.T) {
	for _, size := range []string{"160x120", "320x180", "640x480", "162x1080", "1920x120"} {
		synctest.Test(t, func(t *testing.T) {
			p := OpenPattern(ask("pattern:?fps=30000/1001&size="+size), Now)
			var first time.Duration
			for n := range int64(12) {
				want := n
				if n >= 10 { // after the sleep
					want += 29 - cameraBuffers
				}
				b, err := p.Next()
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					first = b.At
				}
				if b.Sequence != want || (b.Lost != 0) != (n == 10) {
					t.Errorf("%s: picture %d has the number %d after %d lost", size, want, b.Sequence, b.Lost)
				}
				if off := b.At - first - time.Duration(float64(want)*1001/30000*1e9); off.Abs() > time.Microsecond {
					t.Errorf("%s: picture %d is off by %v", size, n, off)
				}
				var code bytes.Buffer
				if err := jpeg.Encode(&code, picture(b.Data, p.Format()), &jpeg.Options{Quality: 20}); err != nil {
					t.Fatal(err)
				}
				m, err := jpeg.Decode(&code)
				if err != nil {
					t.Fatal(err)
				}
				mark, err := ReadMark(m.(*image.YCbCr))
				if err != nil || mark.Number != want || mark.At != b.At.Truncate(time.Microsecond) {
					t.Errorf("%s: picture %d at %v reads as %v, %v", size, want, b.At, mark, err)
				}
				if n == 9 {
					<-time.After(1010 * ms) // 29 pictures are then due, of which a camera has some
				}
			}
			p.Wake()
			if _, err := p.Next(); !errors.Is(err, ErrWoken) {
				t.Errorf("after a wake: %v", err)
			}
		})
	}
}

func TestReadMarkOfNothing(t *testing.T) {
	for _, r := range []image.Rectangle{image.Rect(0, 0, 640, 480), image.Rect(0, 0, 8, 8), {}} {
		if m, err := ReadMark(image.NewYCbCr(r, image.YCbCrSubsampleRatio420)); err == nil {
			t.Errorf("an empty picture is %v", m)
		}
	}
}

// The tone has its frequency, and its samples tell where they are from, through
// cuts at any place.
func TestTone(t *testing.T) {
	for _, location := range []string{"tone:", "tone:?rate=44100&channels=1&bits=24&frequency=1000", "tone:?rate=8000&channels=8&bits=32"} {
		synctest.Test(t, func(t *testing.T) {
			a := ask(location)
			d := OpenTone(a, Now)
			f := d.Format()
			var samples []byte
			var first time.Duration
			for n := range 100 {
				b, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					first = b.At
				}
				if b.Lost != 0 || b.Sequence != int64(n*f.SampleRate/100) || b.At-first != time.Duration(n)*10*ms {
					t.Fatalf("%s: block %d has the number %d at %v, %d lost", location, n, b.Sequence, b.At-first, b.Lost)
				}
				samples = append(samples, b.Data...)
			}
			if got := crossings(samples, f); math.Abs(got-float64(a.Frequency)) > 1.5 {
				t.Errorf("%s: %.1f Hz", location, got)
			}
			low := LowBits(samples, f)
			whole := int64(f.SampleRate / positionBits * positionBits)
			if runs := ReadPositions(low); len(runs) != 1 || runs[0] != (Run{0, whole, 0}) {
				t.Errorf("%s: %v", location, runs)
			}
			runs := ReadPositions(append(append([]byte{}, low[100:1000]...), low[1500:]...))
			if len(runs) != 2 || runs[0] != (Run{128, 832, 28}) || runs[1].Position != 1536 || runs[1].At != 936 {
				t.Errorf("%s: after a cut %v", location, runs)
			}
		})
	}
}

// crossings is the frequency by how often the first channel rises through 0.
func crossings(samples []byte, f Format) float64 {
	rises, before := 0, false
	for ; len(samples) >= f.FrameBytes(); samples = samples[f.FrameBytes():] {
		positive := samples[f.Bits/8-1] < 0x80
		if positive && !before {
			rises++
		}
		before = positive
	}
	return float64(rises)
}

func TestToneLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := OpenTone(ask("tone:"), Now)
		if _, err := d.Next(); err != nil {
			t.Fatal(err)
		}
		<-time.After(2*time.Second + 10*ms) // of which 500 ms are kept
		b, err := d.Next()
		if err != nil || b.Lost != 48_000*3/2 || b.Sequence != 480+b.Lost {
			t.Errorf("%d lost, number %d, %v", b.Lost, b.Sequence, err)
		}
	})
}

func BenchmarkPattern720(b *testing.B) {
	p := OpenPattern(&feed.Ask{Kind: feed.Pattern, Width: 1280, Height: 720, Rate: feed.Fraction{Num: 30, Den: 1}}, Now)
	for i := range b.N {
		p.draw(Mark{Number: int64(i)})
	}
}
