// Command bench is what `make bench` runs: the figures of the README, medians
// of several runs, next to scp and rsync over ssh in the same run on the same
// machine. It says what it measured and judges nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "where the programs are")
	runs := flag.Int("runs", 5, "runs of each; the median is shown")
	memory := flag.String("memory", "/dev/shm", "a directory in memory (tmpfs)")
	disk := flag.String("disk", os.TempDir(), "a directory on a disk")
	only := flag.String("only", "", "run these alone, comma separated: throughput,disk,memory,folders,resume,users,encoding,live,beside")
	minutes := flag.Int("minutes", 10, "how long a live source is recorded beside files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := &bench{runs: *runs, minutes: *minutes}
	var err error
	if b.bin, err = filepath.Abs(*bin); err == nil {
		err = b.all(ctx, *memory, *disk, *only)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

type bench struct {
	bin  string
	runs int
	// minutes is how long a title lasts.
	minutes int
}

const (
	kiB = int64(1) << 10
	miB = kiB << 10
	giB = miB << 10
)

func (b *bench) all(ctx context.Context, memory, disk, only string) error {
	machine()
	wanted := func(name string) bool { return only == "" || slices.Contains(strings.Split(only, ","), name) }
	if wanted("throughput") {
		if err := b.throughput(ctx, memory, 2*giB, false); err != nil {
			return fmt.Errorf("throughput in memory: %w", err)
		}
	}
	if wanted("disk") {
		if err := b.throughput(ctx, disk, 2*giB, true); err != nil {
			return fmt.Errorf("throughput to disk: %w", err)
		}
	}
	if wanted("memory") {
		for _, size := range []int64{miB, 8 * giB} {
			if err := b.residentMemory(ctx, memory, disk, size); err != nil {
				return fmt.Errorf("resident memory: %w", err)
			}
		}
	}
	if wanted("folders") {
		if err := b.folders(ctx, disk); err != nil {
			return fmt.Errorf("folders: %w", err)
		}
	}
	if wanted("users") {
		if err := b.manyUsers(ctx, disk); err != nil {
			return fmt.Errorf("many users: %w", err)
		}
	}
	if wanted("encoding") {
		if err := b.encoding(ctx, memory); err != nil {
			return fmt.Errorf("encoding: %w", err)
		}
	}
	if wanted("live") {
		if err := b.live(ctx, disk); err != nil {
			return fmt.Errorf("live: %w", err)
		}
	}
	if wanted("beside") {
		if err := b.beside(ctx, memory, disk); err != nil {
			return fmt.Errorf("live beside files: %w", err)
		}
	}
	if wanted("resume") {
		for _, size := range []int64{giB, 20 * giB} {
			if err := b.resume(ctx, disk, size); err != nil {
				return fmt.Errorf("resume: %w", err)
			}
		}
	}
	return nil
}

// machine says what the figures were measured on.
func machine() {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s, load %s", cpu, strings.TrimSpace(string(load)))
	fmt.Println()
}

// median of durations; they are sorted by it.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// rounded is the durations for people, in the order in which they were measured.
func rounded(d []time.Duration) []time.Duration {
	out := slices.Clone(d)
	for i := range out {
		out[i] = out[i].Round(10 * time.Millisecond)
	}
	return out
}

// perSecond is a throughput in MB/s.
func perSecond(size int64, d time.Duration) float64 { return float64(size) / d.Seconds() / 1e6 }

// scratch makes a directory that is removed by the function returned.
func scratch(in string) (string, func(), error) {
	dir, err := os.MkdirTemp(in, "videoclub-bench-")
	return dir, func() { os.RemoveAll(dir) }, err
}
