package dcp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Fault is what can be wrong with a package.
type Fault string

// The faults. In a receipt each is followed by a space and a path.
const (
	WrongHash  Fault = "pkl_hash"       // other content than the packing list has
	WrongSize  Fault = "pkl_size"       // another length
	Missing    Fault = "pkl_missing"    // listed, and not in the folder
	Unreadable Fault = "dcp_unreadable" // a map or packing list that is none
	More       Fault = "dcp_more"       // further ones; a number stands for the path
)

// maxPath bounds the path in a warning, in bytes, so that it fits a receipt.
const maxPath = 300

// Warning is a fault with its path, as a receipt has it. What of the path does
// not show as itself is escaped.
func Warning(f Fault, path string) string {
	if len(path) > maxPath {
		path = path[:maxPath]
	}
	shown := strings.ToValidUTF8(path, "?")
	if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.Is(unicode.C, r) }) {
		quoted := strconv.QuoteToASCII(shown)
		shown = quoted[1 : len(quoted)-1]
	}
	return string(f) + " " + shown[:min(len(shown), maxPath+100)]
}

var words = map[Fault][2]string{
	WrongHash:  {"its content is not that of the packing list", "su contenido no es el de la lista de empaque"},
	WrongSize:  {"its size is not that of the packing list", "su tamaño no es el de la lista de empaque"},
	Missing:    {"it is in the packing list and not in the folder", "está en la lista de empaque y no en la carpeta"},
	Unreadable: {"it cannot be read as part of a cinema package", "no se puede leer como parte de un paquete de cine"},
	More:       {"further faults of the package", "defectos más del paquete"},
}

// Words says a warning to people, in Spanish ("es") or English. One that this
// program does not know is given as it is.
func Words(language, warning string) string {
	fault, path, _ := strings.Cut(warning, " ")
	w, ok := words[Fault(fault)]
	if !ok {
		return warning
	}
	said := w[0]
	if language == "es" {
		said = w[1]
	}
	return fmt.Sprintf("%s: %s", path, said)
}
