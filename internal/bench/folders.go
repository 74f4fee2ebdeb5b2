package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

const (
	smallFiles = 10_000
	smallSize  = 100_000 // bytes of each
	manyFiles  = 100_000
)

// folders delivers a folder of many small files, next to one file of the same
// size and to rsync over ssh, all on disk when the clock stops; and shows the
// memory that a folder of very many files takes. Nothing is removed before the end:
// for minutes after many files were, an ext4 without a journal takes half a
// millisecond to make each (recently_deleted in Linux's fs/ext4/ialloc.c).
func (b *bench) folders(ctx context.Context, disk string) error {
	dir, remove, err := scratch(disk)
	if err != nil {
		return err
	}
	defer remove()
	folder, film, many := filepath.Join(dir, "folder"), filepath.Join(dir, "film.bin"), filepath.Join(dir, "many")
	if err := noise(film, smallFiles*smallSize); err != nil {
		return err
	}
	if err := fillFolder(folder, smallFiles, smallSize); err != nil {
		return err
	}
	if err := fillFolder(many, manyFiles, 1000); err != nil {
		return err
	}
	club, err := b.newClub(ctx, dir, "", "", folder, film, many)
	if err != nil {
		return err
	}
	defer club.stop()
	ssh, err := newSSH(ctx, dir)
	if err != nil {
		return err
	}
	defer ssh.stop()
	var small, one, rsync []time.Duration
	for run := range b.runs {
		// Another version of both, so that nothing of them is known.
		now := time.Now()
		for _, path := range []string{film, filepath.Join(folder, "000", "000000.dpx")} {
			if err := os.Chtimes(path, now, now); err != nil {
				return err
			}
		}
		for number, took := range map[int]*[]time.Duration{1: &small, 2: &one} {
			t, d, err := club.deliver(ctx, number)
			if err != nil {
				return err
			}
			if d.Sent != smallFiles*smallSize {
				return fmt.Errorf("%d bytes were sent of %d", d.Sent, smallFiles*smallSize)
			}
			*took = append(*took, t)
		}
		t, err := rsyncFolder(ctx, ssh, folder, filepath.Join(dir, fmt.Sprintf("copy%d", run)))
		if err != nil {
			return err
		}
		rsync = append(rsync, t)
	}
	f, o, r := median(slices.Clone(small)), median(slices.Clone(one)), median(slices.Clone(rsync))
	fmt.Printf("%d files of %d bytes, to disk, synced, both ends here, median of %d:\n", smallFiles, smallSize, b.runs)
	fmt.Printf("  Video Club: %v, %.2f times one file of that size (%v), %.2f times rsync (%v) %v %v %v\n", f.Round(time.Millisecond), f.Seconds()/o.Seconds(),
		o.Round(time.Millisecond), f.Seconds()/r.Seconds(), r.Round(time.Millisecond), rounded(small), rounded(one), rounded(rsync))
	peaks, err := b.peaks(ctx, club, 3)
	if err != nil {
		return err
	}
	fmt.Printf("a folder of %d files delivered, most memory resident (VmHWM):%s\n", manyFiles, inMiB(peaks))
	return nil
}

// fillFolder makes a folder of so many files that do not compress, a thousand in
// each folder below it.
func fillFolder(dir string, files int, size int64) error {
	content := make([]byte, size)
	chance := rand.NewChaCha8([32]byte{2})
	for i := range files {
		below := filepath.Join(dir, fmt.Sprintf("%03d", i/1000))
		if i%1000 == 0 {
			if err := os.MkdirAll(below, 0o755); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(chance, content); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(below, fmt.Sprintf("%06d.dpx", i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rsyncFolder copies a folder and has the copy on disk.
func rsyncFolder(ctx context.Context, s *ssh, from, to string) (time.Duration, error) {
	begun := time.Now()
	args := s.rsync(from, to)
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", args[0], err, out)
	}
	if out, err := exec.CommandContext(ctx, "sync", "--file-system", to).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("sync: %w: %s", err, out)
	}
	return time.Since(begun), nil
}
