package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"

	"videoclub/internal/rate"
)

// entry is what the journal was sent.
type entry struct {
	message  string
	priority journal.Priority
	vars     map[string]string
}

func TestNative(t *testing.T) {
	var sent []entry
	var lines bytes.Buffer
	refuse := false
	log := slog.New(NewNative("vccs", NewHandler(&lines, Options{}), func(message string, priority journal.Priority, vars map[string]string) error {
		if refuse {
			return errors.New("there is no journal")
		}
		sent = append(sent, entry{message, priority, vars})
		return nil
	}))
	log.Debug("not by default")
	log.Info("progress", Advanced.Mark(), "delivery", int64(42), "title", "La Piedra", "offset", int64(1000), "size", rate.Size(65e6), "rate", rate.Rate(2e6), "at", "1%")
	log.With("delivery", 7, "peer", "127.0.0.1:1").Warn("broke off", "reason", "no_space", Interrupted.Mark())
	log.WithGroup("odd").Error("x", "delivery", 8)
	want := []entry{
		{`progress delivery=42 title="La Piedra" offset=1000 size="65 MB" rate="16 Mbit/s" at=1%`, journal.PriInfo, map[string]string{
			"SYSLOG_IDENTIFIER": "vccs", "MESSAGE_ID": string(Advanced), "VC_DELIVERY": "42", "VC_TITLE": "La Piedra",
			"VC_OFFSET": "1000", "VC_SIZE": "65000000", "VC_RATE": "2000000",
		}},
		{"broke off delivery=7 peer=127.0.0.1:1 reason=no_space", journal.PriWarning, map[string]string{
			"SYSLOG_IDENTIFIER": "vccs", "MESSAGE_ID": string(Interrupted), "VC_DELIVERY": "7", "VC_PEER": "127.0.0.1:1", "VC_REASON": "no_space",
		}},
		{"x odd.delivery=8", journal.PriErr, map[string]string{"SYSLOG_IDENTIFIER": "vccs"}},
	}
	if len(sent) != len(want) {
		t.Fatalf("%d entries: %v", len(sent), sent)
	}
	for i, w := range want {
		if got := sent[i]; got.message != w.message || got.priority != w.priority || !maps.Equal(got.vars, w.vars) {
			t.Errorf("entry %d:\n%+v\nwant\n%+v", i, got, w)
		}
	}
	refuse = true
	log.Warn("heard all the same", Failed.Mark())
	if got := lines.String(); got != "warning: heard all the same\n" {
		t.Errorf("without a journal: %q", got)
	}
}
