package dispatch

import (
	"testing"
	"time"

	"videoclub/internal/moment"
)

// A chart shows what is reserved, when and for what, and when a link is closed.
func TestChart(t *testing.T) {
	s := three()
	w, err := moment.ParseWindow("daily 12:30-13:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	hall := s.Receptions["hall"]
	hall.Windows = []moment.Window{w}
	s.Receptions["hall"] = hall
	d := newStand(t, s, films{"/night": 9_500_000})
	if c := d.Chart(time.Time{}, time.Time{}, 4); !c.From.Equal(noon) || !c.To.Equal(noon.Add(leastChart)) || len(c.Links) != 3 || len(c.Links[1].Slots) != 0 {
		t.Errorf("with nothing promised: %+v", c)
	}
	for key, at := range map[string]string{"a": "hall", "b": "studio"} {
		if _, err := d.Promise(t.Context(), Ask{Key: key, Receptions: []string{at}, By: noon.Add(2 * time.Hour), Title: night}); err != nil {
			t.Fatal(err)
		}
	}
	d.mu.Lock()
	d.replan(noon)
	d.mu.Unlock()
	c := d.Chart(time.Time{}, time.Time{}, 4)
	if !c.To.Equal(noon.Add(2*time.Hour)) || c.Uplink.Rate != 950_000 {
		t.Errorf("%v of %d", c.To, c.Uplink.Rate)
	}
	attic, in, studio := c.Links[0], c.Links[1], c.Links[2]
	if attic.Reception != "attic" || len(attic.Slots) != 0 || attic.Closed != nil {
		t.Errorf("%+v", attic)
	}
	if len(in.Slots) != 1 || !in.Slots[0].Start.Equal(noon.Add(30*time.Minute)) || in.Slots[0].Name != "Night" {
		t.Errorf("%+v", in.Slots)
	}
	if len(in.Closed) != 2 || !in.Closed[0].From.Equal(noon) || !in.Closed[1].From.Equal(noon.Add(time.Hour)) || !in.Closed[1].To.Equal(c.To) {
		t.Errorf("closed %+v", in.Closed)
	}
	// Each step is half an hour; what is reserved in all is what there is to send.
	var sum int64
	for i := range 4 {
		if c.Uplink.Reserved[i] != in.Reserved[i]+studio.Reserved[i] {
			t.Errorf("step %d: %d of the uplink, %d and %d", i, c.Uplink.Reserved[i], in.Reserved[i], studio.Reserved[i])
		}
		sum += in.Reserved[i]
	}
	if in.Reserved[0] != 0 || in.Reserved[1] == 0 || sum < 9_500_000/1800-2 || sum > 9_500_000/1800+2 {
		t.Errorf("%v", in.Reserved)
	}
	if c := d.Chart(noon, noon.AddDate(1, 0, 0), 4); !c.To.Equal(noon.Add(mostChart)) {
		t.Errorf("a year is drawn until %v", c.To)
	}
}
