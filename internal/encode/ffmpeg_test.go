//go:build root

package encode

import (
	"io"
	"os/exec"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/record"
)

// Debian's ffmpeg encodes within the sandbox: large pictures too, within its
// memory.
func TestFFmpeg(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		if out, err := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "ffmpeg").CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg cannot be installed: %v\n%s", err, out)
		}
		program = "/usr/bin/ffmpeg"
	}
	s := spawner(t)
	for _, location := range []string{"pattern:?size=320x180&fps=25&encode=h264", "pattern:?size=1920x1080&fps=2&encode=h264"} {
		f, err := feed.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		a := f.Picture
		k, err := capture.Keep(func() (capture.Device, error) { return capture.OpenPattern(a, capture.Now), nil })
		if err != nil {
			t.Fatal(err)
		}
		var encoder *Encoder
		stream, err := record.Open(k, a, func() (io.ReadWriteCloser, error) {
			e, f, err := Start(s, program, a)
			if err != nil {
				return nil, err
			}
			encoder = e
			return Take(f)
		})
		if err != nil {
			t.Fatalf("%s: %v", location, err)
		}
		if track := stream.Track(); track.Width != a.Width || track.Height != a.Height || len(track.Private) == 0 {
			t.Errorf("%s: %+v", location, track)
		}
		n := int64(0)
		if err := stream.Run(func(p record.Packet) {
			if n > 0 && p.Gap != nil {
				t.Errorf("%s: %+v before picture %d", location, p.Gap, p.Sequence)
			}
			if n++; n == 20 {
				k.Wake()
			}
		}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-encoder.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the encoder does not end with its pictures", location)
		}
		t.Log(encoder.End())
		k.Close()
	}
}
