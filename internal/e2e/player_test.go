//go:build root

package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/lab"
	"videoclub/internal/sample"
)

// cardOf makes the film that make run delivers, of a few seconds.
func cardOf(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "test-card.mp4")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sample.WriteMP4(f, 8); err != nil {
		t.Fatal(err)
	}
	return path
}

// The film that make run delivers is what Debian's ffmpeg reads without a word
// of complaint.
func TestSamplePlays(t *testing.T) {
	t.Parallel()
	if err := lab.Need(t.Context(), map[string]string{"ffmpeg": "ffmpeg"}); err != nil {
		t.Fatal(err)
	}
	path := cardOf(t, t.TempDir())
	said := string(ffmpeg(t, "ffprobe", "-of", "compact=nk=1", "-show_entries", "format=duration:stream=codec_name,profile,width,height,color_range,nb_frames", path))
	for _, want := range []string{"h264|Constrained Baseline|640|360|pc|200", "flac|", "format|8.000000"} {
		if !strings.Contains(said, want) {
			t.Errorf("ffprobe says %q, without %q", said, want)
		}
	}
	if whole := ffmpeg(t, "ffmpeg", "-xerror", "-i", path, "-map", "0:v", "-f", "rawvideo", "-"); len(whole) != 8*sample.FrameRate*sample.Width*sample.Height*3/2 {
		t.Errorf("its pictures come to %d bytes", len(whole))
	}
	if sound := ffmpeg(t, "ffmpeg", "-xerror", "-i", path, "-map", "0:a", "-f", "s16le", "-"); len(sound) != 8*sample.SampleRate*4 || bytes.Count(sound, []byte{0}) == len(sound) {
		t.Errorf("its sound comes to %d bytes", len(sound))
	}
}

// The reception's console in a real browser: the film of make run, which the
// browser plays by itself, and begins anywhere; an AVI, and a recording whose
// sound is FLAC, which it cannot, and plays with the script; without a script; and
// while the reception is away.
func TestReceptionInBrowser(t *testing.T) {
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	short := filepath.Join(c.dir, "short.avi")
	f, err := os.Create(short)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sample.Write(f, 2), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{
		c.ask(c.add("Test card", cardOf(t, c.dir), 1), "cinema.test").ID,
		c.ask(c.add("Short card", short, 1), "cinema.test").ID,
		c.ask(c.add("Pattern and FLAC", "pattern:?size=320x180&fps=10+tone:?frequency=1000&encode=flac", 0.05), "cinema.test").ID,
	} {
		c.deposited(id)
	}
	// A console that goes away and comes back, at one address.
	way := newProxy(t)
	behind := func(from int) {
		ready := r.log.await(t, from, saying("ready ", "console="))
		way.setTarget(strings.Trim(strings.TrimPrefix(field(ready, "console"), "http:"), "/"))
	}
	behind(0)
	drive(t, "player.js", drivenBy{Gallery: "http://" + way.address() + "/"}, func(line string) {
		switch line {
		case "cut":
			way.setTarget("")
			r.kill()
		case "join":
			from := r.log.mark()
			r.start()
			behind(from)
		}
	})
}
