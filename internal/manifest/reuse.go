package manifest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A list of reuse says which files of a folder are the same as which of an
// earlier folder, its base, so that their bytes need not come again. After a
// line that names its form it has runs of entries, in order of both folders:
//
//	vc reuse v1
//	FIRST COUNT BASE
//
// COUNT entries of the manifest from number FIRST on, the first being 0, are as
// many of the base's proven manifest from number BASE on.
const reuseHeader = "vc reuse v1\n"

// MaxReuse bounds the text of a list of reuse, in bytes.
const MaxReuse = 4 << 20

// Run is one line of a list of reuse.
type Run struct{ First, Count, Base int32 }

// Reuse is a list of reuse. That of nil is empty.
type Reuse struct{ runs []Run }

// Of gives the number of the base's entry that the entry number index is the
// same as, if it is one.
func (r *Reuse) Of(index int) (base int, ok bool) {
	if r == nil {
		return 0, false
	}
	i, found := slices.BinarySearchFunc(r.runs, index, func(run Run, index int) int { return int(run.First) - index })
	if !found {
		i--
	}
	if i < 0 || index >= int(r.runs[i].First)+int(r.runs[i].Count) {
		return 0, false
	}
	return int(r.runs[i].Base) + index - int(r.runs[i].First), true
}

// add takes the next pair of entries, which both come after those before.
func (r *Reuse) add(index, base int) {
	if n := len(r.runs); n > 0 {
		last := &r.runs[n-1]
		if int(last.First+last.Count) == index && int(last.Base+last.Count) == base {
			last.Count++
			return
		}
	}
	r.runs = append(r.runs, Run{First: int32(index), Count: 1, Base: int32(base)})
}

// Append appends the text of the list.
func (r *Reuse) Append(dst []byte) []byte {
	dst = append(dst, reuseHeader...)
	for _, run := range r.runs {
		dst = fmt.Appendf(dst, "%d %d %d\n", run.First, run.Count, run.Base)
	}
	return dst
}

// ParseReuse reads the text of a list, and trusts nothing in it.
func ParseReuse(text []byte) (*Reuse, error) {
	rest, ok := strings.CutPrefix(string(text), reuseHeader)
	if !ok || len(text) > MaxReuse {
		return nil, fmt.Errorf("manifest: %d bytes are no list of reuse", len(text))
	}
	r := &Reuse{}
	var first, base int64 // the least that may come
	for line := range strings.Lines(rest) {
		run, err := parseRun(line)
		if err != nil {
			return nil, err
		}
		if int64(run.First) < first || int64(run.Base) < base {
			return nil, fmt.Errorf("manifest: the run %q is out of order", line)
		}
		first, base = int64(run.First)+int64(run.Count), int64(run.Base)+int64(run.Count)
		if first > MaxEntries || base > MaxEntries {
			return nil, fmt.Errorf("manifest: the run %q goes beyond any manifest", line)
		}
		r.runs = append(r.runs, run)
	}
	return r, nil
}

// parseRun reads a line with its end.
func parseRun(line string) (run Run, err error) {
	rest, ended := strings.CutSuffix(line, "\n")
	numbers := strings.Split(rest, " ")
	if !ended || len(numbers) != 3 {
		return run, fmt.Errorf("manifest: %.60q is no run", line)
	}
	for i, n := range []*int32{&run.First, &run.Count, &run.Base} {
		v, err := strconv.ParseInt(numbers[i], 10, 32)
		if err != nil || v < 0 || strconv.FormatInt(v, 10) != numbers[i] {
			return run, fmt.Errorf("manifest: %.60q is no run", line)
		}
		*n = int32(v)
	}
	if run.Count == 0 {
		return run, fmt.Errorf("manifest: %.60q is a run of nothing", line)
	}
	return run, nil
}

// Compare reads the proven manifests of a folder and of its base, and gives
// which entries have the same path and content, and how many bytes those are.
func Compare(folder, base io.Reader) (r *Reuse, size int64, err error) {
	ours, theirs := NewProvenReader(folder), NewProvenReader(base)
	r = &Reuse{}
	their, their64, at := Entry{}, Sum{}, -1
	next := func() error {
		their, their64, err = theirs.Next()
		at++
		return err
	}
	ended := next() == io.EOF
	if err != nil && !ended {
		return nil, 0, err
	}
	for index := 0; ; index++ {
		our, sum, err := ours.Next()
		if err == io.EOF {
			return r, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		for !ended && Before(their.Path, our.Path) {
			if err := next(); err == io.EOF {
				ended = true
			} else if err != nil {
				return nil, 0, err
			}
		}
		if !ended && their == our && their64 == sum {
			r.add(index, at)
			size += our.Size
		}
	}
}

// Shared goes through a folder that is proven by parts of its base: with each
// file that has bytes and is reused, in order, to each, with the base's entry
// and digest. It is an error if the base has no file of that size there.
func (r *Reuse) Shared(list, base io.Reader, each func(index int, start int64, e, of Entry, sum Sum) error) error {
	entries, proven := NewReader(list), NewProvenReader(base)
	var of Entry
	var sum Sum
	var start int64
	at := -1
	for index := 0; ; index++ {
		e, err := entries.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		want, ok := r.Of(index)
		if !ok || e.Kind != File || e.Size == 0 {
			continue
		}
		for at < want {
			if of, sum, err = proven.Next(); err == io.EOF {
				return fmt.Errorf("manifest: the base has no entry %d", want)
			} else if err != nil {
				return err
			}
			at++
		}
		if of.Kind != File || of.Size != e.Size {
			return fmt.Errorf("manifest: %q is not of the size of %q", e.Path, of.Path)
		}
		if err := each(index, start, e, of, sum); err != nil {
			return err
		}
		start += e.Size
	}
}
