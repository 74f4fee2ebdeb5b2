package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/ledger"
	"videoclub/internal/letter"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/worker"
)

const (
	// dialTimeout bounds the way to the mail server, where the timeout of a
	// step does not.
	dialTimeout = 30 * time.Second

	// grace is how long a worker that has said what it had to say may take to
	// end.
	grace = 3 * time.Second

	// steps is how many times the timeout of a step a whole conversation may
	// take: more than it has steps, its worker's own bounds being sooner.
	steps = 20
)

// attempt is one mail on one connection, with one worker.
type attempt struct {
	*Mailer
	mail     ledger.Mail
	settings Settings
	worker   crew.Member
	said     bool // the worker has said what the server answered
}

// permanent is an error that another try would not change.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

func isPermanent(err error) bool { return errors.As(err, new(permanent)) }

// run sends the mail, or says why not. When ctx ends, what is being said has a
// moment left: a mail that is broken off at its last line may be sent twice.
func (a *attempt) run(ctx context.Context) error {
	message, err := a.compose(ctx)
	if err != nil {
		return err
	}
	err = a.converse(ctx, message)
	// Whatever its worker says, who wants TLS or has a password gets no mail
	// sent without.
	if s := a.settings; errors.As(err, new(unsecured)) && s.TLS == control.TLSOptional && s.Username == "" && ctx.Err() == nil {
		a.Log.Info("the mail server offers STARTTLS and fails at it, sending without", "delivery", a.mail.Delivery, "error", err)
		plain := &attempt{Mailer: a.Mailer, mail: a.mail, settings: a.settings}
		plain.settings.TLS = control.TLSNever
		defer plain.end()
		err = plain.converse(ctx, message)
	}
	return err
}

// converse sends the message on a connection.
func (a *attempt) converse(ctx context.Context, message []byte) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return err
	}
	roots, err := openRoots(a.settings.Roots)
	if err != nil {
		conn.Close()
		return err
	}
	if err := a.worker.Start(a.Spawner, worker.Mail, "delivery="+strconv.FormatInt(a.mail.Delivery, 10),
		worker.File{Name: "conn", File: conn}, worker.File{Name: "roots", File: roots}); err != nil {
		return err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), steps*a.settings.Timeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()
	defer context.AfterFunc(whole, a.worker.Kill)()
	host, _, _ := net.SplitHostPort(a.settings.Server)
	s := a.settings
	if err := a.worker.Tell(control.SendMail{
		Server: host, Name: s.Name, TLS: s.TLS, Username: s.Username, Password: s.Password,
		From: s.From, To: a.mail.To, Message: message, Step: s.Timeout,
	}); err != nil {
		return err
	}
	return a.listen()
}

// listen waits for what the worker has to say.
func (a *attempt) listen() error {
	m, err := a.worker.Control.Receive()
	switch {
	case err == io.EOF:
		return reason.New(reason.WorkerFailed, "the mail worker (pid %d) %v", a.worker.PID, a.worker.ExitWithin(grace))
	case err != nil:
		return err
	}
	switch m := m.(type) {
	case control.MailTaken:
		a.said = true
		a.Log.Debug("the mail server has taken a mail", "delivery", a.mail.Delivery, "reply", m.Reply)
		return nil
	case control.MailRefused:
		a.said = true
		err := reason.New(reason.MailRefused, "%.40s: %d %.600s", m.Step, m.Status, m.Text)
		if m.Temporary {
			return err
		}
		return permanent{err}
	case control.MailUnsecured:
		a.said = true
		return unsecured{reason.New(reason.ConnectionLost, "%.600s", m.Detail)}
	case control.Failed:
		return reason.New(m.Code, "%s", m.Detail)
	}
	return fmt.Errorf("the mail worker says %T", m)
}

// end ends and reaps the worker. One that is done may say good-bye first.
func (a *attempt) end() {
	if a.worker.Started() {
		if !a.said {
			a.worker.Kill()
		}
		a.worker.ExitWithin(grace)
	}
	a.worker.Close()
}

// compose writes the letter that the mail is, from what the ledger holds. The
// delivery does not change any more once it has ended, so neither does the mail.
func (a *attempt) compose(ctx context.Context) ([]byte, error) {
	d, err := a.Ledger.Get(ctx, a.mail.Delivery)
	if err != nil {
		return nil, err
	}
	if a.mail.Kind == ledger.MailBroken && (d.State.Ended() || !a.mail.Expected.Equal(d.Expected)) {
		// It waited too long: a later mail says how it really is.
		return nil, permanent{reason.New(reason.AlreadyEnded, "it is out of date: the delivery has ended, or is expected at another time")}
	}
	l := letter.Letter{
		Kind: letter.Kind(a.mail.Kind), Language: a.mail.Language, Zone: a.Zone,
		From: a.settings.From, To: a.mail.To, MessageID: a.mail.MessageID, Date: a.mail.Created,
		Delivery: d.ID, Name: d.Name, Reception: d.Reception, Promised: d.Deadline,
		ReceiptJSON: d.Receipt, Reason: d.Reason, Detail: d.Reason.ForUsers(d.Detail), Expected: a.mail.Expected,
	}
	if r, err := receipt.Parse(d.Receipt); err == nil {
		l.Receipt = &r
	}
	message, err := l.Message()
	if err != nil {
		return nil, permanent{err}
	}
	return message, nil
}

func (a *attempt) dial(ctx context.Context) (*os.File, error) {
	dialer := net.Dialer{Timeout: min(dialTimeout, a.settings.Timeout)}
	conn, err := dialer.DialContext(ctx, "tcp", a.settings.Server)
	if err != nil {
		return nil, reason.Wrap(reason.Unreachable, err, "connecting to the mail server")
	}
	defer conn.Close()
	return conn.(*net.TCPConn).File()
}

// openRoots opens the file with the certificates that are trusted. The worker
// opens nothing itself. Where the system has none, it gets an empty one, and
// trusts nobody.
func openRoots(path string) (*os.File, error) {
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, reason.Wrap(reason.ConfigInvalid, err, "ca_file in [mail]")
		}
		return f, nil
	}
	for _, usual := range []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/ssl/cert.pem",                                 // Alpine
	} {
		if f, err := os.Open(usual); err == nil {
			return f, nil
		}
	}
	return os.Open(os.DevNull)
}
