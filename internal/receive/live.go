package receive

import (
	"videoclub/internal/control"
	"videoclub/internal/depot"
	"videoclub/internal/disk"
	"videoclub/internal/frame"
	"videoclub/internal/handoff"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// live is run for a live source. What it has was counted here as it passed, and
// has to be what the sender says.
func (s Store) live(in *handoff.Consumer) error {
	s.growing = true
	part, err := depot.OpenLive(disk.FromOS(s.Data), disk.FromOS(s.Slots))
	if err != nil {
		return err
	}
	defer part.Close()
	trailer, err := s.take(in, part)
	if err != nil {
		return err
	}
	if trailer.Live == nil {
		return reason.New(reason.Protocol, "the final frame says nothing of what was recorded")
	}
	stream, err := part.Finish()
	if err != nil {
		return err
	}
	// Before anything is filled in: the digest is that of what was sent.
	if err := same(stream, trailer); err != nil {
		return err
	}
	counted, err := part.Counted()
	if err != nil {
		return err
	}
	if err := sameCounts(counted, trailer.Live.Tracks); err != nil {
		return err
	}
	sum, err := part.Complete(patchesOf(trailer.Live.Patches), func() { s.Control.Send(control.Durable{Offset: part.Offset()}) })
	if err != nil {
		return err
	}
	return s.whole(part, trailer, control.Whole{SHA256: sum, Size: part.Offset(), Stream: stream, Recorded: &trailer.Live.Recorded})
}

// sameCounts compares what was counted at both ends.
func sameCounts(here, there []receipt.Track) error {
	if len(here) != len(there) {
		return reason.New(reason.DigestMismatch, "the recording has %d tracks here and %d at the source", len(here), len(there))
	}
	for i, t := range here {
		if t.Packets != there[i].Packets || t.Frames != there[i].Frames {
			return reason.New(reason.DigestMismatch, "track %d has %d frames in %d packets here, and %d in %d at the source",
				i+1, t.Frames, t.Packets, there[i].Frames, there[i].Packets)
		}
	}
	return nil
}

func patchesOf(said []frame.Patch) []matroska.Patch {
	patches := make([]matroska.Patch, len(said))
	for i, p := range said {
		patches[i] = matroska.Patch{Offset: p.Offset, Bytes: p.Bytes}
	}
	return patches
}
