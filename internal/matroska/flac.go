package matroska

import "math/bits"

// flacFrames is how many sound frames a frame of FLAC has (RFC 9639, section
// 9.1); 0 if it is none.
func flacFrames(b []byte) int64 {
	if len(b) < 5 || b[0] != 0xff || b[1]&^1 != 0xf8 {
		return 0
	}
	number := 1 // how long the number is that follows: as in UTF-8
	if ones := bits.LeadingZeros8(^b[4]); ones > 0 {
		number = ones
	}
	rest := b[min(4+number, len(b)):]
	switch code := int(b[2] >> 4); {
	case code == 1:
		return 192
	case code >= 2 && code <= 5:
		return 576 << (code - 2)
	case code == 6 && len(rest) >= 1:
		return int64(rest[0]) + 1
	case code == 7 && len(rest) >= 2:
		return (int64(rest[0])<<8 | int64(rest[1])) + 1
	case code >= 8:
		return 256 << (code - 8)
	}
	return 0
}
