package main

import (
	"io"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

// maxCaught bounds a mail, in bytes.
const maxCaught = 1 << 20

// catcher is a mail server that keeps what it gets, and passes nothing on.
type catcher struct {
	at     string // HOST:PORT
	mail   chan string
	server *smtp.Server
}

// newCatcher starts a catcher at a free port of the loopback.
func newCatcher() (*catcher, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &catcher{at: l.Addr().String(), mail: make(chan string, 16)}
	c.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return caught{c.mail}, nil }))
	c.server.Domain = "localhost"
	c.server.MaxMessageBytes = maxCaught
	c.server.ReadTimeout, c.server.WriteTimeout = 10*time.Second, 10*time.Second
	go c.server.Serve(l) // ends with stop
	return c, nil
}

func (c *catcher) stop() { c.server.Close() }

// caught is one connection to the catcher, which says yes to all.
type caught struct{ mail chan<- string }

func (caught) Reset()                               {}
func (caught) Logout() error                        { return nil }
func (caught) Mail(string, *smtp.MailOptions) error { return nil }
func (caught) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (c caught) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	select {
	case c.mail <- string(text):
		return nil
	default:
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "nobody looks at what was caught"}
	}
}
