package capture

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

const ms = time.Millisecond

func TestCameraAgrees(t *testing.T) {
	for location, c := range map[string]struct {
		offers []string
		want   feed.Format
		why    string // of the refusal
	}{
		"/dev/video0":                           {[]string{"YUYV", "NV12", "MJPG"}, feed.MJPEG, ""},
		"/dev/video1":                           {[]string{"RGB3", "NV12", "YUYV"}, feed.YUYV, ""},
		"/dev/video0?encode=raw":                {[]string{"MJPG", "NV12"}, feed.NV12, ""},
		"/dev/video0?encode=h264":               {[]string{"YUYV", "H264"}, feed.H264, ""},
		"/dev/video0?format=nv12":               {[]string{"YUYV", "NV12"}, feed.NV12, ""},
		"/dev/video0?format=yuyv":               {[]string{"NV12"}, "", "none of the formats [yuyv]; it has NV12"},
		"/dev/video0?encode=raw&fps=15":         {[]string{"MJPG", "H264"}, "", "none of the formats"},
		"/dev/video0?size=320x240&encode=mjpeg": {[]string{"JPEG"}, feed.MJPEG, ""},
	} {
		driver := &camera{formats: c.offers, width: 640, height: 360, interval: [2]uint32{1, 25}}
		got, err := openCamera(driver.system(), nil, ask(location), time.Second)
		if c.why != "" {
			if reason.Of(err) != reason.DeviceUnfit || !strings.Contains(err.Error(), c.why) || driver.closed != 1 {
				t.Errorf("%s of %v: %v", location, c.offers, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %v: %v", location, c.offers, err)
			continue
		}
		f := got.Format()
		if f.Pixels != c.want || f.Width != 640 || f.Height != 360 || f.Rate != (feed.Fraction{Num: 25, Den: 1}) || f.Device != "A camera" {
			t.Errorf("%s of %v gives %v", location, c.offers, f)
		}
		if !driver.streams || len(driver.queued) != cameraBuffers {
			t.Errorf("it does not stream: %v", driver.queued)
		}
		if err := got.Close(); err != nil || driver.streams || driver.closed != 1 || driver.mapped != 0 {
			t.Errorf("after closing: streams %v, closed %d times, %d mapped, %v", driver.streams, driver.closed, driver.mapped, err)
		}
	}
}

func TestCameraBusy(t *testing.T) {
	driver := &camera{formats: []string{"YUYV"}, width: 64, height: 64, busy: unix.EBUSY}
	if _, err := openCamera(driver.system(), nil, ask("/dev/video0"), time.Second); reason.Of(err) != reason.DeviceBusy || driver.closed != 1 {
		t.Errorf("a device that another holds: %v", err)
	}
}

// Numbers that the driver left out, damaged and short pictures are lost; all
// the others come, in order, with their times.
func TestCameraLosses(t *testing.T) {
	driver := &camera{formats: []string{"YUYV"}, width: 64, height: 64}
	c, err := openCamera(driver.system(), nil, ask("/dev/video0"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	top := ^uint32(0)
	driver.filled = []shot{
		{sequence: top - 1, at: 10 * ms}, {sequence: top, at: 20 * ms}, {sequence: 0, at: 30 * ms}, // the count wraps
		{sequence: 3, at: 60 * ms},                                                                 // 1 and 2 were left out
		{sequence: 4, flags: v4l2BufError}, {sequence: 5, bytes: 100}, {sequence: 7, at: 100 * ms}, // 4, 5, 6
		{sequence: 7, at: 110 * ms}, // a driver that does not count
	}
	var got []Buffer
	for range 6 {
		b, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		b.Data = slices.Clone(b.Data[:1])
		got = append(got, b)
	}
	want := []Buffer{
		{[]byte{254}, 10 * ms, 0, 0}, {[]byte{255}, 20 * ms, 1, 0}, {[]byte{0}, 30 * ms, 2, 0},
		{[]byte{3}, 60 * ms, 5, 2}, {[]byte{7}, 100 * ms, 9, 3}, {[]byte{7}, 110 * ms, 10, 0},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if len(driver.queued) != cameraBuffers-1 {
		t.Errorf("%d buffers are with the driver", len(driver.queued))
	}
}

func TestCameraFails(t *testing.T) {
	for name, c := range map[string]struct {
		shots []shot
		want  reason.Code
	}{
		"unplugged": {[]shot{{err: unix.ENODEV}}, reason.DeviceAbsent},
		"broken":    {[]shot{{err: unix.EIO}}, reason.DeviceFailed},
		"silent":    {nil, reason.DeviceHung},
		"lying":     {[]shot{{bytes: 1 << 20}}, reason.DeviceFailed},
	} {
		driver := &camera{formats: []string{"MJPG"}, width: 64, height: 64}
		d, err := openCamera(driver.system(), nil, ask("/dev/video0"), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		driver.filled = c.shots
		if _, err := d.Next(); reason.Of(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenNode(t *testing.T) {
	if _, err := OpenNode("/dev/video-that-is-not-there"); reason.Of(err) != reason.DeviceAbsent {
		t.Errorf("a device that is not there: %v", err)
	}
	if _, err := OpenNode(t.TempDir() + "/"); err == nil {
		t.Error("a directory is a device")
	}
	f, err := OpenNode("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	// Go's runtime would poll it, which starts some cameras.
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("an open device has the flags %#x, %v", flags, err)
	}
	if err := f.SetDeadline(time.Now()); err == nil {
		t.Error("Go's runtime polls an open device")
	}
	if _, err := OpenCamera(f, ask("/dev/video0"), time.Second); reason.Of(err) != reason.DeviceUnfit {
		t.Errorf("/dev/null is a camera: %v", err)
	}
	if f, err = OpenNode("/dev/null"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMicrophone(f, ask("alsa:hw:0"), time.Second); reason.Of(err) != reason.DeviceUnfit {
		t.Errorf("/dev/null is a microphone: %v", err)
	}
}

// Waiting ends by what comes, by time, and by being woken, before or during it.
func TestNodeWaits(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	n, sys, err := openNode(r)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.close()
	if err := sys.wait(ms); !errors.Is(err, errSilent) {
		t.Errorf("of a silent device: %v", err)
	}
	w.Write([]byte{1})
	if err := sys.wait(time.Minute); err != nil {
		t.Errorf("of a device with something: %v", err)
	}
	n.Wake()
	for range 2 {
		if err := sys.wait(time.Minute); !errors.Is(err, ErrWoken) {
			t.Errorf("after a wake: %v", err)
		}
	}
}
