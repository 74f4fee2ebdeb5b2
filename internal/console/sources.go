package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/moment"
	"videoclub/internal/reason"
)

// length reads how long a title lasts: minutes, or as moment.ParseDuration does;
// nothing is 0.
func length(text string) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	if minutes, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64); err == nil && minutes > 0 && minutes < 1e6 {
		return time.Duration(minutes * float64(time.Minute)), nil
	}
	return moment.ParseDuration(text)
}

// liveForm is what is written of a live source: a picture, a sound, or both.
type liveForm struct {
	Picture, Sound   string // "pattern" and "tone" are made by the program; else devices
	Size, Fps        string
	Rate, Channels   string
	Name, About, For string
}

// location puts the parts together as the location of a title has them; what is
// wrong with them the supervisor says.
func (f liveForm) location() (string, error) {
	part := func(scheme, made, device string, asked ...string) string {
		var q []string
		for i := 0; i < len(asked); i += 2 {
			if asked[i+1] != "" {
				q = append(q, asked[i]+"="+asked[i+1])
			}
		}
		text := scheme + ":" + device
		if device == made {
			text = made + ":"
		}
		if len(q) > 0 {
			text += "?" + strings.Join(q, "&")
		}
		return text
	}
	var parts []string
	if f.Picture != "" {
		parts = append(parts, part("v4l2", "pattern", f.Picture, "size", f.Size, "fps", f.Fps))
	}
	if f.Sound != "" {
		parts = append(parts, part("alsa", "tone", f.Sound, "rate", f.Rate, "channels", f.Channels))
	}
	if len(parts) == 0 {
		return "", reason.New(reason.Usage, "a live source has a picture, a sound or both")
	}
	return strings.Join(parts, "+"), nil
}

// addLive adds a title of what a camera sees and a microphone hears, and goes on
// to where it is to be delivered.
func (c Console) addLive(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	form := liveForm{field("picture"), field("sound"), field("size"), field("fps"), field("rate"), field("channels"), field("name"), field("description"), field("minutes")}
	location, err := form.location()
	var lasts time.Duration
	if err == nil {
		lasts, err = length(form.For)
	}
	var reply control.Reply
	if err == nil {
		reply, err = c.call(r.Context(), control.Call{Add: &control.AddTitle{Name: form.Name, Location: location, Description: form.About, Duration: lasts.Milliseconds()}})
	}
	if err != nil {
		p.explain(err)
		if reason.Of(err).Exit() != reason.ExitUsage {
			p.Problem += ": " + err.Error()
		}
		c.titlesAgain(w, r, p, titlesPage{Live: form}, look.Status(err))
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/titles/%d", reply.Change.Title.Number), http.StatusSeeOther)
}

// replaceTitle gives a title a new version.
func (c Console) replaceTitle(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "titles", nil)
	t, err := c.title(r)
	var lasts time.Duration
	if err == nil {
		lasts, err = length(r.PostFormValue("minutes"))
	}
	if err == nil {
		_, err = c.call(r.Context(), control.Call{Replace: &control.ReplaceTitle{
			Number: t.Number, Location: strings.TrimSpace(r.PostFormValue("location")), Duration: lasts.Milliseconds(),
		}})
	}
	code := http.StatusOK
	if err != nil {
		p.explain(err)
		code = look.Status(err)
	} else {
		p.Done = fmt.Sprintf(made.Say(p.Lang, "replaced"), t.Name)
	}
	c.titlesAgain(w, r, p, titlesPage{}, code)
}
