package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// residentMemory shows the most memory that each process of a delivery of size
// bytes had resident. The source is sparse, and in memory; half of what arrives
// is written to the disk.
func (b *bench) residentMemory(ctx context.Context, memory, disk string, size int64) error {
	dir, remove, err := scratch(disk)
	if err != nil {
		return err
	}
	defer remove()
	source := filepath.Join(dir, "film.bin")
	if err := noise(source, min(size, 64*miB)); err != nil {
		return err
	}
	if err := os.Truncate(source, size); err != nil {
		return err
	}
	club, err := b.newClub(ctx, dir, "", "", source)
	if err != nil {
		return err
	}
	defer club.stop()
	peaks, err := b.peaks(ctx, club, 1)
	if err != nil {
		return err
	}
	fmt.Printf("%d MiB delivered, most memory resident (VmHWM):%s\n", size/miB, inMiB(peaks))
	return nil
}

// inMiB is peaks for people.
func inMiB(peaks map[string]int64) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(peaks)) {
		fmt.Fprintf(&text, "  %s %.1f MiB", name, float64(peaks[name])/float64(miB))
	}
	return text.String()
}

// peaks delivers a title and gives the most memory that each process had
// resident, by what it is for.
func (b *bench) peaks(ctx context.Context, club *club, number int) (map[string]int64, error) {
	peaks := make(map[string]int64)
	done := make(chan struct{})
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		every := time.NewTicker(2 * time.Millisecond)
		defer every.Stop()
		for {
			sample(peaks, club.central.PID, "vccs")
			sample(peaks, club.reception.PID, "vcvrs")
			select {
			case <-done:
				return
			case <-every.C:
			}
		}
	}()
	_, _, err := club.deliver(ctx, number)
	close(done)
	<-sampled
	return peaks, err
}

// sample takes the peaks of a supervisor and of its workers, by what they are for.
func sample(peaks map[string]int64, pid int, name string) {
	peaks[name] = max(peaks[name], peak(pid))
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for child := range strings.FieldsSeq(string(children)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				continue
			}
			args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id))
			if parts := strings.Split(string(args), "\x00"); len(parts) > 2 && parts[1] == "worker" {
				key := name + " " + parts[2]
				peaks[key] = max(peaks[key], peak(id))
			}
		}
	}
}

// peak is the most memory that a process has had resident (proc(5), VmHWM), in
// bytes; 0 when it has gone.
func peak(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * kiB
		}
	}
	return 0
}
