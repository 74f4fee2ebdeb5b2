package gallery

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// tell is how often the one who waits for a verification hears how far it is.
const tell = 200 * time.Millisecond

// mostDiffering is how many files that differ are told.
const mostDiffering = 20

// verdict is what came of reading all of a deposit again.
type verdict struct {
	Good      bool
	Partly    bool     // each file is as the list has it, and the list could not be compared
	Broken    string   // why it did not come to its end
	SHA256    string   // what it is now
	Differing []string // files of a folder
	Key       string
}

// check reads all of a deposit again.
type check struct {
	g       Gallery
	ctx     context.Context
	shown   control.Shown
	receipt receipt.Receipt
	done    int64
	told    time.Time
	tell    func(done, size int64)
	buf     []byte
}

// run gives the verdict.
func (c *check) run() verdict {
	v := verdict{Key: c.shown.Deposit.Key}
	err := c.read(&v)
	if err != nil {
		v.Good, v.Broken = false, err.Error()
	}
	// One that was let go by who waited for it says nothing of the deposit.
	c.g.query(context.WithoutCancel(c.ctx), control.StoreQuery{Checked: &control.Checked{Key: v.Key, Good: v.Good, Broken: v.Broken != "" || v.Partly}})
	return v
}

func (c *check) read(v *verdict) error {
	if c.shown.Deposit.Folder {
		return c.folder(v)
	}
	sum, size, err := c.file("")
	if err != nil {
		return err
	}
	v.SHA256 = sum.String()
	v.Good = v.SHA256 == c.receipt.SHA256 && size == c.receipt.Size
	return nil
}

// file digests a deposit, or the file of a folder at a path in it.
func (c *check) file(within string) (sum manifest.Sum, size int64, err error) {
	_, file, err := c.g.ask(c.ctx, control.StoreQuery{Open: &control.OpenQuery{Key: c.shown.Deposit.Key, What: control.OfDeposit, Within: within, Check: true}})
	if err != nil {
		return sum, 0, err
	}
	if file == nil {
		return sum, 0, reason.New(reason.Internal, "the supervisor opens nothing")
	}
	defer file.Close()
	return c.digest(file)
}

func (c *check) digest(file *os.File) (sum manifest.Sum, size int64, err error) {
	h := sha256.New()
	for {
		if err := c.ctx.Err(); err != nil {
			return sum, size, err
		}
		n, err := file.Read(c.buf)
		h.Write(c.buf[:n])
		size += int64(n)
		c.done += int64(n)
		if now := time.Now(); now.Sub(c.told) >= tell {
			c.told = now
			c.tell(c.done, c.receipt.Size)
		}
		if err == io.EOF {
			return manifest.Sum(h.Sum(nil)), size, nil
		}
		if err != nil {
			return sum, size, err
		}
	}
}

// folder digests the files of a folder, compares each with the list, and what
// they come to together with what was signed.
func (c *check) folder(v *verdict) error {
	l, list, err := c.g.lines(c.ctx, c.shown.Deposit.Key)
	if err != nil {
		return err
	}
	defer list.Close()
	proof := newTree()
	differ := 0
	for {
		one, err := l.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		sum, size, err := c.file(one.Path)
		if reason.Of(err) == reason.UnknownDelivery || err == nil && sum.String() != one.Sum {
			if differ++; differ <= mostDiffering {
				v.Differing = append(v.Differing, one.Path)
			}
			continue
		}
		if err != nil {
			return err
		}
		proof.add(one.Path, size, sum)
	}
	v.SHA256 = proof.SHA256()
	switch {
	case differ > 0:
	case v.SHA256 == c.receipt.SHA256:
		v.Good = true
	case l.n == c.receipt.Files:
		v.Partly = true
	}
	return nil
}

// tree is the proven manifest of a folder, as far as its files tell of it: a
// folder without files is not known.
type tree struct {
	*manifest.Proof
	folder string // that the last file is in
}

func newTree() *tree { return &tree{Proof: manifest.NewProof()} }

// add takes the next file, in the order of the manifest.
func (t *tree) add(name string, size int64, sum manifest.Sum) {
	dir := path.Dir(name)
	if dir == "." {
		dir = ""
	}
	// The folders that begin with this file, each before what it holds.
	at := 0
	for at < len(dir) {
		end := strings.IndexByte(dir[at:], '/')
		if end < 0 {
			end = len(dir) - at
		}
		at += end
		if folder := dir[:at]; t.folder != folder && !strings.HasPrefix(t.folder, folder+"/") {
			t.Add(manifest.Entry{Kind: manifest.Folder, Path: folder}, manifest.Sum{})
		}
		at++
	}
	t.folder = dir
	t.Add(manifest.Entry{Kind: manifest.File, Path: name, Size: size}, sum)
}

// verify reads all of a deposit again, and tells how far it is: to a script by
// events, else on a page that grows.
func (g Gallery) verify(w http.ResponseWriter, r *http.Request) {
	s, err := g.shown(r)
	var signed receipt.Receipt
	if err == nil {
		signed, err = receipt.Parse(s.Receipt)
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	// Whether there is room for another is known before anything is answered.
	if err := g.mayCheck(r.Context(), s); err != nil {
		g.fail(w, r, err)
		return
	}
	c := &check{g: g, ctx: r.Context(), shown: s, receipt: signed, buf: make([]byte, 1<<20)}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		stream := pages.Stream(w, r)
		c.tell = func(done, size int64) {
			stream.Event("read", map[string]int64{"done": done, "size": size})
			stream.Rest()
		}
		v := c.run()
		stream.Part("verdict", "verdict", v)
		stream.Event("over", map[string]bool{"good": v.Good})
		stream.Rest()
		return
	}
	g.verifyPage(w, r, c)
}

// mayCheck asks whether all of a deposit may be read now, and whether it is there.
func (g Gallery) mayCheck(ctx context.Context, s control.Shown) error {
	q := control.OpenQuery{Key: s.Deposit.Key, What: control.OfDeposit, Check: true}
	if s.Deposit.Folder {
		q.What = control.OfChecks
	}
	_, file, err := g.ask(ctx, control.StoreQuery{Open: &q})
	if file != nil {
		file.Close()
	}
	return err
}

// verifyPage is for browsers without a script: it is written as it goes on.
func (g Gallery) verifyPage(w http.ResponseWriter, r *http.Request, c *check) {
	p := g.page(r, c.shown.Deposit.Name, c.shown.Deposit)
	p.Scripts = nil
	write := func(part string, data any) {
		text, err := pages.Part(p.Lang, part, data)
		if err == nil {
			io.WriteString(w, text)
		}
		http.NewResponseController(w).Flush()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	write("verifying", p)
	said := -1
	c.tell = func(done, size int64) {
		if now := percent(done, size) / 5 * 5; now > said {
			said = now
			fmt.Fprintf(w, "<li>%d %%</li>\n", now)
			http.NewResponseController(w).Flush()
		}
	}
	write("verified", c.run())
	write("bottom", p)
}
