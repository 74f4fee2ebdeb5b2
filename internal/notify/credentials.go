package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// secure goes over to TLS as the policy wants it.
func (c *conversation) secure() error {
	offered, _ := c.client.Extension("STARTTLS")
	switch {
	case c.TLS == control.TLSImplicit, c.TLS == control.TLSNever, c.TLS == control.TLSOptional && !offered:
		return nil
	case !offered:
		return reason.New(reason.MailRefused, "the server does not offer it, and tls is \"required\" in [mail]")
	}
	config, err := c.trust()
	if err != nil {
		return err
	}
	err = c.client.StartTLS(config)
	if state, _ := c.client.TLSConnectionState(); err == nil || state.HandshakeComplete || c.TLS != control.TLSOptional || c.Username != "" {
		return err
	}
	if errors.As(err, new(*textproto.Error)) {
		return nil // offered, and not to be had now (RFC 3207, section 4)
	}
	return unsecured{err}
}

// unsecured is why an optional TLS failed. Some servers offer it and cannot do
// it: OpenSMTPD 6.8 with OpenSSL 3, as Debian 12 has it, fails at each handshake.
type unsecured struct{ error }

func (u unsecured) Unwrap() error { return u.error }

// handshake begins TLS at the first byte.
func (c *conversation) handshake() (*tls.Conn, error) {
	config, err := c.trust()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(c.conn, config)
	err = conn.Handshake()
	if errors.As(err, new(tls.RecordHeaderError)) {
		err = reason.New(reason.Protocol, "the server does not speak it from the first byte; if it offers STARTTLS, as at ports 25 and 587, tls = \"required\" in [mail]")
	}
	return conn, err
}

// trust says whom to believe that the server is the one.
func (c *conversation) trust() (*tls.Config, error) {
	pem, err := io.ReadAll(io.LimitReader(c.roots, maxRoots))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{
		ServerName: c.Server, RootCAs: pool, MinVersion: tls.VersionTLS12,
		// Where plain text would do as well, encryption to whoever it is keeps
		// those out that only listen (RFC 7435). A password goes to nobody
		// whose certificate is not good.
		InsecureSkipVerify: c.TLS == control.TLSOptional && c.Username == "",
	}, nil
}

// authenticate gives the password, to who may have it, in the way that the
// server offers.
func (c *conversation) authenticate() error {
	if c.Username == "" {
		return nil
	}
	offered, ways := c.client.Extension("AUTH")
	names := strings.Fields(strings.ToUpper(ways))
	switch plain := smtp.PlainAuth("", c.Username, c.Password, c.Server); {
	case !offered:
		return reason.New(reason.MailRefused, "the server does not offer it; set the username only where it is wanted")
	case slices.Contains(names, "PLAIN"):
		return c.client.Auth(plain)
	case slices.Contains(names, "LOGIN"):
		return c.client.Auth(&login{Auth: plain, answers: []string{c.Username, c.Password}})
	}
	return reason.New(reason.MailRefused, "the server offers %.80q, and neither PLAIN nor LOGIN", ways)
}

// login is AUTH LOGIN, which some servers offer alone: it was never a standard,
// and is name and password, each to a question whose words differ from server
// to server (draft-murchison-sasl-login). Auth is PLAIN, whose rules of who may
// have a password hold here too.
type login struct {
	smtp.Auth
	answers []string // that are still to be given
}

// Start names the way, unless the password may not go to that server.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	_, _, err := l.Auth.Start(server)
	return "LOGIN", nil, err
}

// Next answers a question.
func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	switch {
	case !more:
		return nil, nil
	case len(l.answers) == 0:
		return nil, reason.New(reason.MailRefused, "the server asks for more than a name and a password")
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}
