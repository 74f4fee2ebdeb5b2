package control

import (
	"time"

	"videoclub/internal/reason"
)

// TLSPolicy says how a mail worker's connection is encrypted.
type TLSPolicy string

// The policies. The first two send no mail without TLS, nor to a server whose
// certificate is not good.
const (
	TLSImplicit TLSPolicy = "implicit" // from the first byte (RFC 8314, section 3)
	TLSRequired TLSPolicy = "required" // by STARTTLS (RFC 3207)
	TLSOptional TLSPolicy = "optional" // by STARTTLS where it is offered
	TLSNever    TLSPolicy = "never"
)

// From and to the mail worker.
type (
	// SendMail tells the mail worker what to say on its connection. A message
	// has at most 64 KiB, so that this stays within MaxMessage.
	SendMail struct {
		Server   string        `json:"server"` // its host name, which its certificate must have
		Name     string        `json:"name"`   // this machine's, for EHLO
		TLS      TLSPolicy     `json:"tls"`
		Username string        `json:"username,omitempty"`
		Password string        `json:"password,omitempty"`
		From     string        `json:"from"`
		To       string        `json:"to"`
		Message  []byte        `json:"message"`
		Step     time.Duration `json:"step"` // how long each step may take
	}

	// MailTaken says that the server has taken the mail upon itself, and with
	// which words. What happens to the connection then is of no matter.
	MailTaken struct {
		Reply string `json:"reply"`
	}

	// MailUnsecured says that TLS was optional, and failed: no mail was spoken of
	// yet, and another connection may do without.
	MailUnsecured struct {
		Detail string `json:"detail"`
	}

	// MailRefused says that the server answered a step with another status than
	// it should have. What failed without an answer is Failed.
	MailRefused struct {
		Step      string `json:"step"`
		Status    int    `json:"status"` // RFC 5321, section 4.2
		Text      string `json:"text"`
		Temporary bool   `json:"temporary"`
	}
)

func (SendMail) kind() string      { return "send_mail" }
func (MailUnsecured) kind() string { return "mail_unsecured" }
func (MailTaken) kind() string     { return "mail_taken" }
func (MailRefused) kind() string   { return "mail_refused" }

// MaxMails is the most entries of mail in a DeliveryStory: the latest.
const MaxMails = 20

// Mail is a mail that tells of a delivery, as users see it.
type Mail struct {
	Kind     string      `json:"kind"` // what it tells of
	To       string      `json:"to"`
	State    string      `json:"state"`
	Attempts int         `json:"attempts"`
	Reason   reason.Code `json:"reason,omitempty"` // why it was not taken
	Detail   string      `json:"detail,omitempty"`
	At       time.Time   `json:"at"` // when it was sent or given up; while pending, when it is tried next
}
