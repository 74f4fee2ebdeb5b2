package control

import (
	"io"
	"os"
	"testing"
)

// A descriptor that is handed over works, and messages go on after it.
func TestHand(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := New(file)
	defer worker.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	taken := make(chan *os.File)
	go func() {
		f, err := worker.Take()
		if err != nil {
			t.Error(err)
		}
		taken <- f
	}()
	if err := supervisor.Hand(w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got := <-taken
	if got == nil {
		t.FailNow()
	}
	if _, err := got.Write([]byte("hola")); err != nil {
		t.Fatal(err)
	}
	got.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "hola" {
		t.Errorf("%q came through, %v", text, err)
	}
	if err := supervisor.Send(Ready{Offset: 1}); err != nil {
		t.Fatal(err)
	}
	if m, err := worker.Receive(); err != nil || m != (Ready{Offset: 1}) {
		t.Errorf("after it: %v, %v", m, err)
	}
}

func TestTakeOfNothing(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := New(file)
	defer worker.Close()
	if err := supervisor.Send(Ready{}); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Take(); err == nil {
		t.Error("a message was taken for a descriptor")
	}
	supervisor.Close()
	if _, err := worker.Take(); err != io.EOF {
		t.Errorf("after the supervisor went: %v", err)
	}
}

// A descriptor comes with the message that it was sent with, and no other.
func TestFileWithMessage(t *testing.T) {
	supervisor, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker := New(file)
	defer worker.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := supervisor.Send(Ready{Offset: 1}); err != nil {
		t.Fatal(err)
	}
	if err := supervisor.SendFile(Ready{Offset: 2}, w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if m, f, err := worker.ReceiveFile(); err != nil || f != nil || m != (Ready{Offset: 1}) {
		t.Errorf("without one: %v, %v, %v", m, f, err)
	}
	m, f, err := worker.ReceiveFile()
	if err != nil || f == nil || m != (Ready{Offset: 2}) {
		t.Fatalf("with one: %v, %v, %v", m, f, err)
	}
	if _, err := f.Write([]byte("hola")); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "hola" {
		t.Errorf("%q came through, %v", text, err)
	}
	// One that nobody wants is gone with its message.
	if err := supervisor.SendFile(Ready{Offset: 3}, r); err != nil {
		t.Fatal(err)
	}
	if m, err := worker.Receive(); err != nil || m != (Ready{Offset: 3}) {
		t.Errorf("not wanted: %v, %v", m, err)
	}
	supervisor.Close()
	if _, _, err := worker.ReceiveFile(); err != io.EOF {
		t.Errorf("after the supervisor went: %v", err)
	}
}
