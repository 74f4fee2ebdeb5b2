//go:build root

package installed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// centralSettings let the service have the devices.
const centralSettings = `language = "en"
[live]
devices = ["/dev/video0", "/dev/snd"]
[[reception]]
name = "localhost"
address = "127.0.0.1:4102"
[[reception]]
name = "second"
address = "127.0.0.1:4103"
`

// The packages, installed on a machine with a camera and a microphone, film under
// the units that they bring: for two receptions, of which one joins late, through
// the unplugging of the camera and a restart of the service.
func TestDevices(t *testing.T) {
	if os.Getenv(inGuest) != "" {
		scenario(t)
		return
	}
	left := guest(t, map[string]string{"/etc/vc/vccs.toml": centralSettings})
	first := recorded(t, left, "first.json", "videoclub")
	second := recorded(t, left, "second.json", "second")
	for name, r := range map[string]*recording{"first": first, "second": second} {
		t.Run(name, func(t *testing.T) {
			r.both(t)
			r.explained(t, 30)
			r.heard(t)
		})
	}
	t.Run("together", func(t *testing.T) { joined(t, first, second) })
	t.Run("large", func(t *testing.T) {
		large := recorded(t, left, "large.json", "videoclub")
		if v := large.Tracks[0]; len(large.Tracks) != 1 || v.Width != 640 || v.Height != 480 || large.signed.Duration < 5800 || large.signed.Duration > 6500 {
			t.Errorf("it has the tracks %+v, and lasts %d ms", large.Tracks, large.signed.Duration)
		}
		large.both(t)
		large.explained(t, 10)
	})
	t.Run("sources", func(t *testing.T) { listed(t, left) })
	t.Run("held", func(t *testing.T) { heldCamera(t, left) })
}

// text is a file that the guest left.
func text(t *testing.T, left, name string) string {
	t.Helper()
	all, err := os.ReadFile(filepath.Join(left, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// recording is a file that was deposited, as it is read here, and its receipt.
type recording struct {
	path   string
	signed receipt.Receipt
	matroska.Contents
	pictures []picture
	sound    []byte // all that there is of it
}

// picture is one, and when it was taken.
type picture struct {
	at  time.Duration
	sum [sha256.Size]byte
}

// recorded reads what is told of a delivery, and the file that it says.
func recorded(t *testing.T, left, told, store string) *recording {
	t.Helper()
	var d control.DeliveryStory
	if err := json.Unmarshal([]byte(text(t, left, told)), &d); err != nil {
		t.Fatal(err)
	}
	r := &recording{}
	var err error
	if r.signed, err = receipt.Parse(d.Receipt); err == nil {
		err = receipt.Verify(r.signed)
	}
	if err != nil || r.signed.Key != d.ReceiptKey || r.signed.Version != receipt.VersionLive {
		t.Fatalf("the receipt %s: %v", d.Receipt, err)
	}
	t.Logf("%s: %d bytes of %d ms, tracks %+v, %d resumes, gaps %+v", told, r.signed.Size, r.signed.Duration, r.signed.Tracks, r.signed.Resumes, r.signed.Gaps)
	r.path = filepath.Join(left, store, r.signed.Path)
	f, err := os.Open(r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil || hex.EncodeToString(sum.Sum(nil)) != r.signed.SHA256 || size != r.signed.Size || d.SHA256 != r.signed.SHA256 {
		t.Fatalf("%d bytes lie there, %v, and the receipt says %+v", size, err, r.signed)
	}
	r.read(t, f, size)
	return r
}

// read reads the file from its first byte to its last.
func (r *recording) read(t *testing.T, f io.ReaderAt, size int64) {
	t.Helper()
	var err error
	if r.Contents, err = matroska.ReadHead(f, size); err != nil {
		t.Fatalf("%s: %v", r.path, err)
	}
	if r.Duration.Milliseconds() != r.signed.Duration || !receipt.Instant(r.Date).Equal(r.signed.Captured) {
		t.Errorf("%s lasts %v from %v on, the receipt says %d ms from %v on", r.path, r.Duration, r.Date, r.signed.Duration, r.signed.Captured)
	}
	for at := r.Clusters; ; {
		c, err := matroska.ReadCluster(f, at, size)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%s: at %d: %v", r.path, at, err)
		}
		for _, b := range c.Blocks {
			if r.Tracks[b.Track-1].Picture() {
				r.pictures = append(r.pictures, picture{b.At, sha256.Sum256(b.Data)})
			} else {
				r.sound = append(r.sound, b.Data...)
			}
		}
		at = c.End
	}
}

// both checks that what both ends counted is what is in the file, as ffmpeg has it
// too, which decodes all of it.
func (r *recording) both(t *testing.T) {
	t.Helper()
	counted := must(t, "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", r.path)
	var frames int64
	if err := json.Unmarshal([]byte(counted), &frames); err != nil || frames != int64(len(r.pictures)) || frames != r.signed.Tracks[0].Frames {
		t.Errorf("ffprobe counts %s pictures, here are %d, and the receipt has %+v, %v", counted, len(r.pictures), r.signed.Tracks, err)
	}
	// At the times that they have: else it complains that these are none of its rate.
	if said := must(t, "ffmpeg", "-v", "error", "-xerror", "-i", r.path, "-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-f", "null", "-"); said != "" {
		t.Errorf("ffmpeg says:\n%s", said)
	}
	if len(r.Tracks) == 1 {
		return
	}
	decoded := filepath.Join(t.TempDir(), "sound")
	must(t, "ffmpeg", "-v", "error", "-xerror", "-i", r.path, "-map", "0:a", "-f", "s16le", decoded)
	sound, err := os.ReadFile(decoded)
	if err != nil || !bytes.Equal(sound, r.sound) || int64(len(sound)/heard.FrameBytes()) != r.signed.Tracks[1].Frames {
		t.Errorf("ffmpeg decodes %d bytes of sound, here are %d, and the receipt has %+v, %v", len(sound), len(r.sound), r.signed.Tracks, err)
	}
}

// gaps are those of a track that the receipt has.
func (r *recording) gaps(track int) (all []receipt.Gap) {
	for _, g := range r.signed.Gaps {
		if g.Track == track {
			all = append(all, g)
		}
	}
	return all
}

// explained checks that where a picture does not follow the one before, the
// receipt says so, and how many there would have been.
func (r *recording) explained(t *testing.T, rate int) {
	t.Helper()
	every := time.Second / time.Duration(rate)
	missing, breaks := int64(0), int64(0)
	for i, p := range r.pictures[1:] {
		was := r.pictures[i]
		between := int64(math.Round(float64(p.at-was.at)/float64(every))) - 1
		if between < 0 {
			t.Errorf("a picture at %v comes after one at %v", p.at, was.at)
		}
		if between == 0 {
			continue
		}
		missing, breaks = missing+between, breaks+1
		if !slices.ContainsFunc(r.gaps(1), func(g receipt.Gap) bool {
			return time.Duration(g.From-1)*time.Millisecond < p.at && time.Duration(g.To+1)*time.Millisecond > was.at
		}) {
			t.Errorf("nothing is said of what is missing from %v to %v", was.at, p.at)
		}
	}
	// A camera that is plugged in again begins at another time of its own.
	if lost := r.signed.Tracks[0].Lost; max(missing-lost, lost-missing) > breaks {
		t.Errorf("%d pictures are missing at %d places, the receipt has %+v", missing, breaks, r.signed)
	}
}

// heard checks that the sound is the tone that was played, sample by sample, save
// for where the receipt has gaps; and what the gaps come from.
func (r *recording) heard(t *testing.T) {
	t.Helper()
	runs := capture.ReadPositions(capture.LowBits(r.sound, heard))
	known := int64(0)
	for i, run := range runs {
		known += run.Frames
		if i > 0 && run.Position < runs[i-1].Position+runs[i-1].Frames {
			t.Errorf("sound frame %d of the tone comes after %d", run.Position, runs[i-1].Position+runs[i-1].Frames)
		}
	}
	// At the edges of a gap less than a block is not seen.
	all, gaps := int64(len(r.sound)/heard.FrameBytes()), len(r.gaps(2))
	if len(runs) != gaps+1 || all-known > int64(128*(gaps+1)) {
		t.Errorf("of %d sound frames %d are known in %d runs, and there are %d gaps", all, known, len(runs), gaps)
	}
	longest := slices.MaxFunc(runs, func(a, b capture.Run) int { return int(a.Frames - b.Frames) })
	run := r.sound[longest.At*int64(heard.FrameBytes()):][:longest.Frames*int64(heard.FrameBytes())]
	if hz := frequency(run); math.Abs(hz-float64(played.Frequency)) > 1 {
		t.Errorf("the tone has %.2f Hz", hz)
	}

	pulled, stopped := time.Duration(0), 0
	for _, g := range r.signed.Gaps {
		switch g.Reason {
		case reason.DeviceAbsent:
			pulled += time.Duration(g.To-g.From) * time.Millisecond
			if g.Track != 1 {
				t.Errorf("it was the camera that was unplugged: %+v", g)
			}
		case reason.ShuttingDown:
			stopped++
		case reason.DeviceOverrun:
		default:
			t.Errorf("nobody knows where this gap comes from: %+v", g)
		}
	}
	if pulled < pluggedIn-500*time.Millisecond || pulled > 2*pluggedIn || stopped != 2 {
		t.Errorf("the camera was away for %v, and %d tracks stopped for the restart: %+v", pulled, stopped, r.signed.Gaps)
	}
	if lasts := time.Duration(r.signed.Duration) * time.Millisecond; lasts < filmed-time.Second || lasts > filmed+2*time.Second {
		t.Errorf("it lasts %v", lasts)
	}
}

// frequency is how often samples rise through 0 with some distance, in Hz.
func frequency(samples []byte) float64 {
	rises, low, first, last := 0, false, 0, 0
	for i := 0; i*2 < len(samples); i++ {
		switch v := int16(binary.LittleEndian.Uint16(samples[2*i:])); {
		case v < -1000:
			low = true
		case v > 1000 && low:
			if low = false; rises == 0 {
				first = i
			}
			rises, last = rises+1, i
		}
	}
	return float64(rises-1) * float64(heard.SampleRate) / float64(last-first)
}

// joined checks that both have the same pictures, from when the second joined to
// when the first ended.
func joined(t *testing.T, first, second *recording) {
	at := slices.IndexFunc(first.pictures, func(p picture) bool { return p.sum == second.pictures[0].sum })
	if at < 1 || first.pictures[at].at < secondJoins-time.Second {
		t.Fatalf("the second begins with picture %d of the first", at)
	}
	both := first.pictures[at:]
	for i, p := range both {
		if i >= len(second.pictures) || second.pictures[i].sum != p.sum {
			t.Fatalf("from picture %d on, of %d, the second has others", at+i, len(first.pictures))
		}
	}
	late := second.signed.Captured.Sub(first.signed.Captured)
	if off := late + second.pictures[0].at - both[0].at; off.Abs() > 5*time.Millisecond {
		t.Errorf("the second joined %v late, and has its first picture at %v where the first has it at %v", late, second.pictures[0].at, both[0].at)
	}
	t.Logf("the second joined %v late, and has %d pictures with the first", late, len(both))
	picture := filepath.Join(t.TempDir(), "picture.jpg")
	must(t, "ffmpeg", "-v", "error", "-ss", "5", "-i", first.path, "-frames:v", "1", "-q:v", "2", picture)
	bars(t, picture)
}

// bars checks that a picture has the colours of the bars that vivid films.
func bars(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoded, err := jpeg.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := decoded.(*image.YCbCr)
	if !ok {
		t.Fatalf("it is a %T", decoded)
	}
	colours := make(map[[3]byte]bool)
	for x := range 8 { // below what it writes
		c := m.YCbCrAt(m.Rect.Dx()*(2*x+1)/16, m.Rect.Dy()-5)
		colours[[3]byte{c.Y / 32, c.Cb / 32, c.Cr / 32}] = true
	}
	if m.Rect.Dx() != 320 || m.Rect.Dy() != 180 || len(colours) < 6 {
		t.Errorf("%v has the colours %v", m.Rect, colours)
	}
}

// listed checks what vcadmin lists.
func listed(t *testing.T, left string) {
	var all []control.LiveSource
	if err := json.Unmarshal([]byte(text(t, left, "sources.json")), &all); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]string)
	for _, s := range all {
		if s.Problem != "" {
			t.Errorf("%s: %s", s.Location, s.Problem)
		}
		names[s.Location] = s.Name
	}
	if names[camera] != "vivid" || !strings.Contains(names["alsa:hw:Loopback,1"], "Loopback") {
		t.Errorf("the devices are %q", names)
	}
}

// heldCamera checks what is said of a camera that another program holds.
func heldCamera(t *testing.T, left string) {
	var d control.DeliveryStory
	if err := json.Unmarshal([]byte(text(t, left, "held.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.State != "failed" || d.Reason != reason.DeviceBusy {
		t.Errorf("it is %s, %s, %s", d.State, d.Reason, d.Detail)
	}
	words, hint := d.Reason.Words("en")
	if said := text(t, left, "held"); !strings.Contains(said, words) || !strings.Contains(said, hint) {
		t.Errorf("vcuser says:\n%s", said)
	}
}
