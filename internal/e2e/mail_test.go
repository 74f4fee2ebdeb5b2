//go:build root

package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mailed are the titles of which mail is sent: what a header may hold as it is,
// and what it may not.
var mailed = []string{
	"La Piedra",
	"Ñandú: el corazón del país",
	"心 — a name so long that its subject does not fit into one line, nor into two of them, at all",
	"=?UTF-8?Q?a=20trap?= & \"quotes\" <tags>, ünd mehr",
}

// club is a central server and a reception on one host, configured by files,
// with the titles that mail is sent of.
type club struct {
	*site
	vccs *daemon
	last int // number of the latest delivery
}

// newClub starts a club whose mail goes as the lines of [mail] say.
func newClub(t *testing.T, s *site, settings string) *club {
	t.Helper()
	s.language = "es_CL.UTF-8" // which mail is written in
	c := &club{site: s}
	var titles strings.Builder
	for i, name := range mailed {
		fmt.Fprintf(&titles, "%d ^ %s ^ 1 %s\n", i+1, name, s.path("film.bin"))
	}
	write(t, s.path("film.bin"), strings.Repeat("a film", 1000))
	write(t, s.path("videos.txt"), titles.String())
	write(t, s.path("password"), clubPassword+"\n")
	if err := os.Mkdir(s.path("store"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, s.path("vcvrs.toml"), fmt.Sprintf("listen = \"127.0.0.1:4102\"\nstore = %q\nmin_free = \"1 MiB\"\n", s.path("store")))
	c.mailBy(settings)
	s.daemon("vcvrs", "--config", s.path("vcvrs.toml"), "--state", s.path("vcvrs")).launch()
	c.vccs = s.daemon("vccs", "--config", s.path("vccs.toml"), "--state", s.path("vccs"))
	c.vccs.launch()
	return c
}

// mailBy writes the configuration, with other lines of [mail].
func (c *club) mailBy(settings string) {
	c.t.Helper()
	write(c.t, c.path("vccs.toml"), fmt.Sprintf(`
users = "127.0.0.1:4100"
administrators = "127.0.0.1:4101"
videos = %q
[mail]
from = "videoclub@%s"
retry = ["1s"]
%s
[[reception]]
name = "mateo.elo.utfsm.cl"
address = "127.0.0.1:4102"
`, c.path("videos.txt"), mailDomain, settings))
}

// change has the club send its mail in another way from now on.
func (c *club) change(settings string) {
	c.t.Helper()
	c.mailBy(settings)
	if answer := c.vccs.reload(); strings.Contains(answer, "not reloaded") {
		c.t.Fatal(answer)
	}
}

// deposit has a title delivered for ana, and gives what its mail is known by.
func (c *club) deposit(number int) (id string) {
	c.t.Helper()
	c.ok("", "vcuser", "request", strconv.Itoa(number), "--at", "mateo.elo.utfsm.cl", "--by", "+1h", "--mail", "ana@"+mailDomain)
	c.last++
	c.vccs.log.await(c.t, 0, saying(" deposited delivery="+strconv.Itoa(c.last)+" "))
	return fmt.Sprintf("<delivery-%d-deposited.", c.last)
}

// mailSays waits until the central server says something of the latest mail.
func (c *club) mailSays(words ...string) string {
	c.t.Helper()
	return c.vccs.log.await(c.t, 0, saying(append(words, "delivery="+strconv.Itoa(c.last)+" ")...))
}

// mailShows waits until a person who asks is told that of the latest mail.
func (c *club) mailShows(words string) {
	c.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	late := time.After(patience)
	for {
		text := c.ok("", "vcuser", "show", strconv.Itoa(c.last))
		if strings.Contains(text, words) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			c.t.Fatalf("%q is not shown:\n%s", words, text)
		}
	}
}

// wantMail compares a mail as it is stored with what MISSION B8 wants of it:
// the sentence as subject and first line, and the receipt.
func wantMail(t *testing.T, stored, title, id string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(stored))
	if err != nil {
		t.Fatalf("%v:\n%s", err, stored)
	}
	want := "Su video " + title + " ya ha sido depositado en mateo.elo.utfsm.cl"
	if got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); got != want || err != nil {
		t.Errorf("subject %q, %v; want %q", got, err, want)
	}
	if got := m.Header.Get("Message-Id"); !strings.HasPrefix(got, id) || !strings.HasSuffix(got, "@"+mailDomain+">") || len(m.Header["Message-Id"]) != 1 {
		t.Errorf("message ids %q, want one %q", m.Header["Message-Id"], id)
	}
	for name, want := range map[string]string{"To": "<ana@" + mailDomain + ">", "From": `"Video Club" <videoclub@` + mailDomain + ">", "Return-Path": "<videoclub@" + mailDomain + ">"} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	kind, of, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("it is %q, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, of["boundary"])
	text := part(t, parts)
	if first, _, _ := strings.Cut(text, "\n"); first != want { // a mailbox has no CR
		t.Errorf("it begins with %q, want %q", first, want)
	}
	if receipt := part(t, parts); !strings.Contains(receipt, `"sha256"`) {
		t.Errorf("the receipt is %q", receipt)
	}
}

// part gives the next part of a message that is in parts, decoded.
func part(t *testing.T, parts *multipart.Reader) string {
	t.Helper()
	p, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	var content io.Reader = p
	switch encoding := p.Header.Get("Content-Transfer-Encoding"); strings.ToLower(encoding) {
	case "quoted-printable":
		content = quotedprintable.NewReader(p)
	case "base64":
		content = base64.NewDecoder(base64.StdEncoding, p)
	default:
		t.Errorf("a part is encoded as %q", encoding)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Mail by OpenSMTPD: with STARTTLS offered that it fails at, as the one of
// Debian 12 does, without, and while the server is stopped.
func TestMailByOpenSMTPD(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	server, _ := newOpenSMTPD(t, newSite(t, n, "correo.elo.utfsm.cl"))
	server.start()
	c := newClub(t, newSite(t, n, "central.elo.utfsm.cl"), `server = "correo.elo.utfsm.cl:25"`)

	id := c.deposit(1)
	wantMail(t, server.mail(), mailed[0], id)
	c.change(`server = "correo.elo.utfsm.cl:26"`)
	for i := range mailed {
		id := c.deposit(i + 1)
		stored := server.mail()
		wantMail(t, stored, mailed[i], id)
		if how := received(t, stored); !strings.Contains(how, "from central.elo.utfsm.cl") || !strings.Contains(how, "with ESMTP id") {
			t.Errorf("received %q", how)
		}
	}

	server.stop()
	id = c.deposit(2)
	c.mailSays("mail not taken", "reason=unreachable")
	server.start()
	wantMail(t, server.mail(), mailed[1], id)
	c.mailSays("mail sent")
	if text, more := server.unseen(); more {
		t.Errorf("there is one more mail:\n%s", text)
	}
}

// Mail by Postfix, which greylists it at port 25, encrypted: it comes at the
// try that is let in, once, whatever is stopped or killed meanwhile.
func TestMailGreylisted(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	server, ca := newPostfix(t, newSite(t, n, "correo.elo.utfsm.cl"), 3)
	server.start()
	c := newClub(t, newSite(t, n, "central.elo.utfsm.cl"), fmt.Sprintf("server = \"correo.elo.utfsm.cl:25\"\ntls = \"required\"\nca_file = %q", ca))

	id := c.deposit(2)
	c.mailSays("mail not taken", "450 4.2.0", "Greylisted")
	server.stop()
	c.vccs.kill()
	c.vccs.launch()
	server.start()
	stored := server.mail()
	wantMail(t, stored, mailed[1], id)
	if how := received(t, stored); !strings.Contains(how, "with ESMTPS id") || !strings.Contains(how, "TLSv1.3") {
		t.Errorf("received %q", how)
	}
	if sent := c.mailSays("mail sent"); number(t, sent, "attempts") < 2 {
		t.Errorf("sent at the first try: %s", sent)
	}
	id = c.deposit(3)
	wantMail(t, server.mail(), mailed[2], id) // from one who was let in before
	if text, more := server.unseen(); more {
		t.Errorf("there is one more mail:\n%s", text)
	}
}

// Mail by Postfix with a password, where it wants one, by STARTTLS and from the
// first byte, by PLAIN and by LOGIN; and what is told of settings that are wrong.
func TestMailWithPassword(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	server, ca := newPostfix(t, newSite(t, n, "correo.elo.utfsm.cl"), 3)
	server.start()
	const credentials = "username = \"club\"\npassword_file = %q\n"
	c := newClub(t, newSite(t, n, "central.elo.utfsm.cl"), "server = \"correo.elo.utfsm.cl:587\"\ntls = \"never\"")
	write(t, c.path("wrong"), "otra clave\n")
	good := fmt.Sprintf(credentials+"ca_file = %q\n", c.path("password"), ca)

	id := c.deposit(1)
	c.mailSays("mail not taken", "530 5.7.0 Must issue a STARTTLS command first")
	c.change("server = \"correo.elo.utfsm.cl:587\"\n" + fmt.Sprintf(credentials, c.path("password")))
	c.mailShows("certificate signed by unknown authority")
	c.change("server = \"correo.elo.utfsm.cl:587\"\n" + fmt.Sprintf(credentials+"ca_file = %q\n", c.path("wrong"), ca))
	c.mailShows("AUTH: 535 5.7.8 Error: authentication failed")
	c.change("server = \"correo.elo.utfsm.cl:587\"\n" + good)
	stored := server.mail()
	wantMail(t, stored, mailed[0], id)
	if how := received(t, stored); !strings.Contains(how, "with ESMTPSA id") {
		t.Errorf("received %q", how)
	}
	server.log.await(t, 0, saying("sasl_method=PLAIN", "sasl_username=club@"))

	c.change("server = \"correo.elo.utfsm.cl:465\"\n" + good)
	id = c.deposit(2)
	stored = server.mail()
	wantMail(t, stored, mailed[1], id)
	if how := received(t, stored); !strings.Contains(how, "with ESMTPSA id") {
		t.Errorf("received %q", how)
	}
	server.log.await(t, 0, saying("sasl_method=LOGIN", "sasl_username=club@"))

	c.change(fmt.Sprintf("server = \"correo.elo.utfsm.cl:587\"\nca_file = %q", ca))
	c.deposit(3)
	c.mailSays("mail given up", "RCPT TO: 554 5.7.1", "Access denied")
	if text, more := server.unseen(); more {
		t.Errorf("there is one more mail:\n%s", text)
	}
}
