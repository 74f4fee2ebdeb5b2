package ledger

import (
	"context"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"videoclub/internal/reason"
)

// explain turns an error of the database into one that says what happened to
// the file and what to do next. Errors that have a reason already, and those
// of a context, pass as they are.
func (l *Ledger) explain(err error, doing string) error {
	var known *reason.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return reason.Wrap(reason.LedgerFailed, err, "ledger %s: %s", l.path, doing)
	}
	// The low byte is the primary code: https://sqlite.org/rescode.html
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_INTERRUPT:
		return context.Canceled
	case sqlite3.SQLITE_FULL:
		return reason.Wrap(reason.LedgerFailed, err,
			"ledger %s: %s: no space is left on its disk; nothing is lost, free some and try again", l.path, doing)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return l.damaged(err)
	case sqlite3.SQLITE_BUSY:
		return reason.Wrap(reason.LedgerFailed, err,
			"ledger %s: %s: another program keeps it locked; end that program and try again", l.path, doing)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return reason.Wrap(reason.LedgerFailed, err,
			"ledger %s: %s: it may not be written; check the owner and mode of the file and its directory", l.path, doing)
	}
	return reason.Wrap(reason.LedgerFailed, err, "ledger %s: %s: check its disk", l.path, doing)
}

func (l *Ledger) damaged(err error) error {
	return reason.Wrap(reason.LedgerFailed, err,
		"ledger %s is damaged and was left as it is; stop the server, copy it together with its -wal file, then restore a backup, "+
			"or save what can be read with: sqlite3 %s .recover", l.path, l.path)
}
