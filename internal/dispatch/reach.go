package dispatch

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/ledger"
	"videoclub/internal/reason"
)

// open opens the source and makes sure that it is still what was promised.
func (a *attempt) open() (*os.File, error) {
	f, size, mtime, err := a.d.Sources.Open(a.delivery.Location)
	if err != nil {
		return nil, err
	}
	if isFolder(f) {
		err = a.openFolder()
	} else if size != a.delivery.Size || mtime != a.delivery.MTime {
		err = reason.New(reason.SourceChanged, "%s has %d bytes of %s; promised were %d of %s", a.delivery.Location,
			size, time.Unix(0, mtime).UTC().Format(time.RFC3339Nano), a.delivery.Size, time.Unix(0, a.delivery.MTime).UTC().Format(time.RFC3339Nano))
	}
	if err == nil {
		err = a.sameFile(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sameFile refuses to go on from another file of the same size and time, put in
// the place of the one that was begun with: the two would be mixed, and no
// digest could tell. Where nothing was sent yet, or the digest is known, a
// copy of the file is as good.
func (a *attempt) sameFile(f *os.File) error {
	l := a.delivery
	if l.State == ledger.Promised || l.SHA256 != "" || l.Inode == 0 {
		return nil
	}
	now, err := inodeOf(f)
	if err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "looking at the source")
	}
	if now != l.Inode {
		return reason.New(reason.SourceChanged, "another file of the same size and time has taken the place of %s", l.Location)
	}
	return nil
}

func inodeOf(f *os.File) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &stat)
	return stat.Ino, err
}

// dial connects to a reception; started without configuration, to one on this
// machine alone.
func (d *Dispatcher) dial(ctx context.Context, address string) (*os.File, error) {
	d.mu.Lock()
	loopback := d.settings.Loopback
	d.mu.Unlock()
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	if loopback {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
				return reason.New(reason.RemotePeer, "%s is not on this machine", address)
			}
			return nil
		}
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		if reason.Of(err) == reason.RemotePeer {
			return nil, err
		}
		return nil, reason.Wrap(reason.Unreachable, err, "connecting to the reception")
	}
	defer conn.Close()
	return conn.(*net.TCPConn).File()
}
