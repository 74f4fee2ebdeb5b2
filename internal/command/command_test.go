package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"videoclub/internal/reason"
)

func TestExplain(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		en, es string
		status int
	}{
		"a reason": {
			reason.New(reason.UnknownTitle, "9"),
			"vcuser: there is no title with that number: 9\nvcuser: vcuser list shows the titles [unknown_title]\n",
			"vcuser: no hay ningún título con ese número: 9\nvcuser: vcuser list muestra los títulos [unknown_title]\n",
			reason.ExitRefused,
		},
		"usage": {
			reason.New(reason.Usage, "no number"), "vcuser: no number\nvcuser: see --help [usage]\n",
			"vcuser: no number\nvcuser: vea --help [usage]\n", reason.ExitUsage,
		},
		"cobra's usage": {
			errors.New(`unknown command "x" for "vcuser"`), "vcuser: unknown command \"x\" for \"vcuser\"\nvcuser: see --help [usage]\n",
			"vcuser: unknown command \"x\" for \"vcuser\"\nvcuser: vea --help [usage]\n", reason.ExitUsage,
		},
		"a status of its own": {
			&Ended{Status: 1, Err: reason.New(reason.Unreachable, "delivery 3")},
			"vcuser: the server cannot be reached: delivery 3\nvcuser: check that it runs and that the address is right [unreachable]\n",
			"vcuser: no se puede llegar al servidor: delivery 3\nvcuser: compruebe que está en marcha y que la dirección es correcta [unreachable]\n",
			1,
		},
		"a reason without a detail": {
			reason.New(reason.SourceUnreadable, ""),
			"vcuser: the title's file could not be read to its end\nvcuser: check the disk at the central server, then request it again [source_unreadable]\n",
			"vcuser: el archivo del título no se pudo leer hasta el final\nvcuser: revise el disco del servidor central y solicítelo de nuevo [source_unreadable]\n",
			reason.ExitFailed,
		},
		"told already": {&Ended{Status: 3}, "", "", 3},
	} {
		for language, want := range map[string]string{"en": c.en, "es": c.es} {
			var out bytes.Buffer
			if got := Explain(&out, "vcuser", language, c.err); got != c.status || out.String() != want {
				t.Errorf("%s, %s: status %d\n%swant %d\n%s", name, language, got, out.String(), c.status, want)
			}
		}
	}
}

func TestEndedKeepsItsReason(t *testing.T) {
	err := error(&Ended{Status: 1, Err: reason.New(reason.Cancelled, "why")})
	if reason.Of(err) != reason.Cancelled || err.Error() != "why" {
		t.Errorf("%v of %q", reason.Of(err), err)
	}
	if text := (&Ended{Status: 3}).Error(); !strings.Contains(text, "3") {
		t.Error(text)
	}
}

func TestFlagProblem(t *testing.T) {
	for args, want := range map[string]string{
		"--nothing":  "no hay ninguna opción --nothing",
		"-x":         "no hay ninguna opción -x",
		"--count":    "falta el valor de la opción --count",
		"--count=no": `"no" no es un valor de la opción --count`,
	} {
		c := &cobra.Command{Use: "try"}
		c.Flags().Int("count", 0, "")
		err := c.ParseFlags(strings.Fields(args))
		if got := flagProblem(err, "es"); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
		if got := flagProblem(err, "en"); got != err.Error() {
			t.Errorf("%s in English: %q", args, got)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "en"},
		{map[string]string{"LANG": "es_CL.UTF-8"}, "es"},
		{map[string]string{"LANG": "es"}, "es"},
		{map[string]string{"LANG": "C"}, "en"},
		{map[string]string{"LANG": "es_CL.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "es_ES"}, "es"},
		{map[string]string{"LANG": "de_DE.UTF-8"}, "en"},
		{map[string]string{"LANG": "est_EE"}, "en"},
	} {
		getenv := func(name string) string { return c.env[name] }
		if got := Language(getenv); got != c.want {
			t.Errorf("%v: %q", c.env, got)
		}
		chosen := c.want
		if lang := c.env["LANG"]; c.env == nil || lang == "C" || lang == "de_DE.UTF-8" || lang == "est_EE" {
			chosen = ""
		}
		if got := ChosenLanguage(getenv); got != chosen {
			t.Errorf("%v: chosen is %q", c.env, got)
		}
	}
}

func TestPorts(t *testing.T) {
	for args, want := range map[string]bool{"": true, "1 2 3": true, "0 0 65535": true, "1 2": false, "1 2 x": false, "1 2 65536": false, "1 2 -3": false} {
		var ports []int
		err := Ports(&ports, 3)(nil, strings.Fields(args))
		if (err == nil) != want || err != nil && reason.Of(err) != reason.Usage {
			t.Errorf("%q: %v", args, err)
		}
	}
}
