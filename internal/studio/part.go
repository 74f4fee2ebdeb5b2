// Package studio is the capture side of the central server: it has devices
// captured and recordings made of them by worker processes, and gives each
// delivery of a live title its part of a recording. No program uses it yet.
//
// What others see of a Studio:
//
//	Join(ctx, Wish) (Part, error)                     // has it recorded; returns when Part.Base is durable
//	Take(Wish, Part) error                            // at a start: takes a delivery up that has a part; its recording goes on if the part's time is not over
//	Files(recording) (data, marks, index *os.File, err error) // read-only, for a read worker; new ones each time
//	Hold(delivery, offset)                            // what lies before offset in the data it needs no more
//	Stop(delivery)                                    // it needs nothing newer than what is there (cancelled, or it has its end)
//	Leave(delivery)                                   // it has ended; a recording that nobody is left of is removed
//	Over(delivery) bool                               // nothing follows for it: its recording has ended, or its time passed without anything new
//	Sources(ctx) []Source; State() State; Run(ctx)
package studio

import (
	"time"
)

// Wish is what a delivery wants recorded.
type Wish struct {
	Delivery int64
	// Location is that of the title, as package feed reads it; Title its name,
	// which stands in the recording. Deliveries of the same of both share a
	// recording.
	Location, Title string
	// Duration is how long its part lasts.
	Duration time.Duration
}

// Part is where the part of a delivery begins in a recording. Its stream is the
// first Head bytes of the data, and the clusters from Base on whose From is
// before At + the duration wished for.
type Part struct {
	Recording string        // its name
	Head      int64         // bytes of the front
	Base      int64         // offset of the first cluster
	At        time.Duration // its time from time 0 of the recording
	Began     time.Time     // when that was
}
