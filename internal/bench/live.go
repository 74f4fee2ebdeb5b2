package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"videoclub/internal/capture"
	"videoclub/internal/control"
	"videoclub/internal/matroska"
)

const (
	// liveSource is what is filmed for the latency, and for how many seconds.
	liveSource  = "pattern:?size=640x480&fps=30+tone:"
	liveSeconds = 30
	// lookEvery is how often is looked what has arrived.
	lookEvery = time.Millisecond
)

// arrival is a picture that arrived, and when.
type arrival struct {
	jpeg    []byte
	end     int64 // of its cluster
	visible time.Duration
}

// live measures how long it takes from a picture's being dequeued at the central
// server to its being in the file at the reception, and to its being known to be
// durable there. The pictures carry their time, by the clock that both servers
// and this program share.
func (b *bench) live(ctx context.Context, in string) error {
	dir, err := os.MkdirTemp(in, "bench-live-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := b.newClub(ctx, dir, "", "")
	if err != nil {
		return err
	}
	defer c.stop()
	id, err := c.film(ctx, dir)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	durable := map[int64]time.Duration{} // by the offset that was acknowledged
	followed := make(chan error, 1)
	go func() {
		_, err := c.follow(ctx, id, func(d control.DeliveryStory) bool {
			mu.Lock()
			defer mu.Unlock()
			if _, known := durable[d.Offset]; !known {
				durable[d.Offset] = capture.Now()
			}
			return false
		})
		followed <- err
	}()
	arrivals, err := c.arrivals(ctx, followed)
	if err != nil {
		return err
	}
	return report(arrivals, durable)
}

// film asks for the live title.
func (c *club) film(ctx context.Context, dir string) (int64, error) {
	line := fmt.Sprintf("1 ^ Live ^ %.4f %s\n", liveSeconds/60.0, liveSource)
	if err := os.WriteFile(filepath.Join(dir, "videos.txt"), []byte(line), 0o644); err != nil {
		return 0, err
	}
	for {
		titles, err := c.client.Titles(ctx)
		if err != nil {
			return 0, err
		}
		if len(titles) > 0 {
			return c.request(ctx, 1)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// arrivals reads the part at the reception as it grows, until the delivery has
// ended.
func (c *club) arrivals(ctx context.Context, ended <-chan error) (all []arrival, err error) {
	var part *os.File
	defer func() {
		if part != nil {
			part.Close()
		}
	}()
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for next := int64(0); ; {
		select {
		case err := <-ended:
			return all, err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-every.C:
		}
		if part == nil {
			found, _ := filepath.Glob(filepath.Join(c.store, ".vc", "*-*", "data.part"))
			if len(found) == 0 {
				continue
			}
			if part, err = os.Open(found[0]); err != nil {
				return nil, err
			}
		}
		info, err := part.Stat()
		if err != nil {
			return nil, err
		}
		if next == 0 {
			front, err := matroska.ReadHead(part, info.Size())
			if err != nil {
				continue // it is only beginning
			}
			next = front.Clusters
		}
		for {
			cluster, err := matroska.ReadCluster(part, next, info.Size())
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			now := capture.Now()
			for _, block := range cluster.Blocks {
				if block.Track == 1 {
					all = append(all, arrival{block.Data, cluster.End, now})
				}
			}
			next = cluster.End
		}
	}
}

// report decodes the pictures and prints the figures.
func report(all []arrival, durable map[int64]time.Duration) error {
	offsets := make([]int64, 0, len(durable))
	for offset := range durable {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	var visible, safe []time.Duration
	last := int64(-1)
	for _, a := range all {
		m, err := jpeg.Decode(bytes.NewReader(a.jpeg))
		if err != nil {
			return err
		}
		mark, err := capture.ReadMark(m.(*image.YCbCr))
		if err != nil {
			return err
		}
		if mark.Number <= last {
			return fmt.Errorf("picture %d arrives after %d", mark.Number, last)
		}
		last = mark.Number
		visible = append(visible, a.visible-mark.At)
		if at, _ := slices.BinarySearch(offsets, a.end); at < len(offsets) {
			safe = append(safe, durable[offsets[at]]-mark.At)
		}
	}
	if len(visible) == 0 || len(safe) == 0 {
		return errors.New("no picture arrived")
	}
	fmt.Printf("live, %s, %d pictures in %d s, %d that the machine was too slow to take:\n", strings.ReplaceAll(liveSource, "+", " + "),
		len(visible), liveSeconds, last+1-int64(len(visible)))
	for _, f := range []struct {
		what string
		took []time.Duration
	}{{"dequeued to visible at the reception", visible}, {"dequeued to known to be durable there", safe}} {
		slices.Sort(f.took)
		at := func(share float64) time.Duration {
			return f.took[int(share*float64(len(f.took)-1))].Round(time.Millisecond)
		}
		fmt.Printf("  %-38s p50 %v, p99 %v, most %v\n", f.what, at(0.5), at(0.99), at(1))
	}
	return nil
}
