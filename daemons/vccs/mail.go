package main

import (
	"io"
	"os"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/dropin"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/mailbox"
	"videoclub/internal/notify"
	"videoclub/internal/reason"
	"videoclub/internal/startup"
)

// maxPassword bounds the file with the password, in bytes.
const maxPassword = 1 << 10

// completeMail fills in what [mail] leaves to this machine, and reads the
// password. Started with ports alone, mail goes to the mail server that most
// machines have for themselves.
func (s *settings) completeMail() (err error) {
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
	if s.Mail.PasswordFile != "" {
		s.password, err = readPassword(startup.Secret(dropin.MailPassword, s.Mail.PasswordFile))
	}
	return err
}

// readPassword reads a file that has a password in its only line. One with
// forbidden permissions is refused: others may have read it.
func readPassword(path string, forbidden os.FileMode) (string, error) {
	wrong := func(why string) (string, error) {
		return "", reason.New(reason.ConfigInvalid, "password_file %s: %s", path, why)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason.Wrap(reason.ConfigInvalid, err, "password_file")
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", reason.Wrap(reason.ConfigInvalid, err, "password_file")
	case !info.Mode().IsRegular():
		return wrong("is no regular file")
	case info.Mode().Perm()&forbidden != 0:
		return wrong("others may read it; chmod 600 it, and change the password if they may have")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", reason.Wrap(reason.ConfigInvalid, err, "password_file")
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if password == "" || len(text) > maxPassword || strings.ContainsAny(password, "\r\n\x00") {
		return wrong("has not exactly one line, with the password")
	}
	return password, nil
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
