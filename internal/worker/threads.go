package worker

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A worker has some 8 threads, and on many cores one for each that computes. One
// that has more than mostThreads and threadsPerCore of them is in other hands:
// threads are taken from all others, and the kernel bounds those of a process by
// nothing but how many its user has (sandbox, RLIMIT_NPROC).
const (
	mostThreads    = 64
	threadsPerCore = 4
)

// lookEvery is how often the threads of workers are counted, which takes some
// microseconds for each worker.
const lookEvery = time.Second

// watch ends workers that make threads without end, until the Spawner is closed.
func (s *Spawner) watch() {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-every.C:
		}
		for _, p := range s.all() {
			if n := threadsOf(p.PID); n > mostThreads+threadsPerCore*runtime.NumCPU() {
				p.crowd.Store(int64(n))
				p.Kill()
			}
		}
	}
}

// all is the workers that were not reaped yet.
func (s *Spawner) all() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Process, 0, len(s.processes))
	for p := range s.processes {
		all = append(all, p)
	}
	return all
}

// threadsOf is how many threads a process has. Each is a directory in another
// (proc_pid_task(5)), whose links are those and two of its own. Of a process that
// has ended there are none.
func threadsOf(pid int) int {
	var stat unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/task", pid), &stat); err != nil {
		return 0
	}
	return int(stat.Nlink) - 2
}
