//go:build root

// What other programs make of the recordings: Debian's ffmpeg is installed for
// it, where it is not there.
package record

import (
	"bytes"
	"context"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/matroska"
)

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		c := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "ffmpeg")
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			os.Stderr.WriteString("record: ffmpeg cannot be installed: " + err.Error() + "\n")
		}
	}
	os.Exit(m.Run())
}

// recorded makes a recording, and gives it as it was while it grew and as it is
// when it has ended.
func recorded(t *testing.T, location string, lasts time.Duration) (grown, ended []byte) {
	t.Helper()
	reel := newReel(t, 1<<30)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		clock := bubble()
		if err := record(ctx, "La cámara", sources(t, location, clock), clock, reel.create); err != nil {
			t.Fatal(err)
		}
	})
	grown, err := os.ReadFile(reel.data.Name())
	if err != nil {
		t.Fatal(err)
	}
	return grown, reel.delivered(t, 0)
}

// run runs a program on a file and gives what it prints. It must not complain.
func program(t *testing.T, file []byte, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.mkv")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "FILE", path)
	}
	var said, out bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Errorf("%s %v of %d bytes: %v\n%s", name, args, len(file), err, said.Bytes())
	}
	return out.String()
}

func probe(t *testing.T, file []byte) string {
	t.Helper()
	return program(t, file, "ffprobe", "-v", "error", "-of", "compact=nk=1", "-show_entries", "format=duration:stream=codec_name,pix_fmt,width,channels,sample_rate", "FILE")
}

func decode(t *testing.T, file []byte) {
	t.Helper()
	program(t, file, "ffmpeg", "-v", "error", "-xerror", "-i", "FILE", "-f", "null", "-")
}

// Each form of recording is understood, ended and growing, and says how long it
// lasts when it has ended.
func TestPlayers(t *testing.T) {
	for location, want := range map[string][]string{
		"pattern:?size=320x180+tone:":            {"mjpeg|320|yuvj420p", "pcm_s16le|48000|2", "format|3.0"},
		"pattern:?size=320x180&encode=raw":       {"rawvideo|320|yuyv422"},
		"tone:?bits=24&rate=96000&channels=6":    {"pcm_s24le|96000|6"},
		"tone:?bits=32&rate=8000&channels=1":     {"pcm_s32le|8000|1"},
		"pattern:?size=320x180&fps=10&quality=1": {"mjpeg|320"},
	} {
		grown, ended := recorded(t, location, 3*time.Second)
		for name, file := range map[string][]byte{"growing": grown, "ended": ended} {
			said := probe(t, file)
			for _, w := range want {
				if !strings.Contains(said, w) && (name == "ended" || !strings.HasPrefix(w, "format")) {
					t.Errorf("%s, %s: no %q in %q", location, name, w, said)
				}
			}
			decode(t, file)
		}
	}
}

// A recording that is cut off anywhere after its first cluster is understood as
// far as it goes.
func TestCutAnywhere(t *testing.T) {
	grown, _ := recorded(t, "pattern:?size=160x120+tone:?channels=1&rate=16000", 2*time.Second)
	r := bytes.NewReader(grown)
	c, err := matroska.ReadHead(r, int64(len(grown)))
	if err != nil {
		t.Fatal(err)
	}
	first, err := matroska.ReadCluster(r, c.Clusters, int64(len(grown)))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		decode(t, grown[:first.End+random.Int64N(int64(len(grown))-first.End)])
		if t.Failed() {
			return
		}
	}
}

// What a player seeks is what was taken then: the picture of the fifth second,
// and the tone.
func TestSeek(t *testing.T) {
	_, ended := recorded(t, "pattern:?size=320x180&fps=10+tone:?frequency=1000&channels=1", 8*time.Second)
	if all := numbers(t, ended, 320, 180, "-ss", "5", "-t", "1"); len(all) != 10 || all[0] != 50 {
		t.Errorf("from 5 s on there are the pictures %v", all)
	}
	sound := program(t, ended, "ffmpeg", "-v", "error", "-xerror", "-ss", "3", "-t", "2", "-i", "FILE", "-vn", "-f", "s16le", "-")
	rises, before := 0, false
	for r := strings.NewReader(sound); ; {
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			break
		}
		positive := b[1] < 0x80
		if positive && !before {
			rises++
		}
		before = positive
	}
	if hz := float64(rises) / 2; math.Abs(hz-1000) > 3 {
		t.Errorf("the tone has %.1f Hz", hz)
	}
}
