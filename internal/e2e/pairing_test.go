package e2e

import (
	"bufio"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
	"videoclub/internal/wire"
)

// administrator is a client of the administrators' port.
func (c *central) administrator() *api.Client {
	c.t.Helper()
	client := api.NewClient(c.admin, nil)
	c.t.Cleanup(client.Close)
	return client
}

// pretender is a host that answers visits with proofs of its own making.
type pretender struct {
	key  ed25519.PrivateKey
	addr string

	mu    sync.Mutex
	prove func(p identity.Pairing) []byte
	looks wire.Condition    // how it says that it is
	takes int64             // nanoseconds that a probe takes there, as it says
	heard chan wire.Message // what the central server says to each proof
}

func pretend(t *testing.T) *pretender {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := identity.Certificate(key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pretender{key: key, addr: l.Addr().String(), heard: make(chan wire.Message, 64)}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.answer(conn, certificate) })
		}
	})
	return p
}

// answer answers a visit.
func (p *pretender) answer(conn net.Conn, certificate []byte) {
	defer conn.Close()
	var central string
	secure := tls.Server(conn, identity.Server(certificate, p.key, wire.VisitALPN, func(id string) error { central = id; return nil }))
	in := bufio.NewReaderSize(secure, wire.MaxLine)
	if _, err := wire.Read(in); err != nil { // hello
		return
	}
	m, err := wire.Read(in)
	if _, ok := m.(wire.Look); err == nil && ok {
		p.beLookedAt(secure, in)
		return
	}
	pair, ok := m.(wire.Pair)
	if err != nil || !ok {
		return
	}
	state := secure.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(identity.ExporterLabel, nil, identity.ExporterSize)
	if err != nil {
		return
	}
	receiptKey := strings.Repeat("0a", 32)
	p.mu.Lock()
	proof := p.prove(identity.Pairing{
		Exporter: exporter, Central: central, Reception: identity.ID(p.key.Public().(ed25519.PublicKey)), ReceiptKey: receiptKey, Name: pair.Reception,
	})
	p.mu.Unlock()
	if wire.Write(secure, wire.Proof{Proof: hex.EncodeToString(proof), ReceiptKey: receiptKey}) != nil {
		return
	}
	if m, err := wire.Read(in); err == nil {
		p.heard <- m
	}
}

// beLookedAt says how it is, as far as a probe of any size.
func (p *pretender) beLookedAt(conn net.Conn, in *bufio.Reader) {
	p.mu.Lock()
	looks, takes := p.looks, p.takes
	p.mu.Unlock()
	for m := wire.Message(looks); wire.Write(conn, m) == nil; {
		asked, err := wire.Read(in)
		probe, ok := asked.(wire.Probe)
		if err != nil || !ok {
			return
		}
		if _, err := io.CopyN(io.Discard, in, probe.Bytes); err != nil {
			return
		}
		m = wire.Measured{Bytes: probe.Bytes, Nanoseconds: takes}
	}
}

func (p *pretender) proving(prove func(identity.Pairing) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prove = prove
}

// A host is paired by the proof of the code that it was given, in this very
// session, and by nothing else.
func TestPairingIsProved(t *testing.T) {
	t.Parallel()
	c := startCentral(t, "")
	admin := c.administrator()
	p := pretend(t)
	var recorded []byte
	p.proving(func(identity.Pairing) []byte { return make([]byte, 32) })
	made, err := admin.AddReception(quick(t), control.AddReception{Name: "sala.test", Address: p.addr})
	if err != nil {
		t.Fatal(err)
	}
	code, err := identity.ParseCode(made.Code)
	if err != nil {
		t.Fatal(err)
	}
	other, err := admin.AddReception(quick(t), control.AddReception{Name: "other.test", Address: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	others, err := identity.ParseCode(other.Code)
	if err != nil {
		t.Fatal(err)
	}
	void := code
	void.Secret[0] ^= 1
	for _, step := range []struct {
		name  string
		prove func(identity.Pairing) []byte
	}{
		{"no proof", func(identity.Pairing) []byte { return make([]byte, 32) }},
		{"another secret", func(p identity.Pairing) []byte { return p.Proof(void.Secret) }},
		{"the code of another reception", func(p identity.Pairing) []byte { return p.Proof(others.Secret) }},
		{"the name of another", func(p identity.Pairing) []byte { p.Name = "other.test"; return p.Proof(code.Secret) }},
		{"another identity", func(p identity.Pairing) []byte { p.Reception = strings.Repeat("0", 64); return p.Proof(code.Secret) }},
		{"recorded", func(p identity.Pairing) []byte {
			recorded = p.Proof(code.Secret)
			return make([]byte, 32)
		}},
		{"replayed", func(identity.Pairing) []byte { return recorded }},
	} {
		p.proving(step.prove)
		found, err := admin.CheckReception(quick(t), "sala.test")
		if err != nil {
			t.Fatal(err)
		}
		if last := found.Findings[len(found.Findings)-1]; last.What != control.FoundIdentity || last.OK || last.Code != reason.PairingInvalid {
			t.Errorf("%s: %+v", step.name, found)
		}
		for len(p.heard) > 0 {
			if m, ok := (<-p.heard).(wire.Refused); !ok || m.Code != reason.PairingInvalid {
				t.Errorf("%s: it hears %+v", step.name, m)
			}
		}
	}
	c.log.await(t, 0, saying("not paired yet", "peer="+p.addr, "reason=pairing_invalid"))

	// The same host is taken with the right proof, so that it was not refused
	// for something else.
	p.proving(func(p identity.Pairing) []byte { return p.Proof(code.Secret) })
	for {
		if _, ok := (<-p.heard).(wire.Paired); ok {
			break
		}
	}
	c.log.await(t, 0, saying("paired, the code is used up", "reception=sala.test"))
	all, err := admin.Roster(quick(t))
	if err != nil || len(all) != 2 || all[1].Paired.IsZero() || all[1].Identity != identity.ID(p.key.Public().(ed25519.PublicKey)) || !all[1].Expires.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
}

// run runs a command of vcvrs on the reception's state, as its administrator does.
func (r *reception) run(input string, args ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "vcvrs", append(args, "--state", r.state)...)
	command.Stdin, command.Env = strings.NewReader(input), append(os.Environ(), "LANG=C")
	out, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("vcvrs %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (r *reception) pair(code string) {
	r.t.Helper()
	if out := r.run(code+"\n", "pair", "-"); strings.Contains(out, code) {
		r.t.Errorf("the code is repeated:\n%s", out)
	}
}

// From adding to a first delivery, with the programs alone; then with other keys
// at the reception, and paired again.
func TestPairing(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "")
	admin := c.administrator()
	source := makeTitle(t, c.dir, "feature.bin", noise(40, 1<<20))
	n := c.add("Feature", source.path, 1)
	made, err := admin.AddReception(quick(t), control.AddReception{Name: "sala.test", Address: r.proxy.address()})
	if err != nil {
		t.Fatal(err)
	}
	r.pair(made.Code)
	well := func() []control.Finding {
		t.Helper()
		found, err := admin.CheckReception(quick(t), "sala.test")
		if err != nil {
			t.Fatal(err)
		}
		return found.Findings
	}
	found := well()
	for _, f := range found {
		if len(found) != 6 || !f.OK && f.What != control.FoundRate {
			t.Errorf("%+v", found)
		}
	}
	r.log.await(t, 0, saying("paired, the code is used up"))
	r.proven(c.deposited(c.ask(n, "sala.test").ID), source)

	// Another central server is not let in, and says so.
	stranger := startCentral(t, "")
	foreign := stranger.administrator()
	if _, err := foreign.AddReception(quick(t), control.AddReception{Name: "sala.test", Address: r.proxy.address()}); err != nil {
		t.Fatal(err)
	}
	strange := makeTitle(t, stranger.dir, "feature.bin", noise(41, 1<<20))
	d := stranger.ask(stranger.add("Strange", strange.path, 1), "sala.test")
	stranger.log.await(t, 0, saying("broke off", "reason=not_paired"))
	r.log.await(t, 0, saying("refused", "reason=not_paired", "peer=127.0.0.1:"))
	if _, err := stranger.client.Cancel(quick(t), d.ID); err != nil {
		t.Error(err)
	}

	// Another host in its place has the right name and the wrong key.
	impostor := startReception(t, "")
	r.proxy.setTarget(field(impostor.log.await(t, 0, saying("ready ", "listen=")), "listen"))
	found = well()
	if last := found[len(found)-1]; last.What != control.FoundIdentity || last.Code != reason.IdentityChanged {
		t.Errorf("%+v", found)
	}
	made, err = admin.AddReception(quick(t), control.AddReception{Name: "sala.test"})
	if err != nil || !made.Again || made.Address != r.proxy.address() {
		t.Fatalf("%+v, %v", made, err)
	}
	r = impostor
	r.pair(made.Code)
	well()
	c.log.await(t, 0, saying("paired, the code is used up", "before="))
	r.proven(c.deposited(c.ask(n, "sala.test").ID), source)
}

// Whoever does not speak TLS 1.3 is refused, and the log says who
// and why.
func TestStrangersAreLogged(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "")
	ready := c.log.await(t, 0, saying("ready ", "users="))
	old := known(t, wire.ALPN)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for _, at := range []struct {
		log     *log
		address string
	}{
		{r.log, field(r.log.await(t, 0, saying("ready ", "listen=")), "listen")},
		{c.log, field(ready, "users")},
	} {
		for name, stranger := range map[string]peer{
			"plain TCP": {"plain TCP", plain("GET / HTTP/1.1\r\n\r\n")},
			"TLS 1.2":   {"TLS 1.2", encrypted(old, "")},
		} {
			from := at.log.mark()
			// The central server says so at most once a second.
			for said := false; !said; {
				if err := stranger.act(t, at.address); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, line := range at.log.all(from) {
					said = said || saying("refused", "peer=127.0.0.1:", "reason=protocol")(line)
				}
			}
		}
	}
}

// A host that says nothing does not keep another from being paired meanwhile.
func TestPairingBesideASilentHost(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, c := startReception(t, ""), startCentral(t, "")
	admin := c.administrator()
	if _, err := admin.AddReception(quick(t), control.AddReception{Name: "silent.test", Address: l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	made, err := admin.AddReception(quick(t), control.AddReception{Name: "sala.test", Address: r.proxy.address()})
	if err != nil {
		t.Fatal(err)
	}
	r.pair(made.Code)
	c.log.await(t, 0, saying("paired, the code is used up", "reception=sala.test"))
	if line, over, _ := c.log.find(0, saying("not paired yet", "reception=silent.test")); over {
		t.Errorf("the visit to the silent host was over first: %s", line)
	}
}
