package service

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

const (
	// extendEvery is how often a stop that takes long asks for more time, and
	// extendBy how much it asks for.
	extendEvery = 5 * time.Second
	extendBy    = 15 * time.Second

	// extendMost bounds that: what has not come to rest by then is ended by
	// systemd, and goes on at the next start as after a crash.
	extendMost = 2 * time.Minute

	// watchdog is after how long without a sign of life the units have a service
	// ended (units/, WatchdogSec).
	watchdog = 15 * time.Second

	// maxStatus bounds a status, in bytes.
	maxStatus = 1 << 10
)

// Manager is the systemd that started this process (sd_notify(3)); without one
// all that it is told goes nowhere. Safe for concurrent use.
type Manager struct {
	send  func(state string)
	clock func() (monotonic time.Duration)

	mu     sync.Mutex
	status string
	alive  time.Duration // when Alive was called last; 0 is never
}

// NewManager finds the systemd that the environment names.
func NewManager() *Manager {
	m := &Manager{clock: monotonic, send: func(string) {}}
	if os.Getenv("NOTIFY_SOCKET") != "" {
		// That nobody hears is no reason to stop serving.
		m.send = func(state string) { daemon.SdNotify(false, state) }
	}
	return m
}

// monotonic is what RELOADING=1 goes with.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Ready says that every part serves.
func (m *Manager) Ready() { m.send(daemon.SdNotifyReady) }

// Reload says that the configuration is read anew while reload does so.
func (m *Manager) Reload(reload func()) {
	m.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, m.clock().Microseconds()))
	reload()
	m.Ready()
}

// Alive says that the loop it is called from has just come round, for the
// watchdog, and what is going on.
func (m *Manager) Alive(status string) {
	m.send(daemon.SdNotifyWatchdog)
	m.Status(status)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alive = m.clock()
}

// Doing gives the latest status, and whether the loop that says so has come round
// as lately as the watchdog asks of it.
func (m *Manager) Doing() (status string, alive bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status, m.alive > 0 && m.clock()-m.alive < watchdog
}

// Status says what is going on, if that is news: systemctl status shows it.
func (m *Manager) Status(status string) {
	status = strings.ReplaceAll(status, "\n", "; ")
	if len(status) > maxStatus {
		status = strings.ToValidUTF8(status[:maxStatus], "")
	}
	m.mu.Lock()
	news := status != m.status
	m.status = status
	m.mu.Unlock()
	if news {
		m.send("STATUS=" + status)
	}
}

// Drain says that the service stops, and asks for time until rest returns.
func (m *Manager) Drain(rest func()) {
	m.send(daemon.SdNotifyStopping + "\nSTATUS=stopping, deliveries go on at the next start")
	done := make(chan struct{})
	go func() {
		defer close(done)
		rest()
	}()
	every := time.NewTicker(extendEvery)
	defer every.Stop()
	for left := extendMost; ; left -= extendEvery {
		select {
		case <-done:
			return
		case <-every.C:
			if left > 0 {
				m.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()))
			}
		}
	}
}
