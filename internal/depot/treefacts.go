package depot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"

	"videoclub/internal/disk"
)

// treeFacts gives a digest of what statx(2) knows of the files below a
// directory, and of the names of its folders: as long as it is the same, nothing
// in it was written, made or taken away. It counts the files and folders too.
func treeFacts(fsys disk.FS, dir string) (facts string, entries int, err error) {
	sum := sha256.New()
	if entries, err = addFacts(sum, fsys, dir, ""); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(sum.Sum(nil)), entries, nil
}

func addFacts(sum io.Writer, fsys disk.FS, dir, below string) (entries int, err error) {
	names, err := fsys.ReadDir(path.Join(dir, below))
	if err != nil {
		return 0, err
	}
	entries = len(names)
	for _, name := range names {
		name = path.Join(below, name)
		info, err := fsys.Stat(path.Join(dir, name))
		if err != nil {
			return 0, err
		}
		if info.Mode.IsDir() {
			fmt.Fprintf(sum, "d %q\n", name)
			more, err := addFacts(sum, fsys, dir, name)
			if err != nil {
				return 0, err
			}
			entries += more
			continue
		}
		f := factsOf(info)
		fmt.Fprintf(sum, "%v %q %d %d %d %d\n", info.Mode, name, f.Size, f.MTime, f.Inode, f.Changed)
	}
	return entries, nil
}
