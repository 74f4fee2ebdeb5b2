package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/receipt"
)

// beside has a pattern of 1280x720 at 30 a second recorded and delivered for some
// minutes, while files are delivered at full speed, one after the other, and says
// what was lost of it, and the most memory that each process had resident.
func (b *bench) beside(ctx context.Context, memory, disk string) error {
	dir, remove, err := scratch(disk)
	if err != nil {
		return err
	}
	defer remove()
	fast, removeFast, err := scratch(memory)
	if err != nil {
		return err
	}
	defer removeFast()
	var titles []string
	for i := range filesBeside {
		path := filepath.Join(fast, fmt.Sprintf("film%d.bin", i))
		if err := noise(path, giB/2); err != nil {
			return err
		}
		titles = append(titles, path)
	}
	club, err := b.newClub(ctx, dir, "", "", append([]string{"pattern:?size=1280x720&fps=30"}, titles...)...)
	if err != nil {
		return err
	}
	defer club.stop()
	id, err := club.request(ctx, 1)
	if err != nil {
		return err
	}
	peaks := make(map[string]int64)
	over, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	var files int
	var moved time.Duration
	beside.Go(func() {
		for over.Err() == nil {
			took, d, err := club.deliver(over, 2+files%filesBeside)
			if err != nil {
				return // it is over
			}
			files++
			moved += took
			// The next is to be another delivery, and not already there.
			if r, err := receipt.Parse(d.Receipt); err == nil {
				os.Remove(filepath.Join(club.store, r.Path))
			}
		}
	})
	beside.Go(func() {
		every := time.NewTicker(200 * time.Millisecond)
		defer every.Stop()
		for over.Err() == nil {
			sample(peaks, club.central.PID, "vccs")
			sample(peaks, club.reception.PID, "vcvrs")
			<-every.C
		}
	})
	d, err := club.follow(ctx, id, func(control.DeliveryStory) bool { return false })
	cancel()
	beside.Wait()
	if err != nil {
		return err
	}
	r, err := receipt.Parse(d.Receipt)
	if err != nil || len(r.Tracks) != 1 {
		return fmt.Errorf("delivery %d has no tracks in its receipt: %w", id, err)
	}
	t := r.Tracks[0]
	rate := 0.0
	if moved > 0 {
		rate = perSecond(int64(files)*giB/2, moved)
	}
	fmt.Printf("1280x720 at 30 a second for %v beside %d deliveries of 512 MiB at %.0f MB/s: %d pictures, %d lost in %d gaps\n",
		time.Duration(r.Duration)*time.Millisecond, files, rate, t.Frames, t.Lost, len(r.Gaps)+int(r.MoreGaps))
	fmt.Printf("  most memory resident (VmHWM):%s\n", inMiB(peaks))
	return nil
}

// filesBeside is how many files are delivered in turn beside what is live.
const filesBeside = 2
