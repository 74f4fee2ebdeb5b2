//go:build root

package record

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
)

// ffmpeg starts the real encoder, joined by a socket as its supervisor does.
func ffmpeg(t testing.TB, a *feed.Ask, kept *[]*exec.Cmd) Start {
	return func() (io.ReadWriteCloser, error) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		its := os.NewFile(uintptr(pair[1]), "encoder")
		ours := os.NewFile(uintptr(pair[0]), "encoder")
		conn, err := net.FileConn(ours)
		ours.Close()
		if err != nil {
			return nil, err
		}
		c := exec.Command("ffmpeg", Arguments(a)...)
		c.Stdin, c.Stdout, c.Stderr = its, its, os.Stderr
		err = c.Start()
		its.Close()
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() {
			c.Process.Kill()
			c.Wait()
		})
		if kept != nil {
			*kept = append(*kept, c)
		}
		return conn, nil
	}
}

// form is a pattern as a camera of another format would give it.
type form struct {
	*capture.PatternCamera
	format capture.Format
	film   [][]byte // its pictures in H.264
}

func (f *form) Format() capture.Format { return f.format }

func (f *form) Next() (capture.Buffer, error) {
	b, err := f.PatternCamera.Next()
	if err != nil {
		return b, err
	}
	switch w, h := f.format.Width, f.format.Height; f.format.Pixels {
	case feed.MJPEG:
		b.Data = compressed(b.Data, w, h)
	case feed.NV12:
		b.Data = inTwoPlanes(b.Data, w, h)
	case feed.H264:
		b.Data = f.film[b.Sequence%int64(len(f.film))]
	}
	return b, nil
}

func compressed(yuyv []byte, w, h int) []byte {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio422)
	for i := range w * h {
		m.Y[i] = yuyv[2*i]
		if i%2 == 0 {
			m.Cb[i/2], m.Cr[i/2] = yuyv[2*i+1], yuyv[2*i+3]
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func inTwoPlanes(yuyv []byte, w, h int) []byte {
	out := make([]byte, w*h*3/2)
	for y := range h {
		for x := range w {
			out[y*w+x] = yuyv[2*(y*w+x)]
			if y%2 == 0 {
				out[w*h+y/2*w+x] = yuyv[2*(y*w+x)+1]
			}
		}
	}
	return out
}

// inH264 is a pattern of n pictures as a camera would encode it, one to begin at
// in each tenth.
func inH264(t *testing.T, a *feed.Ask, n int64) [][]byte {
	t.Helper()
	var raw bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		p := capture.OpenPattern(a, capture.Now)
		for range n {
			b, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			raw.Write(b.Data)
		}
	})
	stream := program(t, raw.Bytes(), "ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuyv422", "-s", fmt.Sprintf("%dx%d", a.Width, a.Height), "-i", "FILE",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "10", "-sc_threshold", "0", "-x264-params", "aud=1:slices=1", "-pix_fmt", "yuv420p", "-f", "h264", "-")
	begin := "\x00\x00\x00\x01\x09"
	var pictures [][]byte
	for _, p := range strings.Split(stream, begin)[1:] {
		pictures = append(pictures, []byte(begin+p))
	}
	if int64(len(pictures)) != n {
		t.Fatalf("%d pictures became %d", n, len(pictures))
	}
	return pictures
}

// filmed records a device for a while as it is asked, in true time, and says how
// much the gaps say that is lost.
func filmed(t *testing.T, lasts time.Duration, all ...source) (file []byte, lost int64) {
	t.Helper()
	reel := newReel(t, 1<<30)
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	if err := record(ctx, "", all, capture.Now, reel.create); err != nil {
		t.Fatal(err)
	}
	last, gaps := reel.report(t)
	for _, g := range gaps {
		if g.Code != reason.DeviceOverrun { // a machine that is too slow
			t.Errorf("the gap %+v", g)
		}
	}
	return reel.delivered(t, 0), last.Tracks[0].Lost
}

// numbers reads which pictures of a pattern ffmpeg sees in a file, as it is told to
// read that.
func numbers(t *testing.T, file []byte, w, h int, how ...string) []int64 {
	t.Helper()
	args := append(append([]string{"-v", "error", "-xerror"}, how...), "-i", "FILE", "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	raw := []byte(program(t, file, "ffmpeg", args...))
	var all []int64
	for size := w * h * 3 / 2; len(raw) >= size; raw = raw[size:] {
		m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
		copy(m.Y, raw)
		mark, err := capture.ReadMark(m)
		if err != nil {
			t.Fatalf("picture %d: %v", len(all), err)
		}
		all = append(all, mark.Number)
	}
	return all
}

// Every format of a camera, kept in every way that there is, is decoded by ffmpeg:
// each picture once and in order, none lost that is not told.
func TestForms(t *testing.T) {
	const w, h = 320, 180
	for _, c := range []struct {
		pixels feed.Format
		coding feed.Coding
		codec  string
	}{
		{feed.YUYV, feed.CodeMJPEG, "mjpeg|320|180"}, {feed.NV12, feed.CodeMJPEG, "mjpeg|320|180"}, {feed.MJPEG, feed.CodeMJPEG, "mjpeg|320|180"},
		{feed.YUYV, feed.CodeRaw, "rawvideo|320|180|yuyv422"}, {feed.NV12, feed.CodeRaw, "rawvideo|320|180|nv12"},
		{feed.H264, feed.CodeH264, "h264|320|180"},
		{feed.YUYV, feed.CodeH264, "h264|320|180"}, {feed.NV12, feed.CodeH264, "h264|320|180"}, {feed.MJPEG, feed.CodeH264, "h264|320|180"},
	} {
		t.Run(fmt.Sprintf("%s as %s", c.pixels, c.coding), func(t *testing.T) {
			a := asks(t, fmt.Sprintf("pattern:?size=%dx%d&fps=15", w, h))[0]
			var film [][]byte
			if c.pixels == feed.H264 {
				film = inH264(t, a, 100)
			}
			t.Parallel() // they wait for their pictures
			p := capture.OpenPattern(a, capture.Now)
			f := p.Format()
			f.Pixels, f.Device = c.pixels, "form"
			switch c.pixels {
			case feed.NV12:
				f.Stride = w
			case feed.MJPEG, feed.H264:
				f.Stride = 0
			}
			ask := *a
			ask.Coding = c.coding
			file, lost := filmed(t, 3*time.Second, source{Keeper: keep(t, &form{p, f, film}), ask: &ask, start: ffmpeg(t, &ask, nil)})
			if said := program(t, file, "ffprobe", "-v", "error", "-of", "compact=nk=1:p=0", "-show_entries", "stream=codec_name,width,height,pix_fmt", "FILE"); !strings.HasPrefix(said, c.codec) {
				t.Errorf("it is %q, not %s", said, c.codec)
			}
			all := numbers(t, file, w, h)
			if n := int64(len(all)); n > 0 && all[n-1]-all[0]+1 != n+lost || !slices.IsSorted(all) {
				t.Fatalf("there are the pictures %v, and %d are told to be lost", all, lost)
			}
			if len(all) < 30 || c.coding != feed.CodeH264 && all[0] != 0 {
				t.Errorf("%d pictures from %d on", len(all), all[0])
			}
			t.Logf("%d pictures from %d on, %d bytes", len(all), all[0], len(file))
		})
	}
}

// An encoder that is killed costs a gap, and the file can be decoded all the same;
// a picture and a sound stay together.
func TestEncoderKilled(t *testing.T) {
	const w, h = 320, 180
	all := sources(t, fmt.Sprintf("pattern:?size=%dx%d&fps=25&encode=h264+tone:?encode=flac", w, h), capture.Now)
	var kept []*exec.Cmd
	all[0].start = ffmpeg(t, all[0].ask, &kept)
	reel := newReel(t, 1<<30)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	kill := time.AfterFunc(2*time.Second, func() { kept[0].Process.Kill() })
	defer kill.Stop()
	if err := record(ctx, "", all, capture.Now, reel.create); err != nil {
		t.Fatal(err)
	}
	file := reel.delivered(t, 0)
	decode(t, file)
	seen := numbers(t, file, w, h)
	last, gaps := reel.report(t)
	t.Logf("%d pictures, %+v, %+v", len(seen), last, gaps)
	lost, told := int64(0), int64(0)
	for i := 1; i < len(seen); i++ {
		lost += seen[i] - seen[i-1] - 1
	}
	for _, g := range gaps {
		if g.Track == 1 {
			told += g.Lost
		}
	}
	gaps = slices.DeleteFunc(gaps, func(g spool.Gap) bool { return g.Code == reason.DeviceOverrun }) // a machine that is too slow
	if len(gaps) != 1 || told != lost || gaps[0].Code != reason.EncoderFailed || gaps[0].From < 1500*ms || gaps[0].To > 4500*ms || len(kept) != 2 || int64(len(seen)) != last.Tracks[0].Frames {
		t.Errorf("pictures %v, %d encoders", seen, len(kept))
	}
}

// Every form of sound, kept in both ways, is decoded by ffmpeg to what it was,
// sample by sample.
func TestSoundForms(t *testing.T) {
	for _, rate := range []int{8000, 44_100, 48_000, 192_000} {
		for _, channels := range []int{1, 2, 8} {
			for _, bits := range []int{16, 24, 32} {
				for _, coding := range []string{"pcm", "flac"} {
					if coding == "flac" && bits == 32 || channels == 8 && rate%48_000 != 0 || channels == 1 && rate > 8000 {
						continue
					}
					location := fmt.Sprintf("tone:?rate=%d&channels=%d&bits=%d&encode=%s", rate, channels, bits, coding)
					_, ended := recorded(t, location, 600*ms)
					raw := []byte(program(t, ended, "ffmpeg", "-v", "error", "-xerror", "-i", "FILE", "-f", fmt.Sprintf("s%dle", bits), "-c:a", fmt.Sprintf("pcm_s%dle", bits), "-"))
					f := capture.Format{SampleRate: rate, Channels: channels, Bits: bits}
					tone := capture.OpenTone(asks(t, location)[0], capture.Now)
					var want []byte
					for len(want) < len(raw) {
						b, err := tone.Next()
						if err != nil {
							t.Fatal(err)
						}
						want = append(want, b.Data...)
						if len(want) > f.FrameBytes()*rate/5 {
							break // the rest is compared by its positions
						}
					}
					runs := capture.ReadPositions(capture.LowBits(raw, f))
					n := int64(len(raw) / f.FrameBytes())
					if len(runs) != 1 || runs[0].Frames < n-128 || n < int64(rate)/2 || !bytes.HasPrefix(raw, want[:min(len(want), len(raw))]) {
						t.Errorf("%s: %d sound frames in the runs %v", location, n, runs)
					}
				}
			}
		}
	}
}

// An hour with a card that is 100 ppm slow: what a player goes by, the times of
// packets, stays with the pictures, though the card gave 0.36 s less of samples
// than it says it would.
func TestPlayersKeepTime(t *testing.T) {
	const rate, slow = 8000, 100e-6
	f := capture.Format{SampleRate: rate, Channels: 1, Bits: 16}
	track, err := TrackOf(f, &feed.Ask{Coding: feed.CodeFLAC})
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMux(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 16, Height: 16}, track}})
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.NewBuffer(bytes.Clone(m.Head()))
	put := func(track int, p Packet) {
		d, err := m.Add(track, p)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			file.Write(d.Bytes)
		}
	}
	still := compressed(bytes.Repeat([]byte{128}, 16*16*2), 16, 16)
	put(1, Packet{Data: still, At: time.Hour, Frames: 1, Key: true})
	e, err := newFLAC(f, func(p Packet) { put(2, p) })
	if err != nil {
		t.Fatal(err)
	}
	truly := func(frames int64) time.Duration { return time.Duration(float64(frames) / (rate * (1 - slow)) * 1e9) }
	period := sound(f, rate/100, sounds["tone"])
	pictures := int64(0)
	for n := int64(0); truly(n) < time.Hour; n += rate / 100 {
		for ; time.Duration(pictures+1)*200*ms < truly(n); pictures++ {
			put(1, Packet{Data: still, At: time.Hour + time.Duration(pictures+1)*200*ms, Frames: 1, Key: true})
		}
		e.Put(capture.Buffer{Data: period, At: time.Hour + truly(n), Sequence: n}, nil)
	}
	e.Close()
	said := program(t, file.Bytes(), "ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "packet=stream_index,pts_time", "FILE")
	var last [2]float64
	counted := [2]int64{}
	for line := range strings.Lines(said) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		i := slices.Index([]string{"0", "1"}, fields[0])
		at, err := strconv.ParseFloat(fields[1], 64)
		if i < 0 || err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		last[i] = at
		counted[i]++
	}
	// The block of sound number n begins with sample n·320 of the card.
	want := truly((counted[1] - 1) * rate / flacPerSecond).Seconds()
	samples := float64((counted[1]-1)*rate/flacPerSecond) / rate
	t.Logf("after an hour: the last picture at %.3f s, the last sound at %.3f s, where %.3f s of samples are", last[0], last[1], samples)
	if math.Abs(last[1]-want) > 0.002 || math.Abs(last[0]-float64(counted[0]-1)*0.2) > 0.002 || math.Abs(last[1]-samples) < 0.3 {
		t.Errorf("the last sound is at %.3f s instead of %.3f s", last[1], want)
	}
}
