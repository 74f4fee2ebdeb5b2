package gallery

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"videoclub/internal/control"
	"videoclub/internal/manifest"
	"videoclub/internal/reason"
	"videoclub/internal/reel"
)

// filesSize is how many files of a folder are listed on one page.
const filesSize = 60

// listed is a line of the list of a folder's digests: a file, by its path below
// the folder, and the SHA-256 that it had when it was delivered.
type listed struct {
	N    int
	Path string
	Sum  string

	// Of a page of the list alone.
	Size  int64
	Kind  reel.Kind
	There bool
}

// Dir and Name are the path in two.
func (l listed) Dir() string {
	if i := strings.LastIndexByte(l.Path, '/'); i >= 0 {
		return l.Path[:i+1]
	}
	return ""
}

// Name is the last element of the path.
func (l listed) Name() string { return path.Base(l.Path) }

// errList says that a list of digests is not as sha256sum(1) writes it.
var errList = errors.New("the list of its files is damaged")

// list reads a list of digests line by line. It lies in the store, where others
// may write: what stands in it is a name to ask the supervisor by, which looks
// below the folder and nowhere else.
type list struct {
	in *bufio.Scanner
	n  int
}

func newList(r io.Reader) *list {
	l := &list{in: bufio.NewScanner(r)}
	// A path may have each of its bytes escaped.
	l.in.Buffer(make([]byte, 0, 8192), 2*manifest.MaxPath+1024)
	return l
}

// next gives the next file; io.EOF is the end.
func (l *list) next() (listed, error) {
	if !l.in.Scan() {
		if l.in.Err() != nil {
			return listed{}, errList
		}
		return listed{}, io.EOF
	}
	if l.n++; l.n > manifest.MaxEntries {
		return listed{}, errList
	}
	line, escaped := strings.CutPrefix(l.in.Text(), `\`)
	sum, name, ok := strings.Cut(line, "  ")
	if _, err := manifest.ParseSum(sum); !ok || err != nil {
		return listed{}, errList
	}
	if escaped {
		name = strings.ReplaceAll(name, `\\`, `\`)
	}
	_, within, ok := strings.Cut(name, "/")
	if !ok || within == "" {
		return listed{}, errList
	}
	return listed{N: l.n, Path: within, Sum: sum}, nil
}

// lines opens the list of a folder.
func (g Gallery) lines(ctx context.Context, key string) (*list, io.Closer, error) {
	_, file, err := g.ask(ctx, control.StoreQuery{Open: &control.OpenQuery{Key: key, What: control.OfChecks}})
	if err != nil {
		return nil, nil, err
	}
	if file == nil {
		return nil, nil, reason.New(reason.Internal, "the supervisor opens nothing")
	}
	return newList(file), file, nil
}

// line gives the nth file of a folder, from 1.
func (g Gallery) line(ctx context.Context, key, n string) (listed, error) {
	wanted, err := strconv.Atoi(n)
	if err != nil || wanted < 1 {
		return listed{}, reason.New(reason.UnknownDelivery, "there is no file %.20q in it", n)
	}
	l, file, err := g.lines(ctx, key)
	if err != nil {
		return listed{}, err
	}
	defer file.Close()
	for {
		one, err := l.next()
		switch {
		case err == io.EOF:
			return listed{}, reason.New(reason.UnknownDelivery, "there is no file %d in it", wanted)
		case err != nil:
			return listed{}, reason.Wrap(reason.StoreFailed, err, "file %d", wanted)
		case one.N == wanted:
			return one, nil
		}
	}
}

// folderPage is a page of the files of a folder.
type folderPage struct {
	control.Shelved
	Listed []listed
	After  int // the number before the first
	Next   int // the number of the last, 0 when there are no others
}

func (g Gallery) folder(w http.ResponseWriter, r *http.Request) {
	s, err := g.shown(r)
	if err == nil && !s.Deposit.Folder {
		err = reason.New(reason.UnknownDelivery, "it is no folder")
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	f, err := g.filesAfter(r.Context(), *s.Deposit, max(after, 0))
	if err != nil {
		g.fail(w, r, err)
		return
	}
	p := g.page(r, s.Deposit.Name, f)
	pages.Show(w, p.Lang, http.StatusOK, "folder.html", p)
}

// filesAfter gives the files after a number.
func (g Gallery) filesAfter(ctx context.Context, d control.Shelved, after int) (folderPage, error) {
	f := folderPage{Shelved: d, After: after}
	l, file, err := g.lines(ctx, d.Key)
	if err != nil {
		return f, err
	}
	defer file.Close()
	for {
		one, err := l.next()
		switch {
		case err == io.EOF:
			return f, nil
		case err != nil:
			return f, reason.Wrap(reason.StoreFailed, err, "after file %d", l.n)
		case one.N <= after:
			continue
		case len(f.Listed) == filesSize:
			f.Next = f.Listed[filesSize-1].N
			return f, nil
		}
		g.look(ctx, d.Key, &one)
		f.Listed = append(f.Listed, one)
	}
}

// look looks what a file of a folder is.
func (g Gallery) look(ctx context.Context, key string, l *listed) {
	_, file, err := g.ask(ctx, control.StoreQuery{Open: &control.OpenQuery{Key: key, What: control.OfDeposit, Within: l.Path}})
	if err != nil || file == nil {
		return
	}
	m := &medium{File: file}
	defer m.Close()
	l.There, l.Size = true, m.Size()
	if film, err := reel.Look(m); err == nil {
		l.Kind = film.Kind
	}
}

// folderFilePage is the page of one file of a folder.
type folderFilePage struct {
	control.Shelved
	Base string
	Film reel.Film
	File listed
}

// Stage is what shows it.
func (f folderFilePage) Stage() depositPage {
	d := depositPage{Shelved: f.Shelved, Base: f.Base, Film: f.Film, There: true}
	d.Name, d.Size = f.File.Name(), f.File.Size
	return d
}

func (g Gallery) folderFile(w http.ResponseWriter, r *http.Request) {
	s, err := g.shown(r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	f := folderFilePage{Shelved: *s.Deposit}
	if f.File, err = g.line(r.Context(), f.Key, r.PathValue("n")); err != nil {
		g.fail(w, r, err)
		return
	}
	f.Base = "/deposits/" + f.Key + "/files/" + strconv.Itoa(f.File.N)
	if m, err := g.open(r.Context(), which{key: f.Key, what: control.OfDeposit, n: strconv.Itoa(f.File.N)}); err == nil {
		f.Film, f.File.There, f.File.Size, f.File.Kind = m.film, true, m.Size(), m.film.Kind
		m.Close()
	}
	p := g.page(r, f.File.Name(), f)
	pages.Show(w, p.Lang, http.StatusOK, "file.html", p)
}
