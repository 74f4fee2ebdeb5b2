//go:build root

package studio

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// encoders are the processes of this one that have become ffmpeg.
func encoders(t *testing.T) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			if line, _ := os.ReadFile("/proc/" + word + "/cmdline"); strings.HasPrefix(string(line), "ffmpeg\x00") {
				pid, _ := strconv.Atoi(word)
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Pictures are kept as H.264 by Debian's ffmpeg, started by the supervisor within
// its sandbox, with sound in FLAC; killed, it costs a gap and is started again. The
// part can be decoded, and has as many pictures as it says. When nobody records,
// nobody encodes.
func TestEncoder(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if out, err := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "ffmpeg").CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg cannot be installed: %v\n%s", err, out)
		}
	}
	p := &place{t: t, dir: t.TempDir()}
	set := settings
	set.Encoder = ""
	p.start(set, nil)
	w := Wish{Delivery: 1, Location: "pattern:?size=320x180&fps=15&encode=h264+tone:?encode=flac", Title: "Bars", Duration: 5 * time.Second}
	part := p.join(w)
	p.recorded(part, 2*time.Second)
	all := encoders(t)
	if len(all) != 1 {
		t.Fatalf("the encoders are %v", all)
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(all[0]) + "/status")
	if err != nil || !strings.Contains(string(status), "Seccomp:\t2") || !strings.Contains(string(status), "NoNewPrivs:\t1") || !strings.Contains(string(status), "CapEff:\t0000000000000000") {
		t.Errorf("it is not confined: %v\n%s", err, status)
	}
	if err := syscall.Kill(all[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	data, marks, index, err := p.Files(part.Recording)
	if err != nil {
		t.Fatal(err)
	}
	marks.Close()
	index.Close()
	defer data.Close()
	p.until("the part is whole", func() bool { over, err := p.Over(w.Delivery); return over || err != nil })
	got := p.take(w, part)
	name := filepath.Join(t.TempDir(), "part.mkv")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, io.NewSectionReader(data, 0, got.clusters[len(got.clusters)-1].End)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	said, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-of", "csv=p=0", "-show_entries", "stream=codec_name,nb_read_frames", name).CombinedOutput()
	if want := "h264," + strconv.FormatInt(got.tracks[0].Frames, 10); err != nil || strings.TrimSpace(string(said)) != want {
		t.Errorf("ffprobe says %s, %v, and not %s", said, err, want)
	}
	if said, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-").CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("ffmpeg says %s, %v", said, err)
	}
	failed, lost := 0, [2]int64{}
	for _, g := range got.gaps {
		switch {
		case g.Code == reason.EncoderFailed && g.Track == 1:
			failed++
		case g.Code != reason.DeviceOverrun: // a machine that is too slow
			t.Errorf("the gap %+v", g)
		}
		lost[g.Track-1] += g.Lost
	}
	if failed != 1 || lost[0] != got.tracks[0].Lost || lost[1] != got.tracks[1].Lost || got.tracks[0].Frames+got.tracks[0].Lost < 73 {
		t.Errorf("the gaps are %+v, the tracks %+v", got.gaps, got.tracks)
	}
	p.Leave(1)
	p.until("nobody encodes", func() bool { return len(encoders(t)) == 0 })
}
