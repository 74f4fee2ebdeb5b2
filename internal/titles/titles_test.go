package titles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoclub/internal/catalogue"
	"videoclub/internal/reason"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// at opens a file with a text, and gives its path and what it logs.
func at(t *testing.T, text string) (f *File, path string, log *bytes.Buffer) {
	t.Helper()
	path, log = filepath.Join(t.TempDir(), "videos.txt"), new(bytes.Buffer)
	write(t, path, text)
	return Open(path, time.Now, slog.New(slog.NewTextHandler(log, nil))), path, log
}

func title(name string) catalogue.Title {
	return catalogue.Title{Name: name, Duration: time.Minute, Location: name + ".avi"}
}

func numbers(f *File) (all []int) {
	for _, t := range f.List().Titles() {
		all = append(all, t.Number)
	}
	return all
}

const two = "# ours\n\n1 ^ One ^ 1 one.avi\nsome note\n7 ^ Seven ^ 7 seven.avi ^ the seventh\n"

func agreed(catalogue.Title) error { return nil }

func TestAddAndRemove(t *testing.T) {
	f, path, log := at(t, two)
	added, err := f.Add(title("ocho"))
	if err != nil || added.Number != 8 {
		t.Fatalf("%+v, %v", added, err)
	}
	if got, want := content(t, path), two+"8 ^ ocho ^ 1 ocho.avi\n"; got != want {
		t.Errorf("the file is\n%s", got)
	}
	gone, err := f.Remove(1, agreed)
	if err != nil || gone.Name != "One" {
		t.Errorf("%+v, %v", gone, err)
	}
	if got := content(t, path); !strings.HasPrefix(got, "# ours\n\nsome note\n7 ^") {
		t.Errorf("the file is\n%s", got)
	}
	if got := numbers(f); !slices.Equal(got, []int{7, 8}) {
		t.Errorf("the titles are %v", got)
	}
	before := content(t, path)
	refused := errors.New("no")
	if _, err := f.Remove(7, func(catalogue.Title) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a removal that is not agreed to: %v", err)
	}
	if _, err := f.Remove(99, agreed); reason.Of(err) != reason.UnknownTitle {
		t.Errorf("removing what is not there: %v", err)
	}
	taken := title("siete")
	taken.Number = 7
	if _, err := f.Add(taken); reason.Of(err) != reason.Usage {
		t.Errorf("a number that is taken: %v", err)
	}
	if content(t, path) != before {
		t.Error("what was refused changed the file")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if n := strings.Count(log.String(), "some note"); n != 1 {
		t.Errorf("the line that is no title was named %d times:\n%s", n, log)
	}
}

// What an editor wrote since is part of what a change is made from, whatever
// the times of the file say.
func TestChangeRestsOnWhatIsThere(t *testing.T) {
	f, path, _ := at(t, two)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(two, "Seven", "Neves", 1))
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Add(title("x")); err != nil {
		t.Fatal(err)
	}
	if seven, _ := f.List().Lookup(7); seven.Name != "Neves" || !strings.Contains(content(t, path), "Neves") {
		t.Errorf("title 7 is %+v in\n%s", seven, content(t, path))
	}
}

// A file that was never there is made; one that has gone is not made anew, as
// an editor may be about to put it back.
func TestMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "videos.txt")
	var log bytes.Buffer
	f := Open(path, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	if got := numbers(f); len(got) != 0 || !strings.Contains(log.String(), "not there") {
		t.Errorf("%v, %s", got, &log)
	}
	if _, err := f.Add(title("first")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "1 ^ first ^ 1 first.avi\n" {
		t.Errorf("the file is %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	f.poll()
	f.poll()
	if n := strings.Count(log.String(), "not there"); n != 1 || len(numbers(f)) != 1 {
		t.Errorf("%d titles; logged %d times:\n%s", len(numbers(f)), n, &log)
	}
	if _, err := f.Add(title("second")); reason.Of(err) != reason.TitlesFailed {
		t.Errorf("adding to a file that has gone: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made anew: %v", err)
	}
	write(t, path, "")
	if _, err := f.Add(title("second")); err != nil || !slices.Equal(numbers(f), []int{1}) {
		t.Errorf("after it came back: %v, %v", numbers(f), err)
	}
}

// An editor's change is seen at the next look, also when neither size nor time
// shows it; what cannot be read leaves the titles that are known.
func TestFollow(t *testing.T) {
	f, path, log := at(t, two)
	write(t, path, strings.Replace(two, "7 ^", "9 ^", 1))
	ticks := make(chan time.Time)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { f.Follow(ctx, ticks) })
	ticks <- time.Time{}
	cancel()
	wg.Wait()
	if got := numbers(f); !slices.Equal(got, []int{1, 9}) {
		t.Errorf("after an edit: %v", got)
	}
	if err := os.Rename(path, path+"~"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	f.poll()
	f.poll()
	if got := numbers(f); !slices.Equal(got, []int{1, 9}) || strings.Count(log.String(), "cannot be read") != 1 {
		t.Errorf("when it is no file: %v\n%s", got, log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, "2 ^ Two ^ 2 two.avi\n2 ^ Twice ^ 2 two.avi\n")
	f.poll()
	f.poll()
	if got := numbers(f); !slices.Equal(got, []int{2}) || strings.Count(log.String(), "Twice") != 1 {
		t.Errorf("afterwards: %v\n%s", got, log)
	}
}

func TestReload(t *testing.T) {
	f, path, log := at(t, two)
	other := filepath.Join(t.TempDir(), "others.txt")
	write(t, other, "3 ^ Three ^ 3 three.avi\n")
	f.Reload(other)
	if got := f.List(); len(got.Titles()) != 1 || got.Base != filepath.Dir(other) {
		t.Errorf("%+v", got)
	}
	log.Reset()
	f.Reload(path)
	if !slices.Equal(numbers(f), []int{1, 7}) || !strings.Contains(log.String(), "some note") {
		t.Errorf("%v\n%s", numbers(f), log)
	}
	if _, problems, err := Read(path); err != nil || len(problems) != 1 {
		t.Errorf("%v, %v", problems, err)
	}
	if none, _, err := Read(path + "x"); !errors.Is(err, fs.ErrNotExist) || len(none.Titles()) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

// A link to the file stays one.
func TestLink(t *testing.T) {
	_, path, _ := at(t, two)
	link := filepath.Join(t.TempDir(), "linked.txt")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	f := Open(link, time.Now, slog.New(slog.DiscardHandler))
	if _, err := f.Add(title("x")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != path || !strings.Contains(content(t, path), "x.avi") {
		t.Errorf("it leads to %q, %v", to, err)
	}
	if f.List().Base != filepath.Dir(link) {
		t.Errorf("locations start from %s", f.List().Base)
	}
}

// While somebody has the file open for writing nothing is changed, and what
// they write then is not lost.
func TestWaitsForAWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path, _ := at(t, two)
		editor, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Add(title("x")); reason.Of(err) != reason.Busy {
			t.Errorf("while it is written: %v", err)
		}
		if content(t, path) != two {
			t.Error("it was changed")
		}
		added := make(chan error)
		go func() { _, err := f.Add(title("y")); added <- err }()
		time.Sleep(writeWithin / 2) // on the clock of the test
		if _, err := fmt.Fprintln(editor, "20 ^ Twenty ^ 1 twenty.avi"); err != nil {
			t.Fatal(err)
		}
		editor.Close()
		if err := <-added; err != nil {
			t.Fatal(err)
		}
		if got, want := content(t, path), two+"20 ^ Twenty ^ 1 twenty.avi\n21 ^ y ^ 1 y.avi\n"; got != want {
			t.Errorf("the file is\n%s", got)
		}
	})
}

// Two administrators and an editor at once: nothing is lost, and every number
// is given once.
func TestAllAtOnce(t *testing.T) {
	const each = 40
	f, path, _ := at(t, two)
	var wg sync.WaitGroup
	for admin := range 2 {
		wg.Go(func() {
			for n := range each {
				if _, err := f.Add(title(fmt.Sprintf("admin-%d-%d", admin, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for n := range each {
			editor, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = fmt.Fprintf(editor, "# editor-%d\n", n)
			if err := errors.Join(err, editor.Close()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	text := content(t, path)
	for n := range each {
		for _, want := range []string{fmt.Sprintf("^ admin-0-%d ^", n), fmt.Sprintf("^ admin-1-%d ^", n), fmt.Sprintf("# editor-%d\n", n)} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%q is there %d times", want, strings.Count(text, want))
			}
		}
	}
	c, problems, err := catalogue.Parse([]byte(text))
	if err != nil || len(problems) != 1 || len(c.Titles()) != 2+2*each {
		t.Errorf("%d titles, %v, %v", len(c.Titles()), problems, err)
	}
}

// What an editor puts into the place of the file between a change's look and
// its exchange is put back, and the change made again from it.
func TestOvertaken(t *testing.T) {
	f, path, _ := at(t, two)
	looks := 0
	_, err := f.Remove(1, func(catalogue.Title) error {
		if looks++; looks <= 2 {
			write(t, path+".new", fmt.Sprintf("1 ^ One ^ 1 one.avi\n2 ^ Saved ^ %d two.avi\n", looks))
			return os.Rename(path+".new", path)
		}
		return nil
	})
	if got := content(t, path); err != nil || looks != 3 || got != "2 ^ Saved ^ 2 two.avi\n" {
		t.Errorf("after %d looks: %v\n%s", looks, err, got)
	}
}
