package gallery

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
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
	Shape     bool     // each file is as the list has it, but the list or the folders are others
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
	c.g.query(context.WithoutCancel(c.ctx), control.StoreQuery{Checked: &control.Checked{Key: v.Key, Good: v.Good, Broken: v.Broken != ""}})
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
// they and the folders come to together with what was signed.
func (c *check) folder(v *verdict) error {
	l, list, err := c.g.lines(c.ctx, c.shown.Deposit.Key)
	if err != nil {
		return err
	}
	defer list.Close()
	next, folders, err := c.g.folders(c.ctx, c.shown.Deposit.Key)
	if err != nil {
		return err
	}
	defer folders.Close()
	folder, err := next()
	if err != nil {
		return err
	}
	proof, differ := manifest.NewProof(), 0
	// until adds the folders that stand before a file, or all that are left.
	until := func(file string) error {
		for ; folder != "" && (file == "" || manifest.Before(folder, file)); folder, err = next() {
			if err != nil {
				return err
			}
			proof.Add(manifest.Entry{Kind: manifest.Folder, Path: folder}, manifest.Sum{})
		}
		return err
	}
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
		if err := until(one.Path); err != nil {
			return err
		}
		proof.Add(manifest.Entry{Kind: manifest.File, Path: one.Path, Size: size}, sum)
	}
	if err := until(""); err != nil {
		return err
	}
	v.SHA256 = proof.SHA256()
	v.Good = v.SHA256 == c.receipt.SHA256
	v.Shape = !v.Good && differ == 0
	return nil
}

// folders gives the folders below a deposit, one after another, and then none.
func (g Gallery) folders(ctx context.Context, key string) (next func() (string, error), closer io.Closer, err error) {
	_, file, err := g.ask(ctx, control.StoreQuery{Open: &control.OpenQuery{Key: key, What: control.OfFolders, Check: true}})
	if err != nil {
		return nil, nil, err
	}
	if file == nil {
		return nil, nil, reason.New(reason.Internal, "the supervisor opens nothing")
	}
	in := bufio.NewReader(file)
	return func() (string, error) {
		name, err := in.ReadString(0)
		if err == io.EOF && name == "" {
			return "", nil
		}
		return strings.TrimSuffix(name, "\x00"), err
	}, file, nil
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
