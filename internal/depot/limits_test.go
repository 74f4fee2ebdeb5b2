package depot

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

func TestSpace(t *testing.T) {
	content := bytesOf(100_000, 8)
	for _, allocate := range []bool{true, false} {
		fsys := powerloss.New(clock, 300_000)
		fsys.SetAllocate(allocate)
		d := mustOpen(t, fsys, Limits{})
		for id := range int64(2) {
			o := offerOf(content)
			o.MTime += id // two versions, or the second would be there at once
			in, err := d.Begin(key(id+1), o, nil)
			ok(t, err)
			write(t, in, o.Size, content, 50_000)
		}
		free, err := d.Free()
		if err != nil || free >= 100_000 || free < 50_000 {
			t.Errorf("%d bytes are free, %v", free, err)
		}
		_, err = d.Begin(key(3), offerOf(content), nil)
		code(t, err, reason.NoSpace)
		if !strings.Contains(err.Error(), "needs 100000 bytes, ") {
			t.Errorf("without figures: %v", err)
		}
		gone(t, fsys, ".vc/0a1b2c3d-3")
		ok(t, d.Withdraw(key(1)))
		_, err = d.Begin(key(3), offerOf(content), nil)
		ok(t, err)
		d.Release(key(2))
		o := offerOf(content)
		o.MTime++
		in, err := d.Begin(key(2), o, nil) // its own space is its own
		ok(t, err)
		if in.Offset != 50_000 {
			t.Errorf("goes on at %d", in.Offset)
		}
		d.SetLimits(Limits{MinFree: 150_000})
		_, err = d.Begin(key(4), offerOf(content), nil)
		code(t, err, reason.NoSpace)
	}
}

// What was accepted finds its space when its connection breaks and it comes back,
// also after a restart, whatever of it could be allocated; what it has is not
// counted twice.
func TestSpaceWhileAway(t *testing.T) {
	content, folder := bytesOf(60_000, 8), makeFolder(t, 1)
	for name, test := range map[string]struct {
		offer    Offer
		allocate bool
		take     func(*Incoming) int64
	}{
		"a folder": {folder.offer(), true, func(in *Incoming) int64 {
			f, err := OpenFolder(in.Dir, folder.plan(in.Name))
			ok(t, err)
			defer f.Close()
			ok(t, f.Describe(bytes.NewReader(folder.list)))
			ok(t, f.Start())
			ok(t, f.Append(folder.stream[:4000]))
			at, err := f.Sync()
			ok(t, err)
			return at
		}},
		"a file":                               {offerOf(content), true, func(in *Incoming) int64 { write(t, in, 60_000, content, 4000); return 4000 }},
		"a file of which nothing is allocated": {offerOf(content), false, func(in *Incoming) int64 { write(t, in, 60_000, content, 4000); return 4000 }},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := powerloss.New(clock, 100_000)
			fsys.SetAllocate(test.allocate)
			d := mustOpen(t, fsys, Limits{})
			in, err := d.Begin(key(1), test.offer, sign)
			ok(t, err)
			had := test.take(in)
			left, err := d.Free()
			ok(t, err)
			same := func(when string) {
				t.Helper()
				if free, err := d.Free(); err != nil || free != left {
					t.Errorf("%s others may have %d bytes, %v; while it came %d", when, free, err, left)
				}
				other := offerOf(nil)
				other.Name, other.SHA256, other.Size = "Otra", "", left+1
				_, err := d.Begin(key(2), other, sign)
				code(t, err, reason.NoSpace)
			}
			d.Release(key(1))
			same("away,")
			ok(t, d.Close())
			d = mustOpen(t, fsys, Limits{})
			same("after a restart")
			in, err = d.Begin(key(1), test.offer, sign)
			ok(t, err)
			if in.Offset != had {
				t.Errorf("it goes on at %d, not at %d", in.Offset, had)
			}
			same("back again,")
		})
	}
}

// A folder goes on though its one file, allocated as a whole, has taken more of the
// disk than what is durable of it.
func TestSpaceOfLargeFileInFolder(t *testing.T) {
	const size = 6 << 20
	v := &version{folderSource: &folderSource{content: map[string][]byte{"film.mxf": bytesOf(size, 1)}}}
	v.entries = []manifest.Entry{{Kind: manifest.File, Path: "film.mxf", Size: size, MTime: 1}}
	v.complete(t)
	fsys := powerloss.New(clock, 10<<20)
	d := mustOpen(t, fsys, Limits{})
	for from := int64(0); from < size; from += size / 3 {
		in, err := d.Begin(key(1), v.offer(), sign)
		ok(t, err)
		if in.Offset != from {
			t.Fatalf("it goes on at %d, not at %d", in.Offset, from)
		}
		f, err := OpenFolder(in.Dir, v.plan(in.Name))
		ok(t, err)
		if !f.Described() {
			ok(t, f.Describe(bytes.NewReader(v.folderSource.list)))
		}
		ok(t, f.Start())
		ok(t, f.Append(v.stream[from:from+size/3]))
		_, err = f.Sync()
		ok(t, err)
		f.Close()
		d.Release(key(1))
		other := offerOf(nil)
		other.Name, other.SHA256, other.Size = "Otra", "", 5<<20
		_, err = d.Begin(key(2), other, sign)
		code(t, err, reason.NoSpace)
	}
}

// What is allocated of a large file ahead of its bytes is not counted twice, neither
// while it is written nor while nobody has it, and the word of a process for that
// does not count beyond its folder.
func TestSpaceAllocatedAhead(t *testing.T) {
	const size = 6 << 20
	v := &version{folderSource: &folderSource{content: map[string][]byte{"film.mxf": bytesOf(size, 1), "small": bytesOf(1<<16, 2)}}}
	v.entries = []manifest.Entry{{Kind: manifest.File, Path: "film.mxf", Size: size, MTime: 1}, {Kind: manifest.File, Path: "small", Size: 1 << 16, MTime: 1}}
	v.complete(t)
	for name, allocates := range map[string]bool{"allocated": true, "not allocated": false} {
		fsys := powerloss.New(clock, 20<<20)
		fsys.SetAllocate(allocates)
		d := mustOpen(t, fsys, Limits{})
		in, err := d.Begin(key(1), v.offer(), sign)
		ok(t, err)
		before, err := d.Free()
		ok(t, err)
		same := func(when string) {
			t.Helper()
			if free, err := d.Free(); err != nil || free > before || free < before-1<<16 { // the manifest and the slots are there
				t.Errorf("%s, %s: others may have %d bytes, %v; before %d", name, when, free, err, before)
			}
		}
		f, err := OpenFolder(in.Dir, v.plan(in.Name))
		ok(t, err)
		defer f.Close()
		ok(t, f.Describe(bytes.NewReader(v.folderSource.list)))
		ok(t, f.Start())
		for at, part := range []string{"a third", "two thirds", "all of the file"} {
			ok(t, f.Append(v.stream[at*size/3:(at+1)*size/3]))
			_, err = f.Sync()
			ok(t, err)
			same(part)
		}
		ok(t, f.Append(v.stream[size:]))
		_, err = f.Sync()
		ok(t, err)
		same("all")
		f.slots.durable.ahead = math.MaxInt64
		ok(t, f.slots.write(f.slots.durable))
		same("claimed")
		f.Close()
		d.Release(key(1))
		same("away")
		ok(t, d.Close())
		d = mustOpen(t, fsys, Limits{})
		same("after a restart")
	}
}

// A part that somebody took away needs all of its space again, and hinders nobody
// else.
func TestSpaceOfPartThatIsGone(t *testing.T) {
	fsys := powerloss.New(clock, 100_000)
	d := mustOpen(t, fsys, Limits{})
	before, err := d.Free()
	ok(t, err)
	folder := makeFolder(t, 1).offer()
	_, err = d.Begin(key(1), folder, sign)
	ok(t, err)
	d.Release(key(1))
	ok(t, disk.RemoveTree(t.Context(), fsys, key(1).dir()))
	if free, err := d.Free(); err != nil || free != before-folder.need() {
		t.Errorf("others may have %d bytes of %d beside it, which needs %d, %v", free, before, folder.need(), err)
	}
	_, err = d.Begin(key(1), folder, sign)
	ok(t, err)
}

// What has its name already, though its deposit is not noted yet, needs nothing
// more.
func TestSpaceOfDecided(t *testing.T) {
	fsys, content := powerloss.New(clock, 200_000), bytesOf(60_000, 8)
	failing := errors.New("not now")
	d, err := Open(fsys, Options{Clock: clock, Published: func(Key, Offer, receipt.Receipt) error { return failing }})
	ok(t, err)
	defer d.Close()
	in, err := d.Begin(key(1), offerOf(content), sign)
	ok(t, err)
	write(t, in, 60_000, content, 60_000)
	_, err = d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.StoreFailed)
	d.Release(key(1))
	gone(t, fsys, key(1).file(dataFile))
	space, err := fsys.Space()
	ok(t, err)
	if free, err := d.Free(); err != nil || free != space.Available {
		t.Errorf("others may have %d bytes of %d, %v", free, space.Available, err)
	}
}

// fallocate has the last word, and nothing stays of what it took.
func TestSpaceTakenMeanwhile(t *testing.T) {
	fsys := &lying{Disk: powerloss.New(clock, 300_000)}
	d := mustOpen(t, fsys, Limits{})
	before, err := fsys.Disk.Space()
	ok(t, err)
	o := offerOf(nil)
	o.Size = 500_000
	_, err = d.Begin(key(1), o, nil)
	code(t, err, reason.NoSpace)
	if after, err := fsys.Disk.Space(); err != nil || after != before {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
}

type lying struct{ *powerloss.Disk }

func (l *lying) Space() (disk.Space, error) {
	return disk.Space{Available: 1 << 40, Total: 1 << 40}, nil
}

func TestQuota(t *testing.T) {
	content := bytesOf(100_000, 9)
	fsys := powerloss.New(clock, 1<<30)
	d := mustOpen(t, fsys, Limits{Quota: 250_000})
	o := offerOf(content)
	deliver(t, d, key(1), o, content)
	_, err := d.Begin(key(2), o, sign) // the same file counts once
	ok(t, err)
	if free, err := d.Free(); err != nil || free != 150_000 {
		t.Errorf("%d bytes of the quota are free, %v", free, err)
	}
	o.MTime, o.SHA256 = 1, ""
	_, err = d.Begin(key(3), o, sign)
	ok(t, err)
	_, err = d.Begin(key(4), o, sign)
	code(t, err, reason.NoSpace)
	d.SetLimits(Limits{Quota: 300_000})
	_, err = d.Begin(key(4), o, sign)
	ok(t, err)
	_, err = d.Begin(key(5), o, sign)
	code(t, err, reason.NoSpace)
	ok(t, fsys.Remove("La Piedra.mp4")) // the operator made room
	_, err = d.Begin(key(5), o, sign)
	ok(t, err)
}

func TestExpire(t *testing.T) {
	now := clock()
	fsys := powerloss.New(func() time.Time { return now }, 1<<20)
	opts := Options{Clock: func() time.Time { return now }, Limits: Limits{Expire: 7 * 24 * time.Hour}}
	d, err := Open(fsys, opts)
	ok(t, err)
	expire := func(want ...Key) {
		t.Helper()
		dropped, err := d.Expire(now)
		ok(t, err)
		var got []Key
		for _, x := range dropped {
			got = append(got, x.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("dropped %v, want %v", got, want)
		}
	}
	_, err = d.Begin(key(1), offerOf([]byte("x")), nil)
	ok(t, err)
	_, err = d.Begin(key(2), offerOf([]byte("y")), nil)
	ok(t, err)
	d.Release(key(1))
	now = now.Add(7*24*time.Hour - time.Second)
	expire()
	now = now.Add(time.Second)
	expire(key(1)) // the other is being received
	gone(t, fsys, ".vc/0a1b2c3d-1")
	ok(t, d.Close())

	d, err = Open(fsys, opts) // the time of asking is kept
	ok(t, err)
	now = clock()
	expire()
	now = now.Add(-365 * 24 * time.Hour) // the clock went back
	expire()
	now = now.Add(7*24*time.Hour - time.Second)
	expire()
	now = now.Add(time.Second)
	expire(key(2))
	ok(t, d.Close())
	_, err = d.Expire(now)
	code(t, err, reason.ShuttingDown)
}

// What could not be given up is there still: it counts, is not gone on with, and is
// given up the next time.
func TestSpaceOfPartThatStays(t *testing.T) {
	now, content := clock(), bytesOf(100_000, 9)
	for name, again := range map[string]func(*Depot) error{
		"expired": func(d *Depot) error {
			dropped, err := d.Expire(now.Add(time.Hour))
			if err == nil && (len(dropped) != 1 || dropped[0].Key != key(1)) {
				t.Errorf("dropped %v", dropped)
			}
			return err
		},
		"withdrawn": func(d *Depot) error { return d.Withdraw(key(1)) },
	} {
		fsys := &flaky{Disk: powerloss.New(clock, 1<<30)}
		d := mustOpen(t, fsys, Limits{Quota: 250_000, Expire: time.Hour})
		in, err := d.Begin(key(1), offerOf(content), sign)
		ok(t, err)
		write(t, in, 100_000, content, 50_000)
		d.Release(key(1))
		fsys.dir = key(1).dir()
		code(t, again(d), reason.StoreFailed)
		if free, err := d.Free(); err != nil || free != 150_000 {
			t.Errorf("%s: %d bytes of the quota are free beside it, %v", name, free, err)
		}
		ok(t, again(d))
		gone(t, fsys, key(1).dir())
		if free, err := d.Free(); err != nil || free != 250_000 {
			t.Errorf("%s: %d bytes of the quota are free, %v", name, free, err)
		}
		// Nor does it go on, its offer being gone or not.
		in, err = d.Begin(key(1), offerOf(content), sign)
		ok(t, err)
		write(t, in, 100_000, content, 50_000)
		d.Release(key(1))
		fsys.dir = key(1).dir()
		code(t, again(d), reason.StoreFailed)
		if in, err = d.Begin(key(1), offerOf(content), sign); err != nil || in.Offset != 0 {
			t.Errorf("%s: goes on at %+v, %v", name, in, err)
		}
		ok(t, d.Close())
		if d = mustOpen(t, fsys, Limits{}); !slices.Equal(d.Recovered().Parts, []Key{key(1)}) {
			t.Errorf("%s: recovered %+v", name, d.Recovered())
		}
	}
}

// Deliveries that are begun and come to nothing have a bound, though they be
// empty: each takes a folder and two files.
func TestUnfinishedAreBounded(t *testing.T) {
	fsys := powerloss.New(clock, 1<<20)
	d := mustOpen(t, fsys, Limits{Parts: 2})
	for id := range int64(2) {
		o := offerOf(nil)
		o.MTime += id
		_, err := d.Begin(key(id+1), o, nil)
		ok(t, err)
	}
	o := offerOf(nil)
	o.MTime = 99
	_, err := d.Begin(key(3), o, nil)
	code(t, err, reason.NoSpace)
	gone(t, fsys, ".vc/0a1b2c3d-3")
	ok(t, d.Withdraw(key(1)))
	_, err = d.Begin(key(3), o, nil)
	ok(t, err)
}

// A folder larger than any is not taken for one that needs less than nothing.
func TestFolderBeyondAllBounds(t *testing.T) {
	d := mustOpen(t, powerloss.New(clock, 1<<20), Limits{Quota: 250_000})
	for name, spoil := range map[string]func(*Offer){
		"size":     func(o *Offer) { o.Size = math.MaxInt64 - 1 },
		"manifest": func(o *Offer) { o.Manifest = math.MaxInt64 / 4 },
		"negative": func(o *Offer) { o.Manifest, o.Files = -math.MaxInt64/4, 0 },
	} {
		o := makeFolder(t, 1).offer()
		spoil(&o)
		if _, err := d.Begin(key(1), o, sign); reason.Of(err) != reason.Protocol {
			t.Errorf("%s: %v", name, err)
		}
		if free, err := d.Free(); err != nil || free != 250_000 {
			t.Errorf("%s: %d bytes of the quota are free, %v", name, free, err)
		}
	}
}
