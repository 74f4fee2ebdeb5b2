package disk

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// plainStep is how much is copied at once where the kernel does not copy.
const plainStep = 1 << 20

// Copy copies n bytes at offset of one file to the same place in another. Where
// the file system can, the two then share the blocks until one of them is
// written to, and else the kernel copies (copy_file_range(2)): whatever becomes
// of one file later, the other stays as it is. One that is too short is
// io.ErrUnexpectedEOF.
func Copy(to, from File, offset, n int64) error {
	dst, okTo := to.(*handle)
	src, okFrom := from.(*handle)
	if okTo && okFrom {
		done, err := copyRange(dst, src, offset, n)
		if err == nil || !cannotCopy(err) {
			return err
		}
		offset, n = offset+done, n-done
	}
	return copyPlain(to, from, offset, n)
}

func copyRange(dst, src *handle, offset, n int64) (done int64, err error) {
	for done < n {
		moved := 0
		err := dst.call("copy_file_range", func(to int) error {
			return src.call("copy_file_range", func(from int) (err error) {
				at, there := offset+done, offset+done
				// Whole blocks to the end of the file, or to that of this step.
				moved, err = unix.CopyFileRange(from, &at, to, &there, int(min(n-done, 1<<30)), 0)
				return err
			})
		})
		switch {
		case err != nil:
			return done, err
		case moved == 0:
			return done, io.ErrUnexpectedEOF
		}
		done += int64(moved)
	}
	return done, nil
}

// cannotCopy says whether the kernel, its file system or a filter does not copy
// between these two files.
func cannotCopy(err error) bool {
	for _, errno := range []error{unix.ENOSYS, unix.EXDEV, unix.EINVAL, unix.EOPNOTSUPP, unix.EPERM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func copyPlain(to, from File, offset, n int64) error {
	buf := make([]byte, min(n, plainStep))
	for n > 0 {
		part := buf[:min(int64(len(buf)), n)]
		if _, err := from.ReadAt(part, offset); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
		if _, err := to.WriteAt(part, offset); err != nil {
			return err
		}
		offset, n = offset+int64(len(part)), n-int64(len(part))
	}
	return nil
}
