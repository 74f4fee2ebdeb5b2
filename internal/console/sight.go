package console

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

// sightPage is what is to be seen of a title.
type sightPage struct {
	Title film
	control.Seen
	Administrator bool
	Trouble       string // why nothing is, in words
}

// begins is what a page has at first: of a live source what is to be seen if that
// is there at once, and of others a picture that the browser asks for.
func (c Console) begins(r *http.Request, t film) sightPage {
	if t.Kind() != control.KindLive {
		return sightPage{Title: t}
	}
	ctx, cancel := context.WithTimeout(r.Context(), atOnce)
	defer cancel()
	return c.see(r.WithContext(ctx), t)
}

// atOnce is how long a page waits for what it shows besides.
const atOnce = 2 * time.Second

// see asks what is to be seen of a title.
func (c Console) see(r *http.Request, t film) sightPage {
	v, _ := visitor(r)
	p := sightPage{Title: t, Administrator: v.Admin}
	reply, err := c.call(r.Context(), control.Call{See: &control.SeeQuery{Number: t.Number}})
	if err != nil {
		p.Trouble, _ = look.Explain(err, look.Language(r))
		return p
	}
	p.Seen = *reply.Seen
	return p
}

// sight serves what is to be seen of a title as a picture; where there is nothing,
// what is drawn for it.
func (c Console) sight(w http.ResponseWriter, r *http.Request) {
	t, err := c.title(r)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p, kind := c.see(r, t), "image/svg+xml"
	picture := p.JPEG
	switch {
	case len(picture) > 0:
		kind = "image/jpeg"
	case len(p.Wave) > 0:
		picture = []byte(wavePoster(t, p.Wave))
	default:
		picture = []byte(poster(t))
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, no-cache")
	if p.Version != "" {
		w.Header().Set("ETag", `"`+p.Version+`"`)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(picture))
}

// film captures a live source for a moment, to be looked at.
func (c Console) film(w http.ResponseWriter, r *http.Request) {
	t, err := c.title(r)
	if err == nil {
		_, err = c.call(r.Context(), control.Call{See: &control.SeeQuery{Number: t.Number, Film: true}})
	}
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/titles/%d#sight", t.Number), http.StatusSeeOther)
}

// watch sends what is to be seen of a live source while somebody looks.
func (c Console) watch(r *http.Request, s *look.Stream, t film) {
	every := time.NewTicker(refresh)
	defer every.Stop()
	for s.Err() == nil {
		s.Part("sight", "sight", c.see(r, t))
		s.Rest()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// wave draws how loud a sound is.
func wave(levels []byte) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="wave" viewBox="0 0 %d 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, max(1, len(levels))*4)
	bars(&b, levels, 4, 50, 100)
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// bars draws levels as bars of so much width, around a height, at most so high.
func bars(b *strings.Builder, levels []byte, wide, middle, most int) {
	for i, v := range levels {
		high := max(2, int(v)*most/255)
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="1"/>`, i*wide, middle-high/2, wide-1, high)
	}
}

// wavePoster is the poster of a title that is heard, as a picture of its own.
func wavePoster(t film, levels []byte) string {
	ink := inkOf(t)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 216"><rect width="100%%" height="216" fill="%s"/><g fill="#fff" fill-opacity=".8">`, len(levels)*4, ink[0])
	bars(&b, levels, 4, 100, 130)
	b.WriteString(`</g></svg>`)
	return b.String()
}
