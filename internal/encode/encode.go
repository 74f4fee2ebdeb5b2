// Package encode has another program encode pictures as H.264: the worker that
// becomes that program, confined, and how its supervisor starts it and ends it.
package encode

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/feed"
	"videoclub/internal/reason"
	"videoclub/internal/record"
	"videoclub/internal/worker"
)

// grace is how long an encoder whose pictures have ended may take to end.
const grace = 5 * time.Second

// Encoder is a program that encodes, as its supervisor has it.
type Encoder struct {
	member crew.Member
	failed chan error // what it said before it was the program; nil when it is
}

// Start starts a program, ffmpeg, to encode what a camera gives as it is asked
// (record.Arguments), and gives the other end of what it is joined by: pictures
// go to it and come from it there. A program that is not there is
// reason.EncoderAbsent.
func Start(s *worker.Spawner, program string, a *feed.Ask) (*Encoder, *os.File, error) {
	if err := there(program); err != nil {
		return nil, nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("encode: %w", err)
	}
	own, its := os.NewFile(uintptr(pair[0]), "pictures"), os.NewFile(uintptr(pair[1]), "pictures")
	e := &Encoder{failed: make(chan error, 1)}
	if err := e.member.Start(s, worker.Encode, "device="+a.Device, worker.File{Name: "pictures", File: its}); err != nil {
		e.member.Close()
		return nil, nil, errors.Join(err, own.Close())
	}
	if err := e.member.Tell(control.BecomeEncoder{Program: program, Quality: a.Quality}); err != nil {
		e.End()
		return nil, nil, errors.Join(err, own.Close())
	}
	go func() { e.failed <- e.listen() }()
	return e, own, nil
}

// Way is the way of pictures as who has them sees it.
type Way struct{ *os.File }

// Take makes a Way of the file of Start, which it closes.
func Take(f *os.File) (Way, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		// So that closing it lets go who waits for it.
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return Way{}, fmt.Errorf("encode: %w", err)
	}
	return Way{os.NewFile(uintptr(fd), f.Name())}, nil
}

// CloseWrite says that no picture follows.
func (w Way) CloseWrite() error {
	raw, err := w.SyscallConn()
	if err != nil {
		return err
	}
	var ended error
	err = raw.Control(func(fd uintptr) { ended = unix.Shutdown(int(fd), unix.SHUT_WR) })
	return errors.Join(err, ended)
}

// None is a setting for no encoder at all.
const None = "none"

// Find gives the path of the encoder that a setting means: a path, None, or
// nothing, which is where ffmpeg is found.
func Find(setting string) string {
	switch setting {
	case None:
		return ""
	case "":
		path, err := exec.LookPath("ffmpeg")
		if err != nil {
			return "/usr/bin/ffmpeg"
		}
		return path
	}
	return setting
}

// there says whether a program is one that can be run.
func there(program string) error {
	info, err := os.Stat(program)
	switch {
	case program == "":
		return reason.New(reason.EncoderAbsent, "the setting encoder is %q", None)
	case err != nil:
		return reason.Wrap(reason.EncoderAbsent, err, "the encoder")
	case !filepath.IsAbs(program) || !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return reason.New(reason.EncoderAbsent, "%s is no program", program)
	}
	return nil
}

// listen hears what the worker says before it is the program, which says nothing.
func (e *Encoder) listen() error {
	defer e.member.Close()
	m, err := e.member.Control.Receive()
	switch m := m.(type) {
	case nil:
		if err != io.EOF {
			e.member.Kill()
			return err
		}
		return nil
	case control.Failed:
		return reason.New(reason.EncoderFailed, "%s", m.Detail)
	default:
		e.member.Kill()
		return fmt.Errorf("encode: the worker says %T", m)
	}
}

// Done is closed when it has ended.
func (e *Encoder) Done() <-chan struct{} { return e.member.Done() }

// End ends it, at the latest in a while, and says how it ended. Its pictures
// should have been ended before.
func (e *Encoder) End() error {
	exit := e.member.ExitWithin(grace)
	select {
	case err := <-e.failed:
		if err != nil {
			return err
		}
	default:
	}
	return reason.New(reason.EncoderFailed, "the encoder %v", exit)
}

// Worker is what the encode worker is given: both ends of the pictures' way, and
// what makes it another program.
type Worker struct {
	Pictures *os.File
	Control  *control.Conn
	Become   func(program string, args []string) error
}

// Run becomes the program that the supervisor names. It returns only why it could
// not, of which the supervisor was told.
func (w Worker) Run() error {
	err := w.run()
	if err != io.EOF {
		w.Control.Fail(err)
	}
	return err
}

func (w Worker) run() error {
	m, err := w.Control.Receive()
	if err != nil {
		return err
	}
	ask, ok := m.(control.BecomeEncoder)
	if !ok {
		return fmt.Errorf("encode: the supervisor says %T instead of what to become", m)
	}
	// Doubled, they do not close at the execution. Nor do they wait less: the
	// program takes them for files.
	pictures := int(w.Pictures.Fd())
	for _, standard := range []int{0, 1} {
		if err := unix.Dup3(pictures, standard, 0); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
	}
	if err := unix.SetNonblock(0, false); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	args := record.Arguments(&feed.Ask{Quality: ask.Quality})
	return w.Become(ask.Program, append([]string{filepath.Base(ask.Program)}, args...))
}
