package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/capture"
	"videoclub/internal/feed"
	"videoclub/internal/record"
)

// filmed is how long pictures are made for a figure, at 30 a second.
const filmed = 10 * time.Second

// encoding shows what processor JPEG costs at 30 pictures a second, as who
// captures makes it, next to ffmpeg on the same pictures; and H.264 by ffmpeg, as
// it is started for that.
func (b *bench) encoding(ctx context.Context, memory string) error {
	dir, remove, err := scratch(memory)
	if err != nil {
		return err
	}
	defer remove()
	for _, size := range []string{"640x480", "1280x720"} {
		f, err := feed.Parse("pattern:?size=" + size + "&fps=30")
		if err != nil {
			return err
		}
		making, raw, err := b.film(f.Picture, func(a *feed.Ask) { a.Coding = feed.CodeRaw })
		if err != nil {
			return err
		}
		ours, n, err := b.film(f.Picture, func(*feed.Ask) {})
		if err != nil {
			return err
		}
		fmt.Printf("%s at 30 pictures a second, JPEG: %.0f %% of a core, of which making the pattern and copying it is %.0f %%; %d of %d pictures\n",
			size, share(ours, n), share(making, raw), n, int(filmed.Seconds()*30))
		if _, err := exec.LookPath("ffmpeg"); err != nil {
			fmt.Println("  there is no ffmpeg to compare it with")
			continue
		}
		path, count, err := raws(f.Picture, dir)
		if err != nil {
			return err
		}
		for _, of := range [][]string{
			{"mjpeg", "-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj422p"},
			{"H.264 as for encode=h264", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-bf", "0", "-pix_fmt", "yuv420p", "-crf", "23"},
		} {
			took, err := ffmpeg(ctx, path, size, of[1:])
			if err != nil {
				return err
			}
			fmt.Printf("  ffmpeg, %s, on the same pictures: %.0f %% of a core at 30 a second\n", of[0], share(took, count))
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// share is the part of a core, in percent, that pictures take at 30 a second, of
// which n cost so much: a machine that is busy with something else loses some.
func share(cost time.Duration, n int) float64 { return 100 * 30 * cost.Seconds() / float64(max(1, n)) }

// used is the processor time that this process has had.
func used() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// film makes pictures for a while as they are asked for, and says what that cost,
// and how many there were.
func (b *bench) film(a *feed.Ask, change func(*feed.Ask)) (cost time.Duration, pictures int, err error) {
	ask := *a
	change(&ask)
	k, err := capture.Keep(func() (capture.Device, error) { return capture.OpenPattern(&ask, capture.Now), nil })
	if err != nil {
		return 0, 0, err
	}
	defer k.Close()
	s, err := record.Open(k, &ask, nil)
	if err != nil {
		return 0, 0, err
	}
	before := used()
	stop := time.AfterFunc(filmed, k.Wake)
	defer stop.Stop()
	err = s.Run(func(record.Packet) { pictures++ })
	return used() - before, pictures, err
}

// raws writes some pictures of a pattern as they come from a camera.
func raws(a *feed.Ask, dir string) (path string, n int, err error) {
	k := capture.OpenPattern(a, capture.Now)
	var all bytes.Buffer
	for ; n < 90; n++ {
		p, err := k.Next()
		if err != nil {
			return "", 0, err
		}
		all.Write(p.Data)
	}
	path = filepath.Join(dir, "pictures.yuyv")
	return path, n, os.WriteFile(path, all.Bytes(), 0o600)
}

// ffmpeg says what processor time it takes for pictures.
func ffmpeg(ctx context.Context, raw, size string, args []string) (time.Duration, error) {
	c := exec.CommandContext(ctx, "ffmpeg", append(append([]string{"-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuyv422", "-s", size, "-framerate", "30", "-i", raw}, args...), "-f", "null", "-")...)
	if said, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("ffmpeg: %w: %s", err, said)
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), nil
}
