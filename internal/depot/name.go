package depot

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"videoclub/internal/naming"
)

// maxName is how many bytes a file's name has at most, which leaves room for a
// suffix in the 255 of most file systems.
const maxName = 200

// SafeName makes a file name of at most 200 bytes from a title's name and the
// extension of its source (".mp4"), whatever a peer wrote there. It cannot
// leave the directory, hide, be taken for an option, show other than it is, or
// trouble the Windows machines that a store may be shared with. Where nothing
// is left of the name it is title-N. A safe name is its own safe name.
func SafeName(name, extension string, title int) string {
	name = trim(clean(name))
	ext := naming.Extension(extension)
	if ext == "" {
		// The name may bring its own.
		if dot := strings.LastIndexByte(name, '.'); dot > 0 {
			ext = naming.Extension(name[dot:])
		}
	}
	if n := len(name) - len(ext); n >= 0 && strings.EqualFold(name[n:], ext) {
		name, ext = name[:n], name[n:]
	}
	stem := trim(name)
	if stem == "" {
		stem = fmt.Sprintf("title-%d", title)
	}
	stem = cut(stem, maxName-len(ext))
	if isDevice(stem) {
		stem = cut("_"+stem, maxName-len(ext))
	}
	return stem + ext
}

// clean replaces what separates paths or means something to a shell or to
// Windows, and leaves out what does not print, and the dots and spaces before a
// dot, so that what is before a dot can always stand alone.
func clean(name string) string {
	var kept []byte
	for _, r := range name {
		switch {
		case r == '.':
			kept = append(bytes.TrimRight(kept, ". "), '.')
		case r == utf8.RuneError || strings.ContainsRune(`/\<>:"|?*`, r):
			kept = append(kept, '_')
		case unicode.Is(unicode.Zs, r):
			kept = append(kept, ' ')
		case unicode.IsPrint(r):
			kept = utf8.AppendRune(kept, r)
		}
	}
	return string(kept)
}

// trim takes away what may not stand first (hidden, an option) or last (lost
// on Windows).
func trim(s string) string {
	return strings.TrimRight(strings.TrimLeft(s, ". -"), ". ")
}

// cut shortens to at most n bytes between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return trim(s[:n])
}

// isDevice says whether Windows takes a name that begins so for a device,
// whatever extension follows ("Naming Files, Paths, and Namespaces").
func isDevice(stem string) bool {
	base, _, _ := strings.Cut(stem, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	number, ok := strings.CutPrefix(base, "COM")
	if !ok {
		number, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(number) == 1 && strings.ContainsAny(number, "0123456789¹²³")
}

// numbered gives the nth name to try for a safe name: itself, then with " (2)"
// before the extension, and so on.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	stem, ext := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && naming.Extension(name[dot:]) != "" {
		stem, ext = name[:dot], name[dot:]
	}
	return fmt.Sprintf("%s (%d)%s", stem, n, ext)
}
