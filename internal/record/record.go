// Package record makes a recording of what devices give: it encodes pictures on
// all cores, keeps sound as it is, joins both by their times, and writes whole
// clusters of Matroska. Nothing in it makes a device wait: what cannot be
// encoded in time is lost, and counted.
package record

import (
	"time"

	"videoclub/internal/capture"
)

// Packet is what one device gave, encoded.
type Packet struct {
	Data []byte
	// At is by CLOCK_MONOTONIC.
	At time.Duration
	// Sequence is the number of the picture, or the position of the first sound
	// frame; Frames how many of these there are: 1, or sound frames.
	Sequence, Frames int64
	Key              bool
	// Gap is what is missing before it.
	Gap *capture.Gap
}
