// Package manifest is the files of a folder title: their canonical form and
// order, what may stand in it, and the digest of a folder that follows from it
// (docs/PROTOCOL.md, section 3).
package manifest

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The text begins with a line that names its form. Then there is one line for
// each entry, in order: folders before what they hold, and the names in one
// folder by their bytes.
//
//	vc folder v1
//	d PATH                a folder
//	f SIZE MTIME PATH     a file
//
// Every line ends with a line feed. Sizes are in bytes, times in nanoseconds
// since 1970, numbers without leading zeros.
const header = "vc folder v1\n"

// provenHeader begins the form whose SHA-256 stands for a folder: what is in
// it, wherever it lies and whenever it was written.
//
//	d PATH
//	f SIZE SHA256 PATH
const provenHeader = "vc folder v1 proven\n"

// Bounds. A line is always shorter than MaxLine.
const (
	MaxEntries = 1_000_000
	MaxBytes   = 64 << 20          // of the text
	MaxSize    = math.MaxInt64 / 4 // bytes of all files
	MaxPath    = 3072              // bytes; with the store before it, it stays below PATH_MAX of limits.h
	MaxName    = 255               // bytes of one element, NAME_MAX of limits.h
	MaxDepth   = 128               // elements of a path
	MaxLine    = MaxPath + 128
)

// Kind says what an entry is.
type Kind byte

// The kinds of entry.
const (
	Folder Kind = 'd'
	File   Kind = 'f'
)

// Entry is one line.
type Entry struct {
	Kind  Kind
	Path  string // relative, slash separated
	Size  int64
	MTime int64
}

// Sum is a SHA-256.
type Sum [32]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// ParseSum reads 64 lower-case hex digits.
func ParseSum(text string) (s Sum, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) || strings.ToLower(text) != text {
		return s, fmt.Errorf("%.70q is not 64 lower-case hex digits", text)
	}
	return Sum(b), nil
}

// Append appends the entry's line.
func (e Entry) Append(dst []byte) []byte {
	dst = append(dst, byte(e.Kind), ' ')
	if e.Kind != Folder {
		dst = append(strconv.AppendInt(dst, e.Size, 10), ' ')
		dst = append(strconv.AppendInt(dst, e.MTime, 10), ' ')
	}
	dst = append(dst, e.Path...)
	return append(dst, '\n')
}

// parseEntry reads a line without its line feed.
func parseEntry(line string) (Entry, error) {
	kind, rest, ok := strings.Cut(line, " ")
	if !ok || len(kind) != 1 {
		return Entry{}, fmt.Errorf("%.40q is no entry", line)
	}
	e := Entry{Kind: Kind(kind[0])}
	switch e.Kind {
	case Folder:
	case File:
		for _, n := range []*int64{&e.Size, &e.MTime} {
			var number string
			number, rest, _ = strings.Cut(rest, " ")
			v, err := strconv.ParseInt(number, 10, 64)
			if err != nil || strconv.FormatInt(v, 10) != number {
				return Entry{}, fmt.Errorf("%.40q is not a number", number)
			}
			*n = v
		}
	default:
		return Entry{}, fmt.Errorf("%.40q is no entry", line)
	}
	e.Path = rest
	return e, nil
}

// AppendProven appends the entry's line in the proven form; sum is that of a
// file.
func (e Entry) AppendProven(dst []byte, sum Sum) []byte {
	if e.Kind == Folder {
		return e.Append(dst)
	}
	dst = append(dst, byte(File), ' ')
	dst = append(strconv.AppendInt(dst, e.Size, 10), ' ')
	dst = append(hex.AppendEncode(dst, sum[:]), ' ')
	dst = append(dst, e.Path...)
	return append(dst, '\n')
}

// AppendCheck appends a file's line as sha256sum(1) writes and checks it, for
// a folder of the given name.
func (e Entry) AppendCheck(dst []byte, sum Sum, folder string) []byte {
	name := folder + "/" + e.Path
	if escaped := strings.ReplaceAll(name, `\`, `\\`); escaped != name {
		name = escaped
		dst = append(dst, '\\')
	}
	dst = hex.AppendEncode(dst, sum[:])
	dst = append(dst, ' ', ' ')
	dst = append(dst, name...)
	return append(dst, '\n')
}
