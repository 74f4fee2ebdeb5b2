package ledger

import (
	"context"
	"errors"
	"fmt"

	"videoclub/internal/reason"
)

// applicationID marks the file as ours in the header of the database ("VCLG";
// https://sqlite.org/fileformat.html, section 1.3.18).
const applicationID = 0x56434c47

// migrations are the steps from an empty file to the present schema. The
// database's user_version counts those that were taken. A step that has been
// released is never changed; a new one is added behind it.
//
// Instants are ms since 1970 UTC, 0 for none; sizes and offsets are bytes,
// paces bytes a second. An id is never used twice, even after a deletion: a
// reception knows its deliveries by them.
func migrations() []string {
	return []string{`
CREATE TABLE deliveries (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	account      TEXT    NOT NULL,
	request_key  TEXT    NOT NULL,
	fingerprint  TEXT    NOT NULL,
	title        INTEGER NOT NULL,
	name         TEXT    NOT NULL,
	location     TEXT    NOT NULL,
	reception    TEXT    NOT NULL,
	address      TEXT    NOT NULL,
	mail         TEXT    NOT NULL,
	language     TEXT    NOT NULL,
	size         INTEGER NOT NULL,
	mtime_ns     INTEGER NOT NULL,
	inode        INTEGER NOT NULL,
	duration_ns  INTEGER NOT NULL,
	pace         INTEGER NOT NULL,
	max_pace     INTEGER NOT NULL,
	requested    INTEGER NOT NULL,
	earliest     INTEGER NOT NULL,
	deadline     INTEGER NOT NULL,
	plan_start   INTEGER NOT NULL,
	plan_end     INTEGER NOT NULL,
	started      INTEGER NOT NULL DEFAULT 0,
	finished     INTEGER NOT NULL DEFAULT 0,
	state        TEXT    NOT NULL CHECK (state IN ('promised', 'sending', 'verifying', 'deposited', 'failed', 'cancelled')),
	reason       TEXT    NOT NULL DEFAULT '',
	detail       TEXT    NOT NULL DEFAULT '',
	durable      INTEGER NOT NULL DEFAULT 0 CHECK (durable >= 0),
	digest_state BLOB,
	sha256       TEXT    NOT NULL,
	resumes      INTEGER NOT NULL DEFAULT 0,
	sent         INTEGER NOT NULL DEFAULT 0,
	receipt      BLOB,
	UNIQUE (account, request_key)
) STRICT;
CREATE INDEX deliveries_active ON deliveries (id) WHERE state IN ('promised', 'sending', 'verifying');
CREATE INDEX deliveries_account ON deliveries (account, id);
CREATE INDEX deliveries_source ON deliveries (location, size, mtime_ns) WHERE state = 'deposited';

CREATE TABLE events (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	delivery INTEGER NOT NULL REFERENCES deliveries (id),
	number   INTEGER NOT NULL,
	happened INTEGER NOT NULL,
	kind     TEXT    NOT NULL,
	reason   TEXT    NOT NULL,
	durable  INTEGER NOT NULL,
	detail   TEXT    NOT NULL,
	UNIQUE (delivery, number)
) STRICT;

CREATE TABLE receptions (
	name        TEXT    PRIMARY KEY,
	address     TEXT    NOT NULL,
	identity    TEXT    NOT NULL,
	receipt_key TEXT    NOT NULL,
	seen        INTEGER NOT NULL
) STRICT;
`, `
ALTER TABLE deliveries ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN expected INTEGER NOT NULL DEFAULT 0;

CREATE TABLE outbox (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	delivery   INTEGER NOT NULL REFERENCES deliveries (id),
	kind       TEXT    NOT NULL,
	recipient  TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	message_id TEXT    NOT NULL,
	expected   INTEGER NOT NULL,
	state      TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
	attempts   INTEGER NOT NULL DEFAULT 0,
	next       INTEGER NOT NULL,
	reason     TEXT    NOT NULL DEFAULT '',
	detail     TEXT    NOT NULL DEFAULT '',
	created    INTEGER NOT NULL,
	done       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_due ON outbox (next, id) WHERE state = 'pending';
CREATE INDEX outbox_delivery ON outbox (delivery, id);
`, digestsTable, belongTables, formerKeysTable, sessionsTable, finishedIndex, liveColumnsAdded, countsIndexes, supersedeColumns, stopColumnsAdded}
}

// inspect reads whose file this is and gives the version of its schema; known
// is the newest one that this program has. It changes nothing.
func (l *Ledger) inspect(ctx context.Context, known int) (version int, err error) {
	var application, tables int
	for _, field := range []struct {
		query string
		into  *int
	}{
		{"PRAGMA application_id", &application},
		{"PRAGMA user_version", &version},
		{"SELECT COUNT(*) FROM sqlite_master", &tables},
	} {
		if err := l.conn.QueryRowContext(ctx, field.query).Scan(field.into); err != nil {
			return 0, err
		}
	}
	fresh := application == 0 && version == 0 && tables == 0
	switch {
	case !fresh && (application != applicationID || version < 1):
		return 0, reason.New(reason.LedgerFailed, "ledger: %s is the database of another program; give another state directory, or move that file away", l.path)
	case version > known:
		return 0, reason.New(reason.LedgerFailed, "ledger: %s was written by a newer version of this program (schema %d, this one knows %d): "+
			"install that version again, or restore a backup made before the upgrade", l.path, version, known)
	}
	return version, nil
}

// migrate takes the steps that are missing, all of them or none.
func (l *Ledger) migrate(ctx context.Context, migrations []string, version int) error {
	if version == len(migrations) {
		return nil
	}
	if _, err := l.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := func() error {
		for ; version < len(migrations); version++ {
			if _, err := l.conn.ExecContext(ctx, migrations[version]); err != nil {
				return fmt.Errorf("bringing the schema from version %d to %d: %w", version, version+1, err)
			}
		}
		// A pragma takes no parameters; both are numbers of this program.
		_, err := l.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, version))
		return err
	}()
	if err == nil {
		return nil
	}
	if _, undo := l.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); undo != nil {
		err = errors.Join(err, undo)
	}
	return err
}
