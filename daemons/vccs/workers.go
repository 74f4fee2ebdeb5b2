package main

import (
	"runtime"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/console"
	"videoclub/internal/deliver"
	"videoclub/internal/encode"
	"videoclub/internal/metrics"
	"videoclub/internal/notify"
	"videoclub/internal/session"
	"videoclub/internal/startup"
	"videoclub/internal/studio"
	"videoclub/internal/survey"
	"videoclub/internal/worker"
)

// workers is what each kind of worker of vccs does with its descriptors.
var workers = map[worker.Kind]func(*worker.Inside) error{
	worker.Session: startup.Needed{"control"}.Worker(func(f *startup.Descriptors) error {
		// One client has four requests at a time: on a machine of many cores each would
		// have threads for no use.
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 4))
		console.Prepare() // a spare worker has the time
		s, err := session.Take(f.Control())
		if err != nil {
			return err
		}
		if s.Browser() {
			return s.Serve(metrics.Beside(s.Call, console.Console{Ask: s.Call, Clock: time.Now, Secure: s.Secure()}.Handler()))
		}
		return api.Serve(s)
	}),
	worker.Mail: startup.Needed{"conn", "roots", "control"}.Worker(func(f *startup.Descriptors) error {
		return notify.Worker{Conn: f.File("conn"), Roots: f.File("roots"), Control: f.Control()}.Run()
	}),
	worker.Send: startup.Needed{"conn", "ring", "wake", "control"}.Worker(func(f *startup.Descriptors) error {
		// One stream, encrypted in order: a second core would only be woken.
		runtime.GOMAXPROCS(1)
		return deliver.Sender{Conn: f.File("conn"), Handoff: f.Handoff(), Control: f.Control(), Program: "vccs"}.Run()
	}),
	worker.Read: func(in *worker.Inside) error {
		needed := []string{"source", "digests", "ring", "wake", "control"}
		if in.Has("manifest") { // the source is a folder
			needed = append(needed, "manifest")
			for _, name := range []string{"proof", "base", "reuse"} {
				if in.Has(name) {
					needed = append(needed, name)
				}
			}
		}
		if in.Has("marks") { // the source is a recording
			needed = append(needed, "marks", "index")
		}
		f := startup.Take(in, needed...)
		if f.Err != nil {
			return f.Err
		}
		return deliver.Reader{Source: f.File("source"), Manifest: f.File("manifest"), Proof: f.File("proof"), Base: f.File("base"), Reuse: f.File("reuse"), Marks: f.File("marks"), Index: f.File("index"), Digests: f.File("digests"), Handoff: f.Handoff(), Control: f.Control()}.Run()
	},
	worker.Encode: func(in *worker.Inside) error {
		f := startup.Take(in, "pictures", "control")
		if f.Err != nil {
			return f.Err
		}
		return encode.Worker{Pictures: f.File("pictures"), Control: f.Control(), Become: in.Become}.Run()
	},
	worker.Capture: startup.Needed{"control"}.Worker(func(f *startup.Descriptors) error {
		return (&studio.Capturer{Control: f.Control()}).Run()
	}),
	worker.Record: startup.Needed{"data", "marks", "index", "control"}.Worker(func(f *startup.Descriptors) error {
		return (&studio.Recorder{Data: f.File("data"), Marks: f.File("marks"), Index: f.File("index"), Control: f.Control()}).Run()
	}),
	worker.Survey: func(in *worker.Inside) error {
		needed := []string{"source", "control"}
		// Somebody waits for a folder to be looked through, or for the digests of its
		// files.
		for _, name := range []string{"manifest", "proof"} {
			if in.Has(name) {
				needed = append(needed, name)
			}
		}
		f := startup.Take(in, needed...)
		if f.Err != nil {
			return f.Err
		}
		return survey.Worker{Source: f.File("source"), Manifest: f.File("manifest"), Proof: f.File("proof"), Control: f.Control()}.Run()
	},
}
