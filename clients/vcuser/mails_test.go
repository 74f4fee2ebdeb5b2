package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
)

func TestMails(t *testing.T) {
	mails := []control.Mail{
		{Kind: "broken", To: "ana@example.cl", State: "sent", Attempts: 1, At: noon},
		{Kind: "deposited", To: "ana@example.cl", State: "pending", Attempts: 3, Reason: reason.MailRefused, Detail: "RCPT TO: 451 later", At: noon.Add(time.Hour)},
		{Kind: "failed", To: "ana@example.cl", State: "failed", Attempts: 0, Reason: reason.MailNowhere, At: noon},
		{Kind: "new\x1b", To: "\x1b[2J", State: "odd\x1b", Reason: "odd\x1b", Detail: "\x1b", At: noon},
	}
	for language, want := range map[string]string{
		"en": `mail
  2026-11-22 12:00:00 +00:00  sent, will be late, to ana@example.cl
  2026-11-22 13:00:00 +00:00  pending (next attempt), deposited, to ana@example.cl, 3 attempts, the mail server did not take the mail, RCPT TO: 451 later
  2026-11-22 12:00:00 +00:00  given up, failed, to ana@example.cl, no mail server is configured
`,
		"es": `correos
  2026-11-22 12:00:00 +00:00  enviado, llegará tarde, a ana@example.cl
  2026-11-22 13:00:00 +00:00  pendiente (próximo intento), depositada, a ana@example.cl, 3 intentos, el servidor de correo no aceptó el correo, RCPT TO: 451 later
  2026-11-22 12:00:00 +00:00  abandonado, fallida, a ana@example.cl, no hay ningún servidor de correo configurado
`,
	} {
		var out bytes.Buffer
		if err := tester(language, &out).printMails(mails); err != nil {
			t.Fatal(err)
		}
		if got, found := strings.CutPrefix(out.String(), want); !found || strings.Contains(got, "\x1b") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s:\n%s", language, out.String())
		}
	}
	var out bytes.Buffer
	if err := tester("en", &out).printMails(nil); err != nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}
