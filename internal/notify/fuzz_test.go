package notify

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// spoken is a connection on which everything that the other side will ever say is
// there already, and nothing of this side is heard.
type spoken struct {
	io.Reader
	heard bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error)      { return s.heard.Write(p) }
func (s *spoken) Close() error                     { return nil }
func (s *spoken) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv6loopback, Port: 40000} }
func (s *spoken) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv6loopback, Port: 25} }
func (s *spoken) SetDeadline(time.Time) error      { return nil }
func (s *spoken) SetReadDeadline(time.Time) error  { return nil }
func (s *spoken) SetWriteDeadline(time.Time) error { return nil }

// Whatever a mail server says, the conversation ends with an answer that can be
// shown, or with a reason; a command is one line, and the password is in no word
// of it.
func FuzzConversation(f *testing.F) {
	const secret = "s3cret-of-the-server"
	begin := "220 mx ESMTP\r\n250-mx greets you\r\n"
	for _, said := range []string{
		begin + "250 SIZE 1000\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n250 2.0.0 queued as 1\r\n221 bye\r\n",
		begin + "250 AUTH PLAIN LOGIN\r\n334 \r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n",
		begin + "250 AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 no: " + secret + "\r\n",
		begin + "250 STARTTLS\r\n454 not now\r\n",
		begin + "250 STARTTLS\r\n220 go ahead\r\n\x15\x03\x03\x00\x02\x02\x28",
		begin + "250 ok\r\n451 4.7.1 greylisted\r\n",
		begin + "250 ok\r\n250 ok\r\n550-5.1.1 nobody\r\n550 5.1.1 of that name\r\n",
		"554 \x1b[2Jno\r\n", "220", "", "-1 x\r\n", "554 \u009b2Jno\r\n", "99999999999999999999 x\r\n", begin + "250-\r\n250-\r\n",
		begin + "334 !\r\n334 %\r\n",
	} {
		for mode := range 4 {
			f.Add(byte(mode), []byte(said))
		}
	}
	f.Fuzz(func(t *testing.T, mode byte, said []byte) {
		mail := control.SendMail{
			Server: "localhost", Name: "club", From: "club@example.org", To: "ana@example.org", Step: time.Second,
			TLS: []control.TLSPolicy{control.TLSNever, control.TLSOptional, control.TLSRequired, control.TLSImplicit}[mode%4], Message: []byte("Subject: x\r\n\r\nx\r\n.\r\n"),
		}
		if mode&4 != 0 {
			mail.Username, mail.Password = "club", secret
		}
		conn := &spoken{Reader: bytes.NewReader(said)}
		c := &conversation{SendMail: mail, conn: &bounded{Conn: conn}, roots: strings.NewReader("")}
		reply, err := c.send()
		c.quit()
		shown := c.words(reply)
		var refused *textproto.Error
		if err != nil {
			shown = c.words(err.Error())
			if !errors.As(err, &refused) && !errors.As(err, new(unsecured)) && !reason.New(c.codeOf(err), "").Code.Valid() {
				t.Errorf("%v has the code %q", err, c.codeOf(err))
			}
		}
		if len(shown) > maxWords+len("…") || !utf8.ValidString(shown) || strings.ContainsFunc(shown, unicode.IsControl) || mail.Password != "" && strings.Contains(shown, secret) {
			t.Errorf("%q is shown", shown)
		}
		if err == nil && !bytes.Contains(conn.heard.Bytes(), []byte("RCPT TO:<ana@example.org>\r\n")) && mode%4 == 0 {
			t.Errorf("taken without a word about to whom:\n%s", conn.heard.Bytes())
		}
	})
}
