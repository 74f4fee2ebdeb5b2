package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"videoclub/internal/client"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// Each thing that is not well is shown with why, has a line that says what to do,
// in both languages, and an exit status.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		finding control.Finding
		status  int
		en, es  []string // what the verdict and the advice say
	}{
		{control.Finding{What: control.FoundName, Code: reason.UnknownReception, Detail: "no such host"}, reason.ExitRefused,
			[]string{"name  NOT WELL", "no such host", "mend the name in the DNS", "vcadmin reception add hall --address"}, []string{"nombre  MAL", "corrija el nombre"}},
		{control.Finding{What: control.FoundConnection, Code: reason.Unreachable, Detail: "refused"}, reason.ExitUnreachable,
			[]string{"connection  NOT WELL", "on hall: is vcvrs started"}, []string{"conexión  MAL", "¿está iniciado vcvrs"}},
		{control.Finding{What: control.FoundIdentity, Code: reason.IdentityChanged, Detail: "a and b"}, reason.ExitPermission,
			[]string{"identity  NOT WELL", "pair it again: vcadmin reception add hall"}, []string{"identidad  MAL", "empareje otra vez"}},
		{control.Finding{What: control.FoundIdentity, Code: reason.NotPaired, Detail: "it trusts another"}, reason.ExitPermission,
			[]string{"identity  NOT WELL", "vcadmin reception add"}, []string{"identidad  MAL", "vcadmin reception add"}},
		{control.Finding{What: control.FoundClock, Ahead: -3_600_000}, reason.ExitFailed,
			[]string{"clock  NOT WELL", "1h0m0s behind the central server", "timedatectl set-ntp true"}, []string{"reloj  MAL", "1h0m0s atrasado", "timedatectl"}},
		{control.Finding{What: control.FoundSpace, Code: reason.NoSpace, Free: 5e9, Needed: 8e9}, reason.ExitRefused,
			[]string{"free space  NOT WELL", "5 GB, and 8 GB are promised", "raise quota"}, []string{"espacio libre  MAL", "aumente quota"}},
		{control.Finding{What: control.FoundRate, Rate: 1_000_000, Link: 12_500_000}, reason.ExitFailed,
			[]string{"measured rate  NOT WELL", "the link is set to 100 Mbit/s", "--link RATE"}, []string{"tasa medida  MAL", "--link TASA"}},
	} {
		for language, said := range map[string][]string{"en": c.en, "es": c.es} {
			var out bytes.Buffer
			p := &program{words: wordsIn(language), Program: &client.Program{
				Name: "vcadmin", Out: &out, Err: &out, Now: time.Now, Zone: time.UTC, Language: language, Words: client.WordsIn(language),
			}}
			err := p.printFindings("hall", control.Findings{Findings: []control.Finding{c.finding}})
			var ended *command.Ended
			if !errors.As(err, &ended) || ended.Status != c.status {
				t.Errorf("%s: %v, want status %d", c.finding.What, err, c.status)
			}
			for _, w := range said {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%s: %q is not in\n%s", c.finding.What, w, out.String())
				}
			}
		}
	}
}
