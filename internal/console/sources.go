package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
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

// liveForm is what is chosen and written of a live source: a picture, a sound, or
// both, and what is asked of each.
type liveForm struct {
	Picture, Sound             string // the location of a source that is listed
	OtherPicture, OtherSound   string // of one that was written instead
	Size, Fps, Format, Encode  string
	Rate, Channels, Bits, Keep string
	Name, About, For           string
}

// readLive reads the form.
func readLive(r *http.Request) liveForm {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return liveForm{
		Picture: field("picture"), Sound: field("sound"), OtherPicture: field("other_picture"), OtherSound: field("other_sound"),
		Size: field("size"), Fps: field("fps"), Format: field("format"), Encode: field("encode"),
		Rate: field("rate"), Channels: field("channels"), Bits: field("bits"), Keep: field("keep"),
		Name: field("name"), About: field("description"), For: field("minutes"),
	}
}

// written completes the location of a source as people write it.
func written(text, scheme, made string) string {
	switch {
	case text == "" || strings.HasPrefix(text, "/dev/") || strings.HasPrefix(text, scheme+":") || strings.HasPrefix(text, made+":"):
		return text
	case text == made:
		return made + ":"
	}
	return scheme + ":" + text
}

// with adds what is asked of a source to its location, as NAME, VALUE, ….
func with(source string, asked ...string) string {
	for i := 0; i < len(asked); i += 2 {
		if asked[i+1] == "" {
			continue
		}
		mark := "?"
		if strings.Contains(source, "?") {
			mark = "&"
		}
		source += mark + asked[i] + "=" + asked[i+1]
	}
	return source
}

// location puts the parts together as the location of a title has them; what is
// wrong with them the supervisor says.
func (f liveForm) location() (string, error) {
	var parts []string
	if picture := cmp.Or(written(f.OtherPicture, "v4l2", "pattern"), f.Picture); picture != "" {
		format := f.Format
		if strings.HasPrefix(picture, "pattern:") {
			format = "" // what is made comes in one
		}
		parts = append(parts, with(picture, "size", f.Size, "fps", f.Fps, "format", format, "encode", f.Encode))
	}
	if sound := cmp.Or(written(f.OtherSound, "alsa", "tone"), f.Sound); sound != "" {
		parts = append(parts, with(sound, "rate", f.Rate, "channels", f.Channels, "bits", f.Bits, "encode", f.Keep))
	}
	if len(parts) == 0 {
		return "", reason.New(reason.Usage, "a live source has a picture, a sound or both")
	}
	return strings.Join(parts, "+"), nil
}

// device is a live source as it is chosen.
type device struct {
	control.LiveSource
	Field   string // of the form
	Chosen  bool
	Trouble string // why it cannot be captured now, in words
	Sizes   []choice
	Rates   []string // pictures a second
}

// choice is a value of a parameter, and what else there is to say of it.
type choice struct{ Value, About string }

// Can says in short what a sound device can do.
func (d device) Can() string {
	var all []string
	if r := d.SampleRates; r != nil {
		all = append(all, extent(*r)+" Hz")
	}
	if len(d.Bits) > 0 {
		all = append(all, strings.Trim(strings.ReplaceAll(fmt.Sprint(d.Bits), " ", "/"), "[]")+" bit")
	}
	return strings.Join(all, ", ")
}

// Channels is how many channels a sound device has, "" where that is not known.
func (d device) Channels() string {
	if d.LiveSource.Channels == nil {
		return ""
	}
	return extent(*d.LiveSource.Channels)
}

// Formats are what a camera's pictures come as, each with its largest size.
func (d device) Formats() (all []string) {
	for _, s := range d.Shapes {
		larger := func(o control.DeviceShape) bool { return o.Pixels == s.Pixels && o.Width*o.Height > s.Width*s.Height }
		if text := fmt.Sprintf("%s %dx%d", s.Pixels, s.Width, s.Height); !slices.ContainsFunc(d.Shapes, larger) && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// extent is from the least to the most.
func extent(r control.Range) string {
	if r.Least == r.Most {
		return strconv.Itoa(r.Least)
	}
	return fmt.Sprintf("%d–%d", r.Least, r.Most)
}

// choose makes what can be chosen of a source, as the form has it.
func choose(l control.LiveSource, form liveForm, language string) device {
	d := device{LiveSource: l, Field: "sound", Chosen: l.Location == form.Sound}
	if l.Reason != "" {
		d.Trouble = because(l.Reason, language)
	}
	if l.Kind == control.SourceCamera || l.Kind == control.SourcePattern {
		d.Field, d.Chosen = "picture", l.Location == form.Picture
	}
	for _, s := range l.Shapes {
		size := fmt.Sprintf("%dx%d", s.Width, s.Height)
		at := slices.IndexFunc(d.Sizes, func(c choice) bool { return c.Value == size })
		if at < 0 {
			at = len(d.Sizes)
			d.Sizes = append(d.Sizes, choice{Value: size})
		}
		about := s.Pixels
		if len(s.Rates) > 0 {
			about += " " + s.Rates[0] + "/s"
		}
		if c := &d.Sizes[at]; c.About == "" {
			c.About = about
		} else {
			c.About += ", " + about
		}
		for _, rate := range s.Rates {
			if !slices.Contains(d.Rates, rate) {
				d.Rates = append(d.Rates, rate)
			}
		}
	}
	return d
}

// livePage is what can be captured, and what is chosen of it.
type livePage struct {
	Form             liveForm
	Pictures, Sounds []device
}

// liveOf makes the page of what the server can capture.
func (c Console) liveOf(r *http.Request, form liveForm) (livePage, error) {
	p := livePage{Form: form}
	reply, err := c.call(r.Context(), control.Call{Sources: &control.SourcesQuery{}})
	if err != nil {
		return p, err
	}
	for _, l := range reply.Sources.Sources {
		if d := choose(l, form, look.Language(r)); d.Field == "picture" {
			p.Pictures = append(p.Pictures, d)
		} else {
			p.Sounds = append(p.Sounds, d)
		}
	}
	return p, nil
}

// live shows what the server can capture, to choose from.
func (c Console) live(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "film_it", nil)
	data, err := c.liveOf(r, liveForm{})
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	if len(data.Pictures) > 0 { // the usual wish
		first := &data.Pictures[0]
		first.Chosen, data.Form.Picture = true, first.Location
	}
	p.Data = data
	c.show(w, http.StatusOK, "live.html", p)
}

// liveAgain shows what there is to choose from, with what was chosen before.
func (c Console) liveAgain(w http.ResponseWriter, r *http.Request, p page, form liveForm, code int) {
	data, err := c.liveOf(r, form)
	if err != nil {
		c.fail(w, r, err, look.Status(err))
		return
	}
	p.Data = data
	c.show(w, code, "live.html", p)
}

// addLive adds a title of what a camera sees and a microphone hears, and goes on
// to where it is to be delivered.
func (c Console) addLive(w http.ResponseWriter, r *http.Request) {
	p := c.page(r, "titles", "film_it", nil)
	form := readLive(r)
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
		c.liveAgain(w, r, p, form, look.Status(err))
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/titles/%d", reply.Change.Title.Number), http.StatusSeeOther)
}
