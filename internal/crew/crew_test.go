package crew

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// The tests start this very program as their worker: it says that it is ready
// and, when told to let go, fails.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Store: work, worker.Session: wait}))
	}
	os.Exit(m.Run())
}

func work(in *worker.Inside) error {
	_, errData := in.File("data")
	f, errControl := in.File("control")
	if err := errors.Join(errData, errControl); err != nil {
		return err
	}
	c := control.New(f)
	if err := c.Send(control.Ready{Offset: 5}); err != nil {
		return err
	}
	if _, err := c.Receive(); err != nil {
		return err
	}
	why := reason.New(reason.NoSpace, "full")
	c.Fail(why)
	return why
}

// wait waits for its connection, as a spare worker does. Then it asks a few times,
// and its last word is how it was answered.
func wait(in *worker.Inside) error {
	f, err := in.File("control")
	if err != nil {
		return err
	}
	c := control.New(f)
	if _, err = c.Take(); err != nil {
		return err
	}
	if _, err := c.Receive(); err != nil { // its Start
		return err
	}
	var heard []string
	for n := range asked {
		if err := c.Send(control.Call{Seq: uint64(n), Titles: &control.TitlesQuery{After: n}}); err != nil {
			return err
		}
		m, file, err := c.ReceiveFile()
		if err != nil {
			return err
		}
		r, ok := m.(control.Reply)
		switch {
		case !ok || r.Seq != uint64(n):
			heard = append(heard, "something else")
		case r.Refusal != nil:
			heard = append(heard, string(r.Refusal.Code))
		case file != nil:
			heard = append(heard, "a file")
		default:
			heard = append(heard, "an answer")
		}
	}
	return c.Send(control.Failed{Code: reason.Cancelled, Detail: strings.Join(heard, ", ")})
}

// asked is how many times wait asks.
const asked = 4

func TestMember(t *testing.T) {
	s, err := worker.NewSpawner("test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	data, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	var m Member
	m.Close() // not started
	if m.Started() {
		t.Error("the zero member is started")
	}
	if err := m.Start(s, worker.Store, "delivery=x", worker.File{Name: "data", File: data}); err != nil {
		t.Fatal(err)
	}
	defer func() { m.Kill(); m.Exit(); m.Close() }()
	if err := data.Close(); !m.Started() || !errors.Is(err, os.ErrClosed) {
		t.Errorf("started %v, its file %v", m.Started(), err)
	}
	said := make(chan Said)
	go m.Listen(t.Context(), said)
	if h := <-said; h.By != &m || h.Message != (control.Ready{Offset: 5}) || h.Err != nil {
		t.Errorf("first it says %+v", h)
	}
	if err := m.Control.Send(control.LetGo{}); err != nil {
		t.Fatal(err)
	}
	if h := <-said; h.Message != (control.Failed{Code: reason.NoSpace, Detail: "full"}) || h.Err != nil {
		t.Errorf("then it says %+v", h)
	}
	if h := <-said; h.Err != io.EOF {
		t.Errorf("at its end it says %+v", h)
	}
	if exit := m.Exit(); !exit.Said() {
		t.Errorf("it %v", exit)
	}
}

// A listener ends with its context, though nobody takes what was said.
func TestListenEnds(t *testing.T) {
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	m := Member{Control: own}
	defer m.Close()
	peer := control.New(theirs)
	defer peer.Close()
	if err := peer.Send(control.Ready{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { m.Listen(ctx, make(chan Said)); close(done) }()
	cancel()
	<-done
}

// One signature, over a handshake of its own side and nothing else.
func TestSign(t *testing.T) {
	own, theirs, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	peer := control.New(theirs)
	defer peer.Close()
	m := Member{Control: own}
	defer m.Close()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	handshake := control.Sign{Message: []byte(strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00" + strings.Repeat("h", 32))}

	if err := m.Sign(key, identity.ServerSide, handshake); err != nil || !m.Signed() {
		t.Fatal(err)
	}
	answer, err := peer.Receive()
	signed, ok := answer.(control.Signed)
	if err != nil || !ok || !ed25519.Verify(key.Public().(ed25519.PublicKey), handshake.Message, signed.Signature) {
		t.Errorf("%+v, %v", answer, err)
	}
	if err := m.Sign(key, identity.ServerSide, handshake); err == nil {
		t.Error("a second signature was given")
	}
	for name, ask := range map[string]control.Sign{"a receipt": {Message: []byte("vc receipt v1\n")}, "nothing": {}} {
		if err := (&Member{Control: own}).Sign(key, identity.ServerSide, ask); reason.Of(err) != reason.NotPermitted {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
	if err := (&Member{Control: own}).Sign(key, identity.ClientSide, handshake); reason.Of(err) != reason.NotPermitted {
		t.Errorf("the other side was signed: %v", err)
	}
}
