package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"videoclub/internal/atomicfile"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/receipt"
)

// markers are what deposits leave for systemd, which starts what the operator
// has attached to them (vcvrs-deposits.path): this program starts nothing.
type markers struct{ state, store string }

// markersDir is where they lie, in the state. Who wants them makes it.
const markersDir = "deposits"

// leave leaves the marker of a deposit: its receipt under its key, and for a
// file beside it, hidden, what sha256sum --check reads. It is durable when
// leave returns.
func (m markers) leave(key depot.Key, offer depot.Offer, r receipt.Receipt) error {
	dir, err := disk.OS(filepath.Join(m.state, markersDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	text, err := receipt.Marshal(r)
	if err != nil {
		return err
	}
	if !offer.Folder() {
		sum := fmt.Sprintf("%s  %s\n", r.SHA256, filepath.Join(m.store, r.Path))
		if err := atomicfile.Write(dir, "."+key.String()+".sha256", []byte(sum), 0o640); err != nil {
			return err
		}
	}
	// Last: it is the one that is looked for.
	return atomicfile.Write(dir, key.String()+".json", append(text, '\n'), 0o640)
}
