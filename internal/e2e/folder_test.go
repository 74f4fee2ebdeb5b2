package e2e

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/frame"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// makeFolder writes a folder: files by their paths, and folders, whose paths
// end in a slash.
func makeFolder(t *testing.T, dir, name string, content map[string]io.Reader) title {
	t.Helper()
	top := filepath.Join(dir, name)
	if err := os.Mkdir(top, 0o700); err != nil {
		t.Fatal(err)
	}
	stamp := time.Unix(1_600_000_000, 123_456_789)
	for path, from := range content {
		at := filepath.Join(top, path)
		if strings.HasSuffix(path, "/") {
			if err := os.MkdirAll(at, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		makeTitle(t, filepath.Dir(at), filepath.Base(at), from)
		if err := os.Chtimes(at, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	made := title{path: top, folder: true}
	made.sha256, made.size = proofOf(t, top)
	return made
}

// proofOf reads a folder anew and gives the digest and the size that a receipt
// should have, by nothing but docs/PROTOCOL.md.
func proofOf(t *testing.T, top string) (digest string, size int64) {
	t.Helper()
	lines := map[string]string{}
	var order []string
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		path, err = filepath.Rel(top, path)
		if err != nil {
			return err
		}
		// Element by element: nothing in a name is before a slash then.
		key := strings.ReplaceAll(path, "/", "\x00")
		order = append(order, key)
		if e.IsDir() {
			lines[key] = fmt.Sprintf("d %s\n", path)
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		size += info.Size()
		lines[key] = fmt.Sprintf("f %d %s %s\n", info.Size(), digestOf(t, filepath.Join(top, path)), path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(order)
	sum := sha256.New()
	io.WriteString(sum, "vc folder v1 proven\n")
	for _, key := range order {
		io.WriteString(sum, lines[key])
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), size
}

// provenFolder checks what is published of a folder, and what lies beside it.
func (r *reception) provenFolder(signed receipt.Receipt, source title) {
	r.t.Helper()
	at := filepath.Join(r.store, signed.Path)
	if digest, size := proofOf(r.t, at); digest != source.sha256 || size != source.size {
		r.t.Errorf("%s has %d bytes and digest %s, the source %d and %s", signed.Path, size, digest, source.size, source.sha256)
	}
	files := 0
	err := filepath.WalkDir(at, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o640)
		if e.IsDir() {
			want = 0o750 | fs.ModeDir
		} else {
			files++
			below, _ := filepath.Rel(at, path)
			if old, err := os.Stat(filepath.Join(source.path, below)); err != nil || !old.ModTime().Equal(info.ModTime()) {
				r.t.Errorf("%s is of %v, %v", path, info.ModTime(), err)
			}
		}
		if info.Mode() != want {
			r.t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || signed.Files != files || signed.Version != receipt.VersionFolder {
		r.t.Errorf("%s: a receipt of version %d for %d files, there are %d, %v", signed.Path, signed.Version, signed.Files, files, err)
	}
	check := exec.CommandContext(r.t.Context(), "sha256sum", "--check", "--strict", "--quiet", signed.Path+".SHA256SUMS")
	check.Dir = r.store
	sums, err := os.ReadFile(filepath.Join(r.store, signed.Path+".SHA256SUMS"))
	if err != nil || bytes.Count(sums, []byte("\n")) != files {
		r.t.Errorf("%s: %d lines of digests, %v", signed.Path, bytes.Count(sums, []byte("\n")), err)
	}
	if said, err := check.CombinedOutput(); files > 0 && err != nil {
		r.t.Errorf("sha256sum -c: %v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(r.store, signed.Path+".receipt.json"))
	if beside, parsed := receipt.Parse(text); err != nil || parsed != nil || beside.SHA256 != signed.SHA256 || beside.Path != signed.Path {
		r.t.Errorf("%s: the receipt beside it: %v %v", signed.Path, err, parsed)
	}
}

// stormFolder makes a folder of about size bytes: one large file, many small
// ones, empty ones and folders.
func stormFolder(t *testing.T, dir string, n int, rng *rand.Rand, size int64) title {
	content := map[string]io.Reader{
		"ASSETS/empty": noise(1, 0), "ASSETS/none/": nil, "first": noise(2, 0), "zuletzt.bin": noise(rng.Uint64(), size/2),
	}
	for i, left := 0, size/2; left > 0; i++ {
		one := min(left, 1+rng.Int64N(400_000))
		content[fmt.Sprintf("reel %d/%04d.dpx", i%7, i)] = noise(rng.Uint64(), one)
		left -= one
	}
	return makeFolder(t, dir, fmt.Sprint("folder ", n), content)
}

func TestFolderArrives(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	long, deep := strings.Repeat("ñ", 127)+"x", strings.Repeat("d/", 60)
	folders := []title{
		makeFolder(t, c.dir, "nothing", nil),
		makeFolder(t, c.dir, "only empty", map[string]io.Reader{"a/": nil, "a.": noise(1, 0), "a/b": noise(1, 0), "c": noise(1, 0)}),
		makeFolder(t, c.dir, "all sorts", map[string]io.Reader{
			"café/é.txt": noise(1, 10), "café/e\u0301.txt": noise(2, 11), "日本語": noise(3, 12), long: noise(4, frame.SourceSize),
			deep + "deep": noise(5, frame.SourceSize+1), `back\slash`: noise(6, 7), "a b": noise(7, 1), "a/b": noise(8, 2), "a!": noise(9, 3), "-": noise(10, 700_000),
			"z": noise(11, 0),
		}),
	}
	ids := map[int64]title{}
	for _, f := range folders {
		d := c.ask(c.add(filepath.Base(f.path), f.path, 1), "cinema.test")
		ids[d.ID] = f
	}
	for id, f := range ids {
		d := c.deposited(id)
		r.proven(d, f)
		if d.Sent != f.size {
			t.Errorf("%s: %d bytes sent of %d", f.path, d.Sent, f.size)
		}
	}
	if parts := r.parts(); len(parts) > 0 || len(r.files()) != 3*len(folders) {
		t.Errorf("the store has %q and the parts %q", r.files(), parts)
	}
	if left, err := os.ReadDir(filepath.Join(c.state(), "folders")); err != nil || len(left) > 0 {
		t.Errorf("%d manifests are left, %v", len(left), err)
	}

	// Known by its digest, it is deposited at once; changed there, it is sent again.
	before := r.proxy.total(up)
	d := c.deposited(c.ask(3, "cinema.test").ID)
	if r.proven(d, folders[2]); d.Sent != 0 || r.proxy.total(up)-before > 16<<10 {
		t.Errorf("%d bytes were sent again", d.Sent)
	}
	published := filepath.Join(r.store, "all sorts")
	if err := os.WriteFile(filepath.Join(published, "a b"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	d = c.deposited(c.ask(3, "cinema.test").ID)
	if signed := r.proven(d, folders[2]); d.Sent == 0 || signed.Path != "all sorts (2)" {
		t.Errorf("%d bytes were sent for %s", d.Sent, signed.Path)
	}
}

// A file that is not any more what was promised fails the delivery, by name,
// and nothing of the folder is published.
func TestFolderChanges(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, "120 Mbit/s"})
	changes := map[string]func(path string) error{
		"written":  func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) },
		"removed":  os.Remove,
		"replaced": func(path string) error { return replaceBy(path, os.Mkdir(path+".new", 0o700)) },
	}
	ids := map[string]int64{}
	for name, change := range changes {
		// The last file is out of the read worker's reach for a while.
		f := makeFolder(t, c.dir, name, map[string]io.Reader{"1": noise(1, 12<<20), "2": noise(2, 4<<20), "3/late": noise(3, 1<<20)})
		number := c.add(name, f.path, 1)
		ids[name] = c.ask(number, "cinema.test").ID
		if err := change(filepath.Join(c.dir, name, "3/late")); err != nil {
			t.Fatal(err)
		}
	}
	admin := api.NewClient(c.admin, nil)
	defer admin.Close()
	for name, id := range ids {
		// Which file it was is for administrators.
		if d := c.failed(id, reason.SourceChanged); d.Detail != "" {
			t.Errorf("%s: a user is told %q", name, d.Detail)
		}
		if d, err := admin.Delivery(quick(t), id, 0, 0); err != nil || !strings.Contains(d.Detail, `"3/late"`) {
			t.Errorf("%s: failed for %s, %v", name, d.Detail, err)
		}
	}
	if files := r.files(); len(files) > 0 {
		t.Errorf("the store has %q", files)
	}
}

func replaceBy(path string, err error) error {
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// What cannot be delivered is refused before anything is promised.
func TestFolderRefused(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	f := makeFolder(t, c.dir, "f", map[string]io.Reader{"a/b": noise(1, 1)})
	if err := os.Symlink("/etc/passwd", filepath.Join(f.path, "a", "link")); err != nil {
		t.Fatal(err)
	}
	number := c.add("Linked", f.path, 1)
	_, err := c.client.Request(quick(t), control.Request{Key: "1", Number: number, Reception: "cinema.test", By: time.Now().Add(time.Hour)})
	if reason.Of(err) != reason.TitleUnreadable || strings.Contains(err.Error(), "link") {
		t.Errorf("refused for %v, and users are not told where things lie", err)
	}
	c.log.await(t, 0, saying("reason=title_unreadable", `a/link`, "it is a symbolic link"))
}

// A cinema package (SMPTE ST 429-8 and 429-9) in which one file is not what its
// packing list says: it is delivered as it is, and said so in receipt and mail.
func TestPackageWithAWrongHash(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	c := startCentral(t, "", link{"cinema.test", r, ""})
	content := map[string]io.Reader{}
	var assets, packing strings.Builder
	for i, name := range []string{"picture.mxf", "sound.mxf", "CPL.xml"} {
		data, err := io.ReadAll(noise(uint64(i), 700_000+int64(i)))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(data)
		fmt.Fprintf(&packing, "<Asset><Id>urn:uuid:%d</Id><Hash>%s</Hash><Size>%d</Size><Type>application/mxf</Type></Asset>", i, base64.StdEncoding.EncodeToString(sum[:]), len(data))
		fmt.Fprintf(&assets, "<Asset><Id>urn:uuid:%d</Id><ChunkList><Chunk><Path>%s</Path></Chunk></ChunkList></Asset>", i, name)
		if name == "sound.mxf" {
			data[500_000] ^= 1
		}
		content[name] = bytes.NewReader(data)
	}
	content["PKL.xml"] = strings.NewReader(`<?xml version="1.0" encoding="UTF-8"?><PackingList xmlns="http://www.smpte-ra.org/schemas/429-8/2007/PKL"><Id>urn:uuid:p</Id><AssetList>` +
		packing.String() + "</AssetList></PackingList>")
	content["ASSETMAP.xml"] = strings.NewReader(`<?xml version="1.0" encoding="UTF-8"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><AssetList>` +
		"<Asset><Id>urn:uuid:p</Id><PackingList>true</PackingList><ChunkList><Chunk><Path>PKL.xml</Path></Chunk></ChunkList></Asset>" + assets.String() + "</AssetList></AssetMap>")
	f := makeFolder(t, c.dir, "La Piedra_DCP", content)
	signed := r.proven(c.deposited(c.ask(c.add("La Piedra", f.path, 1), "cinema.test").ID), f)
	if !slices.Equal(signed.Warnings, []string{"pkl_hash sound.mxf"}) {
		t.Errorf("the receipt warns of %q", signed.Warnings)
	}
	for _, d := range []*daemon{c.daemon, r.daemon} {
		d.log.await(t, 0, saying("warning=\"pkl_hash sound.mxf\""))
	}
}
