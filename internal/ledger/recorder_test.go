package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// action is something that SQLite did to the disk.
type action struct {
	kind   string // create, write, truncate, sync, syncdir, delete
	name   string // of the file, without its directory
	offset int64  // of a write; the size of a truncate
	data   []byte
}

// recorder is an SQLite file layer (https://sqlite.org/vfs.html): the system's
// own, with the calls that change the disk written down, and made to fail where
// the test wants it. Nothing is really synced, which keeps the tests fast.
type recorder struct {
	name string
	tls  *libc.TLS
	vfs  uintptr // ours: a copy of the system's, with our xOpen and xDelete
	base *sqlite3.Tsqlite3_vfs

	functions []any // that SQLite may call

	mu      sync.Mutex
	files   map[uintptr]*recorded // by sqlite3_file
	tables  map[uintptr]*methods  // ours, by the system's table
	actions []action
	count   int                             // actions that were tried, also while not keeping them
	keep    bool                            // keep actions
	fault   func(count int, a action) int32 // an SQLite result code, 0 to go on
}

type recorded struct {
	name    string
	methods *methods
	// The system's layer syncs the directory together with the first sync of
	// a log or journal that it may have created (os_unix.c, unixSync).
	syncdir bool
}

// methods is a copy of the system's table of file methods with ours put in.
type methods struct {
	ours uintptr
	base sqlite3.Tsqlite3_io_methods
}

// recorders numbers them: SQLite's registry is one for the whole process.
var recorders atomic.Int64

func newRecorder(t testing.TB) *recorder {
	t.Helper()
	r := &recorder{tls: libc.NewTLS(), files: map[uintptr]*recorded{}, tables: map[uintptr]*methods{}}
	r.name = fmt.Sprintf("recorder%d", recorders.Add(1))
	r.base = at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(r.tls, 0))
	name, err := libc.CString(r.name)
	must(t, err)
	r.vfs = libc.Xmalloc(r.tls, libc.Tsize_t(unsafe.Sizeof(*r.base)))
	ours := at[sqlite3.Tsqlite3_vfs](r.vfs)
	*ours = *r.base
	ours.FzName, ours.FpNext = name, 0
	ours.FxOpen = pointer(r, r.open)
	ours.FxDelete = pointer(r, r.delete)
	if rc := sqlite3.Xsqlite3_vfs_register(r.tls, r.vfs, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("registering the file layer: %d", rc)
	}
	t.Cleanup(func() {
		sqlite3.Xsqlite3_vfs_unregister(r.tls, r.vfs)
		for _, m := range r.tables {
			libc.Xfree(r.tls, m.ours)
		}
		libc.Xfree(r.tls, r.vfs)
		libc.Xfree(r.tls, name)
		r.tls.Close()
	})
	return r
}

// The driver is C turned into Go: its pointers are numbers, and so are its
// functions. at, pointer and function go from one view to the other.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func pointer[F any](r *recorder, f F) uintptr {
	r.functions = append(r.functions, f) // the number alone would not keep it alive
	return *(*uintptr)(unsafe.Pointer(&f))
}

func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// do writes an action down, and gives the fault that it meets.
func (r *recorder) do(a action) int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if r.fault != nil {
		if rc := r.fault(r.count, a); rc != 0 {
			return rc
		}
	}
	if r.keep {
		r.actions = append(r.actions, a)
	}
	return 0
}

func (r *recorder) file(p uintptr) *recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files[p]
}

func (r *recorder) open(tls *libc.TLS, _, zName, pFile uintptr, flags int32, pOut uintptr) int32 {
	name := libc.GoString(zName)
	if name != "" && flags&sqlite3.SQLITE_OPEN_CREATE != 0 {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			if rc := r.do(action{kind: "create", name: filepath.Base(name)}); rc != 0 {
				at[sqlite3.Tsqlite3_file](pFile).FpMethods = 0
				return rc
			}
		}
	}
	type open = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	rc := function[open](r.base.FxOpen)(tls, r.vfs, zName, pFile, flags, pOut)
	file := at[sqlite3.Tsqlite3_file](pFile)
	if rc != sqlite3.SQLITE_OK || file.FpMethods == 0 {
		return rc
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.table(tls, file.FpMethods)
	log := flags&(sqlite3.SQLITE_OPEN_WAL|sqlite3.SQLITE_OPEN_MAIN_JOURNAL) != 0
	r.files[pFile] = &recorded{name: filepath.Base(name), methods: m, syncdir: log && flags&sqlite3.SQLITE_OPEN_CREATE != 0}
	file.FpMethods = m.ours
	return rc
}

// table gives our version of a table of methods; r.mu is held.
func (r *recorder) table(tls *libc.TLS, base uintptr) *methods {
	if m, ok := r.tables[base]; ok {
		return m
	}
	m := &methods{base: *at[sqlite3.Tsqlite3_io_methods](base)}
	m.ours = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(m.base)))
	ours := at[sqlite3.Tsqlite3_io_methods](m.ours)
	*ours = m.base
	ours.FxWrite = pointer(r, r.write)
	ours.FxTruncate = pointer(r, r.truncate)
	ours.FxSync = pointer(r, r.sync)
	ours.FxClose = pointer(r, r.close)
	r.tables[base] = m
	return m
}

func (r *recorder) write(tls *libc.TLS, pFile, data uintptr, n int32, offset int64) int32 {
	f := r.file(pFile)
	copied := append([]byte(nil), unsafe.Slice(at[byte](data), int(n))...)
	if rc := r.do(action{kind: "write", name: f.name, offset: offset, data: copied}); rc != 0 {
		return rc
	}
	type write = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	return function[write](f.methods.base.FxWrite)(tls, pFile, data, n, offset)
}

func (r *recorder) truncate(tls *libc.TLS, pFile uintptr, size int64) int32 {
	f := r.file(pFile)
	if rc := r.do(action{kind: "truncate", name: f.name, offset: size}); rc != 0 {
		return rc
	}
	type truncate = func(*libc.TLS, uintptr, int64) int32
	return function[truncate](f.methods.base.FxTruncate)(tls, pFile, size)
}

func (r *recorder) sync(_ *libc.TLS, pFile uintptr, _ int32) int32 {
	f := r.file(pFile)
	if rc := r.do(action{kind: "sync", name: f.name}); rc != 0 {
		return rc
	}
	if f.syncdir {
		f.syncdir = false
		r.do(action{kind: "syncdir"}) // SQLite does not look whether this one worked
	}
	return 0
}

func (r *recorder) close(tls *libc.TLS, pFile uintptr) int32 {
	f := r.file(pFile)
	r.mu.Lock()
	delete(r.files, pFile)
	r.mu.Unlock()
	return function[func(*libc.TLS, uintptr) int32](f.methods.base.FxClose)(tls, pFile)
}

func (r *recorder) delete(tls *libc.TLS, _, zName uintptr, dirSync int32) int32 {
	if rc := r.do(action{kind: "delete", name: filepath.Base(libc.GoString(zName))}); rc != 0 {
		return rc
	}
	rc := function[func(*libc.TLS, uintptr, uintptr, int32) int32](r.base.FxDelete)(tls, r.vfs, zName, 0)
	if rc == 0 && dirSync != 0 {
		r.do(action{kind: "syncdir"})
	}
	return rc
}

// disk is what a sequence of actions leaves: for each file what is safe, and
// what a loss of power may or may not leave of the rest. It is harsher than
// file systems are: a new name is safe only once the directory was synced.
type disk struct {
	safe, names map[string]*content // the directory as last synced, and as it is
	renamed     []map[string]*content
}

type content struct {
	safe    []byte
	pending []action
}

func newDisk(name string) *disk {
	files := map[string]*content{name: {}}
	return &disk{safe: files, names: maps.Clone(files)}
}

func (d *disk) do(a action) {
	switch f := d.names[a.name]; a.kind {
	case "create":
		d.names[a.name] = &content{}
		d.renamed = append(d.renamed, maps.Clone(d.names))
	case "delete":
		delete(d.names, a.name)
		d.renamed = append(d.renamed, maps.Clone(d.names))
	case "lie":
	case "syncdir":
		d.safe, d.renamed = maps.Clone(d.names), nil
	case "sync":
		for _, p := range f.pending {
			f.safe = p.on(f.safe)
		}
		f.pending = nil
	default:
		f.pending = append(f.pending, a)
	}
}

// on gives data after the write or truncate a.
func (a action) on(data []byte) []byte {
	end := a.offset + int64(len(a.data))
	switch {
	case int64(len(data)) < end:
		data = append(data, make([]byte, end-int64(len(data)))...)
	case a.kind == "truncate":
		return data[:end:end]
	}
	copy(data[a.offset:], a.data)
	return data
}
