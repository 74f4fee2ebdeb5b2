package startup

import (
	"io"
	"os"
	"strings"
	"syscall"

	"videoclub/internal/reason"
)

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 1 << 10

// ReadSecret reads a file that has a secret in its only line: what systemd handed
// over under the name of a credential, or the file at path, which the setting
// names. One that others may read is refused: they may have.
func ReadSecret(setting, credential, path string) (string, error) {
	path, forbidden := Secret(credential, path)
	wrong := func(why string) (string, error) {
		return "", reason.New(reason.ConfigInvalid, "%s %s: %s", setting, path, why)
	}
	// Non-blocking, as opening a named pipe would wait for its other end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", reason.Wrap(reason.ConfigInvalid, err, "%s", setting)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", reason.Wrap(reason.ConfigInvalid, err, "%s", setting)
	case !info.Mode().IsRegular():
		return wrong("is no regular file")
	case info.Mode().Perm()&forbidden != 0:
		return wrong("others may read it; chmod 600 it, and change the secret if they may have")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", reason.Wrap(reason.ConfigInvalid, err, "%s", setting)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" || len(text) > maxSecret || strings.ContainsAny(secret, "\r\n\x00") {
		return wrong("has not exactly one line, with the secret")
	}
	return secret, nil
}
