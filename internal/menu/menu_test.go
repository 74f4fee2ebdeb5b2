package menu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// meal is a menu that notes what was chosen.
func meal(did *[]string, out io.Writer) Menu {
	return Menu{
		Title: "Meals", Quit: "quit", Choose: "choose", Default: 2, Unknown: "%q is no option",
		Explain: func(err error) { fmt.Fprintln(out, "sorry:", err) },
		Options: []Option{
			{Text: "eat", Do: func(s *Screen) error {
				what, err := s.Ask(Question{Text: "what"})
				if err != nil {
					return err
				}
				how, err := s.Ask(Question{Text: "how much", Default: "1", Check: func(answer string) error {
					if _, err := strconv.Atoi(answer); err != nil {
						return errors.New("that is no number")
					}
					return nil
				}})
				if err != nil {
					return err
				}
				with, err := s.Ask(Question{Text: "with", Optional: true})
				*did = append(*did, fmt.Sprintf("eat %s %s %s", what, how, with))
				return err
			}},
			{Text: "drink", Do: func(*Screen) error { *did = append(*did, "drink"); return nil }},
			{Text: "drive", Do: func(*Screen) error { return errors.New("no car") }},
		},
	}
}

func TestMenu(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		did  string
		says []string
	}{
		"by number":               {"1\nsoup\n\n\n4\n", "eat soup 1 ", []string{"  1  eat\n", "  4  quit\n", "choose [2]: ", "how much [1]: "}},
		"by its beginning":        {"E\nsoup\n2\nbread\nQ\n", "eat soup 2 bread", nil},
		"by default":              {"\nquit\n", "drink", nil},
		"what is no option":       {"dr\n0\n5\n-1\nx\n4\n", "", []string{`"dr" is no option`, `"0" is no option`, `"5" is no option`, `"-1" is no option`, `"x" is no option`}},
		"asked again":             {"1\nsoup\nmuch\n3\n\n4\n", "eat soup 3 ", []string{"  that is no number\n"}},
		"back by an empty line":   {"1\n\n2\n4\n", "drink", nil},
		"an option that fails":    {"3\n2\n4\n", "drink", []string{"sorry: no car\n"}},
		"the end at once":         {"", "", []string{"Meals"}},
		"the end in an option":    {"1\nsoup\n", "", nil},
		"an end without its line": {"2\n4", "drink", nil},
	} {
		var out bytes.Buffer
		var did []string
		if err := meal(&did, &out).Run(Read(strings.NewReader(c.in), &out)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Join(did, ","); got != c.did {
			t.Errorf("%s: did %q, want %q", name, got, c.did)
		}
		for _, says := range c.says {
			if !strings.Contains(out.String(), says) {
				t.Errorf("%s does not say %q:\n%s", name, says, &out)
			}
		}
	}
}

// A line that is longer than any answer is one wrong answer, and the next line
// is the next.
func TestLineTooLong(t *testing.T) {
	for _, extra := range []int{0, 1, maxLine, maxLine + 1, 5*maxLine - 1} {
		var did []string
		var out strings.Builder
		long := strings.Repeat("x", maxLine-1+extra)
		if err := meal(&did, &out).Run(Read(strings.NewReader(long+"\n9\n"), &out)); err != nil {
			t.Errorf("%d bytes: %v", len(long), err)
		}
		if n := strings.Count(out.String(), "x"); n > 2*mostQuoted || !strings.Contains(out.String(), `"9"`) {
			t.Errorf("%d bytes: %d are said back: %.300s", len(long), n, &out)
		}
	}
}

// What is most likely next stands for an empty line, once something was done.
func TestThen(t *testing.T) {
	var did []string
	m := meal(&did, io.Discard)
	for i, then := range []int{2, 1, 2} {
		m.Options[i].Then = then
	}
	m.Default = 3
	// drive fails: its Then is not heeded; drink leads to eat, eat to drink.
	var out strings.Builder
	if err := m.Run(Read(strings.NewReader("\ndrink\n\nsoup\n\n\n\n"), &out)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(did, ", "); got != "drink, eat soup 1 , drink" {
		t.Errorf("did %q:\n%s", got, &out)
	}
	for _, says := range []string{"choose [3]: ", "choose [1]: ", "choose [2]: "} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("%q is never said", says)
		}
	}
}

// broken is an output that nobody reads any more.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestNobodyReads(t *testing.T) {
	var did []string
	if err := meal(&did, broken{}).Run(Read(strings.NewReader("2\n"), broken{})); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// onTerminal, in the environment, has the test binary run the menu on its
// standard input and output.
const onTerminal = "VIDEOCLUB_MENU_ON_TERMINAL"

func TestMain(m *testing.M) {
	if os.Getenv(onTerminal) != "" {
		var did []string
		err := meal(&did, os.Stdout).Run(Open(os.Stdin, os.Stdout))
		fmt.Printf("did %v, %v\n", did, err)
		return
	}
	os.Exit(m.Run())
}

// On a terminal a line can be edited and the one before called back; Ctrl-D
// ends the menu.
func TestTerminal(t *testing.T) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), onTerminal+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	const left, up = "\x1b[D", "\x1b[A"
	said := &reader{from: near}
	for _, step := range []struct{ until, write string }{
		{"choose [2]: ", "1\r"},
		{"what: ", "sop" + left + "u\r"},
		{"how much [1]: ", "2\r"},
		{"with: ", up + up + "\r"}, // the answer before the last
		{"choose [2]: ", "\x04"},
	} {
		said.until(t, step.until)
		if _, err := io.WriteString(near, step.write); err != nil {
			t.Fatal(err)
		}
	}
	said.until(t, "did [eat soup 2 soup], <nil>")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// reader reads a terminal until it has shown something.
type reader struct {
	from io.Reader
	seen string
}

func (r *reader) until(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(r.seen, text) {
		p := make([]byte, 4096)
		n, err := r.from.Read(p)
		if err != nil {
			t.Fatalf("%v before %q was shown, after %q", err, text, r.seen)
		}
		r.seen += string(p[:n])
	}
	_, r.seen, _ = strings.Cut(r.seen, text)
}
