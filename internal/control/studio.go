package control

import (
	"fmt"
	"time"

	"videoclub/internal/reason"
)

// From and to the capture worker.
type (
	// CaptureDevice tells it what to capture, by the location of one device, and
	// after how long a device is silent that it takes for hung.
	CaptureDevice struct {
		Location string        `json:"location"`
		Hung     time.Duration `json:"hung"`
	}

	// LookAtDevice asks it instead what a device can do, which is handed over
	// right after.
	LookAtDevice struct {
		Sound bool `json:"sound"`
	}

	// OpenDevice asks for the device, at first and each time it was lost.
	OpenDevice struct{}

	// DeviceOpened answers OpenDevice: the device is handed over right after,
	// or has the Code why not.
	DeviceOpened struct {
		Code   reason.Code `json:"code,omitempty"`
		Detail string      `json:"detail,omitempty"`
	}

	// Capturing says that the device gives something, in this form, and how
	// large a packet may be, in bytes.
	Capturing struct {
		Device     string `json:"device"` // what its driver calls it
		Pixels     string `json:"pixels,omitempty"`
		Width      int    `json:"width,omitempty"`
		Height     int    `json:"height,omitempty"`
		RateNum    uint32 `json:"rate_num,omitempty"`
		RateDen    uint32 `json:"rate_den,omitempty"`
		SampleRate int    `json:"sample_rate,omitempty"`
		Channels   int    `json:"channels,omitempty"`
		Bits       int    `json:"bits,omitempty"`
		Largest    int    `json:"largest"`
	}

	// Captured says how it goes, each second: how many packets there were, and
	// why there is nothing now, if that is so.
	Captured struct {
		Packets int64       `json:"packets"`
		Trouble reason.Code `json:"trouble,omitempty"`
		Detail  string      `json:"detail,omitempty"`
	}

	// DeviceOffer is what a device can do, in answer to LookAtDevice.
	DeviceOffer struct {
		Name        string        `json:"name"`
		Shapes      []DeviceShape `json:"shapes,omitempty"`
		SampleRates [2]int        `json:"sample_rates,omitzero"`
		Channels    [2]int        `json:"channels,omitzero"`
		Bits        []int         `json:"bits,omitempty"`
	}

	// Attach gives a worker one end of a handoff of packets, of so many slots of
	// Size bytes; its ring and its wake are handed over right after. Track, from
	// 1, is where a recorder keeps them, Output by which name a capture worker
	// knows it. Away tells a recorder why there was nothing until now, if that
	// is so.
	Attach struct {
		Track  int     `json:"track,omitempty"`
		Output int64   `json:"output,omitempty"`
		Slots  int     `json:"slots"`
		Size   int     `json:"size"`
		Away   *Outage `json:"away,omitempty"`
	}

	// Detach tells the capture worker to say what is missing at the end of an
	// output, and to end it.
	Detach struct {
		Output int64 `json:"output"`
	}
)

// DeviceShape is a form of pictures that a device has, and how many of them a
// second, as people write it.
type DeviceShape struct {
	Pixels string   `json:"format"`
	Width  int      `json:"width"`
	Height int      `json:"height"`
	Rates  []string `json:"rates,omitempty"`
}

// Bounds of what a device can be said to do.
const (
	MaxShapes = 512
	MaxRates  = 32
)

// From and to the record worker.
type (
	// MakeRecording tells it what to record, or to go on with (Resume), which
	// broke off for the reason Torn: so many tracks, 0 where nothing more will
	// come; the spool holds at most Limit bytes. Ran says that the machine has run
	// since that was written to.
	MakeRecording struct {
		Title  string      `json:"title"`
		Tracks int         `json:"tracks"`
		Limit  int64       `json:"limit"`
		Resume bool        `json:"resume,omitempty"`
		Torn   reason.Code `json:"torn,omitempty"`
		Ran    bool        `json:"ran,omitempty"`
	}

	// Appended says that a cluster is durable, by its place in the data and in
	// time; the first, after the recording was resumed, is its last of before. It
	// goes on to To; every track has come as far as Reached.
	Appended struct {
		Head    int64         `json:"head"`
		Offset  int64         `json:"offset"`
		End     int64         `json:"end"`
		From    time.Duration `json:"from"`
		To      time.Duration `json:"to"`
		Reached time.Duration `json:"reached"`
		Origin  time.Duration `json:"origin"` // by CLOCK_MONOTONIC
		Key     bool          `json:"key"`
		Lost    int64         `json:"lost"` // of all tracks, so far
	}

	// Alive says each second that who records is at work, also while there is
	// nothing to record.
	Alive struct{}

	// Spare says that what lies before Offset is needed by nobody any more.
	Spare struct {
		Offset int64 `json:"offset"`
	}

	// StopRecording ends the recording, or pauses it. What is missing at its end
	// counts up to Until, from its time 0, and is for the reason in Silent, by
	// track, where who captures says no other, or none that explains more of it.
	StopRecording struct {
		Pause  bool          `json:"pause,omitempty"`
		Until  time.Duration `json:"until,omitempty"`
		Silent []Outage      `json:"silent,omitempty"`
	}
)

// Outage is why a device gives nothing, and since when that has been so, by
// CLOCK_MONOTONIC. It is zero for one that gives something.
type Outage struct {
	Reason reason.Code   `json:"reason,omitempty"`
	Since  time.Duration `json:"since,omitempty"`
}

func (CaptureDevice) kind() string { return "capture_device" }
func (LookAtDevice) kind() string  { return "look_at_device" }
func (OpenDevice) kind() string    { return "open_device" }
func (DeviceOpened) kind() string  { return "device_opened" }
func (Capturing) kind() string     { return "capturing" }
func (Captured) kind() string      { return "captured" }
func (DeviceOffer) kind() string   { return "device_offer" }
func (Attach) kind() string        { return "attach" }
func (Detach) kind() string        { return "detach" }
func (MakeRecording) kind() string { return "make_recording" }
func (Appended) kind() string      { return "appended" }
func (Alive) kind() string         { return "alive" }
func (Spare) kind() string         { return "spare" }
func (StopRecording) kind() string { return "stop_recording" }

func (m Capturing) check() error {
	return all(short(maxName, "the device", m.Device), short(maxExtension, "the format", m.Pixels), within(1<<16, "the width", m.Width), within(1<<16, "the height", m.Height),
		within(1<<20, "the rate", m.SampleRate), within(64, "the channels", m.Channels), within(64, "the bits", m.Bits), within(256<<20, "the largest packet", m.Largest))
}

func (m Captured) check() error {
	if m.Trouble != "" && !m.Trouble.Valid() {
		return Failed{Code: m.Trouble}.check()
	}
	return all(atLeast(0, "the packets", m.Packets), short(maxDetail, "the detail", m.Detail))
}

func (m DeviceOffer) check() error {
	err := all(short(maxName, "the name", m.Name), within(MaxShapes, "the number of forms", len(m.Shapes)), within(64, "the number of bits", len(m.Bits)))
	for _, s := range m.Shapes {
		err = all(err, short(maxExtension, "a format", s.Pixels), within(1<<16, "a width", s.Width), within(1<<16, "a height", s.Height), within(MaxRates, "the number of rates", len(s.Rates)))
		for _, r := range s.Rates {
			err = all(err, short(maxExtension, "a rate", r))
		}
	}
	return err
}

func (m Appended) check() error {
	return all(atLeast(1, "the front", m.Head), atLeast(m.Head, "the offset", m.Offset), atLeast(m.Offset, "the end", m.End),
		atLeast(0, "the time", int64(m.From)), atLeast(0, "the time", int64(m.To)), atLeast(0, "the time", int64(m.Reached)), atLeast(0, "what was lost", m.Lost))
}

func within(most int, what string, n int) error {
	if n < 0 || n > most {
		return fmt.Errorf("%s is %d, and not from 0 to %d", what, n, most)
	}
	return nil
}
