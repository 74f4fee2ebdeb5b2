package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

type serversKey struct{}

// servers are a reception server and a central server for one script.
type servers struct {
	bin, work          string
	config             string // text of the central server's, with names for what is known only later
	users              string // where users are listened for, once known
	receptionAt        string
	reception, central *daemon
}

// startBoth starts the two, in the script's directory. args are the names of the
// configurations of the central server and of the reception; one that has none
// gets its ports alone.
func (s *servers) startBoth(args []string) (err error) {
	if len(args) > 0 {
		text, err := os.ReadFile(filepath.Join(s.work, args[0]))
		if err != nil {
			return err
		}
		s.config = string(text)
	}
	store := filepath.Join(s.work, "store")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	how := []string{"--state", filepath.Join(s.work, "vcvrs-state"), "0"}
	if len(args) > 1 {
		how[2] = "--config=" + filepath.Join(s.work, args[1])
	}
	if s.reception, err = start(store, filepath.Join(s.bin, "vcvrs"), how...); err != nil {
		return err
	}
	s.receptionAt = s.reception.ready["listen"]
	return s.startCentral()
}

// startCentral starts the central server, again where it was.
func (s *servers) startCentral() (err error) {
	program, state := filepath.Join(s.bin, "vccs"), "--state="+filepath.Join(s.work, "vccs-state")
	if s.users == "" {
		s.users = "127.0.0.1:0"
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	if s.config == "" {
		s.central, err = start(s.work, program, state, port(s.users), "0", port(s.receptionAt))
	} else {
		text := strings.NewReplacer("USERS", s.users, "RECEPTION", s.receptionAt).Replace(s.config)
		file := filepath.Join(s.work, "running.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		s.central, err = start(s.work, program, state, "--config="+file)
	}
	if err != nil {
		return err
	}
	s.users = s.central.ready["users"]
	return nil
}

func (s *servers) stopBoth() {
	s.central.stop()
	s.reception.stop()
}

// daemon is a running server.
type daemon struct {
	cmd    *exec.Cmd
	ready  map[string]string // of its line "ready"
	logged sync.WaitGroup
}

// start starts a server and waits until it says that it is ready.
func start(dir, program string, args ...string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(program, args...), ready: make(map[string]string)}
	d.cmd.Dir = dir
	log, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	var before bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(log, &before))
	for lines.Scan() {
		if !strings.Contains(lines.Text(), " ready ") {
			continue
		}
		for _, pair := range regexp.MustCompile(`(\w+)=(\S+)`).FindAllStringSubmatch(lines.Text(), -1) {
			d.ready[pair[1]] = pair[2]
		}
		d.logged.Go(func() { io.Copy(io.Discard, log) })
		return d, nil
	}
	return nil, fmt.Errorf("%s ends before it is ready: %v\n%s", program, d.cmd.Wait(), before.String())
}

// stop ends a server, and all of its processes with it.
func (d *daemon) stop() {
	if d == nil || d.cmd.ProcessState != nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { d.cmd.Process.Kill() })
	defer late.Stop()
	d.logged.Wait()
	d.cmd.Wait()
}
