package look

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// QuietFor is how long a browser hears nothing before it is told that all
	// is well.
	QuietFor = 15 * time.Second

	// eventWithin is how long a browser may take to take an event.
	eventWithin = 30 * time.Second
)

// Stream is a stream of server-sent events to one browser that watches (WHATWG
// HTML, section 9.2): parts of its page, each with the id of the element that it
// takes the place of. What changed while a browser was away is sent when it comes
// back, whatever its Last-Event-ID, since each part says how things are and not
// how they changed.
type Stream struct {
	pages    *Pages
	w        http.ResponseWriter
	control  *http.ResponseController
	language string
	sent     map[string]string // by element: what it was sent last
	told     time.Time         // when it last heard something
	err      error
}

// Stream begins a stream of parts of pages.
func (p *Pages) Stream(w http.ResponseWriter, r *http.Request) *Stream {
	w.Header().Set("Content-Type", "text/event-stream")
	return &Stream{pages: p, w: w, control: http.NewResponseController(w), language: Language(r), sent: make(map[string]string), told: time.Now()}
}

// Err says why nothing more can be sent, nil while it can.
func (s *Stream) Err() error { return s.err }

// Part sends an element made by the named template, unless it is as it was.
func (s *Stream) Part(element, name string, data any) {
	html, err := s.pages.Part(s.language, name, data)
	if err != nil {
		s.err = err
		return
	}
	if s.sent[element] == html {
		return
	}
	s.sent[element] = html
	s.Event("part", map[string]string{"id": element, "html": html})
}

// Event sends an event with its body as JSON.
func (s *Stream) Event(name string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.err = err
	}
	s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, text))
}

// Rest ends a round: what was sent leaves, and a browser that heard nothing for
// long is told that all is well.
func (s *Stream) Rest() {
	if time.Since(s.told) >= QuietFor {
		s.write(": all is well\n\n")
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
}

func (s *Stream) write(text string) {
	if s.err != nil {
		return
	}
	s.told = time.Now()
	s.control.SetWriteDeadline(s.told.Add(eventWithin))
	_, s.err = fmt.Fprint(s.w, text)
}
