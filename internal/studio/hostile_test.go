package studio

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/matroska"
	"videoclub/internal/reason"
	"videoclub/internal/spool"
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

// A recording that is to end as soon as it goes on is noted as ended: who records may
// have heard both before it gets to either. Which one it saw was chance, so it is
// tried often.
func TestStoppedAtOnce(t *testing.T) {
	t.Parallel()
	for range 1000 {
		var files [3]*os.File
		for i, name := range fileNames {
			fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			files[i] = os.NewFile(uintptr(fd), name)
		}
		front, err := matroska.NewFront(matroska.Head{Title: "Tone", Date: time.Now().Truncate(ms), Tracks: []matroska.Track{{Codec: "A_PCM/INT/LIT", SampleRate: 8000, Channels: 1, Bits: 16}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spool.Create(spool.Files{Data: spool.OS(files[0]), Marks: spool.OS(files[1]), Index: spool.OS(files[2])}, front.Bytes, 1<<20); err != nil {
			t.Fatal(err)
		}
		ours, end, err := control.Pair()
		if err != nil {
			t.Fatal(err)
		}
		its := control.New(end)
		for _, m := range []control.Message{control.MakeRecording{Title: "Tone", Limit: 1 << 20, Resume: true, Torn: reason.WorkerFailed}, control.StopRecording{}} {
			if err := ours.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		err = (&Recorder{Data: files[0], Marks: files[1], Index: files[2], Control: its}).Run()
		m, wrong := spool.Follow(files[0], files[1], files[2]).Mark()
		if err != nil || wrong != nil || !m.Ended {
			t.Fatalf("%v, %v, %v", m, err, wrong)
		}
		ours.Close()
		its.Close()
		for _, f := range files {
			f.Close()
		}
	}
}
