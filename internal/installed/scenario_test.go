//go:build root

package installed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/feed"
)

// What is filmed and heard in the guest.
const (
	camera     = "v4l2:/dev/video0"
	studioFilm = camera + "?size=320x180&fps=30+alsa:hw:0,1?rate=16000&channels=1&bits=16"
	largeFilm  = camera + "?size=640x480&fps=10"
)

// played is the tone that the other side of the sound card plays.
var played = feed.Ask{Kind: feed.Tone, SampleRate: 16_000, Channels: 1, Bits: 16, Frequency: 440}

// heard is how it is recorded.
var heard = capture.Format{SampleRate: played.SampleRate, Channels: played.Channels, Bits: played.Bits}

// How long each recording is, and when what happens while the first goes on, by
// what it has captured.
const (
	filmed      = 60 * time.Second
	secondJoins = 10 * time.Second
	unplugged   = 18 * time.Second
	pluggedIn   = 4 * time.Second // later
	restarted   = 34 * time.Second
)

// scenario is what happens in the guest. What is to be looked at is left in the
// directory results, as the guest is slow.
func scenario(t *testing.T) {
	s := stage{t, time.Now()}
	s.run("systemctl", "is-system-running", "--wait")
	s.run("install", "-d", "-o", "vcvrs", "-g", "vcvrs", "/srv/second")
	s.run("systemd-run", "--unit=second", "--property=Type=notify", "--property=User=vcvrs", "--property=StateDirectory=second",
		"vcvrs", "--state", "/var/lib/second", "--store", "/srv/second", "4103")
	s.keep("sources.json", s.run("vcadmin", "sources", "--json"))
	for service, most := range map[string]string{"vccs.service": "16", "vcvrs.service": "13"} { // tenths
		s.run("systemd-analyze", "security", "--no-pager", "--threshold="+most, service)
	}
	stop := s.play()
	s.run("vcadmin", "add", "Studio", studioFilm, "--duration", filmed.String())
	s.run("vcadmin", "add", "Large", largeFilm, "--duration", "6s")

	first := s.request(1, "localhost")
	s.captured(first, secondJoins)
	second := s.request(1, "second")
	s.captured(first, unplugged)
	s.driver("unbind")
	<-time.After(pluggedIn)
	s.driver("bind")
	s.captured(first, restarted)
	s.run("systemctl", "restart", "vccs")
	s.deposited("first.json", first)
	s.deposited("second.json", second)
	stop()
	s.deposited("large.json", s.request(2, "localhost"))
	s.held()
	for _, unit := range []string{"vccs", "vcvrs", "second"} {
		s.run("systemctl", "is-active", unit)
	}
}

// stage is where it happens.
type stage struct {
	t     *testing.T
	began time.Time
}

// say tells how far it is, on the guest's console.
func (s stage) say(format string, args ...any) {
	s.t.Helper()
	s.t.Logf("%6.1f s: "+format, append([]any{time.Since(s.began).Seconds()}, args...)...)
}

// run runs a command that has to succeed, and gives what it prints.
func (s stage) run(name string, args ...string) []byte {
	s.t.Helper()
	s.say("%s %s", name, strings.Join(args, " "))
	var said bytes.Buffer
	c := exec.Command(name, args...)
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s%s", name, err, out, &said)
	}
	return out
}

func (s stage) keep(name string, text []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(results, name), text, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// request asks for a title and gives the number of the delivery.
func (s stage) request(title int, reception string) int64 {
	s.t.Helper()
	var d control.Delivery
	if err := json.Unmarshal(s.run("vcuser", "request", strconv.Itoa(title), "--at", reception, "--by", "+2h", "--json"), &d); err != nil || d.ID == 0 {
		s.t.Fatalf("delivery %d: %v", d.ID, err)
	}
	return d.ID
}

// watch follows a delivery until it is as it should be, or has ended; other ends
// than that are failures.
func (s stage) watch(id int64, what string, ok func(control.Delivery) bool) {
	s.t.Helper()
	s.say("waiting until delivery %d %s", id, what)
	ctx, enough := context.WithCancel(context.Background())
	defer enough()
	c := exec.CommandContext(ctx, "vcuser", "watch", strconv.FormatInt(id, 10), "--json")
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	var d control.Delivery
	for lines := json.NewDecoder(out); ; {
		if err = lines.Decode(&d); err != nil || ok(d) {
			break
		}
	}
	enough()
	if ended := c.Wait(); err != nil {
		s.t.Fatalf("delivery %d is %s, %v, %v\n%s", id, d.State, err, ended, &said)
	}
}

// captured waits until so much of a delivery is captured.
func (s stage) captured(id int64, least time.Duration) {
	s.t.Helper()
	s.watch(id, fmt.Sprintf("has %v", least), func(d control.Delivery) bool {
		return time.Duration(d.Captured)*time.Millisecond >= least
	})
}

// deposited waits until a delivery is, and keeps what is told of it.
func (s stage) deposited(name string, id int64) {
	s.t.Helper()
	s.watch(id, "is deposited", func(d control.Delivery) bool { return d.State == "deposited" })
	s.keep(name, s.run("vcuser", "show", strconv.FormatInt(id, 10), "--json"))
}

// driver unbinds the camera's driver, as pulling its plug does, or binds it.
func (s stage) driver(what string) {
	s.t.Helper()
	s.say("%s", what)
	if err := os.WriteFile("/sys/bus/platform/drivers/vivid/"+what, []byte("vivid.0"), 0); err != nil {
		s.t.Fatal(err)
	}
}

// play has the tone played until what it gives is called.
func (s stage) play() (stop func()) {
	s.t.Helper()
	c := exec.Command("aplay", "-q", "-D", "hw:0,0", "-t", "raw", "-f", "S16_LE", "-r", strconv.Itoa(played.SampleRate), "-c", strconv.Itoa(played.Channels))
	c.Stdin = &toneReader{tone: capture.OpenTone(&played, capture.Now)}
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		c.Process.Kill()
		c.Wait()
		s.say("aplay has ended, and said %q", said.String())
	}
}

// toneReader is a tone without an end.
type toneReader struct {
	tone *capture.ToneMicrophone
	next int64
}

func (r *toneReader) Read(p []byte) (int, error) {
	frames := int64(len(p) / heard.FrameBytes())
	copy(p, r.tone.Samples(r.next, frames))
	r.next += frames
	return int(frames) * heard.FrameBytes(), nil
}

// held has another program hold the camera, and asks for it.
func (s stage) held() {
	s.t.Helper()
	let := s.hold()
	id := s.request(2, "localhost")
	s.say("waiting until delivery %d has failed", id)
	out, err := exec.Command("vcuser", "watch", strconv.FormatInt(id, 10)).CombinedOutput()
	let()
	if err == nil {
		s.t.Fatalf("a camera that is held is filmed:\n%s", out)
	}
	s.keep("held", out)
	s.keep("held.json", s.run("vcuser", "show", strconv.FormatInt(id, 10), "--json"))
}

// hold has v4l2-ctl film until what it gives is called. Who filmed before lets the
// camera go when its worker has ended, which nobody is told.
func (s stage) hold() (let func()) {
	s.t.Helper()
	for late := time.Now().Add(time.Minute); ; {
		c := exec.Command("v4l2-ctl", "--device", "/dev/video0", "--stream-mmap")
		said, err := c.StderrPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			s.t.Fatal(err)
		}
		// It prints a mark for each picture, and stops where nobody reads them.
		marks := bufio.NewReader(said)
		text, err := marks.ReadString('<')
		if err == nil {
			read := make(chan struct{})
			go func() {
				defer close(read)
				io.Copy(io.Discard, marks)
			}()
			return func() {
				c.Process.Kill()
				<-read
				c.Wait()
			}
		}
		s.say("v4l2-ctl: %v, %s", c.Wait(), text)
		if !strings.Contains(text, "busy") || time.Now().After(late) {
			s.t.Fatal("v4l2-ctl cannot have the camera")
		}
		<-time.After(200 * time.Millisecond)
	}
}
