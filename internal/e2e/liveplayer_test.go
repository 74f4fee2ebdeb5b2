//go:build root

package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	device "videoclub/internal/capture"
	"videoclub/internal/lab"
	"videoclub/internal/matroska"
)

// ffmpeg runs one of its programs, which must not fail: it may say that a file
// ends sooner than it should.
func ffmpeg(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var out, said bytes.Buffer
	c := exec.Command(name, append([]string{"-v", "error"}, args...)...)
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, said.Bytes())
	}
	return out.Bytes()
}

// What is deposited of a live title is a file that Debian's ffmpeg plays, also of
// a delivery that joined late; it seeks, it has the picture and the tone of the
// time that is sought, and what was there of it at any moment plays as far as it
// goes.
func TestLivePlays(t *testing.T) {
	t.Parallel()
	if err := lab.Need(t.Context(), map[string]string{"ffmpeg": "ffmpeg"}); err != nil {
		t.Fatal(err)
	}
	r, other := startReception(t, ""), startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""}, link{"rex.test", other, ""})
	n := c.add("La cámara", "pattern:?size=320x180&fps=25+tone:?frequency=1000", 0.15)
	first := c.ask(n, "mateo.test")
	c.past(first.ID, 400_000)
	second := c.ask(n, "rex.test")
	for place, id := range map[*reception]int64{r: first.ID, other: second.ID} {
		signed, w := place.provenLive(c.deposited(id))
		path := filepath.Join(place.store, signed.Path)
		if said := string(ffmpeg(t, "ffprobe", "-of", "compact=nk=1", "-show_entries", "format=duration:stream=codec_name,width", path)); !strings.Contains(said, "mjpeg|320") ||
			!strings.Contains(said, "pcm_s16le") || !strings.Contains(said, fmt.Sprintf("format|%d.", signed.Duration/1000)) {
			t.Errorf("ffprobe says %q of %+v", said, signed)
		}
		ffmpeg(t, "ffmpeg", "-xerror", "-i", path, "-f", "null", "-")
		shot, err := jpeg.Decode(bytes.NewReader(ffmpeg(t, "ffmpeg", "-xerror", "-ss", "5", "-i", path, "-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "2", "-")))
		if err != nil {
			t.Fatal(err)
		}
		mark, err := device.ReadMark(shot.(*image.YCbCr))
		if at := mark.At - w.pictures[0].At + w.pictures[0].in; err != nil || math.Abs(at.Seconds()-5) > 0.1 {
			t.Errorf("at 5 s there is picture %d, of %v, %v", mark.Number, at, err)
		}
		if hz := frequency(ffmpeg(t, "ffmpeg", "-xerror", "-ss", "5", "-t", "1", "-i", path, "-f", "s16le", "-ac", "1", "-")); math.Abs(hz-1000) > 2 {
			t.Errorf("the tone has %v Hz", hz)
		}
		cutAnywhere(t, path)
	}
}

// frequency counts how often samples cross zero upwards in a second at 48 kHz.
func frequency(samples []byte) float64 {
	crossed, before := 0, int16(0)
	for i := 0; i+1 < len(samples); i += 2 {
		s := int16(uint16(samples[i]) | uint16(samples[i+1])<<8)
		if before < 0 && s >= 0 {
			crossed++
		}
		before = s
	}
	return float64(crossed) * 48_000 * 2 / float64(max(1, len(samples)))
}

// cutAnywhere plays what is left of a file that ends at 100 random bytes after
// its first cluster.
func cutAnywhere(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, size := bytes.NewReader(b), int64(len(b))
	front, err := matroska.ReadHead(in, size)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := matroska.ReadCluster(in, front.Clusters, size)
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(5, 6))
	short := filepath.Join(t.TempDir(), "short.mkv")
	for range 100 {
		write(t, short, string(b[:cluster.End+chance.Int64N(size-cluster.End)]))
		if ffmpeg(t, "ffmpeg", "-xerror", "-i", short, "-f", "null", "-"); t.Failed() {
			return
		}
	}
}
