package sample

import "encoding/binary"

// fullTurn is the whole circle in the unit of angles here; the largest sine
// is sineUnit.
const (
	fullTurn = 1 << 16
	sineUnit = 1<<15 - 1
)

// sine is in whole numbers, so that every machine makes the same film. It is
// Bhaskara's approximation, at most 0.2 % off: sin x = 16p / (5π² - 4p), with
// p = x(π - x), for x from 0 to π.
func sine(angle int64) int64 {
	const half = fullTurn / 2
	x := angle & (fullTurn - 1)
	sign := int64(1)
	if x >= half {
		x, sign = x-half, -1
	}
	p := x * (half - x)
	return sign * sineUnit * 16 * p / (5*half*half - 4*p)
}

func cosine(angle int64) int64 { return sine(angle + fullTurn/4) }

// The beep: its pitch in hertz, its length and the time it takes to rise and
// to fall (so that it does not click) in samples, its amplitude.
const (
	beepPitch  = 1000
	beepLength = SampleRate * 120 / 1000
	beepEdge   = SampleRate * 5 / 1000
	beepHeight = 8000
)

// beep is the sound of one second, which all seconds share: it begins with
// the beep and goes on in silence.
func beep() []byte {
	sound := make([]byte, 0, SampleRate*Channels*2)
	for i := range int64(SampleRate) {
		var level int64
		if i < beepLength {
			edge := min(i, beepLength-i, beepEdge)
			level = sine(i*beepPitch*fullTurn/SampleRate) * beepHeight / sineUnit * edge / beepEdge
		}
		for range Channels {
			sound = binary.LittleEndian.AppendUint16(sound, uint16(int16(level)))
		}
	}
	return sound
}
