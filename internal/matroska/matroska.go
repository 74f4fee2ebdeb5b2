// Package matroska writes recordings as Matroska (RFC 9559) that can be played
// while it grows, and reads back what it wrote. It only appends: a segment of
// unknown size, then whole clusters. What is known only at the end replaces
// two reserved Void elements at the front.
package matroska

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// Scale is the unit of all times in the file.
const Scale = time.Millisecond

// Bounds.
const (
	// MaxSpan is the longest time from a cluster's first block to its last: a
	// block's time is 16 bits from its cluster's.
	MaxSpan = math.MaxInt16 * Scale
	// MaxCluster is the most bytes of a cluster.
	MaxCluster = 160 << 20
	// MaxTracks is the most tracks of a recording.
	MaxTracks = 16
	// maxHead is the most bytes before the first cluster.
	maxHead = 1 << 20
)

// Element identifiers (RFC 9559, section 27.1; RFC 8794, section 11).
const (
	idEBML            = 0x1a45dfa3
	idVersion         = 0x4286
	idReadVersion     = 0x42f7
	idMaxIDLength     = 0x42f2
	idMaxSizeLength   = 0x42f3
	idDocType         = 0x4282
	idDocVersion      = 0x4287
	idDocReadVersion  = 0x4285
	idVoid            = 0xec
	idCRC             = 0xbf
	idSegment         = 0x18538067
	idSeekHead        = 0x114d9b74
	idSeek            = 0x4dbb
	idSeekID          = 0x53ab
	idSeekPosition    = 0x53ac
	idInfo            = 0x1549a966
	idScale           = 0x2ad7b1
	idDuration        = 0x4489
	idDate            = 0x4461
	idTitle           = 0x7ba9
	idMuxer           = 0x4d80
	idWriter          = 0x5741
	idTracks          = 0x1654ae6b
	idTrackEntry      = 0xae
	idTrackNumber     = 0xd7
	idTrackUID        = 0x73c5
	idTrackType       = 0x83
	idFlagLacing      = 0x9c
	idEvery           = 0x23e383
	idCodec           = 0x86
	idCodecPrivate    = 0x63a2
	idVideo           = 0xe0
	idWidth           = 0xb0
	idHeight          = 0xba
	idColourSpace     = 0x2eb524
	idAudio           = 0xe1
	idSampling        = 0xb5
	idChannels        = 0x9f
	idBitDepth        = 0x6264
	idCluster         = 0x1f43b675
	idTimestamp       = 0xe7
	idSimpleBlock     = 0xa3
	idCues            = 0x1c53bb6b
	idCuePoint        = 0xbb
	idCueTime         = 0xb3
	idCueTrackPlace   = 0xb7
	idCueTrack        = 0xf7
	idCueClusterPlace = 0xf1
)

const (
	typeVideo = 1
	typeAudio = 2

	// unknownSize is a size of eight bytes that says nothing.
	unknownSize = "\x01\xff\xff\xff\xff\xff\xff\xff"

	// seekRoom is reserved for the seek head: three entries take 67 bytes.
	seekRoom = 128
	// durationRoom is what a duration takes: identifier, size, eight bytes.
	durationRoom = 11
)

// Track is one stream of pictures or sound.
type Track struct {
	// Codec is its identifier (draft-ietf-cellar-codec), Private what the codec
	// needs to begin.
	Codec   string
	Private []byte

	// Of pictures; FourCC of V_UNCOMPRESSED alone.
	Width, Height int
	FourCC        string
	// Every is from one picture to the next, as far as it is known and the same;
	// players guess it otherwise, by looking at many. ReadHead does not give it.
	Every time.Duration

	// Of sound.
	SampleRate, Channels, Bits int
}

// Picture says whether it is a stream of pictures.
func (t Track) Picture() bool { return t.Width > 0 }

// Head is what stands before the first cluster.
type Head struct {
	Title  string
	Date   time.Time // when the recording began
	Tracks []Track   // numbered from 1
}

// epoch is the beginning of Matroska's dates.
var epoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// Front is a head as it stands in the file, and where its reserved places are.
type Front struct {
	Bytes []byte

	segment, seek, duration, info, tracks int
}

// NewFront writes a head.
func NewFront(h Head) (Front, error) {
	if len(h.Tracks) < 1 || len(h.Tracks) > MaxTracks {
		return Front{}, fmt.Errorf("matroska: %d tracks", len(h.Tracks))
	}
	var f Front
	b := element(nil, idEBML, flat(
		number(nil, idVersion, 1), number(nil, idReadVersion, 1), number(nil, idMaxIDLength, 4), number(nil, idMaxSizeLength, 8),
		element(nil, idDocType, []byte("matroska")), number(nil, idDocVersion, 4), number(nil, idDocReadVersion, 2)))
	b = append(identifier(b, idSegment), unknownSize...)
	f.segment, f.seek = len(b), len(b)
	b = void(b, seekRoom)
	f.info = len(b)
	about := flat(
		number(nil, idScale, uint64(Scale)),
		element(nil, idDate, binary.BigEndian.AppendUint64(nil, uint64(h.Date.Sub(epoch)))),
		element(nil, idTitle, []byte(h.Title)),
		element(nil, idMuxer, []byte("Video Club")), element(nil, idWriter, []byte("Video Club")))
	b = element(b, idInfo, void(about, durationRoom))
	f.duration = len(b) - durationRoom
	f.tracks = len(b)
	var entries []byte
	for i, t := range h.Tracks {
		entries = element(entries, idTrackEntry, entry(i+1, t))
	}
	f.Bytes = element(b, idTracks, entries)
	if len(f.Bytes) > maxHead {
		return Front{}, fmt.Errorf("matroska: a head of %d bytes", len(f.Bytes))
	}
	return f, nil
}

// entry is the content of a TrackEntry.
func entry(n int, t Track) []byte {
	b := flat(number(nil, idTrackNumber, uint64(n)), number(nil, idTrackUID, uint64(n)), number(nil, idFlagLacing, 0), element(nil, idCodec, []byte(t.Codec)))
	if len(t.Private) > 0 {
		b = element(b, idCodecPrivate, t.Private)
	}
	if t.Picture() {
		v := flat(number(nil, idWidth, uint64(t.Width)), number(nil, idHeight, uint64(t.Height)))
		if t.FourCC != "" {
			v = element(v, idColourSpace, []byte(t.FourCC))
		}
		if t.Every > 0 {
			b = number(b, idEvery, uint64(t.Every))
		}
		return element(number(b, idTrackType, typeVideo), idVideo, v)
	}
	a := element(nil, idSampling, float(float64(t.SampleRate)))
	a = number(a, idChannels, uint64(t.Channels))
	if t.Bits > 0 {
		a = number(a, idBitDepth, uint64(t.Bits))
	}
	return element(number(b, idTrackType, typeAudio), idAudio, a)
}

// Block is one picture or a piece of sound.
type Block struct {
	Track int // from 1
	At    time.Duration
	Key   bool // nothing before it is needed to decode it
	Data  []byte
}

// AppendCluster writes blocks, in the order in which they are to stand, as one
// cluster with a checksum of its own.
func AppendCluster(dst []byte, blocks []Block) ([]byte, error) {
	if len(blocks) == 0 {
		return nil, fmt.Errorf("matroska: a cluster without blocks")
	}
	first, last, size := blocks[0].At, blocks[0].At, 0
	for _, b := range blocks {
		first, last = min(first, b.At), max(last, b.At)
		size += len(b.Data) + 16
		if b.Track < 1 || b.Track > MaxTracks {
			return nil, fmt.Errorf("matroska: a block of track %d", b.Track)
		}
	}
	if first < 0 || last-first > MaxSpan || size > MaxCluster-64 {
		return nil, fmt.Errorf("matroska: a cluster of %d bytes from %v to %v", size, first, last)
	}
	begin := units(first)
	stamp := number(nil, idTimestamp, uint64(begin))
	whole := 6 + len(stamp)
	for _, b := range blocks {
		whole += 1 + len(length(nil, 4+len(b.Data))) + 4 + len(b.Data)
	}
	dst = length(identifier(slices.Grow(dst, whole+16), idCluster), whole)
	// The checksum is little-endian, and stands first (RFC 8794, section 11.3.1).
	dst = append(dst, idCRC, 0x84, 0, 0, 0, 0)
	from := len(dst)
	dst = append(dst, stamp...)
	for _, b := range blocks {
		dst = length(identifier(dst, idSimpleBlock), 4+len(b.Data))
		flags := byte(0)
		if b.Key {
			flags = 0x80
		}
		at := uint16(units(b.At) - begin)
		dst = append(dst, 0x80|byte(b.Track), byte(at>>8), byte(at), flags)
		dst = append(dst, b.Data...)
	}
	binary.LittleEndian.PutUint32(dst[from-4:], crc32.ChecksumIEEE(dst[from:]))
	return dst, nil
}

// units is a time in the file, rounded.
func units(d time.Duration) int64 { return int64((d + Scale/2) / Scale) }

// Cue says where a cluster begins that has a picture to begin with, or sound.
type Cue struct {
	At      time.Duration
	Track   int
	Cluster int64 // its offset in the file
}

// Patch replaces bytes that were reserved.
type Patch struct {
	Offset int64
	Bytes  []byte
}

// End gives what is appended after the last cluster, which ends at offset, and
// what replaces the reserved places, so that players know the duration and
// where to go on.
func (f Front) End(offset int64, duration time.Duration, cues []Cue) (tail []byte, patches []Patch) {
	var points []byte
	for _, c := range cues {
		place := flat(number(nil, idCueTrack, uint64(c.Track)), number(nil, idCueClusterPlace, uint64(c.Cluster-int64(f.segment))))
		points = element(points, idCuePoint, element(number(nil, idCueTime, uint64(units(c.At))), idCueTrackPlace, place))
	}
	seek := flat(f.entry(idInfo, int64(f.info)), f.entry(idTracks, int64(f.tracks)))
	if len(cues) > 0 {
		tail = element(nil, idCues, points)
		seek = append(seek, f.entry(idCues, offset)...)
	}
	head := element(nil, idSeekHead, seek)
	head = void(head, seekRoom-len(head))
	lasts := element(nil, idDuration, float(float64(duration)/float64(Scale)))
	return tail, []Patch{{int64(f.seek), head}, {int64(f.duration), lasts}}
}

// entry is one Seek: where an element is, from the segment's content on.
func (f Front) entry(id uint32, offset int64) []byte {
	return element(nil, idSeek, flat(element(nil, idSeekID, identifier(nil, id)), number(nil, idSeekPosition, uint64(offset-int64(f.segment)))))
}

func flat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// identifier appends an identifier, which has its length marked already.
func identifier(b []byte, id uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if id>>shift != 0 {
			b = append(b, byte(id>>shift))
		}
	}
	return b
}

// length appends a size in as few bytes as carry it (RFC 8794, section 6); all
// ones are kept for what is unknown.
func length(b []byte, n int) []byte {
	for width := 1; width <= 8; width++ {
		if n < 1<<(7*width)-1 {
			v := uint64(n) | 1<<(7*width)
			for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
				b = append(b, byte(v>>shift))
			}
			return b
		}
	}
	panic("matroska: a size beyond 2^56") // more than there is memory
}

func element(b []byte, id uint32, content []byte) []byte {
	return append(length(identifier(b, id), len(content)), content...)
}

// number appends an unsigned integer in as few bytes as carry it.
func number(b []byte, id uint32, n uint64) []byte {
	long := binary.BigEndian.AppendUint64(nil, n)
	for len(long) > 1 && long[0] == 0 {
		long = long[1:]
	}
	return element(b, id, long)
}

func float(v float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)) }

// void appends an element of n bytes in all, from 2 to 128, that says nothing.
func void(b []byte, n int) []byte {
	return element(b, idVoid, make([]byte, n-2))
}
