package encode

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// This program is the supervisor, its worker, and the encoder that the worker
// becomes.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Encode: serve}))
	}
	if len(os.Args) > 1 && os.Args[1] == "-hide_banner" {
		os.Exit(encoder())
	}
	os.Exit(m.Run())
}

func serve(in *worker.Inside) error {
	pictures, err := in.File("pictures")
	if err != nil {
		return err
	}
	c, err := in.File("control")
	if err != nil {
		return err
	}
	return Worker{Pictures: pictures, Control: control.New(c), Become: in.Become}.Run()
}

// encoder says with what it was started, then what it is given, and ends with
// that.
func encoder() int {
	fmt.Println(strings.Join(os.Args[1:], " "))
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println(err != nil, len(os.Environ()))
	if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
		return 1
	}
	return 0
}

func spawner(t testing.TB) *worker.Spawner {
	t.Helper()
	s, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func own(t testing.TB) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// A worker becomes the encoder, which has the pictures' way as its input and
// output, and little else.
func TestStart(t *testing.T) {
	e, f, err := Start(spawner(t), own(t), &feed.Ask{Device: "/dev/video0", Quality: 85})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := Take(f)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "pictures"); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if lines := strings.Split(string(said), "\n"); err != nil || len(lines) != 3 || !strings.Contains(lines[0], "-crf 23.0") || lines[1] != "true 0" || lines[2] != "pictures" {
		t.Errorf("%q, %v", said, err)
	}
	select {
	case <-e.Done():
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if err := e.End(); reason.Of(err) != reason.EncoderFailed || !strings.Contains(err.Error(), "is done") {
		t.Errorf("it ended: %v", err)
	}
}

// What does not end by itself is ended.
func TestEnd(t *testing.T) {
	e, f, err := Start(spawner(t), own(t), &feed.Ask{Quality: 85})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e.member.Kill()
	if err := e.End(); !strings.Contains(err.Error(), "SIGKILL") {
		t.Error(err)
	}
}

func TestAbsent(t *testing.T) {
	for _, program := range []string{"", "/nowhere/ffmpeg", "/etc/passwd", "/usr", "ffmpeg"} {
		if _, _, err := Start(spawner(t), program, &feed.Ask{}); reason.Of(err) != reason.EncoderAbsent {
			t.Errorf("%q: %v", program, err)
		}
	}
}

// A program that is not one of this machine is told as such.
func TestNoProgram(t *testing.T) {
	script := t.TempDir() + "/ffmpeg"
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	e, f, err := Start(spawner(t), script, &feed.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	<-e.Done()
	if err := <-e.failed; reason.Of(err) != reason.EncoderFailed || !strings.Contains(err.Error(), "no program of this machine") {
		t.Error(err)
	}
}

// A worker that is told anything else does nothing.
func TestOtherWords(t *testing.T) {
	var m crew.Member
	files, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(spawner(t), worker.Encode, "device=x", worker.File{Name: "pictures", File: files}); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Tell(control.Survey{}); err != nil {
		t.Fatal(err)
	}
	said, err := m.Control.Receive()
	if failed, ok := said.(control.Failed); !ok || err != nil || !strings.Contains(failed.Detail, "instead of what to become") || !m.Exit().Said() {
		t.Errorf("%v, %v", said, err)
	}
}
