package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mostHosts bounds a network: its addresses are those of one /24.
const mostHosts = 250

// Network is a switch and the hosts on it, each in a network namespace of its
// own, so that programs meet as they do on different machines. It needs root,
// and touches nothing of this machine's own network. Its methods are for one
// goroutine.
type Network struct {
	wire  *room // with the switch
	dir   string
	hosts []*Host
}

// NewNetwork makes a network without hosts, with its files in the directory dir.
func NewNetwork(dir string) (*Network, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("hosts in network namespaces need root; run this as root")
	}
	wire, err := newRoom(unix.CLONE_NEWNET, 0, nil)
	if err != nil {
		return nil, err
	}
	n := &Network{wire: wire, dir: dir}
	for _, args := range [][]string{{"link", "add", "switch", "type", "bridge"}, {"link", "set", "switch", "up"}} {
		if err := ip(wire, args...); err != nil {
			return nil, errors.Join(err, wire.close())
		}
	}
	return n, os.WriteFile(n.table(), []byte("127.0.0.1 localhost\n"), 0o644)
}

// table is the /etc/hosts of all hosts.
func (n *Network) table() string { return filepath.Join(n.dir, "hosts") }

// Close ends all hosts. The programs on them must have ended.
func (n *Network) Close() error {
	var all []error
	for _, h := range n.hosts {
		all = append(all, h.room.close())
	}
	return errors.Join(append(all, n.wire.close())...)
}

// Host is a host of a Network: programs on it have a network, a name, an
// /etc/hosts with the names of all hosts, and no name server; in all else they
// are on this machine.
type Host struct {
	Name    string // in full, such as mateo.elo.utfsm.cl
	Address string

	network *Network
	room    *room
	port    string // of the switch
}

// Add adds a host with a full name.
func (n *Network) Add(name string) (*Host, error) {
	number := len(n.hosts) + 1
	if number > mostHosts {
		return nil, fmt.Errorf("there are %d hosts already", mostHosts)
	}
	r, err := newRoom(unix.CLONE_NEWNET|unix.CLONE_NEWUTS|unix.CLONE_NEWNS, 0, nil)
	if err != nil {
		return nil, err
	}
	h := &Host{Name: name, Address: fmt.Sprintf("10.77.0.%d", number), network: n, room: r, port: "port" + strconv.Itoa(number)}
	n.hosts = append(n.hosts, h)
	if err := h.connect(); err != nil {
		return nil, fmt.Errorf("the host %s: %w", name, err)
	}
	return h, h.name()
}

// connect joins the host to the switch.
func (h *Host) connect() error {
	for _, step := range []struct {
		in   *room
		args []string
	}{
		{h.network.wire, []string{"link", "add", h.port, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(h.room.tid)}},
		{h.network.wire, []string{"link", "set", h.port, "master", "switch", "up"}},
		{h.room, []string{"link", "set", "lo", "up"}},
		{h.room, []string{"address", "add", h.Address + "/24", "dev", "eth0"}},
		{h.room, []string{"link", "set", "eth0", "up"}},
	} {
		if err := ip(step.in, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// name makes the host known by its name, to itself and to all.
func (h *Host) name() error {
	table, err := os.OpenFile(h.network.table(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	short, _, _ := strings.Cut(h.Name, ".")
	_, err = fmt.Fprintf(table, "%s %s %s\n", h.Address, h.Name, short)
	if err := table.Close(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return h.room.do(func() error {
		if err := unix.Sethostname([]byte(h.Name)); err != nil {
			return err
		}
		return h.bindNames("/")
	})
}

// bindNames puts the names of the network in the place of this machine's, below
// root; it must be called on a thread whose mounts are its own.
func (h *Host) bindNames(root string) error {
	for file, with := range map[string]string{"etc/hosts": h.network.table(), "etc/resolv.conf": os.DevNull} {
		if err := unix.Mount(with, filepath.Join(root, file), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("/%s: %w", file, err)
		}
	}
	return nil
}

// Start starts a program on the host, as cmd.Start does here.
func (h *Host) Start(cmd *exec.Cmd) error { return h.room.do(cmd.Start) }

// Cut pulls the host's cable.
func (h *Host) Cut() error { return ip(h.network.wire, "link", "set", h.port, "down") }

// Mend plugs the host's cable in again.
func (h *Host) Mend() error { return ip(h.network.wire, "link", "set", h.port, "up") }

// ip runs ip(8) in a room.
func ip(in *room, args ...string) error {
	var said bytes.Buffer
	cmd := exec.Command("ip", args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := in.do(cmd.Start); err != nil {
		return fmt.Errorf("ip %s: %w", strings.Join(args, " "), err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}
