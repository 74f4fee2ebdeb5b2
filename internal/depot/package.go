package depot

import (
	"bytes"
	"crypto/sha1" // SMPTE ST 429-8 has it; it proves nothing here, and finds what was damaged
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"videoclub/internal/dcp"
	"videoclub/internal/disk"
	"videoclub/internal/manifest"
	"videoclub/internal/receipt"
)

// hashesFile has the SHA-1 of each file of a cinema package, 20 bytes for each
// entry of the manifest.
const hashesFile = "sha1s"

// maxPackages bounds the packages in one folder that are looked at.
const maxPackages = 50

// startHashes opens the file of SHA-1s, where the folder has a package in it.
func (f *Folder) startHashes() error {
	if len(f.packages) == 0 {
		return nil
	}
	hashes, err := f.fs.OpenFile(hashesFile, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return storeFailed(err, "the hashes of the files cannot be opened")
	}
	f.hashes, f.sha1 = hashes, sha1.New()
	return nil
}

func (f *Folder) noteHash(index int) error {
	if f.hashes == nil {
		return nil
	}
	if _, err := f.hashes.WriteAt(f.sha1.Sum(nil), int64(index)*sha1.Size); err != nil {
		return storeFailed(err, "a hash cannot be noted")
	}
	return nil
}

// states are those of the running digests: of SHA-256, and of SHA-1 behind it
// where there are packages.
func (f *Folder) states() ([]byte, error) {
	state, err := f.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil || f.sha1 == nil {
		return state, err
	}
	return f.sha1.(encoding.BinaryAppender).AppendBinary(state)
}

// restoreHash takes up the SHA-1 where the part goes on.
func (f *Folder) restoreHash(from slot) error {
	if f.sha1 == nil {
		return nil
	}
	f.sha1.Reset()
	if from.offset == 0 {
		return nil
	}
	if len(from.state) <= stateSize || f.sha1.(encoding.BinaryUnmarshaler).UnmarshalBinary(from.state[stateSize:]) != nil {
		return errDamaged
	}
	return nil
}

// listed is a file as packing lists have it, and as it is.
type listed struct {
	want dcp.Asset
	size int64
	sums [2][]byte // SHA-1 and SHA-256
}

// inspect compares the files of the packages in the folder with their packing
// lists, by the hashes that were taken as they passed. What is wrong there is
// wrong at the source, and no error of the delivery.
func (f *Folder) inspect() (warnings []string, err error) {
	files := make(map[string]*listed)
	for _, assetMap := range f.packages {
		for _, fault := range f.readPackage(assetMap, files) {
			warnings = append(warnings, dcp.Warning(fault.kind, fault.path))
		}
	}
	order, err := f.measure(files)
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		l := files[name]
		sum := l.sums[0]
		if len(l.want.Hash) == len(manifest.Sum{}) {
			sum = l.sums[1]
		}
		switch {
		case l.size != l.want.Size:
			warnings = append(warnings, dcp.Warning(dcp.WrongSize, name))
		case !bytes.Equal(sum, l.want.Hash):
			warnings = append(warnings, dcp.Warning(dcp.WrongHash, name))
		}
		delete(files, name)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		warnings = append(warnings, dcp.Warning(dcp.Missing, name))
	}
	if more := len(warnings) - receipt.MaxWarnings; more > 0 {
		warnings = append(warnings[:receipt.MaxWarnings-1], dcp.Warning(dcp.More, fmt.Sprint(more+1)))
	}
	return warnings, nil
}

// fault is what is wrong with a file of a package.
type fault struct {
	kind dcp.Fault
	path string
}

// readPackage adds the files that the packing lists of one package have.
func (f *Folder) readPackage(assetMap string, files map[string]*listed) (faults []fault) {
	text, err := f.small(assetMap)
	if err != nil {
		return []fault{{dcp.Unreadable, assetMap}}
	}
	where, err := dcp.ReadAssetMap(bytes.NewReader(text))
	if err != nil {
		return []fault{{dcp.Unreadable, assetMap}}
	}
	for _, id := range where.PackingLists {
		name := path.Join(path.Dir(assetMap), where.Paths[id])
		text, err := f.small(name)
		if errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, fault{dcp.Missing, name})
			continue
		}
		var assets []dcp.Asset
		if err == nil {
			assets, err = dcp.ReadPackingList(bytes.NewReader(text))
		}
		if err != nil {
			faults = append(faults, fault{dcp.Unreadable, name})
			continue
		}
		for _, a := range assets {
			// An asset that the map does not have lies in another volume.
			if at, ok := where.Paths[a.ID]; ok && len(files) < dcp.MaxAssets {
				files[path.Join(path.Dir(assetMap), at)] = &listed{want: a}
			}
		}
	}
	return faults
}

// small reads one of the folder's own files.
func (f *Folder) small(name string) ([]byte, error) {
	return disk.ReadFile(f.fs, path.Join(treeDir, name), dcp.MaxXML)
}

// measure finds the files in the manifest, and gives the names of those that are
// there in its order.
func (f *Folder) measure(files map[string]*listed) (order []string, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	failed := func(err error) error { return storeFailed(err, "the hashes of the files cannot be read") }
	for cursor := manifest.NewCursor(section(f.list), nil); ; {
		if err := cursor.Next(); err == io.EOF {
			return order, nil
		} else if err != nil {
			return nil, failed(err)
		}
		l := files[cursor.Entry.Path]
		if l == nil || cursor.Entry.Kind == manifest.Folder {
			continue
		}
		order = append(order, cursor.Entry.Path)
		l.size = cursor.Entry.Size
		if l.size == 0 {
			continue // the hash of nothing is no asset's
		}
		for i, from := range []struct {
			file disk.File
			size int
		}{{f.hashes, sha1.Size}, {f.sums, len(manifest.Sum{})}} {
			l.sums[i] = make([]byte, from.size)
			if _, err := from.file.ReadAt(l.sums[i], int64(cursor.Index)*int64(from.size)); err != nil {
				return nil, failed(err)
			}
		}
	}
}
