package dispatch

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/crew"
	"videoclub/internal/handoff"
	"videoclub/internal/identity"
	"videoclub/internal/ledger"
	"videoclub/internal/reason"
	"videoclub/internal/worker"
)

// open opens the source and makes sure that it is still what was promised.
func (a *attempt) open() (*os.File, error) {
	if a.delivery.Live.Asked {
		return a.openRecording()
	}
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
	if l.State != ledger.Promised && (l.SHA256 != "" || l.Inode == 0) {
		return nil
	}
	now, err := inodeOf(f)
	if err != nil {
		return reason.Wrap(reason.SourceUnreadable, err, "looking at the source")
	}
	if l.State == ledger.Promised {
		// What it begins with is what it has to go on with, not what was
		// there when it was promised.
		a.delivery.Inode = now
		return nil
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
// machine alone. here says whether it is on this machine.
func (d *Dispatcher) dial(ctx context.Context, address string) (f *os.File, here bool, err error) {
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
			return nil, false, err
		}
		return nil, false, reason.Wrap(reason.Unreachable, err, "connecting to the reception")
	}
	defer conn.Close()
	f, err = conn.(*net.TCPConn).File()
	return f, conn.RemoteAddr().(*net.TCPAddr).IP.IsLoopback(), err
}

// addressOf is where the reception of a delivery is now: where it was promised
// to may have moved.
func (d *Dispatcher) addressOf(l ledger.Delivery) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.settings.Receptions[l.Reception].Address, l.Address)
}

// Conversation is what is to be said to a reception in a connection of its own.
type Conversation struct {
	Protocol string          // by its name of ALPN; "" is that of deliveries
	Label    string          // of the worker, for ps(1)
	First    control.Message // told to the worker that has the connection
	// Expect gives the identity that the reception has to prove, "" for any;
	// here says whether it is on this machine.
	Expect func(here bool) (identity string, err error)
	// Answer answers each message of the worker, until it is over.
	Answer func(m control.Message) (answer control.Message, over bool, err error)
}

// Converse has a send worker speak with the reception at address. It is over
// with ctx, or after the time that a silent peer is given.
func (d *Dispatcher) Converse(ctx context.Context, address string, c Conversation) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+2*d.silence())
	defer cancel()
	conn, here, err := d.dial(ctx, address)
	if err != nil {
		return err
	}
	peer, err := c.Expect(here)
	if err != nil {
		conn.Close()
		return err
	}
	var send crew.Member
	settled := false
	defer func() {
		if send.Started() {
			if !settled {
				send.Kill()
			}
			send.ExitWithin(grace)
		}
		send.Close()
	}()
	producer, consumer, err := handoff.Pair() // a send worker has one, though nothing passes here
	if err != nil {
		conn.Close()
		return err
	}
	producer.Close()
	if err := send.Start(d.Spawner, worker.Send, c.Label, worker.File{Name: "conn", File: conn},
		worker.File{Name: "ring", File: consumer.Ring}, worker.File{Name: "wake", File: consumer.Wake}); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, send.Kill)()
	if err := send.Tell(control.Start{Certificate: d.certificate, Handshake: d.silence(), Silence: d.silence(), Protocol: c.Protocol, Peer: peer}); err != nil {
		return err
	}
	for {
		m, err := send.Control.Receive()
		if err == io.EOF {
			if ctx.Err() != nil {
				return reason.Wrap(reason.PeerSilent, ctx.Err(), "speaking with %s", address)
			}
			return reason.New(reason.WorkerFailed, "the send worker %v", send.ExitWithin(grace))
		}
		if err != nil {
			return err
		}
		var answer control.Message
		switch m := m.(type) {
		case control.Failed:
			return reason.New(m.Code, "%s", m.Detail)
		case control.Sign:
			if err := send.Sign(d.Keys.TLS, identity.ClientSide, m); err != nil {
				return err
			}
			answer = c.First
		default:
			if answer, settled, err = c.Answer(m); err != nil || settled {
				return err
			}
		}
		if answer != nil {
			if err := send.Tell(answer); err != nil {
				return err
			}
		}
	}
}
