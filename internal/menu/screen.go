// Package menu leads a person through what a program can do: a list of options,
// and questions with defaults. On a terminal lines can be edited and called back;
// from a pipe they are read as they come.
package menu

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxLine is how much of a line from a pipe is heard, in bytes: more than any
// answer has. A terminal has a bound of its own.
const maxLine = 16 << 10

// Screen is where a person is asked.
type Screen struct {
	Out io.Writer
	in  lines
}

// lines gives what a person writes after a prompt, line by line without its end,
// and io.EOF when there is no more.
type lines interface {
	line(prompt string) (string, error)
}

// Open asks on in and out. Where both are terminals, lines can be edited.
func Open(in *os.File, out io.Writer) *Screen {
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(f.Fd())) {
		return &Screen{Out: out, in: &edited{file: in, out: f, terminal: term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, out}, "")}}
	}
	return Read(in, out)
}

// Read asks on a reader that is no terminal.
func Read(in io.Reader, out io.Writer) *Screen {
	return &Screen{Out: out, in: &piped{out: out, in: bufio.NewReaderSize(in, maxLine)}}
}

// edited is a terminal. It is in raw mode only while a line is edited, so that
// whatever is printed and interrupted between two lines is as ever.
type edited struct {
	file, out *os.File
	terminal  *term.Terminal
}

func (e *edited) line(prompt string) (text string, err error) {
	before, err := term.MakeRaw(int(e.file.Fd()))
	if err != nil {
		return "", fmt.Errorf("the terminal: %w", err)
	}
	defer func() {
		err = errors.Join(err, term.Restore(int(e.file.Fd()), before))
		if errors.Is(err, io.EOF) {
			err = io.EOF
			fmt.Fprintln(e.out) // the prompt's line is over
		}
	}()
	if width, height, err := term.GetSize(int(e.out.Fd())); err == nil && width > 0 {
		if err := e.terminal.SetSize(width, height); err != nil {
			return "", fmt.Errorf("the terminal: %w", err)
		}
	}
	e.terminal.SetPrompt(prompt)
	return e.terminal.ReadLine()
}

// piped is what a program or a file says.
type piped struct {
	out io.Writer
	in  *bufio.Reader
}

func (p *piped) line(prompt string) (string, error) {
	if _, err := io.WriteString(p.out, prompt); err != nil {
		return "", err
	}
	text, rest, err := p.in.ReadLine()
	answer := string(text)
	for rest && err == nil {
		_, rest, err = p.in.ReadLine()
	}
	// Nobody's Enter has ended the prompt's line.
	if _, err := io.WriteString(p.out, "\n"); err != nil {
		return "", err
	}
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return answer, err
}

// ErrBack ends an option that the person does not want to go on with.
var ErrBack = errors.New("back to the menu")

// Question is something to be asked.
type Question struct {
	Text string
	// Default is the answer when the line is empty; it is shown. Without one,
	// and unless Optional, an empty line leads back to the menu: ErrBack.
	Default  string
	Optional bool
	// Check, if there is one, says what is wrong with an answer, which is then
	// asked for again.
	Check func(answer string) error
}

// Ask asks until the answer is as it should be. The error is io.EOF at the end
// of the input.
func (s *Screen) Ask(q Question) (string, error) {
	prompt := q.Text + ": "
	if q.Default != "" {
		prompt = fmt.Sprintf("%s [%s]: ", q.Text, q.Default)
	}
	for {
		answer, err := s.in.line(prompt)
		if err != nil {
			return "", err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = q.Default
		}
		switch {
		case answer == "" && !q.Optional:
			return "", ErrBack
		case answer == "" || q.Check == nil:
			return answer, nil
		}
		wrong := q.Check(answer)
		if wrong == nil {
			return answer, nil
		}
		if _, err := fmt.Fprintf(s.Out, "  %v\n", wrong); err != nil {
			return "", err
		}
	}
}
