package console

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

// get asks for a page in a language.
func get(t *testing.T, c Console, path, language string) (int, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Language", language)
	return do(c, r)
}

// post sends a form, as this server's own page does.
func post(t *testing.T, c Console, path string, form url.Values) (int, string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return do(c, r)
}

func do(c Console, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	if to := w.Header().Get("Location"); to != "" {
		return w.Code, to
	}
	return w.Code, w.Body.String()
}

// Every page is made in both languages, says what it is in the right one, and
// has nothing in it that the policy forbids.
func TestPages(t *testing.T) {
	_, c := newConsole(t, true)
	inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style| style=| on[a-z]+=|(?:href|src|action)="?https?://`)
	for path, want := range map[string]struct {
		status int
		en, es string
	}{
		"/":                 {200, "Add a title", "Agregar un título"},
		"/?q=mar":           {200, "El Mar", "El Mar"},
		"/?q=no+such":       {200, "No title matches", "Ningún título coincide"},
		"/titles/1":         {200, "Where should it be?", "¿Dónde debe estar?"},
		"/titles/1/older":   {200, "awaits it by", "la espera para"},
		"/live":             {200, "captured now for", "captado ahora para"},
		"/titles/9":         {404, "there is no title with that number", "no hay ningún título con ese número"},
		"/titles/x":         {404, "there is no title with that number", "no hay ningún título con ese número"},
		"/deliveries":       {200, "at risk", "en riesgo"},
		"/deliveries/2":     {200, "Cancel this delivery", "Cancelar esta entrega"},
		"/deliveries/9":     {404, "there is no delivery with that number", "no hay ninguna entrega con ese número"},
		"/schedule":         {200, "Reservations", "Reservas"},
		"/schedule?hours=6": {200, "closed by its windows", "cerrado por sus ventanas"},
		"/receptions":       {200, "waits to be paired", "espera ser emparejada"},
		"/accounts":         {200, "never logged in", "nunca ha entrado"},
		"/login":            {200, "Paste your login link", "Pegue su enlace"},
		"/login/secret":     {200, "once", "una vez"},
		"/nothing/there":    {404, "That did not work", "Eso no resultó"},
	} {
		for language, text := range map[string]string{"en-GB,es;q=0.5": want.en, "es-CL": want.es, "fr": want.en} {
			code, body := get(t, c, path, language)
			if code != want.status || !strings.Contains(body, text) {
				t.Errorf("%s in %s: %d, without %q", path, language, code, text)
			}
			if found := inline.FindString(body); found != "" {
				t.Errorf("%s has %q in it", path, found)
			}
		}
	}
}

// What titles are called cannot become part of a page.
func TestNamesAreText(t *testing.T) {
	_, c := newConsole(t, false)
	for _, path := range []string{"/", "/titles/2"} {
		if _, body := get(t, c, path, "en"); strings.Contains(body, "<script>alert") || !strings.Contains(body, "&lt;script&gt;alert") {
			t.Errorf("%s: the name of title 2 is not escaped", path)
		}
	}
}

// A user sees nothing that only administrators may do.
func TestUser(t *testing.T) {
	_, c := newConsole(t, false)
	if _, body := get(t, c, "/", "en"); strings.Contains(body, "Add a title") || strings.Contains(body, "/remove") {
		t.Error("a user is offered to change the catalogue")
	}
}

// Forms of other sites, and pages asked for under other names, have no effect.
func TestOtherSites(t *testing.T) {
	d, c := newConsole(t, true)
	for name, header := range map[string][2]string{"by Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"}, "by Origin": {"Origin", "https://evil.example"}} {
		r := httptest.NewRequest("POST", "/titles/1", strings.NewReader("at=casa&earliest=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		if code, _ := do(c, r); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
	if len(d.requests) != 0 {
		t.Errorf("%d requests were made", len(d.requests))
	}
}

// Every word is in both languages, and every word that is in both is used.
func TestWords(t *testing.T) {
	used := make(map[string]bool)
	for _, w := range []string{"receptions", "accounts", "link", "uplink", "window", "pace", "max_pace", "disk", "promised", "sending", "verifying", "deposited", "failed", "cancelled", "started", "resumed", "interrupted", "recording", "stopped"} {
		used[w] = true // by what the supervisor says
	}
	key := regexp.MustCompile(`\{\{t "(\w+)"|\bt "(\w+)"|made\.Say\([^,]+, "(\w+)"\)|c\.page\(r, "\w*", "(\w+)"|outcome\{Word: "(\w+)"`)
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			used[m[1]+m[2]+m[3]+m[4]+m[5]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, w := range words {
		if w[0] == "" || w[1] == "" || !used[k] {
			t.Errorf("%q: %+v, used: %v", k, w, used[k])
		}
	}
	for k := range used {
		if made.Say("en", k) == "" && k != "" {
			t.Errorf("%q has no words", k)
		}
	}
}

// A request carries what the form says, in the zone of the browser; the form
// sent twice has one key.
func TestRequest(t *testing.T) {
	d, c := newConsole(t, false)
	_, body := get(t, c, "/titles/1", "es")
	key := regexp.MustCompile(`name="key" value="(\w+)"`).FindStringSubmatch(body)
	if key == nil {
		t.Fatal("the form has no key")
	}
	form := url.Values{"key": {key[1]}, "at": {"casa"}, "other": {"mateo.elo.utfsm.cl"}, "by": {"2026-11-24T18:30"}, "offset": {"-180"}, "mail": {"ana@example.org"}, "pace": {" 20 Mbit "}}
	for range 2 {
		if code, to := post(t, c, "/titles/1", form); code != http.StatusSeeOther || to != "/deliveries/3" {
			t.Fatalf("%d to %s", code, to)
		}
	}
	q := d.requests[0]
	if q.Key != d.requests[1].Key || q.Key != key[1] {
		t.Errorf("keys %q and %q", q.Key, d.requests[1].Key)
	}
	if q.MaxPace != 2_500_000 {
		t.Errorf("the pace is %d", q.MaxPace)
	}
	if q.Number != 1 || fmt.Sprint(q.Receptions) != "[casa mateo.elo.utfsm.cl]" || q.Mail != "ana@example.org" || !q.By.Equal(time.Date(2026, 11, 24, 21, 30, 0, 0, time.UTC)) {
		t.Errorf("%+v", q)
	}
}

// What is refused comes with the earliest time and what binds, and one button
// that takes it, with a new key.
func TestCounterOffer(t *testing.T) {
	d, c := newConsole(t, false)
	d.refusal = &control.Refusal{Code: reason.DeadlineTooSoon, Detail: "no", Earliest: noon.Add(time.Hour), Constraint: "uplink"}
	form := url.Values{"key": {"first"}, "at": {"casa"}, "by": {"2026-11-23T12:10"}, "pace": {"20"}}
	code, body := post(t, c, "/titles/1", form)
	if code != http.StatusConflict || !strings.Contains(body, "the uplink of the central server") || !strings.Contains(body, `datetime="2026-11-23T13:00:00Z"`) || !strings.Contains(body, `<button name="earliest"`) {
		t.Fatalf("%d: %s", code, body)
	}
	if strings.Contains(body, `value="first"`) || !strings.Contains(body, `value="casa" checked`) || !strings.Contains(body, `name="pace" maxlength="40" value="20"`) {
		t.Error("the form does not go on from what was asked, with another key")
	}
	form.Set("earliest", "1")
	if code, _ := post(t, c, "/titles/1", form); code != http.StatusSeeOther || !d.requests[1].ByEarliest || !d.requests[1].By.IsZero() {
		t.Errorf("%d: %+v", code, d.requests[1])
	}
	for wrong, form := range map[string]url.Values{"no reception": {"by": {"2026-11-23T12:10"}}, "no time": {"at": {"casa"}, "by": {"soon"}}, "no year": {"at": {"casa"}, "by": {"9999-12-31T23:59"}, "offset": {"-180"}}, "no pace": {"at": {"casa"}, "by": {"2026-11-23T12:10"}, "pace": {"fast"}}} {
		if code, _ := post(t, c, "/titles/1", form); code != http.StatusBadRequest {
			t.Errorf("%s: %d", wrong, code)
		}
	}
}

func TestWhere(t *testing.T) {
	d, c := newConsole(t, false)
	code, body := get(t, c, "/titles/1/where?by=2026-11-23T18:00&offset=60&pace=8", "en")
	if code != 200 || !strings.Contains(body, "can be kept") || !strings.Contains(body, "earliest") || strings.Contains(body, "<html") {
		t.Errorf("%d: %s", code, body)
	}
	if q := d.wheres[0]; q.Number != 1 || q.MaxPace != 1_000_000 || !q.By.Equal(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", q)
	}
}

func TestAddAndRemove(t *testing.T) {
	_, c := newConsole(t, true)
	form := url.Values{"name": {"Nueva"}, "location": {"/etc/shadow"}, "minutes": {"90"}}
	if code, body := post(t, c, "/titles", form); code != http.StatusConflict || !strings.Contains(body, "not under the roots") || !strings.Contains(body, `value="Nueva"`) {
		t.Errorf("%d: %s", code, body)
	}
	form.Set("location", "/srv/nueva.mp4")
	if _, body := newBrowser(c).post(t, "/titles", form); !strings.Contains(body, "Added: Nueva, number 8.") || !strings.Contains(body, "1:30 h") {
		t.Error(body)
	}
	if code, _ := post(t, c, "/titles/1/remove", url.Values{}); code != http.StatusConflict {
		t.Errorf("a title in use: %d", code)
	}
	if _, body := newBrowser(c).post(t, "/titles/1/remove", url.Values{"force": {"1"}}); !strings.Contains(body, "Removed: La Piedra.") {
		t.Error("by force:", body)
	}
}

// A list is sent anew where it changed, and not where it did not.
func TestEventsOfOne(t *testing.T) {
	d, c := newConsole(t, false)
	server := httptest.NewServer(c.Handler())
	defer server.Close()
	reply, err := http.Get(server.URL + "/events?delivery=2")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	in := bufio.NewScanner(reply.Body)
	first := next(t, in, "part")
	if !strings.Contains(first, "25 %") {
		t.Errorf("at first: %s", first)
	}
	d.mu.Lock()
	d.deliveries[1].Offset, d.deliveries[1].Revision = 500_000_000, 5
	d.mu.Unlock()
	d.news()
	if second := next(t, in, "part"); !strings.Contains(second, "50 %") {
		t.Errorf("then: %s", second)
	}
	d.mu.Lock()
	d.deliveries[1].State, d.deliveries[1].Revision = "deposited", 6
	d.mu.Unlock()
	d.news()
	next(t, in, "part")
	next(t, in, "over")
}

// listed opens the streams that the page of deliveries follows, as it is now, one
// after another; leave closes one.
func listed(t *testing.T, c Console) (follow func() (in *bufio.Scanner, leave func() error)) {
	t.Helper()
	server := httptest.NewServer(c.Handler())
	t.Cleanup(server.Close)
	_, body := get(t, c, "/deliveries", "en")
	_, after, _ := strings.Cut(body, `data-events="`)
	from, _, _ := strings.Cut(after, `"`)
	return func() (*bufio.Scanner, func() error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+html.UnescapeString(from), nil)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return bufio.NewScanner(reply.Body), reply.Body.Close
	}
}

// What ended while nobody was told, between two streams or before the first, is told
// to the list that still shows it under way.
func TestEventsOfWhatEndedBefore(t *testing.T) {
	d, c := newConsole(t, false)
	follow := listed(t, c)
	d.mu.Lock()
	d.deliveries[1].State, d.deliveries[1].Finished = "deposited", noon.Add(time.Minute)
	d.mu.Unlock()
	in, leave := follow()
	defer leave()
	if first := next(t, in, "part"); !strings.Contains(first, `id="d3"`) {
		t.Errorf("at first: %s", first)
	}
	if second := next(t, in, "part"); !strings.Contains(second, `id="d2" class="row deposited"`) {
		t.Errorf("then: %s", second)
	}
}

// So is what began after the page was made: the list has it from an earlier stream,
// as where the page was in the background meanwhile.
func TestEventsOfWhatBeganAfterwards(t *testing.T) {
	d, c := newConsole(t, false)
	follow := listed(t, c)
	d.mu.Lock()
	began := d.deliveries[1]
	began.ID = 4
	d.deliveries = append([]control.DeliveryStory{began}, d.deliveries...)
	d.mu.Unlock()
	in, leave := follow()
	for !strings.Contains(next(t, in, "part"), `id="d4" class="row sending"`) {
	}
	leave()
	d.mu.Lock()
	d.deliveries[0].State, d.deliveries[0].Finished = "deposited", noon.Add(time.Minute)
	d.mu.Unlock()
	in, leave = follow()
	defer leave()
	for !strings.Contains(next(t, in, "part"), `id="d4" class="row deposited"`) {
	}
}

// next is the html of the next event, which has that name.
func next(t *testing.T, in *bufio.Scanner, name string) string {
	t.Helper()
	got := ""
	for in.Scan() {
		line := in.Text()
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			got = event
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var part struct{ ID, HTML string }
			if err := json.Unmarshal([]byte(data), &part); err != nil || got != name {
				t.Fatalf("%s instead of %s: %v", got, name, err)
			}
			return part.HTML
		}
	}
	t.Fatalf("no event: %v", errors.Join(in.Err(), io.EOF))
	return ""
}

// A live delivery is told by its time: what was captured and how long it goes on,
// what is missing, and that ending it keeps what there is.
func TestLiveStory(t *testing.T) {
	d, c := newConsole(t, false)
	live := &d.deliveries[1]
	live.Live, live.Size, live.Captured, live.Lasts, live.Started = true, -1, 80_000, 300_000, noon.Add(-80*time.Second)
	live.Filmed = &control.Filmed{
		Since: live.Started, Until: noon.Add(220 * time.Second), Recorded: 9_000_000, Behind: 1_240, Trouble: reason.DeviceAbsent,
		Gaps: []receipt.Gap{{From: 61_000, To: 62_500, Track: 1, Lost: 45, Reason: reason.DeviceHung}}, MoreGaps: 2,
	}
	code, body := get(t, c, "/deliveries/2", "en")
	for _, want := range []string{
		`<progress max="300000" value="80000"`, `src="/titles/1/sight?at=80"`, "1:20", "of 5:00", "goes on for", "9 MB", "1.2 s", "1 + 2", "0:01:01.0 – 0:01:02.5", "45 lost",
		"End the capture", "What was captured until now is kept", "A device gives nothing now",
	} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d: there is no %q", code, want)
		}
	}
	if strings.Contains(body, "Cancel this delivery") || strings.Contains(body, `max="100"`) {
		t.Error("it is shown as a file is")
	}
	if _, body := get(t, c, "/deliveries", "es"); !strings.Contains(body, "captado 1:20 de 5:00") {
		t.Error("the list tells it by bytes alone")
	}
	live.Filmed.Stopped = true
	if _, body := get(t, c, "/deliveries/2", "en"); strings.Contains(body, "End the capture") || !strings.Contains(body, "It was ended sooner") || strings.Contains(body, "goes on for") {
		t.Error("one that was ended can be ended again")
	}
	if _, body := newBrowser(c).post(t, "/deliveries/2/cancel", nil); !strings.Contains(body, "The capture ends here") {
		t.Error("ending it is not what is said")
	}
}

func TestAssets(t *testing.T) {
	_, c := newConsole(t, false)
	for _, name := range []string{"style.css", "look.js", "console.js", "logo.svg"} {
		if code, _ := get(t, c, "/assets/"+name, "en"); code != http.StatusOK {
			t.Errorf("%s: %d", name, code)
		}
	}
	for _, name := range []string{"", "../console.go", "none.js"} {
		if code, _ := get(t, c, "/assets/"+name, "en"); code == http.StatusOK {
			t.Errorf("%q is served", name)
		}
	}
}

// What the server can capture is there to be chosen, with what it can do and who
// has it; a device that is written instead is taken for the same.
func TestSources(t *testing.T) {
	d, c := newConsole(t, true)
	code, body := get(t, c, "/live", "en")
	for _, want := range []string{
		`value="v4l2:/dev/video0"`, "Integrated Camera", "MJPEG 1280x720", "YUYV 640x480", "captured now for El Mar",
		`<option value="640x480">MJPEG 30/s, YUYV 30/s</option>`, `value="alsa:hw:0,0"`, "8000–192000 Hz", "16/24 bit", "2 channels",
		`value="pattern:"`, `value="tone:"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%d: there is no %q among what can be chosen", code, want)
		}
	}
	for want, form := range map[string]url.Values{
		"v4l2:/dev/video0?size=1280x720&fps=30000/1001&format=mjpeg&encode=h264+alsa:hw:0,0?rate=48000&channels=2&bits=24&encode=flac": {
			"picture": {"v4l2:/dev/video0"}, "size": {"1280x720"}, "fps": {"30000/1001"}, "format": {"mjpeg"}, "encode": {"h264"},
			"sound": {"alsa:hw:0,0"}, "rate": {"48000"}, "channels": {"2"}, "bits": {"24"}, "keep": {"flac"}},
		"pattern:?size=320x180+tone:":        {"picture": {"pattern:"}, "size": {"320x180"}, "format": {"mjpeg"}, "sound": {"tone:"}},
		"alsa:hw:1,0":                        {"picture": {""}, "other_sound": {"hw:1,0"}, "size": {"1x1"}},
		"/dev/video2?quality=70&fps=5":       {"picture": {"pattern:"}, "other_picture": {"/dev/video2?quality=70"}, "fps": {"5"}},
		"pattern:+/dev/snd/pcmC0D0c?bits=16": {"other_picture": {"pattern"}, "other_sound": {"/dev/snd/pcmC0D0c"}, "bits": {"16"}},
	} {
		form.Set("name", "En vivo")
		form.Set("minutes", "1,5")
		code, to := post(t, c, "/live", form)
		if got := d.added[len(d.added)-1]; code != http.StatusSeeOther || to != "/titles/8" || got.Location != want || got.Duration != 90_000 {
			t.Errorf("%d to %s: %+v, want %s", code, to, got, want)
		}
	}
	if code, body := post(t, c, "/live", url.Values{"name": {"Nada"}, "minutes": {"1"}, "keep": {"flac"}}); code != http.StatusBadRequest || !strings.Contains(body, `value="Nada"`) || !strings.Contains(body, `value="flac" selected`) {
		t.Errorf("of nothing: %d", code)
	}
}

// A new version is what was written, and who has an earlier one is offered it: by a
// time, once both were compared, or as early as can be.
func TestReplace(t *testing.T) {
	d, c := newConsole(t, true)
	_, body := newBrowser(c).post(t, "/titles/1/replace", url.Values{"location": {"/srv/b.mp4"}, "minutes": {"2h"}})
	for _, want := range []string{"La Piedra has a new version", `value="casa" checked`, `value="mateo.elo.utfsm.cl" checked`, "has it since", "awaits it by", "that version is no longer there", "/srv/a.mp4"} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if q := d.replaced[0]; q.Number != 1 || q.Location != "/srv/b.mp4" || q.Duration != 7_200_000 {
		t.Errorf("%+v", q)
	}
	form := url.Values{"key": {"k"}, "at": {"casa", "mateo.elo.utfsm.cl"}, "by": {"2026-11-23T18:00"}, "offset": {"60"}}
	d.refusal = &control.Refusal{Code: reason.DeadlineTooSoon, Detail: "no", Earliest: noon.Add(9 * time.Hour), Constraint: "uplink"}
	code, body := post(t, c, "/titles/1/redeliver", form)
	if code != http.StatusConflict || !strings.Contains(body, "the uplink of the central server") || !strings.Contains(body, `<button name="earliest"`) {
		t.Errorf("%d: %s", code, body)
	}
	d.comparing = 1
	code, body = post(t, c, "/titles/1/redeliver", form)
	if code != http.StatusAccepted || !strings.Contains(body, "25 %") || !strings.Contains(body, "data-again") || !strings.Contains(body, `name="by" value="2026-11-23T18:00"`) || strings.Count(body, `name="at"`) != 2 {
		t.Errorf("%d: %s", code, body)
	}
	if code, to := post(t, c, "/titles/1/redeliver", form); code != http.StatusSeeOther || to != "/deliveries" {
		t.Errorf("%d to %s", code, to)
	}
	form.Set("earliest", "1")
	if code, _ := post(t, c, "/titles/1/redeliver", form); code != http.StatusSeeOther {
		t.Errorf("as early as can be: %d", code)
	}
	if q := d.redelivered[2]; q.Key != "k-1" || d.redelivered[1].Key != q.Key || q.Number != 1 || len(q.Receptions) != 2 || !q.By.Equal(time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", q)
	}
	if q := d.redelivered[3]; !q.ByEarliest || !q.By.IsZero() {
		t.Errorf("%+v", q)
	}
	if code, _ := post(t, c, "/titles/1/redeliver", url.Values{"by": {"2026-11-23T18:00"}}); code != http.StatusBadRequest {
		t.Errorf("to nobody: %d", code)
	}
	if code, body := get(t, c, "/titles/7/older", "es"); code != http.StatusOK || !strings.Contains(body, "Nadie tiene ni espera") {
		t.Errorf("of a title that nobody has: %d", code)
	}
}

// A browser logs in by what it was given, keeps the secret where no script sees
// it, and is sent back to where it wanted to go, if that is here.
func TestLogin(t *testing.T) {
	d, c := newConsole(t, false)
	d.visitor, d.secret = nil, "ana.abc"
	if code, to := get(t, c, "/deliveries?before=7", "en"); code != http.StatusSeeOther || to != "/login?to=%2Fdeliveries%3Fbefore%3D7" {
		t.Errorf("%d to %s", code, to)
	}
	if code, _ := get(t, c, "/events", "en"); code != http.StatusUnauthorized {
		t.Errorf("events: %d", code)
	}
	for _, wrong := range []string{"", "no", "vc://x", strings.Repeat("a", 300)} {
		if code, _ := post(t, c, "/login", url.Values{"login": {wrong}}); code != http.StatusUnauthorized {
			t.Errorf("%q: %d", wrong, code)
		}
	}
	for to, want := range map[string]string{"": "/", "/schedule?hours=6": "/schedule?hours=6", "https://evil.example/": "/", "//evil.example/": "/", "/\\evil": "/", "javascript:alert(1)": "/"} {
		for secure, name := range map[bool]string{false: "vc-central", true: "__Host-vc-central"} {
			c.Secure = secure
			r := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"login": {" https://h:8400/login/ana.abc\n"}, "to": {to}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			c.Handler().ServeHTTP(w, r)
			cookie := w.Result().Cookies()
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want || len(cookie) != 1 {
				t.Fatalf("%q: %d to %q, %v", to, w.Code, w.Header().Get("Location"), cookie)
			}
			if k := cookie[0]; k.Name != name || k.Value != "sesame" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Secure != secure || k.Path != "/" || k.Domain != "" {
				t.Errorf("%+v", k)
			}
		}
	}
	c.Secure = false
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "vc-central", Value: "sesame"})
	if code, body := do(c, r); code != http.StatusOK || !strings.Contains(body, `action="/logout"`) || !strings.Contains(body, ">ana<") {
		t.Errorf("%d", code)
	}
	r = httptest.NewRequest("POST", "/logout", nil)
	r.AddCookie(&http.Cookie{Name: "vc-central", Value: "sesame"})
	if code, to := do(c, r); code != http.StatusSeeOther || to != "/" || len(d.sessions) != 0 {
		t.Errorf("%d to %s, %d sessions", code, to, len(d.sessions))
	}
}

// All that a browser gets of a console is small, whichever console it is.
func TestSize(t *testing.T) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for _, dir := range []string{"../look", ".", "../gallery"} {
		for _, part := range []string{"assets", "pages"} {
			files, err := os.ReadDir(filepath.Join(dir, part))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				text, err := os.ReadFile(filepath.Join(dir, part, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				z.Write(text)
			}
		}
	}
	z.Close()
	t.Logf("%d bytes compressed", out.Len())
	if out.Len() > 200_000 {
		t.Errorf("%d bytes compressed, at most 200 kB are wanted", out.Len())
	}
}

// A title's picture or wave is served as a picture that browsers keep while it is
// the same; where there is none, what is drawn. A live source is captured for a
// moment when that is asked for, and its page says whether it is.
func TestSight(t *testing.T) {
	d, c := newConsole(t, true)
	d.titles = append(d.titles, control.Title{Number: 9, Name: "Patio", Duration: 60, Facts: &control.Facts{Kind: control.KindLive, Size: -1}})
	d.seen = map[int]control.Seen{1: {Sight: control.Sight{JPEG: []byte("a picture")}, Version: "v1"}, 2: {Sight: control.Sight{Wave: []byte{0, 128, 255}}, Version: "v2"}}
	for path, want := range map[string][2]string{"/titles/1/sight": {"image/jpeg", "a picture"}, "/titles/2/sight": {"image/svg+xml", "<rect"}, "/titles/7/sight": {"image/svg+xml", "<svg"}} {
		w := httptest.NewRecorder()
		c.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != want[0] || !strings.Contains(w.Body.String(), want[1]) || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
	}
	r := httptest.NewRequest("GET", "/titles/1/sight", nil)
	r.Header.Set("If-None-Match", `"v1"`)
	if code, _ := do(c, r); code != http.StatusNotModified {
		t.Errorf("what a browser has already: %d", code)
	}
	if _, body := get(t, c, "/titles/9", "en"); !strings.Contains(body, "It is not being captured now.") || !strings.Contains(body, `action="/titles/9/sight"`) {
		t.Error("a live source is not said not to be captured")
	}
	if code, to := post(t, c, "/titles/9/sight", nil); code != http.StatusSeeOther || to != "/titles/9#sight" || d.filmed != 1 {
		t.Errorf("%d to %s, filmed %d times", code, to, d.filmed)
	}
	d.seen[9] = control.Seen{Sight: control.Sight{JPEG: []byte("now"), Wave: []byte{9}}, Version: "v3", Since: noon}
	if _, body := get(t, c, "/titles/9", "en"); !strings.Contains(body, "/titles/9/sight?v=v3") || !strings.Contains(body, `class="wave"`) || strings.Contains(body, `action="/titles/9/sight"`) {
		t.Error("what is captured is not shown")
	}
	server := httptest.NewServer(c.Handler())
	defer server.Close()
	reply, err := http.Get(server.URL + "/events?sight=9")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if first := next(t, bufio.NewScanner(reply.Body), "part"); !strings.Contains(first, "/titles/9/sight?v=v3") {
		t.Errorf("while somebody looks: %s", first)
	}
}

// What hardly moves has a long time left, and is over its time.
func TestTimeLeftOfWhatHardlyMoves(t *testing.T) {
	d := row{control.Delivery{State: "sending", Size: 400e9, Rate: 1, Deadline: noon.Add(time.Hour), End: noon.Add(20 * time.Minute)}, noon}
	if left, laxity := d.Left(), d.Laxity(); left < 100*365*24*time.Hour || laxity > 0 {
		t.Errorf("%v left, %v in hand", left, laxity)
	}
	d.Size, d.Rate = 1000, 300
	if left := d.Left(); left != 3*time.Second {
		t.Errorf("%v left", left)
	}
}

// Whoever logs in ends the session that their browser had, whatever connection it
// comes by, and nobody else's.
func TestLoginEndsTheSessionBefore(t *testing.T) {
	d, c := newConsole(t, false)
	d.secret = "token"
	for cookie, left := range map[string][]string{"hers": {"his"}, "": {"hers", "his"}} {
		d.sessions = map[string]control.Visitor{"hers": {LoggedIn: true}, "his": {LoggedIn: true}}
		d.shown = "his" // by who asked last on the connection
		r := httptest.NewRequest("POST", "/login", strings.NewReader("login=token"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != "" {
			r.AddCookie(c.cookie(r, cookie))
		}
		if code, to := do(c, r); code != http.StatusSeeOther {
			t.Fatalf("%d %s", code, to)
		}
		if _, there := d.sessions[cookie]; there {
			t.Errorf("the session %q goes on", cookie)
		}
		for _, other := range left {
			if _, there := d.sessions[other]; !there {
				t.Errorf("with the session %q: that of %q is over", cookie, other)
			}
		}
	}
}

// A form with more than can be read is not said to have nothing in it.
func TestLargeForm(t *testing.T) {
	_, c := newConsole(t, true)
	form := url.Values{"by": {"2026-11-24T12:00"}, "key": {"k"}, "name": {"pedro"}, "location": {"/srv/a.mkv"}, "host": {"a.cl"}}
	for i := range 1000 {
		form.Add("at", fmt.Sprintf("sala-%04d.cines.example.cl", i))
	}
	for _, path := range []string{"/titles/1", "/titles/1/redeliver", "/titles", "/titles/1/remove", "/titles/1/replace", "/live", "/receptions", "/accounts", "/login", "/deliveries/1/cancel"} {
		if code, body := post(t, c, path, form); code != 400 || !strings.Contains(body, "choose or write less at once") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// However many deliveries are under way, a list leads to each of them.
func TestManyUnderWay(t *testing.T) {
	d, c := newConsole(t, false)
	one, many := d.deliveries[0], int64(2*mostRunning*control.PageSize+7)
	d.deliveries = nil
	for id := many; id > 0; id-- {
		one.ID = id
		d.deliveries = append(d.deliveries, one)
	}
	seen := make(map[string]bool)
	row, next := regexp.MustCompile(`<li id="d(\d+)"`), regexp.MustCompile(`href="(/deliveries\?running=\d+)"`)
	for path := "/deliveries"; path != ""; {
		_, body := get(t, c, path, "en")
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			seen[m[1]] = true
		}
		// What is kept fresh are the latest.
		if fresh := strings.Contains(body, `data-events`); fresh != (path == "/deliveries") {
			t.Errorf("%s is kept fresh: %v", path, fresh)
		}
		path = ""
		if m := next.FindStringSubmatch(body); m != nil {
			path = m[1]
		}
	}
	if len(seen) != int(many) {
		t.Errorf("%d of %d deliveries are shown", len(seen), many)
	}
}

// That what was older is over meanwhile does not say that there are no deliveries.
func TestNoneOlderUnderWay(t *testing.T) {
	_, c := newConsole(t, false)
	r := httptest.NewRequest("GET", "/deliveries?running=2", nil)
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/deliveries" {
		t.Errorf("%d to %q: %.3000s", w.Code, w.Header().Get("Location"), w.Body)
	}
}
