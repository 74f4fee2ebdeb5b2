//go:build root

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// real are the tests that run in the guest, with vivid as /dev/video0 and
// snd-aloop as card 0: what only real drivers can prove, the ioctls as they are.
var real = []struct {
	name string
	test func(*testing.T)
}{
	{"camera", realCamera}, {"camera held", realCameraBusy}, {"camera unplugged", realCameraUnplugged},
	{"microphone", realMicrophone}, {"microphone overrun", realMicrophoneOverrun}, {"absent", realAbsent}, {"list", realList},
}

const camera0, recorder0, player0 = "/dev/video0", "/dev/snd/pcmC0D1c", "/dev/snd/pcmC0D0p"

func openReal(t *testing.T, location string) (Device, error) {
	t.Helper()
	a := ask(location)
	path, err := Node(a, "/sys/class/sound")
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenNode(path)
	if err != nil {
		return nil, err
	}
	if a.Kind == feed.ALSA {
		return OpenMicrophone(f, a, 2*time.Second)
	}
	return OpenCamera(f, a, 2*time.Second)
}

// Each format streams with its numbers and times.
func realCamera(t *testing.T) {
	for _, location := range []string{
		camera0 + "?size=320x180&fps=30", camera0 + "?size=640x480&fps=10&format=nv12", camera0 + "?size=320x180&fps=25&encode=raw",
	} {
		d, err := openReal(t, location)
		if err != nil {
			t.Fatalf("%s: %v", location, err)
		}
		f := d.Format()
		t.Logf("%s: %s gives %v, %d bytes a line, %d a picture", location, f.Device, f, f.Stride, f.Largest)
		want := ask(location)
		if f.Width != want.Width || f.Height != want.Height {
			t.Errorf("%s gives %v", location, f)
		}
		var first, last Buffer
		lost := int64(0)
		for n := range 30 {
			b, err := d.Next()
			if err != nil {
				t.Fatalf("%s: picture %d: %v", location, n, err)
			}
			// vivid stamps a picture with the end of its time, up to a period ahead.
			if off := Now() - b.At; off < -110*ms || off > 2*time.Second {
				t.Errorf("%s: picture %d was taken %v ago", location, n, off)
			}
			if n == 0 {
				first = b
			} else if b.Sequence != last.Sequence+1+b.Lost || b.At <= last.At {
				t.Errorf("%s: number %d at %v after number %d at %v, %d lost", location, b.Sequence, b.At, last.Sequence, last.At, b.Lost)
			}
			lost += b.Lost
			last = b
		}
		period := (last.At - first.At) / time.Duration(last.Sequence-first.Sequence)
		t.Logf("%s: a picture each %v, %d lost", location, period, lost)
		if asked := time.Second * time.Duration(want.Rate.Den) / time.Duration(want.Rate.Num); (period - asked).Abs() > asked/10 {
			t.Errorf("%s: a picture each %v instead of %v", location, period, asked)
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// A second program that wants the same camera hears why not, and has it later.
func realCameraBusy(t *testing.T) {
	d, err := openReal(t, camera0+"?size=320x180&fps=30")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openReal(t, camera0+"?size=640x480&fps=30"); reason.Of(err) != reason.DeviceBusy {
		t.Errorf("a camera that is held: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = openReal(t, camera0+"?size=640x480&fps=30"); err != nil {
		t.Fatalf("a camera that was let go: %v", err)
	}
	d.Close()
}

// driver unbinds the camera's driver and binds it again.
func driver(t *testing.T, what string) {
	t.Helper()
	if err := os.WriteFile("/sys/bus/platform/drivers/vivid/"+what, []byte("vivid.0"), 0); err != nil {
		t.Fatal(err)
	}
}

// A camera that is unplugged and plugged in again leaves a gap.
func realCameraUnplugged(t *testing.T) {
	k, err := Keep(func() (Device, error) { return openReal(t, camera0+"?size=320x180&fps=30") })
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var before, after Buffer
	for range 10 {
		if before, _, err = k.Next(); err != nil {
			t.Fatal(err)
		}
	}
	driver(t, "unbind")
	time.AfterFunc(2*time.Second, func() { driver(t, "bind") })
	var gap *Gap
	for gap == nil {
		if after, gap, err = k.Next(); err != nil {
			t.Fatal(err)
		}
		if gap == nil {
			before = after
		}
	}
	t.Logf("the gap: %v to %v, %d lost, %s, %s", gap.From, gap.To, gap.Lost, gap.Code, gap.Detail)
	if gap.Code != reason.DeviceAbsent || gap.To-gap.From < 1500*ms || gap.To != after.At || after.Sequence != before.Sequence+1+gap.Lost {
		t.Errorf("number %d at %v, then %d at %v", before.Sequence, before.At, after.Sequence, after.At)
	}
}

// play plays a tone on the other side of the loopback until stop is closed.
func play(t *testing.T, a *feed.Ask, stop <-chan struct{}) <-chan struct{} {
	t.Helper()
	f, err := OpenNode(player0)
	if err != nil {
		t.Fatal(err)
	}
	m := &Microphone{}
	n, sys, err := openNode(f)
	if err != nil {
		t.Fatal(err)
	}
	m.sys = sys
	if err := m.agree(a); err != nil {
		t.Fatal(err)
	}
	if err := sys.ioctl(pcmPrepare, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	tone := OpenTone(&feed.Ask{Kind: feed.Tone, SampleRate: m.format.SampleRate, Channels: m.format.Channels, Bits: m.format.Bits, Frequency: a.Frequency}, Now)
	go func() {
		defer close(done)
		defer sys.close()
		const pcmWrite = 0x40184150 // SNDRV_PCM_IOCTL_WRITEI_FRAMES
		frames, next := int64(m.format.SampleRate/100), int64(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			samples := tone.Samples(next, frames)
			if sampleForms[m.form].bytes*8 != sampleForms[m.form].bits { // 24 bits in four bytes
				packed := samples
				samples = nil
				for ; len(packed) > 0; packed = packed[3:] {
					samples = append(samples, packed[0], packed[1], packed[2], 0)
				}
			}
			x := alsaTransfer{buf: unsafe.Pointer(&samples[0]), frames: uint64(frames)}
			err := sys.ioctl(pcmWrite, unsafe.Pointer(&x))
			switch {
			case err == nil:
				next += x.result
			case errors.Is(err, unix.EAGAIN):
				fds := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLOUT}}
				unix.Poll(fds, 100)
			case errors.Is(err, unix.EPIPE):
				sys.ioctl(pcmPrepare, nil)
			default:
				t.Error(err)
				return
			}
		}
	}()
	return done
}

// What the other side plays is recorded, sample by sample, in each form.
func realMicrophone(t *testing.T) {
	for _, location := range []string{"alsa:hw:Loopback,1?rate=48000&channels=2", "alsa:hw:0,1?rate=44100&channels=1&bits=32", "alsa:hw:0,1?rate=16000&channels=4&bits=24"} {
		a := ask(location)
		played := *a
		played.Frequency = 440
		stop := make(chan struct{})
		done := play(t, &played, stop)
		d, err := openReal(t, location)
		if err != nil {
			t.Fatalf("%s: %v", location, err)
		}
		f := d.Format()
		t.Logf("%s: %s gives %v", location, f.Device, f)
		var all bytes.Buffer
		var first, last Buffer
		for all.Len() < 2*f.SampleRate*f.FrameBytes() {
			b, err := d.Next()
			if err != nil {
				t.Fatalf("%s: %v", location, err)
			}
			// The time is smoothed: of a card that stands still and then catches up,
			// as under an emulator that has to wait, it may run ahead.
			if off := Now() - b.At; off < -40*ms || off > time.Second {
				t.Errorf("%s: a block began %v ago", location, off)
			}
			if all.Len() == 0 {
				first = b
			}
			last = b
			all.Write(b.Data)
		}
		close(stop)
		<-done
		rate := float64(last.Sequence-first.Sequence) / (last.At - first.At).Seconds()
		low := LowBits(all.Bytes(), f)
		runs := ReadPositions(low)
		known := int64(0)
		for _, r := range runs {
			known += r.Frames
		}
		half := all.Bytes()[f.SampleRate*f.FrameBytes():]
		hz := rises(half, f)
		t.Logf("%s: %.1f samples a second by its clock, %.1f Hz, %d of %d sound frames known in %d runs, %d lost", location, rate, hz, known, len(low), len(runs), last.Lost)
		if math.Abs(rate-float64(f.SampleRate)) > float64(f.SampleRate)/50 || math.Abs(hz-440) > 5 || int(known) < len(low)*8/10 {
			t.Errorf("%s: not what was played", location)
		}
		if _, err := openReal(t, location); reason.Of(err) != reason.DeviceBusy {
			t.Errorf("%s: a microphone that is held: %v", location, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rises is the frequency of the first channel, by how often it rises through 0
// with some distance.
func rises(samples []byte, f Format) float64 {
	n, low := 0, false
	for ; len(samples) >= f.FrameBytes(); samples = samples[f.FrameBytes():] {
		v := int16(binary.LittleEndian.Uint16(samples[f.Bits/8-2:]))
		switch {
		case v < -1000:
			low = true
		case v > 1000 && low:
			n, low = n+1, false
		}
	}
	return float64(n)
}

// A recorder that nobody reads for longer than its memory lasts tells the loss.
func realMicrophoneOverrun(t *testing.T) {
	d, err := openReal(t, "alsa:hw:0,1?rate=48000&channels=2")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var last Buffer
	for range 20 {
		if last, err = d.Next(); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(1500 * ms)
	for {
		b, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b.Lost != 0 {
			t.Logf("%d sound frames lost, from %v to %v", b.Lost, last.At, b.At)
			if b.Lost < 24_000 || b.Lost > 96_000 || b.At <= last.At {
				t.Errorf("%d lost after 1.5 s of which at most 0.5 s are kept", b.Lost)
			}
			return
		}
		if b.Sequence > 10*48_000 {
			t.Fatal("no loss in ten seconds")
		}
		last = b
	}
}

func realAbsent(t *testing.T) {
	if _, err := openReal(t, "/dev/video77"); reason.Of(err) != reason.DeviceAbsent {
		t.Error(err)
	}
}

// All that is there is listed with what it can do.
func realList(t *testing.T) {
	offers := make(map[string]Offer)
	for _, f := range Find("/dev", "/sys/class/sound") {
		node, err := OpenNode(f.Node)
		if err != nil {
			t.Errorf("%v: %v", f, err)
			continue
		}
		o, err := Look(node, f.Kind)
		if err != nil {
			t.Errorf("%v: %v", f, err)
		}
		t.Logf("%s: %+v", f.Location, o)
		offers[f.Location] = o
	}
	camera, sound := offers["v4l2:"+camera0], offers["alsa:hw:Loopback,1"]
	want := Shape{Pixels: feed.YUYV, Width: 640, Height: 360}
	known := slices.ContainsFunc(camera.Shapes, func(s Shape) bool {
		return s.Pixels == want.Pixels && s.Width == want.Width && s.Height == want.Height && slices.Contains(s.Rates, feed.Fraction{Num: 30, Den: 1})
	})
	if !known || !slices.Contains(sound.Bits, 16) || sound.SampleRates[1] != 192_000 || sound.Channels[0] != 1 {
		t.Errorf("not all is known: %+v", offers)
	}
	// Looking leaves it free.
	d, err := openReal(t, camera0+"?size=320x180")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
