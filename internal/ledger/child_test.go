package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Some tests need a process of their own: they run the test binary again, with
// the life that it is to lead and the ledger's path in its environment.
const (
	lifeVariable = "VIDEOCLUB_LEDGER_LIFE"
	pathVariable = "VIDEOCLUB_LEDGER_PATH"
)

func childLife() string { return os.Getenv(lifeVariable) }

var children = map[string]func(){"promise": promiseUntilKilled, "resident": measureResident}

func child(t testing.TB, life, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), lifeVariable+"="+life, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// writersOfChild promise at the same time, so that a kill meets full batches.
const writersOfChild = 8

// promiseUntilKilled says each key once the promise has returned.
func promiseUntilKilled() {
	ctx := context.Background()
	l, err := Open(ctx, os.Getenv(pathVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	var said sync.Mutex
	var writers sync.WaitGroup
	for w := range writersOfChild {
		writers.Go(func() {
			for n := 0; ; n++ {
				d := request(n)
				d.Account = fmt.Sprint("writer-", w)
				if d, _, err = l.Promise(ctx, d); err != nil {
					return
				}
				said.Lock()
				fmt.Printf("%s %s\n", d.Account, d.Key)
				said.Unlock()
			}
		})
	}
	writers.Wait()
}

// What a process has heard before it is killed with SIGKILL is there when the
// file is opened again, and the file is whole, however often that happens.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	path := place(t)
	moments := rand.New(rand.NewPCG(4, 8))
	for range 6 {
		heard := killAfter(t, path, 1+moments.IntN(120))
		l := openAt(t, path)
		must(t, l.Check(t.Context()))
		for _, promise := range heard {
			account, key, _ := strings.Cut(promise, " ")
			d, found, err := l.FindKey(t.Context(), account, key)
			must(t, err)
			if !found {
				t.Fatalf("%s had been told %s was promised, and it is gone", account, key)
			}
			events, err := l.Events(t.Context(), d.ID)
			must(t, err)
			if len(events) != 1 {
				t.Fatalf("delivery %d has %d events, want 1", d.ID, len(events))
			}
		}
		must(t, l.Close())
	}
}

// killAfter kills a writer once it has said that many lines, and gives all
// whole lines that it had said by then.
func killAfter(t *testing.T, path string, lines int) (heard []string) {
	t.Helper()
	cmd := child(t, "promise", path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	reader := bufio.NewReader(out)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			break
		}
		must(t, err)
		heard = append(heard, strings.TrimSuffix(line, "\n"))
		if len(heard) == lines {
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); err == nil || len(heard) < lines {
		t.Fatalf("the writer ended by itself after %d lines: %v", len(heard), err)
	}
	return heard
}

// measureResident promises a thousand deliveries and says what the process
// holds in memory.
func measureResident() {
	ctx := context.Background()
	l, err := Open(ctx, os.Getenv(pathVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for n := range 1000 {
		if _, _, err := l.Promise(ctx, request(n)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
	if _, err := l.List(ctx, Filter{Limit: maxPage}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			fmt.Print(line)
		}
	}
	_ = l.Close() // the process ends; what was measured is said
}

// BenchmarkResident reports the memory of a process that has promised 1,000
// deliveries, of which a part is the test binary's own.
func BenchmarkResident(b *testing.B) {
	for b.Loop() {
		out, err := child(b, "resident", place(b)).Output()
		must(b, err)
		var now, peak float64
		if _, err := fmt.Sscanf(string(out), "VmHWM: %f kB\nVmRSS: %f kB\n", &peak, &now); err != nil {
			b.Fatalf("%q: %v", out, err)
		}
		b.ReportMetric(now/1024, "MiB-resident")
		b.ReportMetric(peak/1024, "MiB-peak")
	}
}
