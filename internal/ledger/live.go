package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// Live is what a delivery of a live source has of a recording. It is zero for a
// file, and but for Asked until the recording has begun.
type Live struct {
	// Asked says that the source is live.
	Asked bool
	// Recording is its name. The delivery's part of it is the first Head bytes of
	// the data, and the clusters from Base on that begin within Lasts from At, of
	// the time of the recording; that was at Began.
	Recording  string
	Head, Base int64
	At, Lasts  time.Duration
	Began      time.Time // to the nanosecond, UTC
	// End is where the part ends in the data, 0 while that is not known; Stopped
	// says that somebody wanted it to end there, when it had lasted for Stops, which
	// is 0 where that was not written down. Silent says by track why there was
	// nothing then, where that was so.
	End     int64
	Stopped bool
	Stops   time.Duration
	Silent  []reason.Code
	// Stream is the digest of the whole part as it is sent, and Recorded what it
	// has, once that is known.
	Stream   string
	Recorded *receipt.Recorded
}

// Joined says whether there is a recording that the delivery takes part of.
func (l Live) Joined() bool { return l.Recording != "" }

// liveColumnsAdded lets a delivery remember its part of a recording.
const liveColumnsAdded = `
ALTER TABLE deliveries ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN recording TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN part_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_at_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_lasts_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_began_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_end INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN recorded TEXT NOT NULL DEFAULT '';
`

// stopColumnsAdded lets it remember what its devices did when somebody ended it.
const stopColumnsAdded = `
ALTER TABLE deliveries ADD COLUMN part_stops_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN part_silent TEXT NOT NULL DEFAULT '';
`

// liveColumns are the columns in the order of Live.fields.
const liveColumns = `live, recording, part_head, part_base, part_at_ns, part_lasts_ns, part_began_ns, part_end, stopped, stream, recorded,
	part_stops_ns, part_silent`

func (l *Live) fields() []any {
	return []any{&l.Asked, &l.Recording, &l.Head, &l.Base, &l.At, &l.Lasts, (*exactly)(&l.Began), &l.End, &l.Stopped, &l.Stream, &said{&l.Recorded},
		&l.Stops, (*codes)(&l.Silent)}
}

// exactly is an instant to the nanosecond in a column of nanoseconds since 1970
// UTC, of which 0 is none.
type exactly time.Time

// Value gives the nanoseconds.
func (e *exactly) Value() (driver.Value, error) {
	if t := time.Time(*e); !t.IsZero() {
		return t.UnixNano(), nil
	}
	return int64(0), nil
}

// Scan is the inverse of Value, in UTC.
func (e *exactly) Scan(column any) error {
	ns, ok := column.(int64)
	if !ok {
		return errors.New("an instant that is no number")
	}
	*e = exactly{}
	if ns != 0 {
		*e = exactly(time.Unix(0, ns).UTC())
	}
	return nil
}

// said is what was recorded, as JSON in a column of text; nothing is ”.
type said struct{ to **receipt.Recorded }

// Value gives the text.
func (s *said) Value() (driver.Value, error) {
	if *s.to == nil {
		return "", nil
	}
	text, err := json.Marshal(*s.to)
	return string(text), err
}

// Scan is the inverse of Value.
func (s *said) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return errors.New("what was recorded is no text")
	}
	*s.to = nil
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), s.to)
}

// codes are reasons with commas between them in a column of text.
type codes []reason.Code

// Value gives the text.
func (c *codes) Value() (driver.Value, error) {
	var words []string
	for _, code := range *c {
		words = append(words, string(code))
	}
	return strings.Join(words, ","), nil
}

// Scan is the inverse of Value.
func (c *codes) Scan(column any) error {
	text, ok := column.(string)
	if !ok {
		return errors.New("reasons that are no text")
	}
	*c = nil
	if text == "" {
		return nil
	}
	for word := range strings.SplitSeq(text, ",") {
		*c = append(*c, reason.Code(word))
	}
	return nil
}

// Joined notes the part of a recording that a live delivery takes, once: where
// it is and lasts, and when it began, which is also the modification time by
// which the version of the source is known. From every active state.
func (l *Ledger) Joined(ctx context.Context, id int64, p Live, at time.Time) error {
	return l.move(ctx, id, move{kind: EventRecording, at: at, from: active + " AND live = 1 AND recording = ''",
		set:  `recording = ?, part_head = ?, part_base = ?, part_at_ns = ?, part_lasts_ns = ?, part_began_ns = ?, mtime_ns = ?, reason = '', detail = ''`,
		args: []any{p.Recording, p.Head, p.Base, p.At, p.Lasts, p.Began.UnixNano(), p.Began.UnixNano()}})
}

// Stopped notes that a live delivery is to end at the offset p.End of the data of
// its recording, having lasted for p.Stops, because somebody wanted it, and why
// its devices gave nothing then (p.Silent), unless its end is known already: then
// that stays. From every active state.
func (l *Ledger) Stopped(ctx context.Context, id int64, p Live, at time.Time) error {
	return l.move(ctx, id, move{kind: EventStopped, at: at, from: active + " AND live = 1 AND recording != ''", code: reason.Cancelled,
		set: `stopped = 1, part_end = CASE WHEN part_end = 0 THEN ? ELSE part_end END,
			part_stops_ns = CASE WHEN part_end = 0 THEN ? ELSE part_stops_ns END, part_silent = CASE WHEN part_end = 0 THEN ? ELSE part_silent END`,
		args: []any{p.End, p.Stops, (*codes)(&p.Silent)}})
}

// Sealed notes what a live delivery comes to: how long its stream is, where its
// part ends, the digest of the stream and what was recorded. Said again it has to
// be the same, or the error is reason.SourceChanged. It writes no event.
func (l *Ledger) Sealed(ctx context.Context, id, size, end int64, stream string, r receipt.Recorded) error {
	text, err := json.Marshal(r)
	if err != nil {
		return reason.Wrap(reason.Internal, err, "delivery %d", id)
	}
	return l.commit(ctx, "noting the end of a recording", func(ctx context.Context, c *sql.Conn) error {
		result, err := c.ExecContext(ctx, `UPDATE deliveries SET size = ?, part_end = ?, stream = ?, recorded = ?
			WHERE id = ? AND state IN `+active+` AND live = 1 AND recording != '' AND part_end IN (0, ?) AND (stream = '' OR stream = ? AND size = ? AND recorded = ?)`,
			size, end, stream, string(text), id, end, stream, size, string(text))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		d, err := byID(ctx, c, id)
		switch {
		case err != nil:
			return err
		case d.State.Ended():
			return whyNot(ctx, c, id, "sealed")
		}
		return reason.New(reason.SourceChanged, "delivery %d: the recording ends at %d with %d bytes, and it was written down that it ends at %d with %d", id, end, size, d.Live.End, d.Size)
	})
}
