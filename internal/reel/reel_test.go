package reel

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"videoclub/internal/matroska"
	"videoclub/internal/sample"
)

const ms = time.Millisecond

// file is a Source in memory, of which as much is there as is shown.
type file struct {
	*bytes.Reader
	shown int64
}

func of(p []byte) *file { return &file{bytes.NewReader(p), int64(len(p))} }

func (f *file) Size() int64 { return f.shown }

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	if at >= f.shown {
		return 0, io.EOF
	}
	n, err := f.Reader.ReadAt(p[:min(int64(len(p)), f.shown-at)], at)
	if n < len(p) && err == nil {
		err = io.EOF
	}
	return n, err
}

// seeker is a file that is written in memory.
type seeker struct {
	p  []byte
	at int
}

func (s *seeker) Write(p []byte) (int, error) {
	if more := s.at + len(p) - len(s.p); more > 0 {
		s.p = append(s.p, make([]byte, more)...)
	}
	s.at += copy(s.p[s.at:], p)
	return len(p), nil
}

func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset += int64(s.at)
	}
	s.at = int(offset)
	return offset, nil
}

// film is the sample film, of two seconds.
var film = sync.OnceValue(func() []byte {
	var s seeker
	if err := sample.Write(&s, 2); err != nil {
		panic(err)
	}
	return s.p
})

// small is a JPEG picture whose grey says which it is.
func small(n int) []byte {
	m := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range m.Pix {
		m.Pix[i] = byte(n)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 100}); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// number is which picture it is.
func number(t *testing.T, p []byte) int {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	return int(color.GrayModel.Convert(m.At(4, 4)).(color.Gray).Y)
}

const perCluster = 800 // samples of sound

// recording is one of n clusters of 100 ms that begins at a time: each has two
// pictures, and sound of which each sample is its number.
func recording(t testing.TB, n int, begin time.Duration, without ...int) ([]byte, []int64) {
	t.Helper()
	front, err := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{
		{Codec: "V_MJPEG", Width: 8, Height: 8}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := bytes.Clone(front.Bytes)
	ends := []int64{int64(len(p))}
	for i := range n {
		at := begin + time.Duration(i)*100*ms
		var sound []byte
		for s := range perCluster {
			sound = binary.LittleEndian.AppendUint16(sound, uint16(i*perCluster+s))
		}
		blocks := []matroska.Block{{Track: 1, At: at, Key: true, Data: small(2 * i)}, {Track: 2, At: at, Key: true, Data: sound}, {Track: 1, At: at + 50*ms, Key: true, Data: small(2*i + 1)}}
		if len(without) == 2 && i >= without[0] && i < without[1] {
			continue
		}
		if p, err = matroska.AppendCluster(p, blocks); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int64(len(p)))
	}
	return p, ends
}

func look(t testing.TB, src Source) Film {
	t.Helper()
	f, err := Look(src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestKinds(t *testing.T) {
	mkv, _ := recording(t, 3, 0)
	for name, c := range map[string]struct {
		p    []byte
		kind Kind
		kept string
	}{
		"jpeg":        {small(1), Image, "image/jpeg"},
		"png":         {[]byte("\x89PNG\r\n\x1a\n...."), Image, "image/png"},
		"webp":        {[]byte("RIFF\x04\x00\x00\x00WEBPVP8 "), Image, "image/webp"},
		"no riff":     {[]byte("RAFF\x04\x00\x00\x00WEBPVP8\x00"), Data, "application/octet-stream"},
		"mp4":         {[]byte("\x00\x00\x00\x18ftypmp42\x00\x00"), Video, "video/mp4"},
		"m4a":         {[]byte("\x00\x00\x00\x18ftypM4A \x00\x00"), Audio, "audio/mp4"},
		"wav":         {[]byte("RIFF\x04\x00\x00\x00WAVEfmt "), Audio, "audio/wav"},
		"flac":        {[]byte("fLaC\x00\x00"), Audio, "audio/flac"},
		"webm":        {[]byte("\x1a\x45\xdf\xa3\x90\x42\x82\x84webm"), Video, "video/webm"},
		"foreign mkv": {[]byte("\x1a\x45\xdf\xa3\x90\x42\x82\x88matroska"), Video, "video/x-matroska"},
		"avi":         {film(), Pictures, "video/x-msvideo"},
		"foreign avi": {[]byte("RIFF\x04\x00\x00\x00AVI LIST"), Data, "video/x-msvideo"},
		"recording":   {mkv, Pictures, "video/x-matroska"},
		"text":        {[]byte("«hola»\n"), Text, "text/plain; charset=utf-8"},
		"html":        {[]byte("<!doctype html><script>alert(1)</script>"), Text, "text/plain; charset=utf-8"},
		"svg":         {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), Text, "text/plain; charset=utf-8"},
		"long text":   {bytes.Repeat([]byte("ñ"), sniffed), Text, "text/plain; charset=utf-8"},
		"cut text":    {append([]byte("."), bytes.Repeat([]byte("ñ"), sniffed)...), Text, "text/plain; charset=utf-8"},
		"binary":      {[]byte{1, 2, 3, 0}, Data, "application/octet-stream"},
		"nothing":     {nil, Data, "application/octet-stream"},
	} {
		f := look(t, of(c.p))
		if f.Kind != c.kind || f.Type != c.kept || (f.Strip() != nil) != (c.kind == Pictures) {
			t.Errorf("%s: it is %s, %s", name, f.Kind, f.Type)
		}
	}
}

// The pictures come whole, in order, with their times, and from any time on.
func TestPictures(t *testing.T) {
	mkv, _ := recording(t, 50, 3*time.Hour)
	for name, c := range map[string]struct {
		p     []byte
		count int
		step  time.Duration
	}{"recording": {mkv, 100, 50 * ms}, "avi": {film(), 2 * sample.FrameRate, time.Second / sample.FrameRate}} {
		t.Run(name, func(t *testing.T) {
			f := look(t, of(c.p))
			if want := time.Duration(c.count) * c.step; f.Duration != want {
				t.Errorf("it lasts %v instead of %v", f.Duration, want)
			}
			s := f.Strip()
			var all [][]byte
			for {
				p, err := s.Next()
				if err == io.EOF {
					break
				}
				if err != nil || p.At != time.Duration(len(all))*c.step {
					t.Fatalf("picture %d at %v: %v", len(all), p.At, err)
				}
				if m, err := jpeg.Decode(bytes.NewReader(p.JPEG)); err != nil || m.Bounds().Dx() != f.Width || m.Bounds().Dy() != f.Height {
					t.Fatalf("picture %d: %v", len(all), err)
				}
				all = append(all, bytes.Clone(p.JPEG))
			}
			if len(all) != c.count {
				t.Fatalf("%d pictures instead of %d", len(all), c.count)
			}
			for _, n := range []int{0, 1, 2, c.count / 2, c.count - 2, c.count - 1} {
				for _, at := range []time.Duration{time.Duration(n) * c.step, time.Duration(n)*c.step + c.step/2} {
					s := f.Strip()
					if err := s.Seek(at + time.Microsecond); err != nil {
						t.Fatal(err)
					}
					if p, err := s.Next(); err != nil || !bytes.Equal(p.JPEG, all[n]) {
						t.Errorf("at %v there is picture %v instead of %d: %v", at, p.At/c.step, n, err)
					}
				}
			}
			for _, beyond := range []func() error{s.Latest, func() error { return s.Seek(time.Hour) }} {
				if err := beyond(); err != nil {
					t.Fatal(err)
				}
				if p, err := s.Next(); err != nil || !bytes.Equal(p.JPEG, all[c.count-1]) {
					t.Errorf("the latest is at %v: %v", p.At, err)
				}
				if _, err := s.Next(); err != io.EOF {
					t.Errorf("after the latest: %v", err)
				}
			}
		})
	}
}

// A film that grows byte by byte is shown as far as it is there.
func TestGrowing(t *testing.T) {
	mkv, ends := recording(t, 4, 0)
	src := of(mkv)
	src.shown = ends[0]
	f := look(t, src)
	if f.Kind != Pictures || f.Duration != 0 {
		t.Fatalf("only the front: %+v", f)
	}
	s := f.Strip()
	if _, err := s.Next(); err != io.EOF {
		t.Fatalf("of nothing there is a picture: %v", err)
	}
	if _, err := f.Recording.Latest(); err != io.EOF {
		t.Errorf("of nothing there is a latest cluster: %v", err)
	}
	got := 0
	for src.shown = ends[0]; src.shown <= int64(len(mkv)); src.shown++ {
		for {
			p, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil || number(t, p.JPEG) != got {
				t.Fatalf("with %d bytes picture %d: %v", src.shown, got, err)
			}
			got++
		}
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= src.shown {
			whole++
		}
		if got != 2*whole {
			t.Fatalf("with %d bytes, %d clusters, there are %d pictures", src.shown, whole, got)
		}
	}
	// Cut back, as after a crash, it is as it was.
	src.shown = ends[1] + 1
	f = look(t, src)
	if s := f.Strip(); s.Latest() != nil {
		t.Error("cut back it has no latest picture")
	} else if p, err := s.Next(); err != nil || number(t, p.JPEG) != 1 {
		t.Errorf("cut back: %v", err)
	}
	if at, err := f.Recording.Latest(); err != nil || at != ends[0] {
		t.Errorf("cut back, the latest cluster is at %d: %v", at, err)
	}
	if f.Duration != 100*ms {
		t.Errorf("cut back, it lasts %v", f.Duration)
	}
}

// Sound is a WAV file in any pieces, and a gap is silence.
func TestSound(t *testing.T) {
	mkv, _ := recording(t, 30, time.Hour, 10, 12)
	f := look(t, of(mkv))
	samples := 30 * perCluster
	if f.Sound == nil || f.Sound.Bytes != int64(2*samples) {
		t.Fatalf("its sound is %+v", f.Sound)
	}
	all, err := io.ReadAll(f.Sound.Wave())
	if err != nil || len(all) != WaveHeader+2*samples {
		t.Fatalf("%d bytes: %v", len(all), err)
	}
	if string(all[:4]) != "RIFF" || binary.LittleEndian.Uint32(all[40:]) != uint32(2*samples) || binary.LittleEndian.Uint32(all[24:]) != 8000 {
		t.Errorf("its header is % x", all[:WaveHeader])
	}
	for i := range samples {
		want := uint16(i)
		if n := i / perCluster; n >= 10 && n < 12 {
			want = 0
		}
		if got := binary.LittleEndian.Uint16(all[WaveHeader+2*i:]); got != want {
			t.Fatalf("sample %d is %d", i, got)
		}
	}
	checkRanges(t, f.Sound, all)

	avi := look(t, of(film()))
	all, err = io.ReadAll(iotest.OneByteReader(avi.Sound.Wave()))
	if err != nil || len(all) != WaveHeader+2*sample.SampleRate*4 {
		t.Fatalf("of AVI %d bytes: %v", len(all), err)
	}
	if !bytes.Contains(film(), all[WaveHeader:WaveHeader+100]) || bytes.Count(all[WaveHeader:], []byte{0}) == len(all)-WaveHeader {
		t.Error("of AVI it is another sound")
	}
	checkRanges(t, avi.Sound, all)
}

// checkRanges reads parts of a WAV file from places on.
func checkRanges(t *testing.T, s *Sound, all []byte) {
	t.Helper()
	w := s.Wave()
	for _, from := range []int{0, 1, WaveHeader - 1, WaveHeader, WaveHeader + 1, WaveHeader + 2, 8001, len(all) / 2, len(all)/3 | 1, len(all) - 3, len(all) - 1} {
		for _, n := range []int{1, 2, 3, 5000} {
			n = min(n, len(all)-from)
			p := make([]byte, n)
			if _, err := w.Seek(int64(from), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(w, p); err != nil || !bytes.Equal(p, all[from:from+n]) {
				t.Errorf("%d bytes from %d differ: %v", n, from, err)
			}
		}
	}
	if end, err := w.Seek(0, io.SeekEnd); err != nil || end != int64(len(all)) {
		t.Errorf("it ends at %d: %v", end, err)
	}
}

// What is followed is a recording that begins with the latest cluster with which a
// player can begin, and that players need not wait for.
func TestFollow(t *testing.T) {
	mkv, ends := recording(t, 5, time.Hour)
	src := of(mkv)
	src.shown = ends[4] + 10
	f := look(t, src)
	at, err := f.Recording.Latest()
	if err != nil || at != ends[3] {
		t.Fatalf("the latest is at %d instead of %d: %v", at, ends[3], err)
	}
	followed, err := f.Recording.Front()
	if err != nil || !bytes.Contains(followed, []byte{0x23, 0xe3, 0x83, 0x84, 0x02, 0xfa, 0xf0, 0x80}) { // 50 ms
		t.Fatalf("the front is % x: %v", followed, err)
	}
	live := f.Recording.Live(at)
	for range 2 {
		p, err := live.Next()
		if err != nil {
			t.Fatal(err)
		}
		followed = append(followed, p...)
		if _, err := live.Next(); src.shown < int64(len(mkv)) && err != io.EOF {
			t.Errorf("behind what is whole: %v", err)
		}
		src.shown = int64(len(mkv))
	}
	again := look(t, of(followed))
	if again.Kind != Pictures || again.Duration != 200*ms || again.Sound == nil {
		t.Fatalf("it is %+v", again)
	}
	s := again.Strip()
	for n := 6; n < 10; n++ {
		p, err := s.Next()
		if err != nil || number(t, p.JPEG) != n || p.At != time.Duration(n-6)*50*ms {
			t.Errorf("picture %d at %v: %v", n, p.At, err)
		}
	}
	c, err := matroska.ReadHead(of(followed), int64(len(followed)))
	if err != nil {
		t.Fatal(err)
	}
	if first, err := matroska.ReadCluster(of(followed), c.Clusters, int64(len(followed))); err != nil || first.Blocks[0].At != 0 {
		t.Errorf("it begins at %v: %v", first.Blocks, err)
	}
}

// Pictures without tables and uncompressed ones become JPEG.
func TestWhole(t *testing.T) {
	p := small(200)
	from, to, found := segment(p, markerTables)
	if !found {
		t.Fatal("it has no tables")
	}
	bare := append(bytes.Clone(p[:from]), p[to:]...)
	if _, err := jpeg.Decode(bytes.NewReader(bare)); err == nil {
		t.Fatal("without tables it is decoded")
	}
	if got := whole(bare); number(t, got) != number(t, p) {
		t.Error("with tables it is another")
	}
	for _, bad := range [][]byte{nil, {0xff}, {0xff, 0xd8, 0xff}, []byte("hola"), {0xff, 0xd8, 0xff, 0xff, 0xff}} {
		if got := whole(bad); got != nil && !bytes.Equal(got, bad) {
			t.Errorf("% x becomes % x", bad, got)
		}
	}
	for fourCC, raw := range map[string][]byte{"YUY2": bytes.Repeat([]byte{90, 128}, 64), "NV12": append(bytes.Repeat([]byte{90}, 64), bytes.Repeat([]byte{128}, 32)...)} {
		press := newPress(fourCC, 8, 8)
		if n := number(t, press.encode(raw)); n < 88 || n > 92 {
			t.Errorf("%s becomes %d", fourCC, n)
		}
		if press.encode(raw[1:]) != nil {
			t.Errorf("%s: a cut one is a picture", fourCC)
		}
	}
	if newPress("RGB3", 8, 8) != nil || newPress("YUY2", 1<<20, 1<<20) != nil || newPress("NV12", 3, 3) != nil {
		t.Error("an unknown or impossible form is pressed")
	}
}

// exercise does with a file all that a browser can ask for.
func exercise(t *testing.T, src Source) {
	f, err := Look(src)
	if err != nil {
		return
	}
	for _, at := range []time.Duration{0, 50 * ms, time.Second, time.Hour} {
		if s := f.Strip(); s != nil {
			if s.Seek(at) == nil {
				s.Next()
			}
			if s.Latest() == nil {
				s.Next()
			}
		}
	}
	if f.Sound != nil {
		w := f.Sound.Wave()
		for _, at := range []int64{0, WaveHeader, f.Sound.Bytes / 2} {
			w.Seek(at, io.SeekStart)
			io.CopyN(io.Discard, w, 4096)
		}
	}
	if f.Recording != nil {
		f.Recording.Front()
		if at, err := f.Recording.Latest(); err == nil {
			f.Recording.Live(at).Next()
		}
	}
}

func FuzzLook(f *testing.F) {
	mkv, ends := recording(f, 3, 0)
	f.Add(mkv)
	f.Add(mkv[:ends[1]+30])
	sounding, _ := flacRecording(f, 2)
	f.Add(sounding)
	f.Add(film()[:20_000])
	f.Add([]byte("RIFF\x00\x00\x00\x00AVI LIST\x04\x00\x00\x00hdrlLIST\x04\x00\x00\x00movi00dc\xff\xff\xff\xff"))
	f.Add(small(3))
	f.Fuzz(func(t *testing.T, p []byte) { exercise(t, of(p)) })
}

// Lengths in a film that are damaged, each alone, make it end and not go wrong.
func TestDamaged(t *testing.T) {
	mkv, _ := recording(t, 6, 0)
	sounding, _ := flacRecording(t, 3)
	for _, p := range map[string][]byte{"recording": mkv, "with FLAC": sounding, "avi": film()[:60_000]} {
		for at := 0; at < len(p); at += 1 + at/64 {
			for _, v := range []byte{0, 0x7f, 0xff} {
				q := bytes.Clone(p)
				q[at] = v
				exercise(t, of(q))
			}
		}
		for _, cut := range []int{1, 12, 13, 200, 4096, len(p) / 2, len(p) - 1} {
			exercise(t, of(p[:min(cut, len(p))]))
		}
	}
}

// A recording of which the first clusters were given back to the file system can be
// seen from its end: of the first one there is what shares a block with the head.
func TestGivenBack(t *testing.T) {
	front, err := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 8, Height: 8}}})
	if err != nil {
		t.Fatal(err)
	}
	p, last := bytes.Clone(front.Bytes), 0
	for n := range 5 {
		last = len(p)
		at := time.Duration(n) * 100 * ms
		if p, err = matroska.AppendCluster(p, []matroska.Block{{Track: 1, At: at, Key: true, Data: bytes.Repeat([]byte{1}, 10_000)}}); err != nil {
			t.Fatal(err)
		}
	}
	const block = 4096
	clear(p[block : last/block*block])
	f := look(t, of(p))
	if f.Recording == nil || f.Kind != Pictures {
		t.Fatalf("it is %+v", f)
	}
	if at, err := f.Recording.Latest(); at != int64(last) || err != nil {
		t.Errorf("the latest is at %d, not %d: %v", at, last, err)
	}
}
