// Package reason names why something was refused, failed or broke off: one
// stable code, the same in the client, the journal, the mail and on the wire,
// with its exit status and its words in English and Spanish.
package reason

import (
	"errors"
	"fmt"
)

// Code is a stable, lower-case identifier of a reason. Codes are never
// renamed; docs/PROTOCOL.md lists those that cross the wire.
type Code string

// The codes. Their words and exit statuses stand in the table of words.go.
const (
	// Asked wrongly: mend the request.
	Usage         Code = "usage"
	ConfigInvalid Code = "config_invalid"
	TitlesInvalid Code = "titles_invalid"
	KeysInvalid   Code = "keys_invalid"
	// NoSandbox is for a kernel that cannot confine the workers, where it must.
	NoSandbox Code = "no_sandbox"
	// AddressUnusable is for an address that another program has, or that is none of
	// this machine.
	AddressUnusable Code = "address_unusable"
	KeyReused       Code = "key_reused"
	// DurationUnknown is for a title whose source does not say how long it lasts.
	DurationUnknown Code = "duration_unknown"

	// Refused: the request was understood and cannot be granted.
	UnknownTitle     Code = "unknown_title"
	UnknownReception Code = "unknown_reception"
	UnknownDelivery  Code = "unknown_delivery"
	DeadlinePast     Code = "deadline_past"
	DeadlineTooSoon  Code = "deadline_too_soon"
	TitleUnreadable  Code = "title_unreadable"
	TitleInUse       Code = "title_in_use"
	AlreadyEnded     Code = "already_ended"
	Busy             Code = "busy"
	RemotePeer       Code = "remote_peer"
	NotPermitted     Code = "not_permitted"
	UnknownAccount   Code = "unknown_account"
	AccountExists    Code = "account_exists"
	ReceptionInUse   Code = "reception_in_use"

	// Who somebody is cannot be shown.
	LoginNeeded    Code = "login_needed"
	LoginInvalid   Code = "login_invalid"
	AccountsNeeded Code = "accounts_needed"
	PairingInvalid Code = "pairing_invalid"
	PairingExpired Code = "pairing_expired"
	NotPaired      Code = "not_paired"

	// Broke off: tried again from the durable offset.
	Unreachable     Code = "unreachable"
	ConnectionLost  Code = "connection_lost"
	PeerSilent      Code = "peer_silent"
	Protocol        Code = "protocol"
	Version         Code = "version"
	FrameInvalid    Code = "frame_invalid"
	WorkerFailed    Code = "worker_failed"
	NoSpace         Code = "no_space"
	StoreFailed     Code = "store_failed"
	LedgerFailed    Code = "ledger_failed"
	TitlesFailed    Code = "titles_failed"
	ShuttingDown    Code = "shutting_down"
	OffsetMismatch  Code = "offset_mismatch"
	ReceiptInvalid  Code = "receipt_invalid"
	IdentityChanged Code = "identity_changed"
	IdentityUnknown Code = "identity_unknown"

	// Of mail: the delivery itself is not touched.
	MailRefused Code = "mail_refused"
	MailNowhere Code = "mail_nowhere"

	// Of devices: the capture goes on when they do, and what is missing is a
	// gap. DeviceOverrun is a loss because this program was too slow.
	DeviceAbsent    Code = "device_absent"
	DeviceBusy      Code = "device_busy"
	DeviceHung      Code = "device_hung"
	DeviceSuspended Code = "device_suspended"
	DeviceFailed    Code = "device_failed"
	DeviceUnfit     Code = "device_unfit"
	DeviceOverrun   Code = "device_overrun"
	EncoderAbsent   Code = "encoder_absent"
	EncoderFailed   Code = "encoder_failed"
	SpoolFull       Code = "spool_full"

	// Failed for good.
	SourceChanged    Code = "source_changed"
	SourceUnreadable Code = "source_unreadable"
	DigestMismatch   Code = "digest_mismatch"
	Cancelled        Code = "cancelled"
	Superseded       Code = "superseded"

	// A fault of ours.
	Internal Code = "internal"
)

// Exit statuses of every command, fixed by the commands' documentation.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitRefused     = 3
	ExitPermission  = 4
	ExitUnreachable = 5
)

// Error is an error with a reason: the code for programs, the detail (lower
// case, no full stop) for people, and what caused it, if anything did.
type Error struct {
	Code   Code
	Detail string
	Err    error
}

// New makes an Error; format and args make its detail.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error caused by err; format and args say what was being done.
func Wrap(code Code, err error, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...), Err: err}
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil && e.Detail == "":
		return string(e.Code)
	case e.Err == nil:
		return e.Detail
	case e.Detail == "":
		return e.Err.Error()
	}
	return e.Detail + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Of gives the code of err: that of the first Error in its chain, "" for nil
// and Internal for an error without a reason.
func Of(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Known says whether c is one of the codes.
func (c Code) Known() bool { _, ok := table[c]; return ok }

// maxCode is how many bytes a code has at most.
const maxCode = 40

// Valid says whether c has the form of a code. A peer's code is checked by it:
// a newer peer may have reasons that this program does not know.
func (c Code) Valid() bool {
	if c == "" || len(c) > maxCode {
		return false
	}
	for _, b := range []byte(c) {
		if (b < 'a' || b > 'z') && b != '_' {
			return false
		}
	}
	return true
}

// Exit is the exit status of a command that ends for reason c.
func (c Code) Exit() int {
	if c == "" {
		return ExitDone
	}
	if w, ok := table[c]; ok {
		return w.exit
	}
	return ExitFailed
}

// Permanent says whether trying the same again cannot help.
func (c Code) Permanent() bool { return table[c].permanent }

// located are the codes whose detail may say where something lies at the central
// server: a title, a device, a program, the spool, the ledger.
var located = map[Code]bool{
	TitleUnreadable: true, SourceChanged: true, SourceUnreadable: true, TitlesFailed: true, TitlesInvalid: true,
	DeviceAbsent: true, DeviceBusy: true, DeviceHung: true, DeviceSuspended: true, DeviceFailed: true, DeviceUnfit: true, DeviceOverrun: true,
	EncoderAbsent: true, EncoderFailed: true, SpoolFull: true, StoreFailed: true, LedgerFailed: true, KeysInvalid: true, Internal: true,
}

// Located says whether what a detail with c tells is for administrators and the
// journal alone.
func (c Code) Located() bool { return located[c] }

// ForUsers is what users are told of a detail with c: nothing, where it may say
// where something lies. Paths are not looked for within it, as they stand there in
// more forms than one; the words of c say what users need.
func (c Code) ForUsers(detail string) string {
	if c.Located() {
		return ""
	}
	return detail
}

// Words says in lang ("es", or English for anything else) what c means and
// what to do next. Both are lower case without a full stop; the hint may be
// empty. An unknown code gives itself.
func (c Code) Words(lang string) (meaning, hint string) {
	w, ok := table[c]
	if !ok {
		return string(c), ""
	}
	if lang == "es" {
		return w.es, w.esHint
	}
	return w.en, w.enHint
}
