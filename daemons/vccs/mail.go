package main

import (
	"os"

	"videoclub/internal/control"
	"videoclub/internal/dropin"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/mailbox"
	"videoclub/internal/notify"
	"videoclub/internal/startup"
)

// completeMail fills in what [mail] leaves to this machine. Started with ports
// alone, mail goes to the mail server that most machines have for themselves.
func (s *settings) completeMail() {
	if s.positional {
		s.Mail.Server = "127.0.0.1:25"
	}
	name, err := os.Hostname()
	if s.host = name; err != nil || mailbox.Check("videoclub@"+name) != nil {
		s.host = "localhost" // what no mail server could read
	}
	if s.Mail.From == "" {
		s.Mail.From = "videoclub@" + s.host
	}
}

// readPassword reads the password of mail, which is for who sends it.
func (s *settings) readPassword() (err error) {
	if s.Mail.PasswordFile != "" {
		s.password, err = startup.ReadSecret("password_file", dropin.MailPassword, s.Mail.PasswordFile)
	}
	return err
}

// notify gives the settings of who sends mail.
func (s settings) notify() notify.Settings {
	return notify.Settings{
		Server: s.Mail.Server, Name: s.host, From: s.Mail.From, TLS: control.TLSPolicy(s.Mail.TLS), Username: s.Mail.Username, Password: s.password,
		Roots: s.Mail.CAFile, Timeout: s.Mail.Timeout, Retry: s.Mail.Retry, GiveUp: s.Mail.GiveUp,
	}
}

// mailing gives which mail is written, by the central server of that identity.
func (s settings) mailing(central string) ledger.Mailing {
	m := ledger.Mailing{Language: s.Language, Central: identity.Prefix8(central), Domain: mailbox.Domain(s.Mail.From)}
	for _, event := range s.Mail.Events {
		m.Kinds = append(m.Kinds, ledger.MailKind(event))
	}
	return m
}
