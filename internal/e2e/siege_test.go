package e2e

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"videoclub/internal/api"
	"videoclub/internal/frame"
	"videoclub/internal/wire"
)

// siege is many hostile peers at once, for as long as its context lasts.
type siege struct {
	ctx   context.Context
	calls *rate.Limiter // connections that are begun, of all of them together
	sent  atomic.Int64  // bytes of garbage that the other side's kernel took
	began atomic.Int64
	lasts sync.WaitGroup
}

// hostile has n peers do act to an address, again and again.
func (s *siege) hostile(n int, address string, act func(net.Conn)) {
	for range n {
		s.lasts.Go(func() {
			for s.calls.Wait(s.ctx) == nil {
				conn, err := (&net.Dialer{}).DialContext(s.ctx, "tcp", address)
				if err != nil {
					continue
				}
				s.began.Add(1)
				stop := context.AfterFunc(s.ctx, func() { conn.Close() })
				act(conn)
				stop()
				conn.Close()
			}
		})
	}
}

// silent says nothing until the other side has had enough.
func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

// halfOpen says that it will say nothing, and stays.
func halfOpen(conn net.Conn) {
	conn.(*net.TCPConn).CloseWrite()
	silent(conn)
}

// slowly says the beginning of a handshake, a byte a second.
func slowly(conn net.Conn) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	gone := make(chan struct{})
	go func() { silent(conn); close(gone) }()
	for _, b := range []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", 500)) {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		select {
		case <-every.C:
		case <-gone:
			return
		}
	}
}

// says says text, and reads until the other side has had enough.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		go io.WriteString(conn, text)
		silent(conn)
	}
}

// secretly does act within TLS.
func secretly(config *tls.Config, act func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		if secure := tls.Client(conn, config); secure.Handshake() == nil {
			act(secure)
		}
	}
}

// garbage writes noise for as long as it is taken.
func (s *siege) garbage(conn net.Conn) {
	go silent(conn)
	noisy := make([]byte, 64<<10)
	if _, err := io.ReadFull(noise(uint64(s.began.Load()), int64(len(noisy))), noisy); err != nil {
		return
	}
	for {
		n, err := conn.Write(noisy)
		s.sent.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// offering offers a delivery of its own, and says bytes once it is accepted.
func (s *siege) offering(size int64, bytes []byte) func(net.Conn) {
	return func(conn net.Conn) {
		for _, m := range []wire.Message{
			wire.Hello{Version: wire.Version, Program: "nobody"},
			wire.Offer{ID: 1 + s.began.Load()%8, Title: 1, Name: "../../etc/passwd", Extension: ".bin", Reception: "cinema.test", Size: size, MTime: 1},
		} {
			if wire.Write(conn, m) != nil {
				return
			}
		}
		in := bufio.NewReaderSize(conn, wire.MaxLine)
		if m, err := wire.Read(in); err != nil {
			return
		} else if _, ok := m.(wire.Accept); !ok {
			return
		}
		go conn.Write(bytes)
		silent(conn)
	}
}

// framed makes a frame of deflate data, whatever that is, that claims to have so
// many source bytes at an offset.
func framed(offset int64, source, member int, data []byte) []byte {
	h := []byte{0x1f, 0x8b, 8, 6, 0, 0, 0, 0, 0, 255, 24, 0, 'V', 'C', 20, 0, 1, 0, 0, 0}
	h = binary.LittleEndian.AppendUint64(h, uint64(offset))
	h = binary.LittleEndian.AppendUint32(h, uint32(source))
	if member == 0 {
		member = len(h) + 4 + 2 + len(data) + 8
	}
	h = binary.LittleEndian.AppendUint32(h, uint32(member))
	h = binary.LittleEndian.AppendUint16(h, uint16(crc32.ChecksumIEEE(h)))
	return append(append(h, data...), make([]byte, 8)...)
}

// bomb is deflate data of 200 MB of nothing, in as few bytes as a frame may have.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, 200_000_000); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// begin lets all of them loose on the ports of both daemons.
func (s *siege) begin(t *testing.T, crowd int, receptions, users, administrators string) {
	t.Helper()
	central, client := known(t, wire.ALPN), known(t, "http/1.1")
	old := known(t, wire.ALPN)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	post := func(length int, body string) string {
		return fmt.Sprintf("POST /v1/requests HTTP/1.1\r\nHost: x\r\nIdempotency-Key: x\r\nContent-Length: %d\r\n\r\n%s", length, body)
	}
	const hello = `{"type":"hello","version":1,"program":"nobody"}` + "\n"
	deep := strings.Repeat("[", 60_000)
	nothing := bomb(t)
	for _, address := range []string{receptions, users, administrators} {
		s.hostile(crowd/3, address, silent)
		s.hostile(2, address, halfOpen)
		s.hostile(2, address, slowly)
		s.hostile(1+crowd/40, address, s.garbage)
		s.hostile(1, address, says("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		s.hostile(1, address, secretly(old, silent))
	}
	for _, act := range []func(net.Conn){
		silent, s.garbage, says(hello), says(hello + deep + "\n"), says(strings.Repeat("x", 10<<20)),
		says(hello + `{"type":"offer","id":1,"name":` + deep + "}\n"),
		s.offering(1<<20, framed(0, 256_000, 1<<31-1, nil)),
		s.offering(1<<20, framed(0, 1<<31-1, 200_000, nil)),
		s.offering(1<<20, framed(0, frame.SourceSize, 0, nothing)),
		s.offering(1<<20, framed(1<<40, 100, 0, nothing[:100])),
		s.offering(1<<20, bytes.Repeat([]byte("no frame "), 1<<20)),
		s.offering(1<<62, nil),
	} {
		s.hostile(1, receptions, secretly(central, act))
	}
	for _, act := range []func(net.Conn){
		silent, s.garbage, says(post(10<<20, strings.Repeat(" ", 10<<20))), says(post(60_000, deep)), says(post(8000, deep[:8000])), says(post(100, "{")),
		says("GET /v1/titles HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20)), says("GET /v1/deliveries/99999999999999999999 HTTP/1.1\r\nHost: x\r\n\r\n"),
		says("DELETE /v1/titles/1?force=1 HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		s.hostile(1, users, secretly(client, act))
	}
}

// peak is the most memory that a process has had resident, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	for line := range strings.Lines(string(text)) {
		fmt.Sscanf(line, "VmHWM: %d kB", &kib)
	}
	return kib << 10
}

// moved is how far a delivery came while it was watched: from the first time that
// something of it became durable to the last.
type moved struct {
	bytes int64
	lasts time.Duration
	err   error
}

// watchPace watches a delivery for as long as ctx lasts, or until all is there.
func watchPace(ctx context.Context, client *api.Client, id int64) (m moved) {
	var begun time.Time
	d, err := client.Delivery(ctx, id, 0, 0)
	from, last := int64(0), d.Offset
	for ; err == nil && d.Offset < d.Size; d, err = client.Delivery(ctx, id, d.Revision, 20*time.Second) {
		if d.Offset == last {
			continue
		}
		if last = d.Offset; begun.IsZero() {
			begun, from = time.Now(), last
		}
		m.bytes, m.lasts = last-from, time.Since(begun)
	}
	if ctx.Err() == nil {
		m.err = err
	}
	return m
}

// Honest deliveries, each at 20 Mbit/s, go on at that pace while everybody else
// does what nobody should. VC_SIEGE is for how many seconds, and that the pace is
// looked at: in its short form the test shares the machine with others.
func TestSiege(t *testing.T) {
	t.Parallel()
	seconds := setting(t, "VC_SIEGE", 0)
	honest, crowd, calls, lasts := 2, 200, 40, 3*time.Second
	if seconds > 0 {
		honest, crowd, calls, lasts = 10, 2000, 200, time.Duration(seconds)*time.Second
	}
	r := startReception(t, `silence = "30s"`+"\n")
	// Who watches does so by the machine's own socket: at the ports an honest client
	// of the address that all of them come from is refused like the others.
	dir, err := os.MkdirTemp("", "vc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "admin.sock")
	c := startCentral(t, fmt.Sprintf("max_pace = \"20 Mbit/s\"\nadmin_socket = %q\n", socket), link{"cinema.test", r, ""})
	local := api.NewClient(api.Unix+socket, nil)
	defer local.Close()
	users := field(c.log.await(t, 0, saying("ready ", "users=")), "users")
	administrators := field(c.log.await(t, 0, saying("ready ", "users=")), "administrators")
	listen := field(r.log.await(t, 0, saying("ready ", "listen=")), "listen")

	const pace = 2_500_000 // bytes a second
	var ids []int64
	var sources []title
	for i := range honest {
		source := makeTitle(t, c.dir, fmt.Sprintf("feature-%d.bin", i), noise(uint64(60+i), pace*int64(lasts/time.Second+8)))
		sources = append(sources, source)
		ids = append(ids, c.ask(c.add(fmt.Sprintf("Feature %d", i), source.path, 1), "cinema.test").ID)
	}
	for _, id := range ids {
		c.past(id, 0)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &siege{ctx: ctx, calls: rate.NewLimiter(rate.Limit(calls), calls)}
	paces := make([]moved, honest)
	for i, id := range ids {
		s.lasts.Go(func() { paces[i] = watchPace(ctx, local, id) })
	}
	s.begin(t, crowd, listen, users, administrators)
	// What they say takes a busy machine a while to make.
	time.AfterFunc(lasts, cancel)
	s.lasts.Wait()
	t.Logf("%d connections in %v, %d MB of garbage taken", s.began.Load(), lasts, s.sent.Load()/1e6)
	if s.began.Load() < 10 {
		t.Error("there was no siege")
	}

	for i, m := range paces {
		rate := float64(m.bytes) / m.lasts.Seconds()
		t.Logf("delivery %d: %.2f Mbit/s over %v", ids[i], rate*8e-6, m.lasts)
		if m.err != nil {
			t.Error(m.err)
		}
		if seconds > 0 && (rate < 0.9*pace || m.lasts < lasts*3/4) {
			t.Errorf("delivery %d: %.2f Mbit/s over %v instead of 20 over %v", ids[i], rate*8e-6, m.lasts, lasts)
		}
	}
	for i, id := range ids {
		d := c.deposited(id)
		if r.proven(d, sources[i]); d.Resumes > 0 {
			t.Errorf("delivery %d was broken off %d times", id, d.Resumes)
		}
	}
	for name, pid := range map[string]int{"vccs": c.pid(), "vcvrs": r.pid()} {
		most := peak(t, pid)
		t.Logf("%s had %d MiB", name, most>>20)
		if most > 64<<20 {
			t.Errorf("%s had %d MiB of memory, at most 64 are allowed", name, most>>20)
		}
	}
	if files := r.files(); len(files) != honest {
		t.Errorf("the store has %q", files)
	}
}
