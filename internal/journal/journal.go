// Package journal writes what the programs log: to systemd's journal as entries
// with fields, elsewhere as plain lines for people. One record is one line,
// whatever its values contain.
package journal

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
)

// Options of a Handler. The zero value logs from slog.LevelInfo on, without
// times.
type Options struct {
	// Level is the least level that is written; nil stands for slog.LevelInfo.
	Level slog.Leveler
	// Time puts the time of day before each line. Under systemd it is left
	// out, since the journal has its own.
	Time bool
}

// Handler is an slog.Handler that writes lines such as
//
//	15:04:05 warning: the link is slow delivery=7 rate="2 MB/s"
//
// Records below slog.LevelInfo begin with "debug:", those from slog.LevelWarn
// on with "warning:", those from slog.LevelError on with "error:". The name of
// a group and a dot stand before the names within it. A value is quoted, as in
// Go, where it could otherwise be taken for something else; whatever cannot be
// printed is escaped, in messages and names too, so that no record can pretend
// to be two. It is safe for concurrent use, also together with the handlers
// derived from it, and makes one call of Write for each record.
type Handler struct {
	out     *output
	options Options
	prefix  string // of names, from WithGroup: "" or ending in a dot
	attrs   []byte // from WithAttrs, as they are written
}

// output is what a handler and those derived from it share.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// NewHandler makes a Handler that writes to w.
func NewHandler(w io.Writer, options Options) *Handler {
	if options.Level == nil {
		options.Level = slog.LevelInfo
	}
	return &Handler{out: &output{w: w}, options: options}
}

// Enabled says whether records of level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.options.Level.Level()
}

// Handle writes one record. Its error is that of Write.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	line := make([]byte, 0, 256)
	if h.options.Time && !r.Time.IsZero() {
		line = r.Time.AppendFormat(line, "15:04:05 ")
	}
	switch {
	case r.Level < slog.LevelInfo:
		line = append(line, "debug: "...)
	case r.Level >= slog.LevelError:
		line = append(line, "error: "...)
	case r.Level >= slog.LevelWarn:
		line = append(line, "warning: "...)
	}
	line = append(append(line, h.text(r)...), '\n')

	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := h.out.w.Write(line)
	return err
}

// text is the line of a record without its time and level.
func (h *Handler) text(r slog.Record) []byte {
	line := appendText(make([]byte, 0, 256), r.Message)
	line = append(line, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		line = appendAttr(line, h.prefix, a)
		return true
	})
	return line
}

// WithAttrs gives a handler whose records begin with attrs.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.attrs = slices.Clip(h.attrs) // so that two derived handlers do not write over each other
	for _, a := range attrs {
		derived.attrs = appendAttr(derived.attrs, h.prefix, a)
	}
	return &derived
}

// WithGroup gives a handler that puts name and a dot before the names to come.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	derived.prefix += name + "."
	return &derived
}
