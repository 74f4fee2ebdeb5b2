package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	device "videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/frame"
	"videoclub/internal/sample"
)

// browser asks a console for paths below its address.
type browser struct {
	t  *testing.T
	at string
	*http.Client
}

func browse(t *testing.T, d *daemon) *browser {
	t.Helper()
	b := &browser{t, strings.TrimSuffix(consoleOf(t, d), "/"), &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(b.CloseIdleConnections)
	return b
}

// ask gives an answer and what it says.
func (b *browser) ask(method, path string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(quick(b.t), method, b.at+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer, string(text)
}

// What was delivered is shown by the reception, in parts, played, and proven; what
// somebody plants in its store leads nowhere.
func TestReceptionConsole(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	path := filepath.Join(c.dir, "card.avi")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := sample.Write(f, 2); err != nil {
		t.Fatal(err)
	}
	f.Close()
	card, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	folder := makeFolder(t, c.dir, "DCP", map[string]io.Reader{"ASSETMAP": strings.NewReader("<xml/>"), "reels/a.wav": noise(4, 3000), "reels/deep/b": noise(5, 0)})
	// A folder without files is part of it too.
	if err := os.MkdirAll(filepath.Join(folder.path, "reels", "empty", "too"), 0o755); err != nil {
		t.Fatal(err)
	}
	film := c.deposited(c.ask(c.add("Carta <de> ajuste", path, 1), "cinema.test").ID)
	dcp := c.deposited(c.ask(c.add("Paquete", folder.path, 1), "cinema.test").ID)
	key := func(id int64) string {
		names, err := filepath.Glob(filepath.Join(r.store, ".vc/receipts/*-"+strconv.FormatInt(id, 10)+".json"))
		if err != nil || len(names) != 1 {
			t.Fatalf("receipts %q, %v", names, err)
		}
		return strings.TrimSuffix(filepath.Base(names[0]), ".json")
	}
	b := browse(t, r.daemon)
	_, page := b.ask("GET", "/", "Accept-Language", "es")
	for _, want := range []string{"Carta &lt;de&gt; ajuste", "/deposits/" + key(film.ID), "/deposits/" + key(dcp.ID), `lang="es"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the first page lacks %q", want)
		}
	}

	// The proof is that of the file on the disk.
	stored, err := filepath.Glob(filepath.Join(r.store, "Carta*.avi"))
	if err != nil || len(stored) != 1 {
		t.Fatalf("%q, %v", stored, err)
	}
	onDisk, err := os.ReadFile(stored[0])
	if err != nil || !bytes.Equal(onDisk, card) {
		t.Fatalf("it is not what was sent: %v", err)
	}
	sum := sha256.Sum256(onDisk)
	at := "/deposits/" + key(film.ID)
	_, page = b.ask("GET", at, "Accept-Language", "en")
	for _, want := range []string{hex.EncodeToString(sum[:]), "Whole and correct", fmt.Sprint(frame.Frames(int64(len(card)))) + " frames arrived"} {
		if !strings.Contains(page, want) {
			t.Errorf("the proof lacks %q: %s", want, page)
		}
	}
	if _, said := b.ask("POST", at+"/verify", "Accept-Language", "en"); !strings.Contains(said, "Read again, it is what was sent.") {
		t.Errorf("read again: %s", said)
	}

	// It comes in ranges, its pictures one by one, and its sound as WAV.
	n := int64(len(card))
	for _, c := range []struct{ from, to int64 }{{0, 0}, {0, n - 1}, {n - 1, n - 1}, {255_999, 256_000}, {n / 2, n/2 + 99_999}} {
		answer, got := b.ask("GET", at+"/file", "Range", fmt.Sprintf("bytes=%d-%d", c.from, c.to))
		if answer.StatusCode != http.StatusPartialContent || got != string(card[c.from:min(c.to+1, n)]) {
			t.Errorf("bytes %d to %d: %d, %d bytes", c.from, c.to, answer.StatusCode, len(got))
		}
	}
	if answer, _ := b.ask("GET", at+"/file", "Range", fmt.Sprintf("bytes=%d-", n)); answer.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("behind the end: %d", answer.StatusCode)
	}
	answer, body := b.ask("GET", at+"/pictures?pace=0")
	_, parameters, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	different := map[string]bool{}
	parts := multipart.NewReader(strings.NewReader(body), parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		picture, err := io.ReadAll(io.LimitReader(part, 10<<20))
		if length, _ := strconv.Atoi(part.Header.Get("Content-Length")); err != nil || length != len(picture) {
			break // what follows the last one
		}
		if m, err := jpeg.Decode(bytes.NewReader(picture)); err != nil || m.Bounds().Dx() != sample.Width {
			t.Fatalf("picture %d: %v", len(different), err)
		}
		different[string(picture)] = true
	}
	if len(different) != 2*sample.FrameRate {
		t.Errorf("%d different pictures came", len(different))
	}
	if _, shot := b.ask("GET", at+"/snapshot.jpg?from=1"); !different[shot] {
		t.Error("the picture at one second is none of the film's")
	}
	if _, sound := b.ask("GET", at+"/sound.wav"); len(sound) != 44+2*sample.SampleRate*4 || sound[:4] != "RIFF" {
		t.Errorf("the sound has %d bytes", len(sound))
	}

	hostileStore(t, r, b, key(film.ID), key(dcp.ID))
}

// hostileStore plants links and paths in a store.
func hostileStore(t *testing.T, r *reception, b *browser, film, dcp string) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "nobody's business")
	at := "/deposits/" + dcp
	_, page := b.ask("GET", at+"/files")
	if !strings.Contains(page, "ASSETMAP") || !strings.Contains(page, "reels/") {
		t.Errorf("the files of the folder: %s", page)
	}
	if _, said := b.ask("POST", at+"/verify", "Accept-Language", "en"); !strings.Contains(said, "Read again, it is what was sent.") {
		t.Errorf("read again: %s", said)
	}
	if _, text := b.ask("GET", at+"/files/1/file"); text != "<xml/>" {
		t.Errorf("the first file is %q", text)
	}
	zeros := strings.Repeat("0", 64)
	lines := []string{"../secret", "/" + secret, "../../../../../../" + secret, "link", "reels/../../.vc/lock", "up/.vc/lock", ".", "reels"}
	sums := ""
	for _, line := range lines {
		sums += zeros + "  Paquete/" + line + "\n"
	}
	write(t, filepath.Join(r.store, "Paquete.SHA256SUMS"), sums)
	for link, to := range map[string]string{"Paquete/link": secret, "Paquete/up": ".."} {
		if err := os.Symlink(to, filepath.Join(r.store, link)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range lines {
		for _, what := range []string{"file", "download", "snapshot.jpg", "sound.wav", "pictures", "live"} {
			answer, text := b.ask("GET", fmt.Sprintf("%s/files/%d/%s", at, i+1, what))
			if answer.StatusCode == http.StatusOK || strings.Contains(text, "nobody's") {
				t.Errorf("%s of %q: %d %.100q", what, lines[i], answer.StatusCode, text)
			}
		}
	}
	if answer, page := b.ask("GET", at+"/files"); answer.StatusCode != http.StatusOK || strings.Contains(page, "nobody's") {
		t.Errorf("the list with all that: %d", answer.StatusCode)
	}
	// A link in the place of what was deposited.
	stored, err := filepath.Glob(filepath.Join(r.store, "Carta*.avi"))
	if err != nil || len(stored) != 1 {
		t.Fatalf("%q, %v", stored, err)
	}
	if err := os.Remove(stored[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, stored[0]); err != nil {
		t.Fatal(err)
	}
	if answer, text := b.ask("GET", "/deposits/"+film+"/file"); answer.StatusCode == http.StatusOK || strings.Contains(text, "nobody's") {
		t.Errorf("a link was followed: %d %q", answer.StatusCode, text)
	}
	if _, page := b.ask("GET", "/deposits/"+film, "Accept-Language", "en"); !strings.Contains(page, "This is not proven") || !strings.Contains(page, "put another in its place") {
		t.Errorf("its page: %s", page)
	}
	for _, path := range []string{"/deposits/..%2f..%2fetc%2fpasswd/file", "/deposits/.vc/file", "/arriving/..%2flock/file", "/deposits/" + film + "%00/file", "/deposits/" + dcp + "/files/-1/file"} {
		if answer, _ := b.ask("GET", path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

// A recording is seen at the reception while it is made: each picture once, in
// order, soon after it was taken, and its sound; then it is a deposit as any other.
func TestLiveIsSeen(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"mateo.test", r, ""})
	d := c.ask(c.add("La cámara", liveTitle, 0.3), "mateo.test")
	c.until(d.ID, "begun", func(d control.DeliveryStory) bool { return d.Offset > 100_000 })
	b := browse(t, r.daemon)
	_, page := b.ask("GET", "/", "Accept-Language", "en")
	found := regexp.MustCompile(`href="(/arriving/[0-9a-f]{8}-[0-9]+)"`).FindStringSubmatch(page)
	if found == nil || !strings.Contains(page, "La cámara") {
		t.Fatalf("what is arriving is not shown: %s", page)
	}
	at := found[1]
	if _, page := b.ask("GET", at); !strings.Contains(page, at+"/pictures") || !strings.Contains(page, at+"/sound.wav") {
		t.Errorf("its page: %s", page)
	}

	answer, err := b.Get(b.at + at + "/pictures")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, parameters, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(answer.Body, parameters["boundary"])
	var delays []time.Duration
	last := device.Mark{Number: -1}
	for len(delays) < 60 {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatalf("after %d pictures: %v", len(delays), err)
		}
		length, err := strconv.Atoi(part.Header.Get("Content-Length"))
		if err != nil {
			t.Fatal(err)
		}
		picture := make([]byte, length)
		if _, err := io.ReadFull(part, picture); err != nil {
			t.Fatal(err)
		}
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			t.Fatal(err)
		}
		mark := markOf(t, picture)
		if mark.Number <= last.Number || mark.At <= last.At {
			t.Fatalf("picture %d of %v comes after %d of %v", mark.Number, mark.At, last.Number, last.At)
		}
		last = mark
		delays = append(delays, time.Duration(now.Nano())-mark.At)
	}
	slices.Sort(delays)
	t.Logf("a picture is seen %v after it was taken, the slowest of %d after %v", delays[len(delays)/2], len(delays), delays[len(delays)-1])
	answer.Body.Close()

	// None need have come since.
	_, shot := b.ask("GET", at+"/snapshot.jpg")
	if latest := markOf(t, []byte(shot)); latest.Number < last.Number {
		t.Errorf("the latest picture is %d, and %d was seen before", latest.Number, last.Number)
	}
	got, w := r.provenLive(c.deposited(d.ID))
	// A machine that is too slow has gaps, as the receipt says.
	if answer, page := b.ask("GET", at, "Accept-Language", "en"); answer.Request.URL.Path != strings.Replace(at, "arriving", "deposits", 1) || !strings.Contains(page, "Whole and correct") ||
		strings.Contains(page, "No gaps") != (len(got.Gaps) == 0) {
		t.Errorf("when it has arrived, %s: %s", answer.Request.URL, page)
	}
	at = strings.Replace(at, "arriving", "deposits", 1)
	if _, page := b.ask("GET", at); !strings.Contains(page, got.SHA256) {
		t.Error("its proof has another digest")
	}
	if _, sound := b.ask("GET", at+"/sound.wav"); int64(len(sound)-44) < w.samples*4-4*4800 {
		t.Errorf("its sound has %d bytes of %d", len(sound)-44, w.samples*4)
	}
}

// markOf is what a picture of a pattern carries.
func markOf(t *testing.T, picture []byte) device.Mark {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	mark, err := device.ReadMark(m.(*image.YCbCr))
	if err != nil {
		t.Fatal(err)
	}
	return mark
}
