package main

import (
	"reflect"
	"strings"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/ledger"
)

// What is not set about mail is as it can be on this machine.
func TestCompleteMail(t *testing.T) {
	s := settings{Central: config.DefaultCentral(), positional: true}
	if s.completeMail(); s.Mail.Server != "127.0.0.1:25" || s.Mail.From != "videoclub@"+s.host || s.host == "" {
		t.Errorf("with ports alone: %+v at %q", s.Mail, s.host)
	}
	s = settings{Central: config.DefaultCentral()}
	s.Mail.From, s.Mail.Events = "club@example.org", []string{"failed"}
	if s.completeMail(); s.Mail.Server != "" {
		t.Errorf("configured: %+v", s.Mail)
	}
	want := ledger.Mailing{Kinds: []ledger.MailKind{ledger.MailFailed}, Language: "es", Central: "34750f98", Domain: "example.org"}
	if got := s.mailing(strings.Repeat("34750f98", 8)); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for _, event := range config.DefaultCentral().Mail.Events {
		switch ledger.MailKind(event) {
		case ledger.MailDeposited, ledger.MailFailed, ledger.MailBroken:
		default:
			t.Errorf("the ledger writes no mail of %q", event)
		}
	}
}
