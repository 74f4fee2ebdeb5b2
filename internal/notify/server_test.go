package notify

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server of the tests does at a step instead of answering well.
const (
	closes  = "closes"
	hangs   = "hangs"   // until the other side goes
	endless = "endless" // a line that does not end
	many    = "many"    // lines of an answer that does not end
	garbage = "garbage"
	slow    = "slow" // a byte now and then
)

// The steps of a conversation, in their order.
const (
	greeting = "greeting"
	ehlo     = "EHLO"
	starttls = "STARTTLS"
	auth     = "AUTH"
	from     = "MAIL"
	rcpt     = "RCPT"
	data     = "DATA"
	message  = "message"
)

// mailServer is a mail server that does what its test wants.
type mailServer struct {
	at         string // HOST:PORT
	extensions []string
	tls        *tls.Config
	implicit   bool // TLS is from the first byte

	mu       sync.Mutex
	faults   map[string]string // by step: an answer, or one of the above
	reached  map[string]func() // by step: called before it is answered
	said     []string          // all commands
	messages []string          // all messages that were read to their end
	secure   bool              // the last message came under TLS
}

// newServer starts a server at a free port of host.
func newServer(t *testing.T, host string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{at: l.Addr().String(), faults: map[string]string{}, reached: map[string]func(){}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				(&visit{mailServer: s, conn: conn, in: bufio.NewReader(conn)}).serve()
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return s
}

// fault makes the server do something else at a step from now on; "" mends it.
func (s *mailServer) fault(step, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[step] = what
}

// on has f called when a step is reached.
func (s *mailServer) on(step string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached[step] = f
}

func (s *mailServer) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages
}

// heard says whether a command, or a part of one, was ever said.
func (s *mailServer) heard(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(strings.Join(s.said, "\n"), what)
}

// visit is one connection to a mailServer.
type visit struct {
	*mailServer
	conn net.Conn
	in   *bufio.Reader
}

func (v *visit) serve() {
	if v.implicit {
		v.encrypt()
	}
	if !v.answer(greeting, "220-mail.example.org is\r\n220 ready") {
		return
	}
	for {
		line, ok := v.hear()
		if !ok || !v.obey(line) {
			return
		}
	}
}

// hear reads a line.
func (v *visit) hear() (string, bool) {
	line, err := v.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	line = strings.TrimRight(line, "\r\n")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = append(v.said, line)
	return line, true
}

func (v *visit) encrypt() {
	secured := tls.Server(v.conn, v.tls)
	v.conn, v.in = secured, bufio.NewReader(secured)
}

func (v *visit) obey(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); verb {
	case ehlo:
		return v.answer(ehlo, v.hello())
	case starttls:
		if !v.answer(starttls, "220 go on") {
			return false
		}
		if strings.HasPrefix(v.faults[starttls], "454") { // is set before the server is met
			return true
		}
		if v.faults["TLS"] != "" {
			v.in.ReadByte()
			return v.answer("TLS", "")
		}
		v.encrypt()
		return true
	case auth:
		if rest == "LOGIN" {
			for _, question := range []string{"Username:", "Password:"} {
				if _, err := io.WriteString(v.conn, "334 "+base64.StdEncoding.EncodeToString([]byte(question))+"\r\n"); err != nil {
					return false
				}
				if _, ok := v.hear(); !ok {
					return false
				}
			}
		}
		return v.answer(auth, "235 welcome")
	case data:
		return v.answer(data, "354 go on") && v.read()
	case "QUIT":
		v.answer("QUIT", "221 bye")
		return false
	}
	return v.answer(verb, "250 fine")
}

// hello is the answer to EHLO: an extension on each line.
func (v *visit) hello() string {
	lines := append([]string{"mail.example.org"}, v.extensions...)
	if _, secured := v.conn.(*tls.Conn); v.tls != nil && !secured {
		lines = append(lines, starttls)
	}
	for i := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		lines[i] = "250" + separator + lines[i]
	}
	return strings.Join(lines, "\r\n")
}

// read reads a message and answers it.
func (v *visit) read() bool {
	text, err := io.ReadAll(textproto.NewReader(v.in).DotReader())
	if err != nil {
		return false
	}
	v.mu.Lock()
	v.messages = append(v.messages, string(text))
	_, v.secure = v.conn.(*tls.Conn)
	v.mu.Unlock()
	return v.answer(message, "250 2.0.0 taken")
}

// answer answers a step well, or as its fault wants it. It says whether the
// conversation goes on.
func (v *visit) answer(step, well string) bool {
	v.mu.Lock()
	fault, reached := v.faults[step], v.reached[step]
	v.mu.Unlock()
	if reached != nil {
		reached()
	}
	switch fault {
	case "":
	case closes:
		return false
	case hangs:
		v.in.ReadByte()
		return false
	case endless:
		return v.flood([]byte("250 " + strings.Repeat("x", 4092)))
	case many:
		return v.flood([]byte(strings.Repeat("250-more\r\n", 400)))
	case garbage:
		well = "\x00\x01\x02 <html>"
	case slow:
		for _, b := range []byte(well) {
			if _, err := v.conn.Write([]byte{b}); err != nil || v.gone(400*time.Millisecond) {
				return false
			}
		}
		well = ""
	default:
		well = fault
	}
	_, err := io.WriteString(v.conn, well+"\r\n")
	return err == nil
}

// gone waits that long and says whether the other side has gone meanwhile.
func (v *visit) gone(wait time.Duration) bool {
	v.conn.SetReadDeadline(time.Now().Add(wait))
	defer v.conn.SetReadDeadline(time.Time{})
	_, err := v.in.Peek(1)
	return err == io.EOF
}

func (v *visit) flood(chunk []byte) bool {
	for {
		if _, err := v.conn.Write(chunk); err != nil {
			return false
		}
	}
}

// authority makes a certificate for host, and the file of the authority that
// vouches for it.
func authority(t *testing.T, host string) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), fmt.Sprintf("%s.pem", host))
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}
