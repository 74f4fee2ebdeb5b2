package ledger

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// What a live delivery has of a recording is written down once, step by step,
// and is there after the ledger was closed.
func TestLive(t *testing.T) {
	where := place(t)
	l := openAt(t, where)
	ctx := t.Context()
	d := request(1)
	d.Size, d.MTime, d.Live = -1, 0, Live{Asked: true, Recording: "not this", End: 5}
	stored, _, err := l.Promise(ctx, d)
	must(t, err)
	if !reflect.DeepEqual(stored.Live, Live{Asked: true}) {
		t.Errorf("promised with %+v", stored.Live)
	}
	id := stored.ID
	part := Live{Asked: true, Recording: "r", Head: 300, Base: 5000, At: 3 * time.Second, Lasts: time.Minute, Began: time.Unix(1_800_000_000, 123_456_789).UTC()}
	if code := reason.Of(l.Stopped(ctx, id, Live{End: 9}, moment)); code != reason.Internal {
		t.Errorf("stopped before it began: %s", code)
	}
	must(t, l.Joined(ctx, id, part, moment))
	if code := reason.Of(l.Joined(ctx, id, part, moment)); code != reason.Internal {
		t.Errorf("joined twice: %s", code)
	}
	if got := get(t, l, id); !reflect.DeepEqual(got.Live, part) || got.MTime != part.Began.UnixNano() || got.Size != -1 {
		t.Errorf("it has %+v of %+v", got.Live, part)
	}
	must(t, l.Started(ctx, id, 7, moment))
	must(t, l.Progress(ctx, id, 1<<40, nil, 1<<40))
	must(t, l.Stopped(ctx, id, Live{End: 70_000, Stops: 7 * time.Second, Silent: []reason.Code{"", reason.DeviceAbsent}}, moment))
	must(t, l.Stopped(ctx, id, Live{End: 80_000, Stops: 8 * time.Second}, moment))
	recorded := receipt.Recorded{Duration: 5000, Tracks: []receipt.Track{{Packets: 1, Frames: 2, Lost: 3}}}
	if code := reason.Of(l.Sealed(ctx, id, 1<<41, 80_000, "aa", recorded)); code != reason.SourceChanged {
		t.Errorf("sealed at another end: %s", code)
	}
	must(t, l.Sealed(ctx, id, 1<<41, 70_000, "aa", recorded))
	must(t, l.Sealed(ctx, id, 1<<41, 70_000, "aa", recorded))
	if code := reason.Of(l.Sealed(ctx, id, 1<<41, 70_000, "bb", recorded)); code != reason.SourceChanged {
		t.Errorf("sealed with another digest: %s", code)
	}
	must(t, l.Close())
	l = openAt(t, where)
	part.End, part.Stopped, part.Stream, part.Recorded = 70_000, true, "aa", &recorded
	part.Stops, part.Silent = 7*time.Second, []reason.Code{"", reason.DeviceAbsent}
	if got := get(t, l, id); !reflect.DeepEqual(got.Live, part) || got.Size != 1<<41 {
		t.Errorf("after opening it again: %+v of %+v, %d bytes", got.Live, part, got.Size)
	}
	must(t, l.Deposited(ctx, id, []byte("{}"), "cc", moment))
	if got := get(t, l, id); got.Offset != 1<<41 || got.SHA256 != "cc" {
		t.Errorf("deposited with %d bytes", got.Offset)
	}
	if code := reason.Of(l.Sealed(ctx, id, 1<<41, 70_000, "aa", recorded)); code != reason.AlreadyEnded {
		t.Errorf("sealed after the end: %s", code)
	}
	file := promised(t, l, 2)
	if code := reason.Of(l.Joined(ctx, file.ID, part, moment)); code != reason.Internal {
		t.Errorf("a file that joined: %s", code)
	}
}

// A live delivery that somebody ended before there was a column for when goes on
// as one of which that is not known.
func TestStoppedBefore(t *testing.T) {
	where := place(t)
	before := slices.Index(migrations(), stopColumnsAdded)
	l, err := open(t.Context(), where, settings{migrations: migrations()[:before]})
	must(t, err)
	_, err = l.conn.ExecContext(t.Context(), `INSERT INTO deliveries (account, request_key, fingerprint, title, name, location, reception, address,
		mail, language, size, mtime_ns, inode, duration_ns, pace, max_pace, requested, earliest, deadline, plan_start, plan_end, state, sha256,
		live, recording, part_head, part_base, part_end, stopped)
		VALUES ('', 'k', 'f', 1, 'n', 'tone:', 'sala', 'a', 'ana@example.org', 'es', -1, 6, 7, 8, 9, 0, 1, 0, 2, 0, 0, 'sending', '', 1, 'r', 300, 5000, 70000, 1)`)
	must(t, err)
	must(t, l.Close())
	l = openAt(t, where)
	want := Live{Asked: true, Recording: "r", Head: 300, Base: 5000, End: 70_000, Stopped: true}
	if got := get(t, l, 1); !reflect.DeepEqual(got.Live, want) {
		t.Errorf("taken up as %+v", got.Live)
	}
	must(t, l.Sealed(t.Context(), 1, 65_300, 70_000, "aa", receipt.Recorded{Tracks: []receipt.Track{{}}}))
}
