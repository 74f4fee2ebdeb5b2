package studio

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
)

// As the name of the program, these have the workers of one kind say the lines
// that follow.
const (
	puppetCaptures = "puppets capture\n"
	puppetRecords  = "puppets record\n"
)

// A capture worker in the hands of its device, or a record worker in those of the
// former, ends its own recording, whatever it says; nothing is left of that.
func TestHostileWorkers(t *testing.T) {
	t.Parallel()
	appended := `{"kind":"appended","body":{"head":1,"offset":1,"end":9000,"from":0,"to":900,"reached":900,"origin":1,"key":true,"lost":0}}`
	for name, c := range map[string]struct{ who, says string }{
		"nonsense":                 {puppetCaptures, "nonsense"},
		"a long message":           {puppetCaptures, strings.Repeat("x", 90_000)},
		"of another":               {puppetCaptures, appended},
		"out of its turn":          {puppetCaptures, `{"kind":"call","body":{"seq":1,"titles":{"after":0}}}`},
		"too large a packet":       {puppetCaptures, `{"kind":"capturing","body":{"device":"x","largest":99999999999}}`},
		"no code":                  {puppetCaptures, `{"kind":"captured","body":{"packets":1,"trouble":"No Code"}}`},
		"devices without end":      {puppetCaptures, strings.Repeat(`{"kind":"open_device","body":{}}`+"\n", 500)},
		"ends":                     {puppetCaptures, "bye"},
		"a recorder's nonsense":    {puppetRecords, "hear\nnonsense"},
		"a cluster before another": {puppetRecords, "hear\n" + `{"kind":"appended","body":{"head":9,"offset":1,"end":0,"from":0,"to":0,"reached":0,"origin":0,"key":true,"lost":0}}`},
		"a recorder that captures": {puppetRecords, "hear\n" + `{"kind":"capturing","body":{"device":"x","largest":1}}`},
		"clusters that are none":   {puppetRecords, "hear\n" + strings.Repeat(appended+"\n", 50) + "bye"},
		"a recorder that ends":     {puppetRecords, "hear\nbye"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{t: t, dir: t.TempDir(), program: c.who + c.says}
			p.start(settings, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			w := Wish{Delivery: 1, Location: "tone:", Title: "Tone", Duration: time.Second}
			if part, err := p.Join(ctx, w); err == nil {
				// It may say that there is something; who reads it sees.
				if part.Head != 1 {
					t.Errorf("%+v", part)
				}
				p.until("it is over", func() bool { over, _ := p.Over(1); return over })
				p.Leave(1)
			} else if code := reason.Of(err); code != reason.WorkerFailed && code != reason.Internal {
				t.Errorf("%v", err)
			}
			p.until("nothing is left", func() bool {
				left, err := os.ReadDir(p.dir)
				return err == nil && len(left) == 0 && p.State().Recordings == 0
			})
		})
	}
}
