package notify

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"
	"unicode"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

const (
	// maxRoots bounds the file of trusted certificates, in bytes.
	maxRoots = 8 << 20

	// maxWords is how much of what a server says is passed on, in bytes.
	maxWords = 400

	// lastStep is how many times the timeout of a step the answer to the whole
	// message may take: servers look for spam and viruses before they give it,
	// and who does not wait for it sends the mail twice (RFC 5321, section
	// 4.5.3.2.6).
	lastStep = 5
)

// Worker is the mail worker: it sends one mail on its connection and says what
// came of it.
type Worker struct {
	Conn    *os.File
	Roots   *os.File // certificates in PEM
	Control *control.Conn
}

// Run sends the mail. Its error has been told to the supervisor.
func (w Worker) Run() error {
	defer w.Control.Close()
	m, err := w.Control.Receive()
	if err != nil {
		return err
	}
	mail, ok := m.(control.SendMail)
	if !ok {
		return fmt.Errorf("notify: the supervisor says %T instead of what to send", m)
	}
	conn, err := net.FileConn(w.Conn)
	if err != nil {
		return errors.Join(err, w.Control.Fail(err))
	}
	w.Conn.Close()
	defer conn.Close()
	c := &conversation{SendMail: mail, conn: &bounded{Conn: conn}, roots: w.Roots}
	reply, err := c.send()
	if err == nil {
		err = w.Control.Send(control.MailTaken{Reply: c.words(reply)})
		c.quit()
		return err
	}
	var refused *textproto.Error
	if errors.As(err, &refused) {
		err = errors.Join(err, w.Control.Send(control.MailRefused{
			Step: c.step, Status: refused.Code, Text: c.words(refused.Msg), Temporary: !c.final || !isFinal(refused.Code),
		}))
		c.quit()
		return err
	}
	if errors.As(err, new(unsecured)) {
		return errors.Join(err, w.Control.Send(control.MailUnsecured{Detail: c.step + ": " + c.words(err.Error())}))
	}
	return errors.Join(err, w.Control.Fail(reason.New(c.codeOf(err), "%s: %s", c.step, c.words(err.Error()))))
}

// isFinal says whether a status means that the mail will never be taken. That
// authentication or encryption is missing (RFC 4954, section 6; RFC 3207,
// section 4) is for an administrator to mend.
func isFinal(status int) bool { return status >= 500 && status <= 599 && status != 530 }

// conversation is what is said on one connection.
type conversation struct {
	control.SendMail
	conn   *bounded
	roots  io.Reader
	client *smtp.Client
	step   string // what is being done, for people
	final  bool   // an answer to it is about this mail, and not about this server
}

// begin begins a step, which has a deadline as a whole: a server that sends a
// byte a second is silent too.
func (c *conversation) begin(step string, within time.Duration) error {
	c.step = step
	return c.conn.SetDeadline(time.Now().Add(within))
}

// send says all of it, and gives the server's answer to the message.
func (c *conversation) send() (reply string, err error) {
	if err := c.greet(); err != nil {
		return "", err
	}
	for _, next := range []struct {
		step string
		do   func() error
	}{
		{"EHLO", func() error { return c.client.Hello(c.name()) }},
		{"STARTTLS", c.secure},
		{"AUTH", c.authenticate},
		{"MAIL FROM", func() error { c.final = true; return c.mailFrom() }},
		{"RCPT TO", func() error { return c.client.Rcpt(c.To) }},
	} {
		if err := c.begin(next.step, c.Step); err != nil {
			return "", err
		}
		if err := next.do(); err != nil {
			return "", err
		}
	}
	return c.data()
}

// greet hears the server's greeting, under TLS where that is from the first byte.
func (c *conversation) greet() (err error) {
	conn := net.Conn(c.conn)
	if c.TLS == control.TLSImplicit {
		if err := c.begin("TLS", c.Step); err != nil {
			return err
		}
		if conn, err = c.handshake(); err != nil {
			return err
		}
	}
	if err := c.begin("connecting", c.Step); err != nil {
		return err
	}
	c.client, err = smtp.NewClient(conn, c.Server)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && c.conn.total == 0 {
		return reason.Wrap(reason.PeerSilent, err, "the server says nothing; if it speaks TLS from the first byte, as at port 465, tls = \"implicit\" in [mail]")
	}
	return err
}

// mailFrom names the sender. It asks for neither 8BITMIME nor SMTPUTF8, as
// smtp.Client.Mail does of every server that offers them: message and addresses
// are ASCII, and a server further on that lacks the one could not take them.
func (c *conversation) mailFrom() error {
	if err := c.client.Text.PrintfLine("MAIL FROM:<%s>", c.From); err != nil {
		return err
	}
	_, _, err := c.client.Text.ReadResponse(250)
	return err
}

// data says the message. It does not go by smtp.Client.Data, which gives no
// answer to a message that was taken.
func (c *conversation) data() (reply string, err error) {
	text := c.client.Text
	if err := c.begin("DATA", c.Step); err != nil {
		return "", err
	}
	if err := text.PrintfLine("DATA"); err != nil {
		return "", err
	}
	if _, _, err := text.ReadResponse(354); err != nil {
		return "", err
	}
	if err := c.begin("the message", c.Step); err != nil {
		return "", err
	}
	body := text.DotWriter()
	_, errWrite := body.Write(c.Message)
	broken := errors.Join(errWrite, body.Close())
	if err := c.begin("the message", lastStep*c.Step); err != nil {
		return "", err
	}
	// A server that has seen enough may say so and close: its answer tells more
	// than the broken connection. A whole answer to half a message is none.
	_, reply, err = text.ReadResponse(250)
	if broken != nil && !errors.As(err, new(*textproto.Error)) {
		return "", broken
	}
	return reply, err
}

// quit says good-bye. What came of the mail stands whatever comes of that.
func (c *conversation) quit() {
	if c.client != nil && c.begin("QUIT", min(c.Step, time.Second)) == nil {
		_ = c.client.Quit()
	}
}

// name is how this machine calls itself: by a name that others can look up, or
// else by its address (RFC 5321, section 4.1.4).
func (c *conversation) name() string {
	if strings.Contains(c.Name, ".") {
		return c.Name
	}
	local, ok := c.conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case local.IP.To4() != nil:
		return "[" + local.IP.String() + "]"
	}
	return "[IPv6:" + local.IP.String() + "]"
}

// words makes something short that can be shown of what a server says. It may
// have sent the password back, which is not for the log.
func (c *conversation) words(s string) string {
	if c.Password != "" {
		coded := base64.StdEncoding.EncodeToString
		for _, secret := range []string{coded([]byte("\x00" + c.Username + "\x00" + c.Password)), coded([]byte(c.Password)), c.Password} {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "") + "…"
	}
	return s
}

// codeOf gives the reason of what failed without an answer.
func (c *conversation) codeOf(err error) reason.Code {
	if errors.As(err, new(textproto.ProtocolError)) && c.conn.failed != nil {
		err = c.conn.failed // a line that was cut short is not as it should be
	}
	var known *reason.Error
	var timeout net.Error
	switch {
	case errors.As(err, &known):
		return known.Code
	case errors.As(err, &timeout) && timeout.Timeout():
		return reason.PeerSilent
	case errors.As(err, new(textproto.ProtocolError)), errors.As(err, new(tls.RecordHeaderError)):
		return reason.Protocol
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return reason.MailRefused
	case c.step == "AUTH" && !errors.Is(err, io.EOF) && !errors.As(err, new(net.Error)):
		return reason.MailRefused // net/smtp does not give the password in plain text
	}
	return reason.ConnectionLost
}
