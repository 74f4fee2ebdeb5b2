package notify

import (
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// Encryption and passwords: who gets what.
func TestTLSAndAuthentication(t *testing.T) {
	t.Parallel()
	good, trusted := authority(t, "127.0.0.1")
	_, stranger := authority(t, "127.0.0.1")
	_, garbled := authority(t, "x")
	other, otherTrusted := authority(t, "elsewhere.example.org")
	const password = "s3cret+word"
	for name, c := range map[string]struct {
		server   func(*mailServer)
		settings func(*Settings)
		host     string
		want     reason.Code // "" is sent
		text     string      // in the detail
		secure   bool
		said     []string
		never    []string // is never said
	}{
		"from the first byte":    {server: func(s *mailServer) { s.implicit = true }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSImplicit, trusted }, secure: true, never: []string{starttls}},
		"the same of a stranger": {server: func(s *mailServer) { s.implicit = true }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSImplicit, stranger }, want: reason.MailRefused, text: "TLS: tls: failed to verify certificate", never: []string{"EHLO"}},
		"the same, not spoken":   {settings: func(s *Settings) { s.TLS, s.Roots = control.TLSImplicit, trusted }, want: reason.Protocol, text: "TLS: the server does not speak it from the first byte", never: []string{"EHLO"}},
		"the same, not expected": {server: func(s *mailServer) { s.implicit = true }, settings: func(s *Settings) { s.Timeout = 200 * time.Millisecond }, want: reason.PeerSilent, text: "tls = \"implicit\"", never: []string{"EHLO"}},
		"the same with a password": {server: func(s *mailServer) { s.implicit = true }, settings: func(s *Settings) {
			s.TLS, s.Roots, s.Username, s.Password = control.TLSImplicit, trusted, "club", password
		}, secure: true, said: []string{"AUTH PLAIN AGNsdWIAczNjcmV0K3dvcmQ="}},
		"LOGIN alone":                {server: loginAlone, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, secure: true, said: []string{"AUTH LOGIN\nY2x1Yg==\nczNjcmV0K3dvcmQ=\nMAIL"}},
		"LOGIN in plain":             {server: func(s *mailServer) { loginAlone(s); s.tls = nil }, settings: func(s *Settings) { s.Username, s.Password = "club", password }, host: "127.0.0.2", want: reason.MailRefused, text: "unencrypted", never: []string{"AUTH", "MAIL"}},
		"LOGIN with more questions":  {server: func(s *mailServer) { loginAlone(s); s.faults[auth] = "334 VGhyaWNl" }, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, want: reason.MailRefused, text: "AUTH: the server asks for more", never: []string{"MAIL"}},
		"another way alone":          {server: func(s *mailServer) { s.extensions = []string{"AUTH SCRAM-SHA-256 CRAM-MD5"} }, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, want: reason.MailRefused, text: "SCRAM-SHA-256", never: []string{"AUTH", "MAIL"}},
		"required":                   {settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted }, secure: true},
		"required of a stranger":     {settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, stranger }, want: reason.MailRefused, text: "STARTTLS: tls: failed to verify certificate", never: []string{"MAIL"}},
		"required of another host":   {server: func(s *mailServer) { s.tls = other }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, otherTrusted }, want: reason.MailRefused, text: "certificate", never: []string{"MAIL"}},
		"required with odd roots":    {settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, garbled }, want: reason.MailRefused, text: "certificate", never: []string{"MAIL"}},
		"required with lost roots":   {settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted+".gone" }, want: reason.ConfigInvalid, text: "ca_file", never: []string{"EHLO"}},
		"required and stripped":      {server: func(s *mailServer) { s.tls = nil }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted }, want: reason.MailRefused, text: "does not offer it", never: []string{"MAIL"}},
		"required and refused":       {server: func(s *mailServer) { s.faults[starttls] = "554 5.7.0 not today" }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted }, want: reason.MailRefused, text: "STARTTLS: 554", never: []string{"MAIL"}},
		"words before the handshake": {server: func(s *mailServer) { s.faults[starttls] = "220 go on\r\n250 plain" }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted }, secure: true},
		"handshake of garbage":       {server: func(s *mailServer) { s.faults["TLS"] = garbage }, said: []string{starttls, "EHLO [127.0.0.1]\nMAIL"}},
		"handshake broken off":       {server: func(s *mailServer) { s.faults["TLS"] = closes }, said: []string{"STARTTLS\nEHLO [127.0.0.1]\nMAIL"}},
		"optional and refused":       {server: func(s *mailServer) { s.faults[starttls] = "454 4.7.0 not now" }, said: []string{"STARTTLS\nMAIL"}},
		"garbage where required":     {server: func(s *mailServer) { s.faults["TLS"] = garbage }, settings: func(s *Settings) { s.TLS, s.Roots = control.TLSRequired, trusted }, want: reason.Protocol, text: "STARTTLS: tls: first record", never: []string{"MAIL"}},
		"garbage for a password":     {server: func(s *mailServer) { s.faults["TLS"] = garbage }, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, want: reason.Protocol, never: []string{"AUTH", "MAIL"}},
		"optional":                   {secure: true},
		"optional of a stranger":     {settings: func(s *Settings) { s.Roots = stranger }, secure: true},
		"optional and not offered":   {server: func(s *mailServer) { s.tls = nil }},
		"never":                      {settings: func(s *Settings) { s.TLS = control.TLSNever }, never: []string{starttls}},
		"password":                   {settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, secure: true},
		"password for a stranger":    {settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, stranger }, want: reason.MailRefused, never: []string{"AUTH", "MAIL"}},
		"password in plain":          {server: func(s *mailServer) { s.tls = nil }, settings: func(s *Settings) { s.Username, s.Password = "club", password }, host: "127.0.0.2", want: reason.MailRefused, text: "unencrypted", never: []string{"AUTH", "MAIL"}},
		"password in plain at home":  {server: func(s *mailServer) { s.tls = nil }, settings: func(s *Settings) { s.Username, s.Password = "club", password }},
		"password not wanted":        {server: func(s *mailServer) { s.extensions = nil }, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, want: reason.MailRefused, text: "AUTH", never: []string{"MAIL"}},
		"wrong password": {server: func(s *mailServer) { s.faults[auth] = "535 5.7.8 no: " + password + " AGNsdWIAczNjcmV0K3dvcmQ=" },
			settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted }, want: reason.MailRefused, text: "AUTH: 535 5.7.8 no: *** ***", never: []string{"MAIL"}},
		"server leaves at AUTH": {server: func(s *mailServer) { s.faults[auth] = closes }, settings: func(s *Settings) { s.Username, s.Password, s.Roots = "club", password, trusted },
			want: reason.ConnectionLost, never: []string{"MAIL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := c.host
			if host == "" {
				host = "127.0.0.1"
			}
			s := newServer(t, host)
			s.mu.Lock()
			s.tls, s.extensions = good, []string{"AUTH PLAIN LOGIN"}
			if c.server != nil {
				c.server(s)
			}
			s.mu.Unlock()
			settings := settingsFor(s.at)
			if c.settings != nil {
				c.settings(&settings)
			}
			o := newOffice(t, settings)
			if c.want == "" {
				o.await(sent)
				o.wantState(ledger.MailSent, 1, "")
				wantMessages(t, s, 1)
				if s.secure != c.secure {
					t.Errorf("under TLS: %t", s.secure)
				}
			} else {
				e := o.await(retried)
				o.wantState(ledger.MailPending, 1, c.want)
				if detail := o.outbox(1).Detail; !strings.Contains(detail, c.text) || strings.Contains(detail, password) || strings.Contains(e.attrs["error"], password) {
					t.Errorf("detail %q, logged %q", detail, e.attrs["error"])
				}
			}
			for _, words := range c.said {
				if !s.heard(words) {
					t.Errorf("%q was not said", words)
				}
			}
			for _, word := range c.never {
				if s.heard(word) {
					t.Errorf("%s was said", word)
				}
			}
		})
	}
}

func loginAlone(s *mailServer) { s.extensions = []string{"AUTH LOGIN"} }

// A server that greylists gets the mail again at the pauses that are set, and
// what no try helps is given up at its time, not before and not after.
func TestRetries(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	s.fault(rcpt, "451 4.7.1 greylisted")
	settings := settingsFor(s.at)
	settings.GiveUp = 2 * time.Hour
	o := newOffice(t, settings)
	spent, level := time.Duration(0), []string{}
	for n := 1; ; n++ {
		e := <-o.events
		if e.text == givenUp {
			break
		}
		if e.text != retried {
			n--
			continue
		}
		level = append(level, e.level.String())
		m := o.outbox(1)
		wait := m.Next.Sub(o.clock())
		least := settings.Retry[min(n, len(settings.Retry))-1]
		if m.State != ledger.MailPending || m.Attempts != n || wait > least*5/4 || wait < least && !m.Next.Equal(noon.Add(settings.GiveUp)) {
			t.Fatalf("try %d: next in %v, %+v", n, wait, m)
		}
		o.advance(wait - time.Millisecond) // nothing is due yet
		o.advance(time.Millisecond)
		spent += wait
	}
	if spent != settings.GiveUp {
		t.Errorf("given up after %v", spent)
	}
	o.wantState(ledger.MailGivenUp, len(level)+1, reason.MailRefused)
	if level[0] != "INFO" || level[1] != "DEBUG" {
		t.Errorf("logged as %v", level)
	}
	if detail := o.outbox(1).Detail; detail != "RCPT TO: 451 4.7.1 greylisted" {
		t.Errorf("detail %q", detail)
	}
}

func TestPause(t *testing.T) {
	s := settingsFor("")
	for n, want := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 3: time.Hour, 4: time.Hour, 40: time.Hour} {
		if got := s.pause("<a@b>", n); got < want || got > want*5/4 || got != s.pause("<a@b>", n) {
			t.Errorf("after %d: %v", n, got)
		}
	}
	if s.pause("<a@b>", 1) == s.pause("<c@b>", 1) {
		t.Error("all mail is tried at the same time")
	}
}

// A clock that was ahead and is set right does not keep mail from being sent until
// the time that it showed.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	s.fault(rcpt, "451 4.7.1 greylisted")
	o := newOffice(t, settingsFor(s.at))
	o.await(retried)
	s.fault(rcpt, "")
	o.advance(-365 * 24 * time.Hour)
	o.await(sent)
	o.wantState(ledger.MailSent, 2, "")
}

// Without a server mail is kept, said once, and sent when there is one; or
// given up when its time is over.
func TestNoServer(t *testing.T) {
	t.Parallel()
	none := settingsFor("")
	none.GiveUp = 3 * time.Hour
	o := newOffice(t, none)
	if e := o.await(waits); e.level.String() != "WARN" {
		t.Errorf("%+v", e)
	}
	o.wantState(ledger.MailPending, 0, reason.MailNowhere)
	o.advance(time.Hour)
	if e := o.await(waits); e.level.String() != "DEBUG" {
		t.Errorf("%+v", e)
	}
	second := o.deposit("Another")
	o.await(waits)
	o.advance(2 * time.Hour)
	o.await(givenUp)
	o.wantState(ledger.MailGivenUp, 0, reason.MailNowhere)
	if o.outbox(second).State != ledger.MailPending {
		t.Errorf("given up early: %+v", o.outbox(second))
	}
	s := newServer(t, "127.0.0.1")
	o.mailer.SetSettings(t.Context(), settingsFor(s.at))
	o.await(sent)
}

// A mail that is being tried when the settings change, and is not taken, is tried at
// once by the new ones, not after a pause.
func TestSettingsChangeMeanwhile(t *testing.T) {
	t.Parallel()
	before, after := newServer(t, "127.0.0.1"), newServer(t, "127.0.0.1")
	reached, out := make(chan struct{}), make(chan struct{})
	before.on(rcpt, func() { close(reached); <-out })
	before.fault(rcpt, "451 4.7.1 greylisted")
	o := newOffice(t, settingsFor(before.at))
	<-reached
	o.mailer.SetSettings(t.Context(), settingsFor(after.at))
	close(out)
	o.await(retried)
	o.await(sent) // though the clock stands still
	o.wantState(ledger.MailSent, 2, "")
	wantMessages(t, after, 1)
}

// That something will be late is not told any more when it is there, nor when
// another time was told since.
func TestOutOfDate(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	o := newOffice(t, settingsFor(""))
	ended, going := o.promise("Ended").ID, o.promise("Going").ID
	for _, err := range []error{
		o.book.AtRisk(t.Context(), []ledger.Risk{{ID: ended, Expected: noon.Add(5 * time.Hour)}, {ID: going, Expected: noon.Add(5 * time.Hour)}}, noon),
		o.book.AtRisk(t.Context(), []ledger.Risk{{ID: going, Expected: noon.Add(9 * time.Hour)}}, noon),
		o.book.Cancel(t.Context(), ended, noon),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		o.await(waits)
	}
	o.mailer.SetSettings(t.Context(), settingsFor(s.at))
	o.awaitEnds(4)
	for _, want := range []struct {
		delivery int64
		n        int
		state    ledger.MailState
		code     reason.Code
	}{{1, 0, ledger.MailSent, ""}, {ended, 0, ledger.MailGivenUp, reason.AlreadyEnded}, {going, 0, ledger.MailGivenUp, reason.AlreadyEnded}, {going, 1, ledger.MailSent, ""}} {
		all, err := o.book.Outbox(t.Context(), want.delivery)
		if err != nil {
			t.Fatal(err)
		}
		if m := all[want.n]; m.State != want.state || m.Reason != want.code {
			t.Errorf("mail %d of delivery %d: %+v", want.n, want.delivery, m)
		}
	}
	if n := len(s.taken()); n != 2 {
		t.Errorf("%d messages were sent", n)
	}
}

// A few at a time, and each once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	inside, out := make(chan struct{}, 100), make(chan struct{})
	s.on(rcpt, func() { inside <- struct{}{}; <-out })
	o := newOffice(t, settingsFor(s.at))
	const more = 10
	for n := range more {
		o.deposit(strings.Repeat("x", n+1))
	}
	for range atOnce {
		<-inside
	}
	o.mailer.Wake()
	if len(inside) > 0 {
		t.Errorf("more than %d at once", atOnce)
	}
	close(out)
	for range more + 1 {
		o.await(sent)
	}
	seen := map[string]int{}
	for _, text := range s.taken() {
		_, id, _ := strings.Cut(text, "\nMessage-Id: ")
		id, _, _ = strings.Cut(id, "\n")
		seen[id]++
	}
	if len(seen) != more+1 || len(s.taken()) != more+1 {
		t.Errorf("taken: %v", seen)
	}
}

// The other letters say what the ledger knows.
func TestOtherLetters(t *testing.T) {
	t.Parallel()
	s := newServer(t, "127.0.0.1")
	o := newOffice(t, settingsFor(s.at))
	o.await(sent)
	d := o.promise("Late")
	if err := o.book.AtRisk(t.Context(), []ledger.Risk{{ID: d.ID, Expected: noon.Add(5 * time.Hour)}}, noon); err != nil {
		t.Fatal(err)
	}
	o.await(sent)
	lies := strings.TrimPrefix(d.Location, "/") // as it is named where roots are set
	if err := o.book.Fail(t.Context(), d.ID, reason.SourceChanged, "openat "+lies+": it is longer", noon); err != nil {
		t.Fatal(err)
	}
	o.await(sent)
	other := o.promise("Other")
	if err := o.book.Fail(t.Context(), other.ID, reason.DigestMismatch, "it has other bytes", noon); err != nil {
		t.Fatal(err)
	}
	o.await(sent)
	messages := s.taken()
	for n, want := range map[int]string{1: "2026-11-27 17:00:00 +00:00", 2: "el archivo del t=C3=ADtulo cambi=C3=B3", 3: "it has other bytes"} {
		if !strings.Contains(messages[n], want) {
			t.Errorf("message %d has not %q:\n%s", n, want, messages[n])
		}
		if strings.Contains(messages[n], lies) { // where it lies is not for users
			t.Errorf("message %d says where the title lies:\n%s", n, messages[n])
		}
	}
}
