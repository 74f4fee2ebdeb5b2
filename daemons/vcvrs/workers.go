package main

import (
	"runtime"
	"syscall"
	"time"

	"videoclub/internal/gallery"
	"videoclub/internal/metrics"
	"videoclub/internal/receive"
	"videoclub/internal/session"
	"videoclub/internal/startup"
	"videoclub/internal/worker"
)

// workers is what each kind of worker of vcvrs does with its descriptors.
var workers = map[worker.Kind]func(*worker.Inside) error{
	worker.Session: startup.Needed{"control"}.Worker(func(f *startup.Descriptors) error {
		// One client has four requests at a time: on a machine of many cores each would
		// have threads for no use.
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 4))
		gallery.Prepare() // a spare worker has the time
		s, err := session.Take(f.Control())
		if err != nil {
			return err
		}
		return s.Serve(metrics.Beside(s.Call, gallery.Gallery{Ask: s.CallFile, Clock: time.Now, Secure: s.Secure()}.Handler()))
	}),
	worker.Receive: startup.Needed{"conn", "ring", "wake", "control"}.Worker(func(f *startup.Descriptors) error {
		// One stream, decrypted in order: a second core would only be woken.
		runtime.GOMAXPROCS(1)
		return receive.Receiver{Conn: f.File("conn"), Handoff: f.Handoff(), Control: f.Control()}.Run()
	}),
	worker.Store: func(in *worker.Inside) error {
		needed := []string{"data", "slots", "ring", "wake", "control"}
		if in.Has("folder") {
			needed = []string{"folder", "ring", "wake", "control"}
			if in.Has("base") { // what it may share files with
				needed = append(needed, "base")
			}
			// What is made has the modes that it is made with.
			syscall.Umask(0)
		}
		f := startup.Take(in, needed...)
		if f.Err != nil {
			return f.Err
		}
		return receive.Store{Data: f.File("data"), Slots: f.File("slots"), Folder: f.File("folder"), Base: f.File("base"), Handoff: f.Handoff(), Control: f.Control()}.Run()
	},
}
