package frame

import (
	"math"

	"videoclub/internal/receipt"
)

// Live is what the final frame says of a live source besides: what was recorded,
// and what the receiver fills in at the front of the file, now that it is known.
type Live struct {
	receipt.Recorded
	Patches []Patch `json:"patches,omitempty"`
}

// Patch replaces bytes of the stream that were reserved for it.
type Patch struct {
	Offset int64  `json:"offset"`
	Bytes  []byte `json:"bytes"`
}

// Bounds of the patches.
const (
	MaxPatches = 8
	MaxPatch   = 1024 // bytes of one
)

// check looks at what has bounds of its own.
func (l *Live) check() error {
	if err := l.Validate(); err != nil {
		return invalid("its trailer: %v", err)
	}
	if len(l.Patches) > MaxPatches {
		return invalid("%d patches, at most %d are allowed", len(l.Patches), MaxPatches)
	}
	for _, p := range l.Patches {
		if p.Offset < 0 || p.Offset > math.MaxInt64-MaxPatch || len(p.Bytes) == 0 || len(p.Bytes) > MaxPatch {
			return invalid("a patch of %d bytes at %d", len(p.Bytes), p.Offset)
		}
	}
	return nil
}
