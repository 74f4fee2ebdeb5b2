package e2e

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/frame"
	"videoclub/internal/wire"
)

// deliverAs does a central server's part of a delivery of content, and gives the
// receiver's last word.
func deliverAs(t *testing.T, address string, config *tls.Config, o wire.Offer, content string) wire.Message {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, config)
	for _, m := range []wire.Message{wire.Hello{Version: wire.Version, Program: "nobody"}, o} {
		if err := wire.Write(conn, m); err != nil {
			return nil // it is nothing that can be said
		}
	}
	in := bufio.NewReaderSize(conn, wire.MaxLine)
	for {
		m, err := wire.Read(in)
		if err != nil {
			return nil // it was dropped without a word
		}
		switch m.(type) {
		case wire.Accept:
			final, err := frame.AppendFinal(nil, int64(len(content)), frame.Trailer{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))), Frames: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(append(frame.AppendStored(nil, 0, []byte(content)), final...)); err != nil {
				t.Fatal(err)
			}
		case wire.Ack:
		default:
			return m
		}
	}
}

// badNames are what a peer may call a title.
func badNames() []string {
	names := []string{
		"../../outside", "../outside", "/etc/passwd", "..", ".", "", ".vc", ".vc/lock", ".vc/../../outside", "Planted", "passwd", "Folder",
		"a/b", `a\b`, "-rf", "~root", "CON", "$(reboot)", "%s%n", "Film ^ 1",
		"Film\x00.exe", "Film\nnew line", "Film\x1b[31m", "Film\u202egnp", "Bad\xff\xfeutf8",
		"Film", "FILM", "film", "Film ", " Film", "Film.", "Caf\u00e9", "Cafe\u0301", "caf\u00e9",
	}
	for _, length := range []int{255, 256, 511, 512, 1024, 2000} {
		names = append(names, strings.Repeat("x", length))
	}
	return append(names, strings.Repeat("ñ", 200), strings.Repeat("ñ", 200)+"b")
}

// Whatever a peer calls its deliveries, each that is deposited is a file of its
// own in the store, with its own content, and nothing is touched elsewhere, not
// by a link that somebody planted either.
func TestNamesOfPeers(t *testing.T) {
	t.Parallel()
	r := startReception(t, "")
	around := filepath.Dir(r.store)
	outside := filepath.Join(around, "outside")
	write(t, outside, "untouched")
	for link, to := range map[string]string{"Planted.bin": outside, "passwd.bin": outside, "Folder.bin": around, "Planted": outside} {
		if err := os.Symlink(to, filepath.Join(r.store, link)); err != nil {
			t.Fatal(err)
		}
	}
	beside, links := len(list(t, around)), len(r.files())
	listen := field(r.log.await(t, 0, saying("ready ", "listen=")), "listen")
	config := known(t, wire.ALPN)
	given := map[string]string{}
	id := int64(0)
	for i, name := range badNames() {
		extensions := []string{".bin", "/../../x", ".\x00", ""}
		if i%12 > 0 {
			extensions = extensions[:1]
		}
		for _, extension := range extensions {
			id++
			what, content := fmt.Sprintf("%.40q %q", name, extension), fmt.Sprintf("%d", id)
			o := wire.Offer{ID: id, Title: 1, Name: name, Extension: extension, Reception: "cinema.test", Size: int64(len(content)), MTime: id}
			m, ok := deliverAs(t, listen, config, o, content).(wire.Deposited)
			if !ok {
				continue // refused, or dropped: that is as good
			}
			path := m.Receipt.Path
			if was, twice := given[path]; twice {
				t.Errorf("%s and %s are both at %q", what, was, path)
			}
			given[path] = what
			info, err := os.Lstat(filepath.Join(r.store, path))
			if err != nil || !info.Mode().IsRegular() || filepath.Base(path) != path || strings.HasPrefix(path, ".") || len(path) > 255 {
				t.Errorf("%s is deposited at %q: %v", what, path, err)
				continue
			}
			if text, err := os.ReadFile(filepath.Join(r.store, path)); err != nil || string(text) != content {
				t.Errorf("%s is at %q with %q, %v", what, path, text, err)
			}
		}
	}
	t.Logf("%d of %d were deposited", len(given), id)
	if len(given) < 30 || len(r.files()) != len(given)+links {
		t.Errorf("%d were deposited, the store has %q", len(given), r.files())
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "untouched" || len(list(t, around)) != beside {
		t.Errorf("outside is %q, %v, beside it %q", text, err, list(t, around))
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
