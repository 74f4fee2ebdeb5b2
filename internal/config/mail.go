package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"videoclub/internal/mailbox"
	"videoclub/internal/moment"
)

// Mail is the [mail] of vccs: how people are written to.
type Mail struct {
	Server       string          // HOST:PORT; "" is none, and mail is kept until there is one
	From         string          // an address; "" is videoclub at this machine's name
	TLS          string          // "implicit", "required", "optional" or "never"
	Username     string          // "" is no authentication; then PasswordFile is "" too
	PasswordFile string          // a relative path is the daemon's to resolve, as that of CAFile
	CAFile       string          // "" is what the system trusts
	Timeout      time.Duration   // of each step of a conversation, 1 s to 10 min
	Events       []string        // of "deposited", "failed" and "broken", none twice; what is written of
	Retry        []time.Duration // pauses after a first, a second … try, the last for all later ones; 1 to 20, each 1 s to 1 d
	GiveUp       time.Duration   // after which a mail is given up, 1 min to 30 d
}

// The bounds of what [mail] is given.
const (
	leastTimeout = time.Second
	mostTimeout  = 10 * time.Minute
	leastRetry   = time.Second
	mostRetry    = 24 * time.Hour
	mostRetries  = 20
	leastGiveUp  = time.Minute
	mostGiveUp   = 30 * 24 * time.Hour
)

// What can be written of, in the order of a delivery's life.
func mailEvents() []string { return []string{"broken", "failed", "deposited"} }

// implicit is the policy of tls at submissionsPort, where TLS is from the first
// byte (RFC 8314, section 7.3).
const (
	implicit        = "implicit"
	submissionsPort = ":465"
)

func tlsPolicies() []string { return []string{implicit, "required", "optional", "never"} }

// defaultRetry begins short, for a server that is being started, and is soon
// long enough for one that greylists: many let a mail in at its second try, if
// that comes no sooner than a minute or five after the first (RFC 6647, section
// 2). RFC 5321, section 4.5.4.1, wants pauses of at least 30 minutes later on.
func defaultRetry() []time.Duration {
	return []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
}

func defaultMail() Mail {
	return Mail{TLS: "optional", Timeout: 2 * time.Minute, Events: mailEvents(), Retry: defaultRetry(), GiveUp: 3 * 24 * time.Hour}
}

// readMail reads [mail].
func readMail(s *section, m *Mail) {
	set(s, "server", mailServer, &m.Server)
	set(s, "from", mailAddress, &m.From)
	submissions := strings.HasSuffix(m.Server, submissionsPort)
	if submissions {
		m.TLS = implicit
	}
	set(s, "tls", oneOf("a policy", tlsPolicies()), &m.TLS)
	set(s, "username", userName, &m.Username)
	set(s, "password_file", pathOrNothing, &m.PasswordFile)
	set(s, "ca_file", pathOrNothing, &m.CAFile)
	set(s, "timeout", span(leastTimeout, mostTimeout), &m.Timeout)
	setEach(s, "events", oneOf("an event", mailEvents()), &m.Events)
	setEach(s, "retry", span(leastRetry, mostRetry), &m.Retry)
	set(s, "give_up", span(leastGiveUp, mostGiveUp), &m.GiveUp)
	s.end()
	for i, event := range m.Events {
		if slices.Contains(m.Events[:i], event) {
			s.problemAt("events", i, "%q is there twice; give each event once", event)
		}
	}
	if len(m.Retry) < 1 || len(m.Retry) > mostRetries {
		s.problem("retry", "has %d pauses; give it 1 to %d, of which the last is for all later tries", len(m.Retry), mostRetries)
	}
	if submissions && m.TLS != implicit {
		s.problem("tls", "%q does not go with port 465, where mail servers speak TLS from the first byte; write \"implicit\", or the port for STARTTLS, 587", m.TLS)
	}
	switch {
	case m.Username != "" && m.PasswordFile == "":
		s.problem("username", "has no password; write it into a file of mode 0600 and name that in password_file")
	case m.Username == "" && m.PasswordFile != "":
		s.problem("password_file", "is there without a username; give both, or none")
	case m.Username != "" && m.TLS == "never" && !onThisMachine(m.Server):
		s.problem("tls", "the password would cross the network in plain text; write \"required\"")
	}
}

// onThisMachine says whether a server is one to which net/smtp gives a password
// without TLS.
func onThisMachine(server string) bool {
	at, err := netip.ParseAddrPort(server)
	if err != nil {
		return strings.HasPrefix(server, "localhost:")
	}
	return at.Addr() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || at.Addr() == netip.IPv6Loopback()
}

// effective is every setting as it would be written, to be logged. The password
// is in a file, and not in a setting.
func (m Mail) effective() slog.Attr {
	return slog.Group("mail",
		slog.String("server", orNone(m.Server != "", m.Server)),
		slog.String("from", m.From),
		slog.String("tls", m.TLS),
		slog.String("username", m.Username),
		slog.String("password_file", m.PasswordFile),
		slog.String("ca_file", m.CAFile),
		slog.String("timeout", moment.FormatDuration(m.Timeout)),
		slog.Any("events", m.Events),
		slog.Any("retry", durations(m.Retry)),
		slog.String("give_up", moment.FormatDuration(m.GiveUp)),
	)
}

// durations are as they would be written.
func durations(all []time.Duration) []string {
	var texts []string
	for _, d := range all {
		texts = append(texts, moment.FormatDuration(d))
	}
	return texts
}

// mailServer reads the address of a mail server, or "none".
func mailServer(text string) (string, error) {
	if text == none {
		return "", nil
	}
	if at, ok := hostPort(text); ok {
		return at, nil
	}
	return "", fmt.Errorf("%q is not the address of a mail server: write HOST:PORT, such as \"localhost:25\" or \"mail.example.org:587\", or \"none\"", text)
}

func mailAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return text, mailbox.Check(text)
}

// userName reads a name for authentication, which is one text of SASL PLAIN
// (RFC 4616): without NUL, and here without other control characters.
func userName(text string) (string, error) {
	if len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%.40q is not a user name: it has control characters, or more than 255 bytes", text)
	}
	return text, nil
}

// oneOf reads one of a few words.
func oneOf(what string, words []string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%.40q is not %s that is known here: write one of \"%s\"", text, what, strings.Join(words, "\", \""))
		}
		return text, nil
	}
}
