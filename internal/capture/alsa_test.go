package capture

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/reason"
)

func newCard() *card {
	return &card{forms: []int{alsaS16, alsaS32}, rates: [2]uint32{8000, 96000}, channels: [2]uint32{1, 2}, periods: [2]uint32{32, 4096}}
}

func TestMicrophoneAgrees(t *testing.T) {
	for _, c := range []struct {
		location string
		change   func(*card)
		want     string
		code     reason.Code
	}{
		{"alsa:hw:0", func(*card) {}, "48000 Hz, 2 channels, 16 bits", ""},
		{"alsa:hw:0?rate=44100&channels=1&bits=32", func(*card) {}, "44100 Hz, 1 channels, 32 bits", ""},
		{"alsa:hw:0?rate=192000&channels=8", func(*card) {}, "96000 Hz, 2 channels, 16 bits", ""},
		{"alsa:hw:0", func(c *card) { c.forms = []int{alsaS24}; c.rates = [2]uint32{16000, 16000} }, "16000 Hz, 2 channels, 24 bits", ""},
		{"alsa:hw:0?bits=24", func(c *card) { c.forms = []int{alsaS24Packed}; c.channels = [2]uint32{1, 1} }, "48000 Hz, 1 channels, 24 bits", ""},
		{"alsa:hw:0?bits=24", func(*card) {}, "", reason.DeviceUnfit},
		{"alsa:hw:0?encode=flac", func(c *card) { c.forms = []int{alsaS32, alsaS24} }, "48000 Hz, 2 channels, 24 bits", ""},
		{"alsa:hw:0?encode=flac", func(c *card) { c.forms = []int{alsaS32} }, "", reason.DeviceUnfit},
		{"alsa:hw:0", func(c *card) { c.forms = []int{0} }, "", reason.DeviceUnfit},
		{"alsa:hw:0", func(c *card) { c.channels = [2]uint32{10, 12} }, "", reason.DeviceUnfit},
	} {
		driver := newCard()
		c.change(driver)
		m, err := openMicrophone(driver.system(), nil, ask(c.location), time.Second)
		if c.code != "" {
			if reason.Of(err) != c.code || driver.closed != 1 {
				t.Errorf("%s: %v", c.location, err)
			}
			continue
		}
		if err != nil || m.Format().String() != c.want || driver.starts != 1 {
			t.Errorf("%s: %v, %v, started %d times", c.location, m, err, driver.starts)
			continue
		}
		if period := m.clock.length(int64(m.period)); period < 5*ms || period > 20*ms || m.buffer < 4*m.period {
			t.Errorf("%s: a period of %v in a buffer of %d", c.location, period, m.buffer)
		}
		if err := m.Close(); err != nil || driver.drops != 1 || driver.closed != 1 {
			t.Errorf("closing %s: %v", c.location, err)
		}
	}
}

// An hour of a card whose clock is 200 ppm slow, which says the time as of its
// last period: the blocks' times stay with the true ones, never go back, and
// nothing is called lost.
func TestMicrophoneKeepsTime(t *testing.T) {
	driver := newCard()
	m, err := openMicrophone(driver.system(), nil, ask("alsa:hw:0"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(m.period)
	const rate = 48_000 * (1 - 200e-6)
	truly := func(frame int64) time.Duration { return time.Second + time.Duration(float64(frame)/rate*1e9) }
	var worst, last time.Duration
	for block := range int64(3600 * 48_000 / n) {
		// The device is looked at up to a period late, unevenly.
		more := uint64(block*7919%5) * uint64(n) / 4
		driver.answers = []reading{{frames: n, stamp: truly((block+1)*n + int64(more)), avail: more}}
		if block%3 == 0 { // and sometimes does not say what came since the last period
			driver.answers[0].avail = 0
		}
		b, err := m.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b.Lost != 0 || b.Sequence != block*n || b.At <= last || len(b.Data) != int(n)*4 {
			t.Fatalf("block %d: %d bytes at %v after %v, number %d, %d lost", block, len(b.Data), b.At, last, b.Sequence, b.Lost)
		}
		last = b.At
		if off := (b.At - truly(block*n)).Abs(); block > 100 {
			worst = max(worst, off)
		}
	}
	if worst > 10*ms {
		t.Errorf("off by up to %v", worst)
	}
}

func TestMicrophoneOverrun(t *testing.T) {
	driver := newCard()
	m, err := openMicrophone(driver.system(), nil, ask("alsa:hw:0"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(m.period)
	driver.answers = []reading{
		{frames: n, stamp: 1010 * ms}, {err: unix.EAGAIN}, {frames: n, stamp: 1020 * ms},
		{err: unix.EPIPE}, {frames: n, stamp: 1330 * ms}, // 300 ms without sound
		{err: unix.ESTRPIPE},
	}
	for i, want := range []Buffer{{At: 1000 * ms}, {At: 1010 * ms, Sequence: n}, {At: 1320 * ms, Sequence: 2*n + 14_400, Lost: 14_400}} {
		b, err := m.Next()
		if err != nil || b.At != want.At || b.Sequence != want.Sequence || b.Lost != want.Lost {
			t.Errorf("block %d: at %v, number %d, %d lost, %v", i, b.At, b.Sequence, b.Lost, err)
		}
	}
	if driver.starts != 2 || driver.waits != 1 {
		t.Errorf("started %d times, waited %d times", driver.starts, driver.waits)
	}
	if _, err := m.Next(); reason.Of(err) != reason.DeviceSuspended {
		t.Errorf("suspended: %v", err)
	}
	if _, err := m.Next(); reason.Of(err) != reason.DeviceHung {
		t.Errorf("silent: %v", err)
	}
}

func TestMicrophonePacks(t *testing.T) {
	driver := newCard()
	driver.forms, driver.channels = []int{alsaS24}, [2]uint32{1, 1}
	m, err := openMicrophone(driver.system(), nil, ask("alsa:hw:0?bits=24"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	copy(m.raw, []byte{1, 2, 3, 255, 4, 5, 6, 0})
	driver.answers = []reading{{frames: 2, stamp: 1010 * ms}}
	if b, err := m.Next(); err != nil || string(b.Data) != "\x01\x02\x03\x04\x05\x06" {
		t.Errorf("%v, %v", b.Data, err)
	}
}
