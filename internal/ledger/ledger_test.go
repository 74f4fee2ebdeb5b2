package ledger

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"videoclub/internal/reason"
)

// moment is the instant at which all tests begin.
var moment = time.Date(2026, 3, 1, 18, 0, 0, 123e6, time.UTC)

// place is a path for a ledger in a directory that does not exist yet.
func place(t testing.TB) string { return filepath.Join(t.TempDir(), "state", "ledger.db") }

func openAt(t testing.TB, path string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantReason(t testing.TB, err error, code reason.Code) {
	t.Helper()
	if got := reason.Of(err); got != code {
		t.Fatalf("error %v: reason %q, want %q", err, got, code)
	}
}

// request is a promise under the key "n", whose fields differ from zero.
func request(n int) Delivery {
	return Delivery{
		Account: "ana", Key: fmt.Sprint("key-", n), Fingerprint: fmt.Sprint("print-", n),
		Title: n, Name: "Ñandú ^ 2", Location: "/srv/films/\xff odd.mp4", Reception: "sala", Address: "sala.example:4102",
		Mail: "ana@example.org", Language: "es", Requested: moment, Earliest: moment.Add(time.Minute), Deadline: moment.Add(time.Hour),
		Size: 1000, MTime: 1772000000123456789, Inode: 1<<63 + 5, Duration: 90*time.Minute + 1, SHA256: "",
		Pace: 185185, MaxPace: 1 << 40, Start: moment.Add(time.Minute), End: moment.Add(30 * time.Minute),
	}
}

func promised(t testing.TB, l *Ledger, n int) Delivery {
	t.Helper()
	d, replayed, err := l.Promise(t.Context(), request(n))
	must(t, err)
	if replayed {
		t.Fatalf("promise %d was replayed", n)
	}
	return d
}

// dump writes down everything that the ledger holds.
func dump(ctx context.Context, l *Ledger) (string, error) {
	var b strings.Builder
	deliveries, err := l.List(ctx, Filter{Limit: maxPage})
	if err != nil {
		return "", err
	}
	for _, d := range deliveries {
		fmt.Fprintf(&b, "%+v\n", d)
		events, err := l.Events(ctx, d.ID)
		if err != nil {
			return "", err
		}
		for _, e := range events {
			fmt.Fprintf(&b, "  %+v\n", e)
		}
		mail, err := l.Outbox(ctx, d.ID)
		if err != nil {
			return "", err
		}
		for _, m := range mail {
			fmt.Fprintf(&b, "  %+v\n", m)
		}
	}
	receptions, err := l.Receptions(ctx)
	if err != nil {
		return "", err
	}
	wanted, err := l.WantedDigests(ctx)
	if err != nil {
		return "", err
	}
	known, _, err := l.DigestOf(ctx, "/srv/a", 1, 2)
	fmt.Fprintf(&b, "%+v\n%+v %s\n", receptions, wanted, known)
	return b.String(), err
}

func TestMain(m *testing.M) {
	if life, ok := children[childLife()]; ok {
		life()
		return
	}
	goleak.VerifyTestMain(m)
}
