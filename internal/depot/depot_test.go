package depot

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/disk"
	"videoclub/internal/disk/powerloss"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

const central = "0a1b2c3d"

func key(id int64) Key { return Key{Central: central, ID: id} }

func sign(r receipt.Receipt) (receipt.Receipt, error) {
	r.Receiver = strings.Repeat("e", 64)
	return receipt.Sign(r, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))), nil
}

// offerOf is an offer of content whose digest is known.
func offerOf(content []byte) Offer {
	return Offer{
		Title: 7, Name: "La Piedra", Extension: ".mp4", Size: int64(len(content)), MTime: 1_600_000_000_123_456_789,
		SHA256: digest(content), Duration: time.Hour, Deadline: clock().Add(time.Hour + time.Microsecond),
		Reception: "mateo.elo.utfsm.cl", Central: central + strings.Repeat("0", 56),
	}
}

func resultOf(content []byte) Result {
	return Result{SHA256: digest(content), Size: int64(len(content)), Frames: 3, Resumes: 1}
}

func mustOpen(t *testing.T, fsys disk.FS, limits Limits) *Depot {
	t.Helper()
	d, err := Open(fsys, Options{Clock: clock, Limits: limits})
	ok(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// write does what the store worker does, from the durable offset to upTo.
func write(t *testing.T, in *Incoming, size int64, content []byte, upTo int) {
	t.Helper()
	p, err := OpenPart(in.Data, in.Slots, size)
	ok(t, err)
	defer p.Close()
	if p.Offset() != in.Offset {
		t.Fatalf("the part goes on at %d, the depot said %d", p.Offset(), in.Offset)
	}
	ok(t, p.Append(content[in.Offset:upTo]))
	_, err = p.Sync()
	ok(t, err)
}

// deliver is a whole delivery.
func deliver(t *testing.T, d *Depot, k Key, o Offer, content []byte) receipt.Receipt {
	t.Helper()
	in, err := d.Begin(k, o, nil)
	ok(t, err)
	if in.Receipt != nil {
		t.Fatalf("%s is deposited before it came", k)
	}
	write(t, in, o.Size, content, len(content))
	r, err := d.Publish(k, resultOf(content), sign)
	ok(t, err)
	return r
}

func read(t *testing.T, fsys disk.FS, name string) []byte {
	t.Helper()
	data, err := disk.ReadFile(fsys, name, 1<<24)
	ok(t, err)
	return data
}

func gone(t *testing.T, fsys disk.FS, name string) {
	t.Helper()
	if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", name, err)
	}
}

func stores() map[string]func(*testing.T) disk.FS {
	return map[string]func(*testing.T) disk.FS{
		"os":     func(t *testing.T) disk.FS { return osRoot(t) },
		"memory": func(*testing.T) disk.FS { return powerloss.New(clock, 1<<30) },
	}
}

func TestDelivery(t *testing.T) {
	content := bytesOf(100_000, 1)
	for _, size := range []int{0, 1, 511, 100_000} {
		for name, make := range stores() {
			t.Run(name, func(t *testing.T) {
				fsys, content := make(t), content[:size]
				d := mustOpen(t, fsys, Limits{})
				o := offerOf(content)
				r := deliver(t, d, key(1), o, content)
				if !bytes.Equal(read(t, fsys, "La Piedra.mp4"), content) {
					t.Error("other bytes than were sent")
				}
				info, err := fsys.Stat("La Piedra.mp4")
				ok(t, err)
				if info.Mode != 0o640 || info.ModTime.UnixNano() != o.MTime {
					t.Errorf("published as %+v", info)
				}
				gone(t, fsys, ".vc/0a1b2c3d-1")
				want := receipt.Receipt{Version: 1, Delivery: "0a1b2c3d-1", Title: 7, Name: "La Piedra", Reception: o.Reception,
					Path: "La Piedra.mp4", Size: int64(size), SHA256: digest(content), Frames: 3, Resumes: 1,
					Promised: clock().Add(time.Hour), Started: clock(), Deposited: clock(), Central: o.Central,
					Receiver: r.Receiver, Key: r.Key, Signature: r.Signature}
				if string(want.Canonical()) != string(r.Canonical()) {
					t.Errorf("receipt\n%s", r.Canonical())
				}
				ok(t, receipt.Verify(r))
				ok(t, d.Close())

				d = mustOpen(t, fsys, Limits{}) // and it is kept
				in, err := d.Begin(key(1), o, nil)
				ok(t, err)
				if in.Receipt == nil || in.Receipt.Signature != r.Signature {
					t.Errorf("asked again: %+v", in)
				}
				again, err := d.Publish(key(1), resultOf(content), nil)
				if err != nil || again.Signature != r.Signature {
					t.Errorf("published again: %+v, %v", again, err)
				}
			})
		}
	}
}

func TestResume(t *testing.T) {
	content := bytesOf(100_000, 2)
	for name, make := range stores() {
		t.Run(name, func(t *testing.T) {
			fsys := make(t)
			d := mustOpen(t, fsys, Limits{})
			o := offerOf(content)
			unknown := o
			unknown.SHA256 = ""
			in, err := d.Begin(key(1), unknown, sign)
			ok(t, err)
			write(t, in, o.Size, content, 30_000)
			_, err = d.Begin(key(1), o, sign)
			code(t, err, reason.Busy)
			d.Release(key(1))
			in, err = d.Begin(key(1), o, sign)
			ok(t, err)
			if in.Offset != 30_000 {
				t.Errorf("goes on at %d", in.Offset)
			}
			write(t, in, o.Size, content, 60_000)
			ok(t, d.Close())

			d = mustOpen(t, fsys, Limits{})
			if got := d.Recovered(); !slices.Equal(got.Parts, []Key{key(1)}) || len(got.Removed)+len(got.Damaged)+len(got.Published) > 0 {
				t.Errorf("recovered %+v", got)
			}
			in, err = d.Begin(key(1), unknown, sign)
			ok(t, err)
			if in.Offset != 60_000 {
				t.Errorf("after a restart goes on at %d", in.Offset)
			}
			d.Release(key(1))

			// The digest that was offered once is not forgotten.
			other := o
			other.SHA256 = digest(nil)
			in, err = d.Begin(key(1), other, sign)
			ok(t, err)
			if in.Offset != 0 {
				t.Errorf("another version goes on at %d", in.Offset)
			}
			if info, err := in.Data.Stat(); err != nil || info.Size != 0 {
				t.Errorf("%+v, %v: the old version is kept", info, err)
			}
		})
	}
}

func TestAnotherVersionBeginsAnew(t *testing.T) {
	content := bytesOf(1000, 3)
	for name, change := range map[string]func(*Offer){
		"size":   func(o *Offer) { o.Size++ },
		"mtime":  func(o *Offer) { o.MTime++ },
		"sha256": func(o *Offer) { o.SHA256 = digest(nil) },
	} {
		d := mustOpen(t, powerloss.New(clock, 1<<20), Limits{})
		o := offerOf(content)
		in, err := d.Begin(key(1), o, nil)
		ok(t, err)
		write(t, in, o.Size, content, 500)
		d.Release(key(1))
		change(&o)
		in, err = d.Begin(key(1), o, nil)
		ok(t, err)
		if in.Offset != 0 {
			t.Errorf("another %s goes on at %d", name, in.Offset)
		}
	}
}

func TestDepositedAtOnce(t *testing.T) {
	content := bytesOf(1000, 4)
	for name, make := range stores() {
		t.Run(name, func(t *testing.T) {
			fsys := make(t)
			d := mustOpen(t, fsys, Limits{})
			o := offerOf(content)
			deliver(t, d, key(1), o, content)
			// Another title with the same bytes is to have a file of its own.
			other := o
			other.Name = "Otra"
			in, err := d.Begin(key(9), other, sign)
			ok(t, err)
			if in.Receipt != nil {
				t.Fatalf("%+v", in.Receipt)
			}
			d.Release(key(9))
			ok(t, d.Withdraw(key(9)))

			o.Title = 8
			in, err = d.Begin(key(2), o, sign)
			ok(t, err)
			r := in.Receipt
			if r == nil || r.Path != "La Piedra.mp4" || r.Delivery != "0a1b2c3d-2" || r.Title != 8 || r.Frames != 0 {
				t.Fatalf("%+v", in)
			}
			ok(t, receipt.Verify(*r))
			ok(t, d.Close())
			d = mustOpen(t, fsys, Limits{})
			if again, err := d.Receipt(key(2)); err != nil || again.Signature != r.Signature {
				t.Errorf("%+v, %v", again, err)
			}

			// Touched by anybody, the file no longer stands for its receipt.
			f, err := fsys.OpenFile("La Piedra.mp4", os.O_RDWR, 0)
			ok(t, err)
			_, err = f.WriteAt(content[:1], 0)
			ok(t, err)
			ok(t, f.Close())
			ok(t, fsys.SetModTime("La Piedra.mp4", time.Unix(0, o.MTime)))
			if r := deliver(t, d, key(3), o, content); r.Path != "La Piedra (2).mp4" {
				t.Errorf("published as %s", r.Path)
			}
			// And then there is one that does.
			in, err = d.Begin(key(4), o, sign)
			ok(t, err)
			if in.Receipt == nil || in.Receipt.Path != "La Piedra (2).mp4" {
				t.Errorf("%+v", in.Receipt)
			}
		})
	}
}

// Two deliveries of the same content at the same time are one file.
func TestPublishAdoptsTheSame(t *testing.T) {
	content := bytesOf(1000, 5)
	fsys := powerloss.New(clock, 1<<20)
	d := mustOpen(t, fsys, Limits{})
	o := offerOf(content)
	var ins []*Incoming
	for id := range int64(2) {
		in, err := d.Begin(key(id+1), o, sign)
		ok(t, err)
		ins = append(ins, in)
	}
	for id := range int64(2) {
		write(t, ins[id], o.Size, content, len(content))
		r, err := d.Publish(key(id+1), resultOf(content), sign)
		ok(t, err)
		if r.Path != "La Piedra.mp4" {
			t.Errorf("published as %s", r.Path)
		}
	}
	gone(t, fsys, "La Piedra (2).mp4")
	gone(t, fsys, ".vc/0a1b2c3d-2")
}

// Each deposit is told of, that of a title which is there already too; what
// cannot be told of is not done, and is done when it is asked for again.
func TestPublished(t *testing.T) {
	content := bytesOf(1000, 8)
	fsys := powerloss.New(clock, 1<<20)
	refuse := errors.New("no space for the marker")
	var told []Key
	d, err := Open(fsys, Options{Clock: clock, Published: func(k Key, o Offer, r receipt.Receipt) error {
		if refuse != nil {
			return refuse
		}
		if r.Path != "La Piedra.mp4" || o.Name != "La Piedra" || receipt.Verify(r) != nil {
			t.Errorf("told of %+v", r)
		}
		told = append(told, k)
		return nil
	}})
	ok(t, err)
	o := offerOf(content)
	in, err := d.Begin(key(1), o, sign)
	ok(t, err)
	write(t, in, o.Size, content, len(content))
	_, err = d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.StoreFailed)
	if _, err := d.Receipt(key(1)); err == nil {
		t.Error("it is deposited, and nobody was told")
	}
	refuse = nil
	_, err = d.Publish(key(1), resultOf(content), sign)
	ok(t, err)
	_, err = d.Publish(key(1), resultOf(content), sign) // a receipt that is there already
	ok(t, err)
	in, err = d.Begin(key(2), o, sign)
	ok(t, err)
	if in.Receipt == nil || !slices.Equal(told, []Key{key(1), key(2)}) {
		t.Errorf("told of %v", told)
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	content := bytesOf(1000, 6)
	fsys := osRoot(t)
	d := mustOpen(t, fsys, Limits{})
	ok(t, fsys.Mkdir("La Piedra.mp4", 0o700))
	ok(t, fsys.Mkdir("La Piedra (2).mp4", 0o700))
	if r := deliver(t, d, key(1), offerOf(content), content); r.Path != "La Piedra (3).mp4" {
		t.Errorf("published as %s", r.Path)
	}
	hostile := offerOf(content)
	hostile.Name, hostile.Extension = "../../.vc/lock", "/../x"
	hostile.MTime++
	if r := deliver(t, d, key(2), hostile, content); r.Path != "_._.vc_lock" {
		t.Errorf("published as %s", r.Path)
	}
}

func TestPublishRefuses(t *testing.T) {
	content := bytesOf(1000, 7)
	d := mustOpen(t, powerloss.New(clock, 1<<20), Limits{})
	o := offerOf(content)
	_, err := d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.UnknownDelivery)
	in, err := d.Begin(key(1), o, sign)
	ok(t, err)
	write(t, in, o.Size, content, 999)
	_, err = d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.WorkerFailed)
	d.Release(key(1))
	in, err = d.Begin(key(1), o, sign)
	ok(t, err)
	write(t, in, o.Size, content, 1000)
	wrong := resultOf(content)
	wrong.SHA256 = digest(nil)
	_, err = d.Publish(key(1), wrong, sign)
	code(t, err, reason.DigestMismatch)
	wrong = resultOf(content)
	wrong.Size++
	_, err = d.Publish(key(1), wrong, sign)
	code(t, err, reason.WorkerFailed)
	_, err = d.Publish(key(1), resultOf(content), func(r receipt.Receipt) (receipt.Receipt, error) { return r, errors.New("no key") })
	code(t, err, reason.Internal)
	_, err = d.Publish(key(1), resultOf(content), func(r receipt.Receipt) (receipt.Receipt, error) { return r, nil })
	code(t, err, reason.Internal)
	_, err = d.Publish(key(1), resultOf(content), func(r receipt.Receipt) (receipt.Receipt, error) { r.Size = 1; return sign(r) })
	code(t, err, reason.Internal)
	_, err = d.Publish(key(1), resultOf(content), sign)
	ok(t, err)
	_, err = d.Publish(key(1), wrong, sign)
	code(t, err, reason.KeyReused)
	o.Size++
	_, err = d.Begin(key(1), o, sign)
	code(t, err, reason.KeyReused)
	code(t, d.Withdraw(key(1)), reason.AlreadyEnded)
}

func TestBeginRefuses(t *testing.T) {
	d := mustOpen(t, powerloss.New(clock, 1<<20), Limits{})
	for name, spoil := range map[string]func(*Key, *Offer){
		"live":          func(_ *Key, o *Offer) { o.Size = -1 },
		"line feed":     func(_ *Key, o *Offer) { o.Name = "a\nb" },
		"no name":       func(_ *Key, o *Offer) { o.Name = "" },
		"long name":     func(_ *Key, o *Offer) { o.Name = strings.Repeat("x", receipt.MaxText+1) },
		"digest":        func(_ *Key, o *Offer) { o.SHA256 = "x" },
		"central":       func(_ *Key, o *Offer) { o.Central = strings.Repeat("f", 64) },
		"reception":     func(_ *Key, o *Offer) { o.Reception = "" },
		"title":         func(_ *Key, o *Offer) { o.Title = -1 },
		"far deadline":  func(_ *Key, o *Offer) { o.Deadline = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"key above":     func(k *Key, _ *Offer) { k.Central = "../../.." },
		"key too short": func(k *Key, _ *Offer) { k.Central = "" },
		"key zero":      func(k *Key, _ *Offer) { k.ID = 0 },
	} {
		k, o := key(1), offerOf(nil)
		spoil(&k, &o)
		_, err := d.Begin(k, o, sign)
		want := reason.Protocol
		if strings.HasPrefix(name, "key") {
			want = reason.Internal
		}
		if reason.Of(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	code(t, d.Withdraw(Key{}), reason.Internal)
}

func TestOneReceptionForOneStore(t *testing.T) {
	for _, make := range stores() {
		fsys := make(t)
		d := mustOpen(t, fsys, Limits{})
		_, err := Open(fsys, Options{Clock: clock})
		code(t, err, reason.Busy)
		ok(t, d.Close())
		ok(t, mustOpen(t, fsys, Limits{}).Close())
	}
}

// What is damaged is told, and nothing is thrown away that is not understood.
func TestDamage(t *testing.T) {
	content := bytesOf(1000, 10)
	dir := t.TempDir()
	r, err := disk.OS(dir)
	ok(t, err)
	defer r.Close()
	d := mustOpen(t, r, Limits{})
	deliver(t, d, key(1), offerOf(content), content)
	other := offerOf(content)
	other.MTime++
	in, err := d.Begin(key(2), other, nil)
	ok(t, err)
	write(t, in, other.Size, content, 500)
	ok(t, d.Close())
	for _, name := range []string{".vc/receipts/0a1b2c3d-1.json", ".vc/0a1b2c3d-2/offer.json"} {
		ok(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	}
	for _, name := range []string{".vc/.vc-temp-x", ".vc/note", ".vc/0a1b2c3d-9"} {
		ok(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	ok(t, os.Mkdir(filepath.Join(dir, ".vc/0a1b2c3d-3"), 0o700))
	d = mustOpen(t, r, Limits{})
	got := d.Recovered()
	if len(got.Damaged) != 2 || len(got.Parts) != 0 || !slices.Equal(got.Removed, []Key{key(3)}) {
		t.Errorf("recovered %+v", got)
	}
	gone(t, r, ".vc/.vc-temp-x")
	for _, name := range []string{".vc/note", ".vc/0a1b2c3d-9", ".vc/0a1b2c3d-2/data.part", "La Piedra.mp4"} {
		if _, err := r.Stat(name); err != nil {
			t.Error(err)
		}
	}
	in, err = d.Begin(key(2), other, nil)
	ok(t, err)
	if in.Offset != 0 {
		t.Errorf("goes on at %d without knowing of what", in.Offset)
	}
}

// What is decided is deposited, though it is not noted yet: another source does not
// get its receipt.
func TestKeyReusedWhileDecided(t *testing.T) {
	content, failing := bytesOf(1000, 1), errors.New("not now")
	d, err := Open(powerloss.New(clock, 1<<20), Options{Clock: clock, Published: func(Key, Offer, receipt.Receipt) error { return failing }})
	ok(t, err)
	defer d.Close()
	in, err := d.Begin(key(1), offerOf(content), sign)
	ok(t, err)
	write(t, in, 1000, content, 1000)
	_, err = d.Publish(key(1), resultOf(content), sign)
	code(t, err, reason.StoreFailed)
	d.Release(key(1))
	failing = nil
	other := offerOf(bytesOf(2000, 2))
	if in, err = d.Begin(key(1), other, sign); reason.Of(err) != reason.KeyReused {
		t.Errorf("another source gets %+v, %v", in, err)
	}
	if in, err = d.Begin(key(1), offerOf(content), sign); err != nil || in.Receipt == nil || in.Receipt.SHA256 != digest(content) {
		t.Errorf("its own source gets %+v, %v", in, err)
	}
}
