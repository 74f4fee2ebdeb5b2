package gallery

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/manifest"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// store is a supervisor with a store in a directory: of each key there is the
// file, or the folder KEY with the list KEY.sums.
type store struct {
	t    *testing.T
	dir  string
	room control.Room

	mu       sync.Mutex
	deposits []control.Shown
	arrivals []control.Arrival
	token    string // that opens it
	let      string // the secret of who was let in
	shown    string
	busy     bool
	checked  []control.Checked
	asked    []string // paths within folders
}

func (s *store) ask(_ context.Context, c control.Call) (r control.Reply, f *os.File, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(code reason.Code) (control.Reply, *os.File, error) {
		return control.Reply{Refusal: &control.Refusal{Code: code, Detail: "refused"}}, nil, nil
	}
	if err := c.Valid(); err != nil {
		s.t.Errorf("the session is ended: %v", err)
	}
	inside := s.token == "" || s.let != "" && s.shown == s.let
	switch {
	case c.Visit != nil:
		if s.shown = c.Visit.Secret; s.token != "" && (s.let == "" || s.shown != s.let) {
			return refuse(reason.LoginNeeded)
		}
		return control.Reply{Visitor: &control.Visitor{}}, nil, nil
	case c.Enter != nil:
		if c.Enter.Secret != s.token {
			return refuse(reason.LoginInvalid)
		}
		s.let = "a-secret"
		return control.Reply{Entered: &control.Entered{Secret: s.let}}, nil, nil
	case c.Leave != nil:
		s.let = ""
		return control.Reply{Visitor: &control.Visitor{}}, nil, nil
	case c.Store == nil || !inside:
		s.t.Errorf("asked out of turn: %+v", c)
		return refuse(reason.LoginNeeded)
	}
	a := &control.StoreAnswer{}
	switch q := *c.Store; {
	case q.Room != nil:
		a.Room = &s.room
	case q.Shelf != nil:
		a.Shelf = &control.Shelf{}
		for _, d := range s.deposits {
			if strings.Contains(d.Deposit.Name, q.Shelf.Search) {
				a.Shelf.Deposits = append(a.Shelf.Deposits, *d.Deposit)
			}
		}
	case q.Arriving != nil:
		a.Arriving = &control.Arriving{Arrivals: s.arrivals}
	case q.Show != nil:
		for i, d := range s.deposits {
			if d.Deposit.Key == q.Show.Key {
				a.Shown = &s.deposits[i]
			}
		}
		for i, one := range s.arrivals {
			if one.Key == q.Show.Key {
				a.Shown = &control.Shown{Arrival: &s.arrivals[i]}
			}
		}
		if a.Shown == nil {
			return refuse(reason.UnknownDelivery)
		}
	case q.Open != nil:
		if q.Open.Check && s.busy {
			return refuse(reason.Busy)
		}
		name := q.Open.Key
		switch {
		case q.Open.What == control.OfChecks:
			name += ".sums"
		case q.Open.What == control.OfFolders:
			name += ".folders"
		case q.Open.Within != "":
			s.asked = append(s.asked, q.Open.Within)
			if !filepath.IsLocal(q.Open.Within) {
				return refuse(reason.StoreFailed)
			}
			name += "/" + q.Open.Within
		}
		f, err := os.Open(filepath.Join(s.dir, name))
		if err != nil {
			return refuse(reason.UnknownDelivery)
		}
		a.Opened = true
		return control.Reply{Store: a}, f, nil
	case q.Checked != nil:
		s.checked = append(s.checked, *q.Checked)
		a.Done = true
	}
	return control.Reply{Store: a}, nil, nil
}

var signing = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))

// put deposits a file, or a folder of files by their paths in order.
func (s *store) put(n int, name string, files map[string][]byte, order ...string) string {
	key := fmt.Sprintf("0a1b2c3d-%d", n)
	r := receipt.Receipt{Version: receipt.Version, Delivery: key, Title: n, Name: name, Reception: "mateo", Path: name, Frames: 3,
		Promised: now.Add(time.Hour), Started: now.Add(-time.Minute), Deposited: now, Central: "0a1b2c3d" + strings.Repeat("0", 56), Receiver: strings.Repeat("e", 64)}
	d := control.Shelved{Key: key, Name: name, Title: n, Promised: r.Promised, Deposited: now, Presence: "untouched"}
	if p, ok := files[""]; ok {
		sum := sha256.Sum256(p)
		r.Size, r.SHA256 = int64(len(p)), hex.EncodeToString(sum[:])
		s.write(key, p)
	} else {
		d.Folder, d.Files, d.Presence = true, len(order), "there"
		r.Version, r.Files = receipt.VersionFolder, len(order)
		proof, sums := manifest.NewProof(), ""
		made := map[string]bool{}
		for _, path := range order {
			if dir := filepath.Dir(path); dir != "." && !made[dir] {
				made[dir] = true
				proof.Add(manifest.Entry{Kind: manifest.Folder, Path: dir}, manifest.Sum{})
			}
			p := files[path]
			e := manifest.Entry{Kind: manifest.File, Path: path, Size: int64(len(p))}
			proof.Add(e, sha256.Sum256(p))
			sums += string(e.AppendCheck(nil, sha256.Sum256(p), name))
			r.Size += int64(len(p))
			s.write(key+"/"+path, p)
		}
		r.SHA256 = proof.SHA256()
		s.write(key+".sums", []byte(sums))
		folders := ""
		for _, dir := range slices.Sorted(maps.Keys(made)) {
			folders += dir + "\x00"
		}
		s.write(key+".folders", []byte(folders))
	}
	d.Size = r.Size
	r = receipt.Sign(r, signing)
	text, err := receipt.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deposits = append(s.deposits, control.Shown{Deposit: &d, Path: name, Receipt: text, Receiver: r.Receiver, ReceiptKey: r.Key})
	return key
}

func (s *store) write(name string, p []byte) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, p, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func picture(n int) []byte {
	m := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range m.Pix {
		m.Pix[i] = byte(n)
	}
	var out bytes.Buffer
	jpeg.Encode(&out, m, nil)
	return out.Bytes()
}

// cluster is one of a recording, of 100 ms with two pictures and sound.
func cluster(t *testing.T, n int) []byte {
	t.Helper()
	at := time.Duration(n) * 100 * time.Millisecond
	p, err := matroska.AppendCluster(nil, []matroska.Block{
		{Track: 1, At: at, Key: true, Data: picture(2 * n)}, {Track: 2, At: at, Key: true, Data: bytes.Repeat([]byte{byte(n), 1}, 800)},
		{Track: 1, At: at + 50*time.Millisecond, Key: true, Data: picture(2*n + 1)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func frontOf(t *testing.T) []byte {
	t.Helper()
	f, err := matroska.NewFront(matroska.Head{Tracks: []matroska.Track{{Codec: "V_MJPEG", Width: 16, Height: 16}, {Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
	if err != nil {
		t.Fatal(err)
	}
	return f.Bytes
}

func recording(t *testing.T, clusters int) []byte {
	p := bytes.Clone(frontOf(t))
	for n := range clusters {
		p = append(p, cluster(t, n)...)
	}
	return p
}

func open(t *testing.T) (*store, *httptest.Server) {
	t.Helper()
	s := &store{t: t, dir: t.TempDir(), room: control.Room{Free: 1e9, Available: 2e9, Total: 1e10}}
	server := httptest.NewServer(Gallery{Ask: s.ask, Clock: func() time.Time { return now }}.Handler())
	t.Cleanup(server.Close)
	return s, server
}

// get asks for a path, with headers in pairs.
func get(t *testing.T, server *httptest.Server, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r, headers...)
}

func do(t *testing.T, r *http.Request, headers ...string) (*http.Response, string) {
	t.Helper()
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply, string(body)
}

// Every page is made in both languages, has its headers, and what it is about.
func TestPages(t *testing.T) {
	s, server := open(t)
	empty := map[string][2]string{}
	for _, language := range []string{"en", "es"} {
		_, body := get(t, server, "/", "Accept-Language", language)
		empty[language] = [2]string{body}
	}
	if !strings.Contains(empty["en"][0], "Nothing has arrived yet") || !strings.Contains(empty["es"][0], "Todavía no ha llegado nada") {
		t.Error("an empty store is not explained")
	}
	mkv := recording(t, 5)
	s.put(1, "La <Piedra> & \u00e1.mp4", map[string][]byte{"": []byte("\x00\x00\x00\x18ftypmp42....")})
	s.put(2, "Grabación", map[string][]byte{"": mkv})
	s.put(3, "Tono", map[string][]byte{"": []byte("RIFF....WAVEfmt ")})
	s.put(4, "Foto", map[string][]byte{"": picture(7)})
	s.put(5, "Datos", map[string][]byte{"": {0, 1, 2}})
	s.put(6, "Texto", map[string][]byte{"": []byte("<script>alert(1)</script>")})
	s.put(7, "DCP", map[string][]byte{"ASSETMAP.xml": []byte("<xml/>"), "reels/a.jpg": picture(9)}, "ASSETMAP.xml", "reels/a.jpg")
	s.deposits[2].Deposit.Presence, s.deposits[3].Deposit.Presence = "gone", "touched"
	s.deposits[4].Receipt = nil
	s.write("0a1b2c3d-8", recording(t, 2))
	s.arrivals = []control.Arrival{
		{Key: "0a1b2c3d-8", Name: "En vivo", Size: -1, Durable: 100, Written: 200, Rate: 5000, Receiving: true, Began: now},
		{Key: "0a1b2c3d-9", Name: "Lenta", Size: 1000, Durable: 500, Written: 600, Resumes: 2, Began: now, Promised: now.Add(time.Hour)},
	}
	for path, wants := range map[string][]string{
		"/":                               {"La &lt;Piedra&gt;", "En vivo", "50 %", "/deposits/0a1b2c3d-2/snapshot.jpg", "/deposits/0a1b2c3d-4/file", `data-events="/events"`},
		"/?q=Foto":                        {"Foto"},
		"/?q=nada":                        {},
		"/deposits/0a1b2c3d-1":            {"<video", "/deposits/0a1b2c3d-1/file", "seal\"", "0a1b2c3d-1/verify"},
		"/deposits/0a1b2c3d-2":            {`class="reel"`, "sound.wav", "noscript"},
		"/deposits/0a1b2c3d-3":            {"<audio", "seal broken"},
		"/deposits/0a1b2c3d-4":            {"<img", "seal broken"},
		"/deposits/0a1b2c3d-5":            {"seal broken"},
		"/deposits/0a1b2c3d-6":            {"/deposits/0a1b2c3d-6/file"},
		"/deposits/0a1b2c3d-7":            {"/deposits/0a1b2c3d-7/files"},
		"/deposits/0a1b2c3d-7/files":      {"ASSETMAP.xml", "/deposits/0a1b2c3d-7/files/2"},
		"/deposits/0a1b2c3d-7/files/2":    {"reels/a.jpg", "/deposits/0a1b2c3d-7/files/2/file"},
		"/arriving/0a1b2c3d-8":            {"/arriving/0a1b2c3d-8/pictures", "/arriving/0a1b2c3d-8/sound.wav"},
		"/arriving/0a1b2c3d-9":            {"50 %"},
		"/deposits/0a1b2c3d-99":           {`role="alert"`},
		"/deposits/0a1b2c3d-7/files/3":    {`role="alert"`},
		"/deposits/0a1b2c3d-7/files/none": {`role="alert"`},
		"/no/such/page":                   {`role="alert"`},
	} {
		for _, language := range []string{"en", "es"} {
			r, body := get(t, server, path, "Accept-Language", language)
			if strings.Contains(path, "99") || strings.Contains(path, "files/3") || strings.Contains(path, "none") || strings.Contains(path, "such") {
				if r.StatusCode != http.StatusNotFound {
					t.Errorf("%s: %d", path, r.StatusCode)
				}
			} else if r.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", path, r.StatusCode, body)
			}
			for _, want := range append(wants, `lang="`+language+`"`, "</html>") {
				if !strings.Contains(body, want) {
					t.Errorf("%s in %s lacks %q", path, language, want)
				}
			}
			if !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'") || strings.Contains(body, "<Piedra>") || strings.Contains(body, "<script>") {
				t.Errorf("%s: %v", path, r.Header)
			}
		}
	}
	if r, _ := get(t, server, "/arriving/0a1b2c3d-1"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/deposits/0a1b2c3d-1" {
		t.Errorf("what has arrived: %d", r.StatusCode)
	}
	r, body := get(t, server, "/deposits/0a1b2c3d-1/receipt.json")
	if parsed, err := receipt.Parse([]byte(strings.TrimSpace(body))); err != nil || receipt.Verify(parsed) != nil || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the receipt: %v", err)
	}
}

// What a browser may write where a key or a search stands is answered, whatever it
// is: nothing goes to the supervisor that ends the session.
func TestOddRequests(t *testing.T) {
	s, server := open(t)
	s.put(1, "España", map[string][]byte{"": {0, 1, 2}})
	key := s.put(2, "DCP", map[string][]byte{"a": []byte("a")}, "a")
	long := strings.Repeat("a", 60)
	for path, want := range map[string]int{
		"/?q=" + strings.Repeat("a", 199) + "%C3%B1": http.StatusOK,
		"/?q=" + strings.Repeat("%C3%B1", 101):       http.StatusOK,
		"/?q=" + strings.Repeat("%ff", 200):          http.StatusOK,
		"/?q=" + strings.Repeat("%E2%82%AC", 4000):   http.StatusOK,
		"/?q=%3Cscript":                               http.StatusOK,
		"/?before=" + long:                            http.StatusNotFound,
		"/?before=" + strings.Repeat("%ff", 20):       http.StatusNotFound,
		"/deposits/" + long:                           http.StatusNotFound,
		"/deposits/%ff":                               http.StatusNotFound,
		"/deposits/" + long + "/receipt.json":         http.StatusNotFound,
		"/deposits/" + long + "/file":                 http.StatusNotFound,
		"/deposits/" + long + "/download":             http.StatusNotFound,
		"/deposits/" + long + "/files":                http.StatusNotFound,
		"/deposits/" + long + "/files/1":              http.StatusNotFound,
		"/deposits/" + long + "/files/1/snapshot.jpg": http.StatusNotFound,
		"/arriving/" + long:                           http.StatusNotFound,
		"/arriving/" + long + "/live":                 http.StatusNotFound,
		"/arriving/" + long + "/events":               http.StatusOK, // of nothing
	} {
		if r, _ := get(t, server, path); r.StatusCode != want {
			t.Errorf("%.60s: %d", path, r.StatusCode)
		}
	}
	if _, body := get(t, server, "/?q=Espa%C3%B1"); !strings.Contains(body, "España") {
		t.Error("a character of two bytes is not searched for")
	}
	r, err := http.NewRequest("POST", server.URL+"/deposits/"+long+"/verify", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := do(t, r); r.StatusCode != http.StatusNotFound {
		t.Errorf("read again: %d", r.StatusCode)
	}
	// Others may write to a list of digests.
	zeros := strings.Repeat("0", 64)
	s.write(key+".sums", fmt.Appendf(nil, "%s  DCP/a\n%s  DCP/\xff\n%s  DCP/%s\n", zeros, zeros, zeros, strings.Repeat("a", 4000)))
	if r, body := get(t, server, "/deposits/"+key+"/files"); r.StatusCode != http.StatusOK || !strings.Contains(body, "/deposits/"+key+"/files/1\"") {
		t.Errorf("a list of odd names: %d %s", r.StatusCode, body)
	}
	if r, _ := get(t, server, "/deposits/"+key+"/files/3/file"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an odd name: %d", r.StatusCode)
	}
}

// Files come in ranges, and as what they are and nothing else.
func TestFile(t *testing.T) {
	s, server := open(t)
	p := append([]byte("\x00\x00\x00\x18ftypmp42"), bytes.Repeat([]byte("0123456789"), 100)...)
	s.put(1, `La "Piedra".mp4`, map[string][]byte{"": p})
	s.put(2, "page", map[string][]byte{"": []byte("<html><script>alert(1)</script></html>")})
	n := len(p)
	for _, c := range []struct {
		ask    string
		status int
		from   int
		to     int
	}{
		{"", 200, 0, n}, {"bytes=0-", 206, 0, n}, {"bytes=0-0", 206, 0, 1}, {"bytes=5-9", 206, 5, 10}, {fmt.Sprintf("bytes=%d-", n-1), 206, n - 1, n},
		{"bytes=-1", 206, n - 1, n}, {fmt.Sprintf("bytes=-%d", n+5), 206, 0, n}, {fmt.Sprintf("bytes=10-%d", n+100), 206, 10, n},
		{fmt.Sprintf("bytes=%d-", n), 416, 0, 0}, {fmt.Sprintf("bytes=%d-%d", n+1, n+2), 416, 0, 0}, {"bytes=9-5", 416, 0, 0},
	} {
		var headers []string
		if c.ask != "" {
			headers = []string{"Range", c.ask}
		}
		r, body := get(t, server, "/deposits/0a1b2c3d-1/file", headers...)
		if r.StatusCode != c.status || c.status != 416 && body != string(p[c.from:c.to]) {
			t.Errorf("%q: %d, %d bytes", c.ask, r.StatusCode, len(body))
		}
		if c.status != 416 && (r.Header.Get("Content-Type") != "video/mp4" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox")) {
			t.Errorf("%q: %v", c.ask, r.Header)
		}
	}
	r, body := get(t, server, "/deposits/0a1b2c3d-1/download")
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil || parameters["filename"] != "La _Piedra_.mp4" || body != string(p) || r.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("downloaded: %v, %v", r.Header, err)
	}
	r, _ = get(t, server, "/deposits/0a1b2c3d-2/file")
	if r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a page from elsewhere is served as %v", r.Header)
	}
	for path, status := range map[string]int{"/deposits/0a1b2c3d-1/pictures": 404, "/deposits/0a1b2c3d-1/snapshot.jpg": 404, "/deposits/0a1b2c3d-1/sound.wav": 404, "/deposits/0a1b2c3d-1/live": 404, "/deposits/x/file": 404} {
		r, body := get(t, server, path)
		if r.StatusCode != status || !strings.Contains(r.Header.Get("Content-Security-Policy"), "style-src 'self'") {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
	}
}

// A recording's pictures come one by one, and its sound in ranges.
func TestPictures(t *testing.T) {
	s, server := open(t)
	s.put(1, "Grabación", map[string][]byte{"": recording(t, 6)})
	r, body := get(t, server, "/deposits/0a1b2c3d-1/pictures?pace=0&from=0.26")
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/x-mixed-replace" {
		t.Fatalf("%v, %v", r.Header, err)
	}
	// What follows the last boundary would be the next picture.
	parts := multipart.NewReader(strings.NewReader(body+"\r\n--"+parameters["boundary"]+"--"), parameters["boundary"])
	for n := 5; n < 12; n++ {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatalf("picture %d: %v", n, err)
		}
		p, _ := io.ReadAll(part)
		if !bytes.Equal(p, picture(n)) || part.Header.Get("X-At") != fmt.Sprintf("%.3f", float64(n)*0.05) || part.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("picture %d: %v", n, part.Header)
		}
	}
	r, body = get(t, server, "/deposits/0a1b2c3d-1/snapshot.jpg?from=0.1")
	if body != string(picture(2)) || r.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the picture at 0.1 s: %v", r.Header)
	}
	_, whole := get(t, server, "/deposits/0a1b2c3d-1/sound.wav")
	if len(whole) != 44+6*1600 || whole[:4] != "RIFF" {
		t.Fatalf("the sound has %d bytes", len(whole))
	}
	r, body = get(t, server, "/deposits/0a1b2c3d-1/sound.wav", "Range", "bytes=1000-1999")
	if r.StatusCode != 206 || body != whole[1000:2000] {
		t.Errorf("a part of the sound: %d, %d bytes", r.StatusCode, len(body))
	}
}

// What grows is shown as it grows, until it is deposited.
func TestGrowing(t *testing.T) {
	s, server := open(t)
	s.write("0a1b2c3d-1", recording(t, 3))
	s.arrivals = []control.Arrival{{Key: "0a1b2c3d-1", Name: "En vivo", Size: -1, Receiving: true}}
	if _, body := get(t, server, "/arriving/0a1b2c3d-1/snapshot.jpg"); body != string(picture(5)) {
		t.Error("that is not the latest picture")
	}
	if r, _ := get(t, server, "/arriving/0a1b2c3d-1/file"); r.StatusCode != http.StatusNotFound {
		t.Errorf("what has not arrived is given: %d", r.StatusCode)
	}
	streams := map[string]*bufferedReply{}
	for _, name := range []string{"pictures", "live", "sound.wav"} {
		reply, err := http.Get(server.URL + "/arriving/0a1b2c3d-1/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		streams[name] = buffer(reply.Body)
	}
	streams["pictures"].await(t, picture(5))
	followed := func(n int) []byte { // as if it began with the latest cluster then
		p := cluster(t, n)
		if err := matroska.Rebase(p, 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		return p
	}
	streams["live"].await(t, followed(2))
	if front := streams["live"].take(); !bytes.HasPrefix(front, []byte{0x1a, 0x45, 0xdf, 0xa3}) {
		t.Errorf("it begins with % x", front[:4])
	}
	streams["sound.wav"].await(t, []byte("RIFF"))
	f, err := os.OpenFile(filepath.Join(s.dir, "0a1b2c3d-1"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	next := cluster(t, 3)
	f.Write(next[:len(next)-1]) // a cluster that is not whole is not shown
	f.Write(next[len(next)-1:])
	streams["pictures"].await(t, picture(7))
	streams["live"].await(t, followed(3))
	streams["sound.wav"].await(t, bytes.Repeat([]byte{3, 1}, 800))
	s.mu.Lock()
	s.arrivals = nil
	s.mu.Unlock()
	s.put(1, "En vivo", map[string][]byte{"": recording(t, 4)})
	for name, stream := range streams {
		select {
		case <-stream.ended:
		case <-time.After(time.Minute):
			t.Errorf("%s does not end", name)
		}
	}
	if bytes.Contains(streams["pictures"].take(), picture(0)) || bytes.Contains(streams["live"].take(), picture(2)) {
		t.Error("it begins before the latest")
	}
}

// bufferedReply is what has come of an answer.
type bufferedReply struct {
	mu    sync.Mutex
	got   []byte
	more  chan struct{}
	ended chan struct{}
}

func buffer(r io.Reader) *bufferedReply {
	b := &bufferedReply{more: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		p := make([]byte, 4096)
		for {
			n, err := r.Read(p)
			b.mu.Lock()
			b.got = append(b.got, p[:n]...)
			b.mu.Unlock()
			select {
			case b.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return b
}

func (b *bufferedReply) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.got)
}

func (b *bufferedReply) await(t *testing.T, want []byte) {
	t.Helper()
	late := time.After(time.Minute)
	for !bytes.Contains(b.take(), want) {
		select {
		case <-b.more:
		case <-late:
			t.Fatalf("%d bytes came, and not what is waited for", len(b.take()))
		}
	}
}

func TestVerify(t *testing.T) {
	s, server := open(t)
	files := map[string][]byte{"a": []byte("one"), "reels/b": []byte("two"), "reels/c": nil}
	s.put(1, "Film", map[string][]byte{"": bytes.Repeat([]byte("film"), 1000)})
	s.put(2, "Spoiled", map[string][]byte{"": []byte("as it was")})
	s.write("0a1b2c3d-2", []byte("as it is!"))
	s.put(3, "DCP", files, "a", "reels/b", "reels/c")
	s.put(4, "Spoiled DCP", files, "a", "reels/b", "reels/c")
	s.write("0a1b2c3d-4/reels/b", []byte("tw0"))
	s.put(5, "Other list", files, "a", "reels/b", "reels/c")
	s.write("0a1b2c3d-5.sums", []byte(strings.Repeat("0", 64)+"  Other list/../../../etc/passwd\n"))
	s.put(6, "No list", files, "a")
	s.write("0a1b2c3d-6.sums", []byte("hola\n"))
	for n, want := range []struct{ good, broken bool }{{true, false}, {false, false}, {true, false}, {false, false}, {false, true}, {false, true}} {
		for _, accept := range []string{"text/event-stream", "text/html"} {
			r, err := http.NewRequest("POST", fmt.Sprintf("%s/deposits/0a1b2c3d-%d/verify", server.URL, n+1), nil)
			if err != nil {
				t.Fatal(err)
			}
			s.checked = nil
			reply, body := do(t, r, "Accept", accept, "Accept-Language", "en")
			said := strings.Contains(body, "is what was sent") && !strings.Contains(body, "is not what")
			if reply.StatusCode != 200 || said != want.good || strings.Contains(body, "could not be read to its end") != want.broken {
				t.Errorf("%d by %s: %d %s", n+1, accept, reply.StatusCode, body)
			}
			if len(s.checked) != 1 || s.checked[0].Good != want.good || s.checked[0].Broken != want.broken {
				t.Errorf("%d: the supervisor hears %+v", n+1, s.checked)
			}
		}
	}
	r, _ := http.NewRequest("POST", server.URL+"/deposits/0a1b2c3d-4/verify", nil)
	if _, body := do(t, r); !strings.Contains(body, "reels/b") || strings.Contains(body, ">a<") {
		t.Errorf("it is not said which differ: %s", body)
	}
	s.busy = true
	r, _ = http.NewRequest("POST", server.URL+"/deposits/0a1b2c3d-1/verify", nil)
	if reply, _ := do(t, r); reply.StatusCode != http.StatusTooManyRequests {
		t.Errorf("while others are read: %d", reply.StatusCode)
	}
	r, _ = http.NewRequest("POST", server.URL+"/deposits/0a1b2c3d-1/verify", nil)
	if reply, _ := do(t, r, "Sec-Fetch-Site", "cross-site"); reply.StatusCode != http.StatusForbidden {
		t.Errorf("asked for by another site: %d", reply.StatusCode)
	}
	if reply, _ := get(t, server, "/deposits/0a1b2c3d-1/verify"); reply.StatusCode != http.StatusMethodNotAllowed && reply.StatusCode != http.StatusNotFound {
		t.Errorf("by GET: %d", reply.StatusCode)
	}
}

// Folders without files are part of what was signed for: as they are, it is what
// was sent; with another, or one less, it is not.
func TestVerifyFolders(t *testing.T) {
	s, server := open(t)
	s.put(1, "DCP", map[string][]byte{"a/one": []byte("one"), "b.txt": nil}, "a/one", "b.txt")
	r, err := receipt.Parse(s.deposits[0].Receipt)
	if err != nil {
		t.Fatal(err)
	}
	folders := []string{"a", "a/deep", "a/deep/er", "b", "z"}
	proof := manifest.NewProof()
	for _, e := range []struct{ folder, file string }{{"a", ""}, {"a/deep", ""}, {"a/deep/er", ""}, {"", "a/one"}, {"b", ""}, {"", "b.txt"}, {"z", ""}} {
		if e.folder != "" {
			proof.Add(manifest.Entry{Kind: manifest.Folder, Path: e.folder}, manifest.Sum{})
			continue
		}
		content := strings.TrimPrefix(e.file, "a/")
		if e.file == "b.txt" {
			content = ""
		}
		proof.Add(manifest.Entry{Kind: manifest.File, Path: e.file, Size: int64(len(content))}, sha256.Sum256([]byte(content)))
	}
	r.SHA256 = proof.SHA256()
	s.deposits[0].Receipt, _ = receipt.Marshal(receipt.Sign(r, signing))
	read := func() string {
		post, _ := http.NewRequest("POST", server.URL+"/deposits/0a1b2c3d-1/verify", nil)
		_, body := do(t, post)
		return body
	}
	list := func(names ...string) { s.write("0a1b2c3d-1.folders", []byte(strings.Join(names, "\x00")+"\x00")) }
	if list(folders...); !strings.Contains(read(), "Read again, it is what was sent.") {
		t.Errorf("as it is: %s", read())
	}
	for name, others := range map[string][]string{"one less": folders[:4], "one more": append(slices.Clone(folders), "zz"), "a name that no delivery has": append(slices.Clone(folders), "z\n")} {
		if list(others...); !strings.Contains(read(), "a folder was made or taken away") {
			t.Errorf("%s: %s", name, read())
		}
	}
}

// Where a token is wanted, nothing is shown without it.
func TestDoor(t *testing.T) {
	s, server := open(t)
	s.put(1, "Secreta", map[string][]byte{"": picture(1)})
	s.token = "the operator's token"
	for _, path := range []string{"/", "/deposits/0a1b2c3d-1", "/deposits/0a1b2c3d-1/file", "/events", "/nothing"} {
		r, body := get(t, server, path)
		if r.StatusCode != http.StatusUnauthorized || strings.Contains(body, "Secreta") || !strings.Contains(body, `action="/login"`) {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r, _ := get(t, server, "/assets/gallery.js"); r.StatusCode != 200 {
		t.Errorf("the script of the door: %d", r.StatusCode)
	}
	login := func(token string) *http.Response {
		r, _ := http.NewRequest("POST", server.URL+"/login", strings.NewReader("token="+token))
		reply, _ := do(t, r, "Content-Type", "application/x-www-form-urlencoded")
		return reply
	}
	if r := login("another"); r.StatusCode != http.StatusUnauthorized || len(r.Cookies()) != 0 {
		t.Errorf("with another token: %d", r.StatusCode)
	}
	r := login("the+operator's+token")
	if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) != 1 || !r.Cookies()[0].HttpOnly || r.Cookies()[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("with the token: %d %v", r.StatusCode, r.Header)
	}
	cookie := r.Cookies()[0].Name + "=" + r.Cookies()[0].Value
	if r, body := get(t, server, "/", "Cookie", cookie); r.StatusCode != 200 || !strings.Contains(body, "Secreta") {
		t.Errorf("let in: %d", r.StatusCode)
	}
	out, _ := http.NewRequest("POST", server.URL+"/logout", nil)
	do(t, out, "Cookie", cookie)
	if r, _ := get(t, server, "/", "Cookie", cookie); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("after leaving: %d", r.StatusCode)
	}
}

// What changes is sent to who watches.
func TestEvents(t *testing.T) {
	s, server := open(t)
	s.arrivals = []control.Arrival{{Key: "0a1b2c3d-1", Name: "Lenta", Size: 1000, Durable: 100}}
	reply, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	one, err := http.Get(server.URL + "/arriving/0a1b2c3d-1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Body.Close()
	front, page := buffer(reply.Body), buffer(one.Body)
	front.await(t, []byte("10 %"))
	page.await(t, []byte("10 %"))
	s.mu.Lock()
	s.arrivals[0].Durable = 900
	s.mu.Unlock()
	front.await(t, []byte("90 %"))
	page.await(t, []byte("90 %"))
	s.put(1, "Lenta", map[string][]byte{"": picture(1)})
	s.mu.Lock()
	s.arrivals, s.room.Deposits = nil, 1
	s.mu.Unlock()
	front.await(t, []byte(`"id":"shelf"`))
	page.await(t, []byte("event: goto\ndata: {\"path\":\"/deposits/0a1b2c3d-1\"}"))
}

func TestNames(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "", time.Second: "0:01", time.Hour + 61*time.Second: "1:01:01"} {
		if got := length(d); got != want {
			t.Errorf("%v is %q", d, got)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 64) + "  DCP/a\n\\" + strings.Repeat("0", 64) + "  DCP/a\\\\b\n"))
	f.Add([]byte("hola"))
	f.Fuzz(func(t *testing.T, p []byte) {
		l := newList(bytes.NewReader(p))
		for {
			one, err := l.next()
			if err != nil {
				return
			}
			if one.Path == "" || len(one.Sum) != 64 {
				t.Errorf("%+v", one)
			}
		}
	})
}

// What hardly moves has a long time left, and none that is over.
func TestTimeLeftOfWhatHardlyMoves(t *testing.T) {
	if left := arrivalOf(control.Arrival{Size: 400e9, Rate: 1}).Left; left < 100*365*24*time.Hour {
		t.Errorf("%v", left)
	}
	if left := arrivalOf(control.Arrival{Size: 1000, Written: 500, Rate: 100}).Left; left != 5*time.Second {
		t.Errorf("%v", left)
	}
}

// A browser keeps the sessions of the receptions of one machine apart.
func TestReceptionsOfOneMachine(t *testing.T) {
	name := func() string {
		s, server := open(t)
		s.token = "token"
		r, _ := http.NewRequest("POST", server.URL+"/login", strings.NewReader("token=token"))
		reply, _ := do(t, r, "Content-Type", "application/x-www-form-urlencoded")
		return reply.Cookies()[0].Name
	}
	if one, other := name(), name(); one == other {
		t.Errorf("both are %q", one)
	}
}

// What grows is shown no longer than whoever watches may, however fast it grows.
func TestWatchedUntilTheSessionIsOver(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "growing"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	over := reason.Code("")
	g := Gallery{Ask: func(context.Context, control.Call) (r control.Reply, _ *os.File, _ error) {
		if r.Store = (&control.StoreAnswer{Shown: &control.Shown{Arrival: &control.Arrival{}}}); over != "" {
			r = control.Reply{Refusal: &control.Refusal{Code: over}}
		}
		return r, nil, nil
	}}
	f := g.follow(t.Context(), &medium{which: which{what: control.OfArriving}, File: file})
	more := func() bool {
		t.Helper()
		file.WriteString("more")
		return f.more()
	}
	if !more() {
		t.Error("it ends while it grows")
	}
	f.sure = f.sure.Add(-time.Hour)
	if !more() || time.Since(f.sure) > time.Minute {
		t.Error("it is not asked again, or ends")
	}
	over = reason.LoginInvalid
	f.sure = f.sure.Add(-time.Hour)
	if more() {
		t.Error("it goes on when the session is over")
	}
}
