package reception

import (
	"encoding/base64"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"videoclub/internal/identity"
)

// pairs has the reception trust the central server of an identity, by a code.
func (p *place) pairs(t *testing.T, id string) {
	t.Helper()
	code, err := identity.NewCode(id, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Trust.Pair(code, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// asksToPair is a connection whose worker asks for the proof of a pairing.
func (p *place) asksToPair(t *testing.T, id string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	exporter := base64.StdEncoding.EncodeToString(make([]byte, identity.ExporterSize))
	if _, err := io.WriteString(conn, sign+"\n"+`{"kind":"pair_asked","body":{"identity":"`+id+`","reception":"x.test","exporter":"`+exporter+`"}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	p.log.await(t, 0, "the proof", "a pairing code is being proved")
	return conn
}

// A central server that is left says that it is paired only when the code of
// another one waits: that code stays.
func TestEndOfAnEarlierPairing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before, after := strings.Repeat("a", 64), strings.Repeat("b", 64)
	p.pairs(t, before)
	conn := p.asksToPair(t, before)
	p.pairs(t, after)
	if _, err := io.WriteString(conn, `{"kind":"pair_done","body":{}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
		t.Error("the visit does not end")
	}
	p.log.await(t, 0, "the end", "paired, the code is used up")
	said, _ := p.log.from(0)
	_, end, _ := strings.Cut(said, "the code is used up")
	if end, _, _ = strings.Cut(end, "\n"); !strings.Contains(end, "identity="+identity.Short(before)) {
		t.Errorf("paired is %s", end)
	}
	asked := identity.Pairing{Exporter: make([]byte, identity.ExporterSize), Central: after, Reception: p.Identity(), Name: "x.test"}
	if _, err := p.Trust.Prove(asked, time.Now()); err != nil {
		t.Errorf("the code that came meanwhile: %v", err)
	}
}

// Who looks at a reception that may deliver there, or is about to be paired, keeps
// its place when others come that say nothing.
func TestVisitorsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	for name, visit := range map[string]func(p *place) net.Conn{
		"pairs": func(p *place) net.Conn {
			p.pairs(t, central)
			return p.asksToPair(t, central)
		},
		"looks": func(p *place) net.Conn {
			met := make(chan struct{}, 2)
			p.Meet = func(string, net.Addr, bool) error { met <- struct{}{}; return nil }
			conn, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			look := `{"kind":"look_asked","body":{"identity":"` + central + `"}}` + "\n"
			if _, err := io.WriteString(conn, sign+"\n"+look+look); err != nil {
				t.Fatal(err)
			}
			<-met
			<-met // so that the first was answered
			return conn
		},
	} {
		// Each look at the clock is ten seconds after the one before: whoever is
		// still a stranger has had its chance.
		var looks atomic.Int64
		start := time.Now()
		p := newPlaceBy(t, func() time.Time { return start.Add(time.Duration(looks.Add(1)) * 10 * time.Second) })
		visitor := visit(p).LocalAddr().String()
		for range 8 { // which are one too many
			conn, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
		}
		p.log.await(t, 0, "a place that is lost", "others want its place")
		said, _ := p.log.from(0)
		for line := range strings.Lines(said) {
			if strings.Contains(line, "others want its place") && strings.Contains(line, "peer="+visitor+" ") {
				t.Errorf("who %s loses its place: %s", name, line)
			}
		}
	}
}
