package reel

import (
	"encoding/binary"
	"io"
	"slices"
	"time"
)

// An AVI film is a RIFF file ("AVI RIFF File Reference" of Microsoft's
// DirectShow documentation): a list of headers, and lists of chunks in the order
// in which they are played. Its index is not used: it may be missing, is at the
// end, and would have to be distrusted.

// Bounds of an AVI film.
const (
	// headerBytes is the most that is read of the headers.
	headerBytes = 256 << 10
	// mostChunks is how many chunks are passed at most for one question: those of
	// a day at 30 pictures a second, with sound.
	mostChunks = 6_000_000
	// mostMarks is how many places are remembered.
	mostMarks = 4096
)

// avi is a film whose pictures are JPEG.
type avi struct {
	src         Source
	pictures    [2]byte // the stream's number as chunks have it
	sound       [2]byte
	scale, rate int64 // a picture lasts scale/rate seconds
	start       place

	marks []place // every so many chunks
	apart int     // chunks from one mark to the next
	since int
}

// place is a place among the chunks: of the next one, and how many pictures and
// bytes of sound are before it.
type place struct {
	offset   int64
	pictures int64
	sound    int64
}

// chunk is one picture or a piece of sound.
type chunk struct {
	picture bool
	from    int64
	length  int64
}

// lookAVI looks whether an AVI film has pictures that can be shown one by one.
func lookAVI(src Source, f Film) Film {
	a := &avi{src: src, start: place{offset: 12}, apart: 256}
	headers, err := a.headers()
	if err != nil {
		return f
	}
	s := &Sound{}
	stream, length, soundLength := 0, int64(0), int64(0)
	each(headers, func(name string, content []byte) {
		if name != "LIST" || len(content) < 4 || string(content[:4]) != "strl" || stream > 99 {
			return
		}
		number := [2]byte{'0' + byte(stream/10), '0' + byte(stream%10)}
		stream++
		var head, form []byte
		each(content[4:], func(name string, content []byte) {
			switch name {
			case "strh":
				head = content
			case "strf":
				form = content
			}
		})
		if len(head) < 48 || len(form) < 16 {
			return
		}
		le := binary.LittleEndian
		switch kind := string(head[:4]); {
		case kind == "vids" && a.rate == 0 && len(form) >= 20 && slices.Contains([]string{"MJPG", "mjpg", "AVRn", "JPEG"}, string(form[16:20])):
			a.pictures, a.scale, a.rate = number, int64(le.Uint32(head[20:])), int64(le.Uint32(head[24:]))
			f.Width, f.Height = int(le.Uint32(form[4:])), int(int32(le.Uint32(form[8:])))
			length = int64(le.Uint32(head[32:]))
		case kind == "auds" && s.Rate == 0:
			a.sound = number
			*s = Sound{Channels: int(le.Uint16(form[2:])), Rate: int(min(le.Uint32(form[4:]), maxRate+1)), Bits: int(le.Uint16(form[14:]))}
			if tag := le.Uint16(form); tag != 1 || s.Rate < 1 || s.Rate > maxRate || s.Channels < 1 || s.Channels > maxChannels || !slices.Contains([]int{8, 16, 24, 32}, s.Bits) {
				s.Bits = 0 // it is compressed
			}
			soundLength = int64(le.Uint32(head[32:])) * int64(max(1, le.Uint32(head[44:])))
		}
	})
	if a.rate < 1 || a.scale < 1 || a.rate/a.scale > 1000 || f.Width < 1 || f.Width > maxSide || f.Height > maxSide || f.Height < -maxSide {
		return f
	}
	f.Height = max(f.Height, -f.Height)
	f.Kind = Pictures
	f.pictures = func() Strip { return &strip{a: a, at: a.start} }
	f.Duration = a.time(min(length, src.Size()))
	if s.Bits > 0 {
		s.Bytes = min(soundLength, src.Size())
		s.tape = func() tape { return &spoken{a: a} }
		f.Sound = s
	}
	return f
}

// time is when a picture is shown.
func (a *avi) time(picture int64) time.Duration {
	return time.Duration(float64(picture) * float64(a.scale) / float64(a.rate) * float64(time.Second))
}

// headers reads the list of headers.
func (a *avi) headers() ([]byte, error) {
	p := make([]byte, 12)
	for range 16 { // something else may stand before it
		if err := full(a.src, p, a.start.offset); err != nil {
			return nil, err
		}
		length := int64(binary.LittleEndian.Uint32(p[4:]))
		if string(p[:4]) == "LIST" && string(p[8:]) == "hdrl" {
			headers := make([]byte, min(max(length-4, 0), headerBytes))
			err := full(a.src, headers, a.start.offset+12)
			a.start.offset += 8 + length + length&1
			return headers, err
		}
		a.start.offset += 8 + length + length&1
	}
	return nil, errDamaged
}

// each gives the chunks in p.
func each(p []byte, take func(name string, content []byte)) {
	for len(p) >= 8 {
		length := int64(binary.LittleEndian.Uint32(p[4:]))
		content := p[8:min(8+length, int64(len(p)))]
		take(string(p[:4]), content)
		p = p[min(8+length+length&1, int64(len(p))):]
	}
}

// next gives the picture or the piece of sound at a place and goes on behind it;
// io.EOF at the end, or where the rest is not there yet.
func (a *avi) next(at *place) (chunk, error) {
	p := make([]byte, 12)
	for range mostChunks {
		if err := full(a.src, p[:8], at.offset); err != nil {
			return chunk{}, err
		}
		length := int64(binary.LittleEndian.Uint32(p[4:]))
		if name := string(p[:4]); name == "LIST" || name == "RIFF" {
			if err := full(a.src, p, at.offset); err != nil {
				return chunk{}, err
			}
			// What they list is looked at as if it stood in the file itself.
			if inside := string(p[8:]); inside == "movi" || inside == "rec " || inside == "AVIX" {
				at.offset += 12
				continue
			}
		}
		c := chunk{from: at.offset + 8, length: length}
		if c.from+length > a.src.Size() {
			return chunk{}, io.EOF
		}
		kind := string(p[2:4])
		stream := [2]byte(p[:2])
		c.picture = stream == a.pictures && (kind == "dc" || kind == "db")
		sound := stream == a.sound && kind == "wb"
		at.offset += 8 + length + length&1
		switch {
		case c.picture:
			at.pictures++
		case sound:
			at.sound += length
		default:
			continue
		}
		a.mark(*at)
		return c, nil
	}
	return chunk{}, errDamaged
}

// mark remembers a place now and then, so that what is behind it is found again
// without passing all that is before.
func (a *avi) mark(p place) {
	if len(a.marks) > 0 && p.offset <= a.marks[len(a.marks)-1].offset {
		return
	}
	if a.since++; a.since < a.apart {
		return
	}
	a.since = 0
	if a.marks = append(a.marks, p); len(a.marks) == mostMarks {
		for i := range mostMarks / 2 {
			a.marks[i] = a.marks[2*i+1]
		}
		a.marks, a.apart = a.marks[:mostMarks/2], 2*a.apart
	}
}

// near gives the last known place that is not beyond what fits.
func (a *avi) near(fits func(place) bool) place {
	at := a.start
	for _, m := range a.marks {
		if !fits(m) {
			break
		}
		at = m
	}
	return at
}

// strip is the pictures of an AVI film.
type strip struct {
	a   *avi
	at  place
	buf []byte
}

// Seek implements Strip.
func (s *strip) Seek(at time.Duration) error {
	wanted := int64(at.Seconds() * float64(s.a.rate) / float64(s.a.scale))
	return s.find(func(p place) bool { return p.pictures <= wanted })
}

// Latest implements Strip.
func (s *strip) Latest() error { return s.find(func(place) bool { return true }) }

// find goes to the last picture before which no more are than fits.
func (s *strip) find(fits func(place) bool) error {
	err := s.findFrom(s.a.near(fits), fits)
	if err == io.EOF {
		err = s.findFrom(s.a.start, fits) // the last mark is behind the last picture
	}
	return err
}

func (s *strip) findFrom(from place, fits func(place) bool) error {
	s.at = from
	last, found := s.at, false
	for range mostChunks {
		before := s.at
		c, err := s.a.next(&s.at)
		switch {
		case found && (err == io.EOF || err == nil && c.picture && !fits(before)):
			s.at = last
			return nil
		case err != nil:
			return err
		case c.picture:
			last, found = before, true
		}
	}
	return errDamaged
}

// Next implements Strip.
func (s *strip) Next() (Picture, error) {
	for range mostChunks {
		before := s.at
		c, err := s.a.next(&s.at)
		if err != nil {
			s.at = before // it may come yet
			return Picture{}, err
		}
		if !c.picture || c.length > maxPicture {
			continue
		}
		s.buf = slices.Grow(s.buf[:0], int(c.length))[:c.length]
		if err := full(s.a.src, s.buf, c.from); err != nil {
			s.at = before
			return Picture{}, err
		}
		// One without bytes repeats the one before.
		if p := whole(s.buf); p != nil {
			return Picture{At: s.a.time(before.pictures), JPEG: p}, nil
		}
	}
	return Picture{}, errDamaged
}

// spoken is the sound of an AVI film.
type spoken struct {
	a     *avi
	at    place // behind the chunk in hand
	chunk chunk
	begin int64 // the byte of the sound at which it begins
}

// read implements tape.
func (s *spoken) read(p []byte, offset int64) (int, error) {
	if s.at.offset == 0 || offset < s.begin {
		s.at = s.a.near(func(m place) bool { return m.sound <= offset })
		s.chunk, s.begin = chunk{}, s.at.sound
	}
	for n := 0; offset >= s.begin+s.chunk.length; n++ {
		before := s.at
		c, err := s.a.next(&s.at)
		switch {
		case err != nil:
			s.at = before
			return 0, err
		case n > mostChunks:
			return 0, errDamaged
		case !c.picture:
			s.chunk, s.begin = c, before.sound
		}
	}
	inside := offset - s.begin
	p = p[:min(int64(len(p)), s.chunk.length-inside)]
	return len(p), full(s.a.src, p, s.chunk.from+inside)
}
