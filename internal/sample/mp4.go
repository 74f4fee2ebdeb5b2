package sample

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The film for browsers is an ISO base media file (ISO/IEC 14496-12), with H.264
// as ISO/IEC 14496-15 and FLAC as Xiph's "Encapsulation of FLAC in ISO Base Media
// File Format" have it: ftyp, moov, mdat. Everything is big-endian. What moov
// says is known only at the end, but its length is known before.
const (
	timescale  = SampleRate // of everything: a sample of sound
	pictureFor = SampleRate / FrameRate
	videoTrack = 1
	soundTrack = 2
	boxHead    = 8 // length and name
)

// unity is the matrix that leaves a picture where it is (section 6.2.2).
var unity = []any{uint32(1 << 16), uint32(0), uint32(0), uint32(0), uint32(1 << 16), uint32(0), uint32(0), uint32(0), uint32(1 << 30)}

// mp4 is what is known of a film so far.
type mp4 struct {
	seconds  int
	front    []byte // of the sound
	pictures []uint32
	sounds   []uint32
	chunks   [2][]uint32 // where each second of a track begins
	body     uint32      // bytes of mdat so far
}

// WriteMP4 is Write with a film that browsers play by themselves: an MP4 file
// with pictures in H.264, of which nothing is lost, and sound in FLAC.
func WriteMP4(w io.WriteSeeker, seconds int) error {
	if seconds < 1 || seconds > MaxSeconds {
		return fmt.Errorf("a sample of %d seconds cannot be made: it takes 1 to %d", seconds, MaxSeconds)
	}
	start, err := w.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("begin the sample: %w", err)
	}
	sound, err := newTape()
	if err != nil {
		return fmt.Errorf("begin the sound of the sample: %w", err)
	}
	film := &mp4{seconds: seconds, front: sound.front}
	if _, err := w.Write(film.header()); err != nil {
		return fmt.Errorf("begin the sample: %w", err)
	}
	if err := film.fill(w, sound); err != nil {
		return err
	}
	if _, err := w.Seek(start, io.SeekStart); err != nil {
		return fmt.Errorf("finish the sample: %w", err)
	}
	header := film.header()
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("finish the sample: %w", err)
	}
	if _, err = w.Seek(start+int64(len(header))+int64(film.body), io.SeekStart); err != nil {
		return fmt.Errorf("finish the sample: %w", err)
	}
	return nil
}

// fill writes the pictures and the sound, second by second.
func (f *mp4) fill(w io.Writer, sound *tape) error {
	card := newCard(f.seconds * FrameRate)
	canvas, pictures := card.canvas(), &coder{}
	for second := range f.seconds {
		var video, audio []byte
		for i := range FrameRate {
			card.draw(canvas, second*FrameRate+i)
			unit := pictures.code(canvas)
			before := len(video)
			video = binary.BigEndian.AppendUint32(video, uint32(len(unit)))
			video = append(video, unit...)
			f.pictures = append(f.pictures, uint32(len(video)-before))
			frame, err := sound.frame()
			if err != nil {
				return fmt.Errorf("encode second %d of the sample: %w", second, err)
			}
			audio = append(audio, frame...)
			f.sounds = append(f.sounds, uint32(len(frame)))
		}
		f.chunks[0] = append(f.chunks[0], f.body)
		f.chunks[1] = append(f.chunks[1], f.body+uint32(len(video)))
		f.body += uint32(len(video) + len(audio))
		if _, err := w.Write(append(video, audio...)); err != nil {
			return fmt.Errorf("write second %d of the sample: %w", second, err)
		}
	}
	return nil
}

// header is all that stands before the pictures and the sound; its length is
// always the same.
func (f *mp4) header() []byte {
	ftyp := box("ftyp", "isom", uint32(0x200), "isom", "iso2", "avc1", "mp41")
	mdat := append(binary.BigEndian.AppendUint32(nil, boxHead+f.body), "mdat"...)
	body := len(ftyp) + len(f.moov(0)) + len(mdat)
	return slices.Concat(ftyp, f.moov(uint32(body)), mdat)
}

// moov says what there is and where, with the body at that place of the file.
func (f *mp4) moov(body uint32) []byte {
	lasts := uint32(f.seconds * timescale)
	return box("moov",
		full("mvhd", 0, uint32(0), uint32(0), uint32(timescale), lasts, uint32(1<<16), uint16(1<<8), uint16(0), uint64(0), unity, make([]byte, 24), uint32(3)),
		f.track(videoTrack, body, f.pictures, video(), full("vmhd", 1, make([]byte, 8)), "vide"),
		f.track(soundTrack, body, f.sounds, audio(f.front), full("smhd", 0, uint32(0)), "soun"))
}

// track is one of the two.
func (f *mp4) track(id, body uint32, sizes []uint32, entry, media []byte, kind string) []byte {
	count := f.seconds * FrameRate
	all := make([]uint32, count) // what is not known yet is zero
	copy(all, sizes)
	chunks := make([]uint32, f.seconds)
	for i, at := range f.chunks[id-1] {
		chunks[i] = body + at
	}
	width, height, volume, keys := uint32(0), uint32(0), uint16(1<<8), []byte(nil)
	if id == videoTrack {
		width, height, volume = Width<<16, Height<<16, 0
		var list []uint32
		for i := 0; i < count; i += keyEvery {
			list = append(list, uint32(i+1))
		}
		keys = full("stss", 0, uint32(len(list)), list)
	}
	lasts := uint32(f.seconds * timescale)
	return box("trak",
		full("tkhd", 3, uint32(0), uint32(0), id, uint32(0), lasts, uint64(0), uint16(0), uint16(0), volume, uint16(0), unity, width, height),
		box("mdia",
			full("mdhd", 0, uint32(0), uint32(0), uint32(timescale), lasts, uint16(0x55c4), uint16(0)), // "und"
			full("hdlr", 0, uint32(0), kind, make([]byte, 12), "Video Club\x00"),
			box("minf", media,
				box("dinf", full("dref", 0, uint32(1), full("url ", 1))),
				box("stbl",
					full("stsd", 0, uint32(1), entry),
					full("stts", 0, uint32(1), uint32(count), uint32(pictureFor)),
					keys,
					full("stsc", 0, uint32(1), uint32(1), uint32(FrameRate), uint32(1)),
					full("stsz", 0, uint32(0), uint32(count), all),
					full("stco", 0, uint32(len(chunks)), chunks)))))
}

// video says what the pictures are.
func video() []byte {
	sps, pps := sequence(), parameters()
	record := slices.Concat([]byte{1}, sps[1:4], []byte{0xff, 0xe1, 0, byte(len(sps))}, sps, []byte{1, 0, byte(len(pps))}, pps)
	return box("avc1", make([]byte, 6), uint16(1), make([]byte, 16), uint16(Width), uint16(Height), uint32(72<<16), uint32(72<<16), uint32(0), uint16(1),
		make([]byte, 32), uint16(24), uint16(0xffff),
		box("avcC", record),
		box("colr", "nclx", uint16(colours[0]), uint16(colours[1]), uint16(colours[2]), uint8(0x80)))
}

// audio says what the sound is.
func audio(front []byte) []byte {
	return box("fLaC", make([]byte, 6), uint16(1), uint64(0), uint16(Channels), uint16(sampleBits), uint32(0), uint32(SampleRate<<16), full("dfLa", 0, front))
}

// box is one of that name with those parts: numbers, texts, bytes and lists of
// them.
func box(name string, parts ...any) []byte {
	b := appendParts(append(make([]byte, 4), name...), parts)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// full is a box with a version, which is 0, and flags (section 4.2).
func full(name string, flags uint32, parts ...any) []byte {
	return box(name, slices.Concat([]any{flags}, parts)...)
}

func appendParts(b []byte, parts []any) []byte {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []any:
			b = appendParts(b, p)
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, p); err != nil {
				panic("sample: a part of variable size: " + err.Error()) // a fault of this file alone
			}
		}
	}
	return b
}
