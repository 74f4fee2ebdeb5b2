package desk

import (
	"context"

	"videoclub/internal/control"
	"videoclub/internal/ledger"
	"videoclub/internal/mailbox"
	"videoclub/internal/reason"
)

// checkMail looks at where a request wants to be written to, while somebody is
// there to mend it.
func checkMail(q control.Request) error {
	if q.Language != "" && q.Language != "es" && q.Language != "en" {
		return reason.New(reason.Usage, "the language %.40q is not known: mail is written in \"es\" or \"en\"", q.Language)
	}
	if q.Mail == "" {
		return nil
	}
	return mailbox.Check(q.Mail)
}

// mails gives what was written of a delivery.
func (s asker) mails(ctx context.Context, delivery int64) ([]control.Mail, error) {
	all, err := s.desk.Ledger.Outbox(ctx, delivery)
	if err != nil {
		return nil, err
	}
	var mails []control.Mail
	for _, m := range all[max(0, len(all)-control.MaxMails):] {
		at := m.Done
		if m.State == ledger.MailPending {
			at = m.Next
		}
		mails = append(mails, control.Mail{
			Kind: string(m.Kind), To: m.To, State: string(m.State), Attempts: m.Attempts, Reason: m.Reason, Detail: cut(s.sayable(m.Reason, m.Detail), 300), At: at.UTC(),
		})
	}
	return mails, nil
}
