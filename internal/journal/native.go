package journal

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"strconv"

	"github.com/coreos/go-systemd/v22/journal"
)

// fields are the journal's fields for the attributes by which people look for
// something: journalctl VC_DELIVERY=42.
var fields = map[string]string{
	"delivery": "VC_DELIVERY", "title": "VC_TITLE", "reception": "VC_RECEPTION", "central": "VC_CENTRAL", "peer": "VC_PEER",
	"offset": "VC_OFFSET", "size": "VC_SIZE", "rate": "VC_RATE", "reason": "VC_REASON", "path": "VC_PATH", "sha256": "VC_SHA256",
}

// Send passes one entry on to the journal, as journal.Send of go-systemd.
type Send func(message string, priority journal.Priority, vars map[string]string) error

// Native is an slog.Handler that writes entries of systemd's journal. Their
// message is the line that Handler writes; besides, the attributes that are
// looked for are fields of their own, sizes and offsets as bytes, rates as bytes
// a second, and a record with an Event has its MESSAGE_ID. What the journal does
// not take goes to the line handler. Safe for concurrent use.
type Native struct {
	line *Handler
	send Send
	vars map[string]string // of the program, and from WithAttrs
}

// NewNative makes a Native for the program of that name.
func NewNative(program string, line *Handler, send Send) *Native {
	return &Native{line: line, send: send, vars: map[string]string{"SYSLOG_IDENTIFIER": program}}
}

// New gives the handler for a program that logs to standard error: entries where
// that is systemd's journal (systemd.exec(5), $JOURNAL_STREAM), which has times
// of its own, else lines with the time of day. Both are bounded.
func New(program string) slog.Handler {
	if own, err := journal.StderrIsJournalStream(); own && err == nil {
		return NewBounded(NewNative(program, NewHandler(os.Stderr, Options{}), journal.Send))
	}
	return NewBounded(NewHandler(os.Stderr, Options{Time: os.Getenv("JOURNAL_STREAM") == ""}))
}

// Enabled says whether records of level are written.
func (n *Native) Enabled(ctx context.Context, level slog.Level) bool {
	return n.line.Enabled(ctx, level)
}

// Handle writes one record.
func (n *Native) Handle(ctx context.Context, r slog.Record) error {
	vars := maps.Clone(n.vars)
	r.Attrs(func(a slog.Attr) bool {
		n.collect(vars, a)
		return true
	})
	if err := n.send(string(n.line.text(r)), priority(r.Level), vars); err == nil {
		return nil
	}
	return n.line.Handle(ctx, r)
}

// WithAttrs gives a handler whose records begin with attrs.
func (n *Native) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := &Native{line: n.line.WithAttrs(attrs).(*Handler), send: n.send, vars: maps.Clone(n.vars)}
	for _, a := range attrs {
		n.collect(derived.vars, a)
	}
	return derived
}

// WithGroup gives a handler that puts name and a dot before the names to come,
// which are no fields then.
func (n *Native) WithGroup(name string) slog.Handler {
	return &Native{line: n.line.WithGroup(name).(*Handler), send: n.send, vars: n.vars}
}

// collect notes what becomes a field.
func (n *Native) collect(vars map[string]string, a slog.Attr) {
	value := a.Value.Resolve()
	if e, ok := eventOf(a.Key, value); ok {
		vars["MESSAGE_ID"] = string(e)
		return
	}
	if field, ok := fields[a.Key]; ok && n.line.prefix == "" {
		vars[field] = bare(value)
	}
}

// eventOf is the Event that an attribute is the mark of.
func eventOf(key string, value slog.Value) (Event, bool) {
	if key != "" || value.Kind() != slog.KindAny {
		return "", false
	}
	e, ok := value.Any().(Event)
	return e, ok
}

// bare is a value as programs read it: numbers without their unit.
func bare(v slog.Value) string {
	if v.Kind() == slog.KindAny {
		if r := reflect.ValueOf(v.Any()); r.CanInt() {
			return strconv.FormatInt(r.Int(), 10)
		}
	}
	s, more := bound(text(v))
	if more == "" {
		return s
	}
	return fmt.Sprint(s, more)
}

// priority is that of syslog(3).
func priority(level slog.Level) journal.Priority {
	switch {
	case level < slog.LevelInfo:
		return journal.PriDebug
	case level >= slog.LevelError:
		return journal.PriErr
	case level >= slog.LevelWarn:
		return journal.PriWarning
	}
	return journal.PriInfo
}
