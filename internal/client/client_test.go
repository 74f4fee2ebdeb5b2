package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"videoclub/internal/api"
	"videoclub/internal/command"
	"videoclub/internal/control"
	"videoclub/internal/reason"
)

// tester is a program whose output is kept.
func tester(language string, out *bytes.Buffer) *Program {
	return &Program{
		Name: "vcx", Out: out, Err: out, Now: time.Now, Zone: time.UTC, Language: language, Words: WordsIn(language),
		Server: "127.0.0.1:4100", Variable: "VC_X", Port: "4100", Getenv: func(string) string { return "" },
	}
}

// Everything is said in both languages, with the same values in it in the same
// order.
func TestLanguagesAgree(t *testing.T) {
	en, es := reflect.ValueOf(english()), reflect.ValueOf(spanish())
	verbs := regexp.MustCompile(`%(\[\d\])?[.0-9]*[a-z]`)
	for i := range en.NumField() {
		name, a, b := en.Type().Field(i).Name, en.Field(i), es.Field(i)
		if a.Kind() == reflect.Map {
			for _, key := range a.MapKeys() {
				if !b.MapIndex(key).IsValid() || a.Len() != b.Len() {
					t.Errorf("%s: %v differs", name, key)
				}
			}
			continue
		}
		if a.Len() == 0 || b.Len() == 0 || !reflect.DeepEqual(verbs.FindAllString(a.String(), -1), verbs.FindAllString(b.String(), -1)) {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
}

// A person is told of the root of an error, and nothing of the server's steers
// the terminal.
func TestPlain(t *testing.T) {
	refused := &api.Refused{Refusal: control.Refusal{Code: reason.TitleInUse, Detail: "delivery \x1b[2J"}}
	deep := reason.Wrap(reason.Unreachable, &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}, "asking x")
	told := &command.Ended{Status: 7}
	for _, c := range []struct {
		err  error
		code reason.Code
		says string
	}{
		{nil, "", ""},
		{refused, reason.TitleInUse, `delivery \x1b[2J`},
		{deep, reason.Unreachable, "127.0.0.1:4100: connection refused"},
		{reason.Wrap(reason.Unreachable, &url.Error{Op: "Get", URL: "https://x", Err: fmt.Errorf("%w: %w", api.ErrTurnedAway, io.EOF)}, "asking x"), reason.Unreachable,
			"127.0.0.1:4100 closed the connection at once; it may be full, or have this address wait after failed logins: try again in some minutes"},
		{reason.New(reason.Protocol, "a\x07b"), reason.Protocol, `a\ab`},
		{told, reason.Internal, told.Error()},
		{io.ErrUnexpectedEOF, reason.Internal, "unexpected EOF"},
	} {
		var out bytes.Buffer
		got := tester("en", &out).Plain(c.err)
		if reason.Of(got) != c.code || got != nil && got.Error() != c.says || out.Len() > 0 {
			t.Errorf("%v becomes %v, %q", c.err, got, &out)
		}
	}
	away := tester("es", new(bytes.Buffer))
	away.Server = "central.example.org:4100"
	if got := away.Plain(deep); !strings.HasPrefix(got.Error(), "central.example.org:4100: connection refused; ") || !strings.Contains(got.Error(), "sin --open") {
		t.Errorf("another machine that refuses: %v", got)
	}
	var out bytes.Buffer
	p := tester("en", &out)
	p.JSON = true
	if p.Plain(refused); !strings.Contains(out.String(), `"reason":"title_in_use"`) {
		t.Errorf("JSON %s", &out)
	}
}

// Where the reason's words say the rest, the subject takes the place of the
// server's words.
func TestAbout(t *testing.T) {
	p := tester("es", new(bytes.Buffer))
	for code, same := range map[reason.Code]bool{reason.UnknownTitle: false, reason.DurationUnknown: false, reason.Busy: true} {
		err := &api.Refused{Refusal: control.Refusal{Code: code, Detail: "in English"}}
		got := p.About(err, "77")
		var ended *command.Ended
		if errors.As(got, &ended) == same || !same && (ended.Err.Error() != "77" || ended.Status != code.Exit()) {
			t.Errorf("%s: %v", code, got)
		}
	}
	if err := p.About(io.EOF, "77"); err != io.EOF {
		t.Errorf("%v", err)
	}
}

// The command line is in order before anybody is asked.
func TestRoot(t *testing.T) {
	for _, c := range []struct {
		args, says string
		code       reason.Code
	}{
		{"", "does it", ""},
		{"do", "done", ""},
		{"host 4107", "menu at host:4107", ""},
		{"host x", "", reason.Usage}, {"host 0", "", reason.Usage}, {"host 1 2", "", reason.Usage}, {"dp", "", reason.Usage},
		{"do it", "", reason.Usage},
		{"--server no/where do", "", reason.Usage},
		{"deliveries -n 0", "", reason.Usage},
	} {
		var out bytes.Buffer
		p := tester("en", &out)
		do := &cobra.Command{Use: "do", Args: p.Exactly(), RunE: func(c *cobra.Command, _ []string) error {
			client, err := p.Dial(c.Context(), p.Asker())
			if err == nil {
				client.Close()
				out.WriteString("done")
			}
			return err
		}}
		root := p.Root("vcx does it", map[string]Help{"do": {Short: "do it"}}, func(*cobra.Command) error {
			out.WriteString("menu at " + p.Server)
			return nil
		}, do, p.Deliveries())
		root.SilenceErrors, root.SilenceUsage = true, true
		root.SetArgs(strings.Fields(c.args))
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); reason.Of(err) != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%q: %v, %q", c.args, err, &out)
		}
	}
}
