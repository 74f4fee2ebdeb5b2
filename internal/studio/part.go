// Package studio is the capture side of the central server: it has devices
// captured and recordings made of them by worker processes, and gives each
// delivery of a live title its part of a recording.
//
// A camera is a device and its worker, of kind capture, which all recordings of
// it share; a reel is a recording and its worker, of kind record. Each is a
// goroutine here that starts one worker after the other where they die. Between
// two of these workers is a handoff, which can be ended and made anew at any
// time, so that either goes on without the other.
package studio

import "time"

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
