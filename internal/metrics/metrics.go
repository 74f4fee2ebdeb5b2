// Package metrics is what a server counts, number by number: what each is called
// and means, and their text as Prometheus reads it.
//
// The text is written here rather than by github.com/prometheus/client_golang,
// which makes each program 2.9 MB larger and each of its workers, which are the
// same program, half a MiB: for some 20 lines of a format that does not change.
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"videoclub/internal/control"
)

// ContentType is that of the text (Prometheus text exposition format 0.0.4).
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// The names of the samples, each with a row in families. Those with Total are
// counted from the start of the server.
const (
	Build       = "build_info"
	Deliveries  = "deliveries"
	AtRisk      = "deliveries_at_risk"
	Late        = "deliveries_late"
	Lateness    = "deliveries_lateness_seconds"
	Connected   = "deliveries_connected"
	QueuedBytes = "queue_bytes"
	NextStart   = "next_start_timestamp_seconds"
	SentTotal   = "sent_bytes_total"
	AckedTotal  = "acknowledged_bytes_total"
	Rate        = "rate_bytes_per_second"

	Recordings  = "recordings"
	SpoolBytes  = "spool_bytes"
	DevicesUsed = "devices"
	LostTotal   = "recording_lost_total"

	ReceptionFree  = "reception_free_bytes"
	ReceptionOpen  = "reception_deliveries"
	ReceptionBytes = "reception_queue_bytes"
	ReceptionRate  = "reception_rate_bytes_per_second"

	Mails      = "mails"
	MailOldest = "mail_oldest_pending_seconds"

	DurableTotal = "durable_bytes_total"
	Deposited    = "deposited_bytes"
	Reserved     = "reserved_bytes"
	Free         = "free_bytes"
	DiskFree     = "filesystem_available_bytes"
	DiskSize     = "filesystem_size_bytes"
	Quota        = "quota_bytes"

	Workers     = "workers"
	Connections = "connections"
)

// family is what Prometheus is told of samples of one name.
type family struct {
	kind  string // gauge or counter
	label string // "" where there is one sample
	help  string
}

var families = map[string]family{
	Build:       {"gauge", "program", "1, for the program that runs."},
	Deliveries:  {"gauge", "state", "Deliveries in each state, those that have ended included."},
	AtRisk:      {"gauge", "", "Deliveries that cannot be there by the promised time as things are."},
	Late:        {"gauge", "", "Deliveries that were deposited after the promised time."},
	Lateness:    {"gauge", "", "By how much they were late, all together."},
	Connected:   {"gauge", "", "Deliveries that have a connection now."},
	QueuedBytes: {"gauge", "", "Bytes of promised deliveries that are not durable yet at their receptions."},
	NextStart:   {"gauge", "", "When the next delivery that waits is to begin; 0 when none does."},
	SentTotal:   {"counter", "", "Bytes of titles that were sent, those sent again included."},
	AckedTotal:  {"counter", "", "Bytes of titles that receptions have called durable."},
	Rate:        {"gauge", "", "Bytes a second of all deliveries together."},

	Recordings:  {"gauge", "", "Recordings of live titles that are being made."},
	SpoolBytes:  {"gauge", "", "Bytes of recordings that a delivery still needs."},
	DevicesUsed: {"gauge", "", "Cameras and microphones that are captured."},
	LostTotal:   {"counter", "", "Pictures and sound frames that recordings lost."},

	ReceptionFree:  {"gauge", "reception", "Bytes that a reception had for another delivery, if it has said so in the last 10 minutes."},
	ReceptionOpen:  {"gauge", "reception", "Deliveries to a reception that have not ended."},
	ReceptionBytes: {"gauge", "reception", "Bytes of them that are not durable there yet."},
	ReceptionRate:  {"gauge", "reception", "Bytes a second that a reception calls durable."},

	Mails:      {"gauge", "state", "Mails in the outbox that are pending, sent and given up."},
	MailOldest: {"gauge", "", "Age of the oldest mail that is pending; 0 when none is."},

	DurableTotal: {"counter", "", "Bytes of titles that became durable here."},
	Deposited:    {"gauge", "", "Bytes that were deposited, whether or not somebody took them away."},
	Reserved:     {"gauge", "", "Bytes that are reserved for what is arriving."},
	Free:         {"gauge", "", "Bytes that another delivery could have."},
	DiskFree:     {"gauge", "", "Bytes that the store's file system has, besides min_free."},
	DiskSize:     {"gauge", "", "Bytes of the store's file system."},
	Quota:        {"gauge", "", "The quota of the store; 0 when there is none."},

	Workers:     {"gauge", "kind", "Worker processes that run, spare ones included."},
	Connections: {"gauge", "of", "Connections of those who ask or deliver."},
}

// prefix is that of all names.
const prefix = "videoclub_"

// Write writes samples as Prometheus reads them, those of a name together. One
// without a row, or with a value that is no number, is an error.
func Write(w io.Writer, samples []control.Sample) error {
	sorted := slices.Clone(samples)
	slices.SortStableFunc(sorted, func(a, b control.Sample) int { return strings.Compare(a.Name, b.Name) })
	out := bufio.NewWriter(w)
	last := ""
	for _, s := range sorted {
		f, known := families[s.Name]
		if !known || math.IsNaN(s.Value) || (s.Label == "") != (f.label == "") {
			return fmt.Errorf("metrics: %.80q with the label %.80q and the value %v is nothing that is counted", s.Name, s.Label, s.Value)
		}
		if s.Name != last {
			fmt.Fprintf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, s.Name, f.help, prefix, s.Name, f.kind)
			last = s.Name
		}
		out.WriteString(prefix + s.Name)
		if f.label != "" {
			fmt.Fprintf(out, "{%s=\"%s\"}", f.label, escape.Replace(s.Label))
		}
		out.WriteString(" " + strconv.FormatFloat(s.Value, 'f', -1, 64) + "\n")
	}
	return out.Flush()
}

// escape is what the format asks of the value of a label.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
