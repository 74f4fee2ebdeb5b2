package ledger

import (
	"context"
	"database/sql"
	"errors"

	"videoclub/internal/reason"
)

// digestsTable holds of each location the version that was looked at last: its
// digest, or nothing while that is wanted.
const digestsTable = `
CREATE TABLE digests (
	location TEXT    PRIMARY KEY,
	size     INTEGER NOT NULL,
	mtime_ns INTEGER NOT NULL,
	sha256   TEXT    NOT NULL
) STRICT;
`

// Source is one version of the file at a location.
type Source struct {
	Location string
	Size     int64 // bytes
	MTime    int64 // ns since 1970 UTC
}

func (s *Source) fields() []any { return []any{&s.Location, &s.Size, &s.MTime} }

// WantDigest notes that the digest of a source is to be found out, which
// outlives a restart. Where it is known already, that is kept; what was noted
// of another version of the file is not.
func (l *Ledger) WantDigest(ctx context.Context, s Source) error {
	return l.setDigest(ctx, s, "", "WHERE digests.size <> excluded.size OR digests.mtime_ns <> excluded.mtime_ns")
}

// RememberDigest keeps the SHA-256 of a source (lower-case hex), for DigestOf.
func (l *Ledger) RememberDigest(ctx context.Context, s Source, sha256 string) error {
	if len(sha256) != 64 {
		return reason.New(reason.Internal, "a digest of %d digits", len(sha256))
	}
	return l.setDigest(ctx, s, sha256, "")
}

func (l *Ledger) setDigest(ctx context.Context, s Source, sha256, unless string) error {
	if s.Location == "" || len(s.Location) > MaxText {
		return reason.New(reason.Usage, "a location of %d bytes; 1 to %d are taken", len(s.Location), MaxText)
	}
	return l.commit(ctx, "noting a digest", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, `INSERT INTO digests (location, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)
			ON CONFLICT (location) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, sha256 = excluded.sha256 `+unless,
			s.Location, s.Size, s.MTime, sha256)
		return err
	})
}

// UnwantDigest takes back what WantDigest noted for a location, if the digest
// is not known by now.
func (l *Ledger) UnwantDigest(ctx context.Context, location string) error {
	return l.commit(ctx, "no longer wanting a digest", func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "DELETE FROM digests WHERE location = ? AND sha256 = ''", location)
		return err
	})
}

// WantedDigests gives the sources whose digests are still to be found out, in
// the order in which they were first noted.
func (l *Ledger) WantedDigests(ctx context.Context) ([]Source, error) {
	return collect(ctx, l, "listing wanted digests", (*Source).fields,
		"SELECT location, size, mtime_ns FROM digests WHERE sha256 = '' ORDER BY rowid")
}

// DigestOf gives the SHA-256 of a source that was surveyed, or deposited
// before, and has not changed since, as far as its size and its modification
// time tell.
func (l *Ledger) DigestOf(ctx context.Context, location string, size, mtime int64) (sha256 string, ok bool, err error) {
	err = l.read(ctx, "looking up a digest", func(ctx context.Context, db *sql.DB) error {
		// A deposit is not forgotten when the file changes and changes back.
		err := db.QueryRowContext(ctx, `SELECT sha256 FROM digests WHERE location = ?1 AND size = ?2 AND mtime_ns = ?3 AND sha256 <> ''
			UNION ALL SELECT * FROM (SELECT sha256 FROM deliveries
				WHERE location = ?1 AND size = ?2 AND mtime_ns = ?3 AND state = 'deposited' AND sha256 <> '' ORDER BY id DESC LIMIT 1)
			LIMIT 1`, location, size, mtime).Scan(&sha256)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return sha256, err == nil && sha256 != "", err
}
