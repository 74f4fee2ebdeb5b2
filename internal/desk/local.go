package desk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"videoclub/internal/limit"
	"videoclub/internal/reason"
)

// localUser is who connected to the socket of this machine, as the kernel says.
type localUser struct {
	uid     uint32
	allowed bool
	group   string // whose members may, "" for none
	full    bool   // as many of those who may are here as there may be
}

// refused says whether all that there is for u is to be told why not.
func (u localUser) refused() bool { return !u.allowed || u.full }

func (u localUser) String() string { return fmt.Sprintf("local:uid=%d", u.uid) }

// Network and String make it an address for the log.
func (u localUser) Network() string { return "unix" }

func (u localUser) authorise() (caller, error) {
	switch {
	case u.full:
		return caller{}, reason.New(reason.Busy, "there are %d connections to this server's socket, as many as there may be", localSessions)
	case u.allowed:
		return caller{admin: true, trusted: true}, nil
	}
	who := "root"
	if u.group != "" {
		who += " and the members of " + u.group
	}
	return caller{}, reason.New(reason.NotPermitted, "%s and whom this server runs as administer by its socket, and you are user %d", who, u.uid)
}

// ServeLocal takes connections to the administrators' socket of this machine
// until ctx ends, as Serve does; l is one of a Unix socket. Where it admits, who can
// open it may administer; else the kernel's word of who connects decides.
func (d *Desk) ServeLocal(ctx context.Context, l net.Listener, admits bool) error {
	return d.serveLocal(ctx, l, func(conn *net.UnixConn) (localUser, error) { return d.peerOf(conn, admits) })
}

func (d *Desk) serveLocal(ctx context.Context, l net.Listener, who func(*net.UnixConn) (localUser, error)) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	return limit.Each(ctx, l, d.Log, func(c net.Conn) {
		conn := c.(*net.UnixConn)
		peer, err := who(conn)
		if err != nil {
			d.Log.Warn("a local connection is refused", "error", err)
			conn.Close()
			return
		}
		places := d.locals
		if peer.full = peer.allowed && !takes(places); peer.refused() {
			places = d.refusals
			told := takes(places)
			if peer.full || !told {
				d.crowd.Do(func() { d.Log.Warn("too many local connections, refusing more", "peer", peer, "told", told) })
			}
			if !told {
				conn.Close()
				return
			}
		}
		sessions.Go(func() {
			defer func() { <-places }()
			if err := d.serve(ctx, conn, &session{desk: d, role: Administrator, peer: peer, local: &peer}); err != nil {
				d.Log.Debug("session ended", "peer", peer, "error", err)
			}
		})
	}, nil)
}

const (
	// localSessions is how many sessions there may be by the socket, of those who may
	// administer.
	localSessions = 32
	// localRefusals is how many there may be besides, of those who are told that they
	// may not, or not now; else they would keep out those who may. Each lasts no
	// longer than a handshake may.
	localRefusals = 4
)

// takes says whether one of the places was left to take.
func takes(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// peerOf asks the kernel who is at the other end of conn (unix(7), SO_PEERCRED
// and SO_PEERGROUPS): root, whom this server runs as, and the members of the
// group that is configured may administer, or everybody where the socket admits.
func (d *Desk) peerOf(conn *net.UnixConn, admits bool) (localUser, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return localUser{}, err
	}
	var credentials *unix.Ucred
	var groups []uint32
	var errCredentials, errGroups error
	err = raw.Control(func(fd uintptr) {
		credentials, errCredentials = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		groups, errGroups = peerGroups(int(fd))
	})
	if err := errors.Join(err, errCredentials); err != nil {
		return localUser{}, err
	}
	u := localUser{uid: credentials.Uid, group: d.AdminGroup}
	u.allowed = admits || u.uid == 0 || int(u.uid) == unix.Geteuid()
	if u.allowed || d.AdminGroup == "" {
		return u, nil
	}
	if errGroups != nil {
		return localUser{}, errGroups
	}
	group, err := user.LookupGroup(d.AdminGroup)
	if err != nil {
		return localUser{}, err
	}
	gid, err := strconv.ParseUint(group.Gid, 10, 32)
	if err != nil {
		return localUser{}, err
	}
	u.allowed = credentials.Gid == uint32(gid) || slices.Contains(groups, uint32(gid))
	return u, nil
}

// mostGroups is how many groups a user may be in (getgroups(2), NGROUPS_MAX).
const mostGroups = 65536

// peerGroups gives the groups of the peer of a socket.
func peerGroups(fd int) ([]uint32, error) {
	for room := 64; ; room *= 4 {
		groups := make([]uint32, min(room, mostGroups))
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && len(groups) < mostGroups:
			continue
		case errno != 0:
			return nil, fmt.Errorf("asking for the groups of the peer: %w", errno)
		}
		return groups[:size/4], nil
	}
}
