// Package naming is what the names of titles and of their files may have, the
// same at both ends: what the one promises, the other has to take.
package naming

import "strings"

// MaxExtension is how many letters and digits an extension has at most.
const MaxExtension = 16

// Extension gives s, which begins with a dot, if it is an extension: behind the
// dot stand 1 to MaxExtension letters or digits of ASCII and nothing else. Of
// anything else, such as the rest of a sentence behind its last dot, it gives "".
func Extension(s string) string {
	behind, ok := strings.CutPrefix(s, ".")
	if !ok || behind == "" || len(behind) > MaxExtension {
		return ""
	}
	for _, c := range []byte(behind) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return ""
		}
	}
	return s
}
