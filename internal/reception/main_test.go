package reception

import (
	"errors"
	"os"
	"testing"

	"videoclub/internal/crew/puppet"
	"videoclub/internal/worker"
)

// The tests start this very program as its workers, which are in the hands of
// the peer: what it writes on its connection, the receive worker says to its
// supervisor, or has the store worker say.
func TestMain(m *testing.M) {
	if worker.Is(os.Args) {
		os.Exit(worker.Run(os.Args, map[worker.Kind]func(*worker.Inside) error{worker.Receive: receivePuppet, worker.Store: storePuppet}))
	}
	os.Exit(m.Run())
}

func receivePuppet(in *worker.Inside) error {
	conn, errConn := in.File("conn")
	control, errControl := in.File("control")
	wake, errWake := in.File("wake")
	if err := errors.Join(errConn, errControl, errWake); err != nil {
		return err
	}
	return puppet.Follow(conn, control, wake)
}

func storePuppet(in *worker.Inside) error {
	control, errControl := in.File("control")
	wake, errWake := in.File("wake")
	if err := errors.Join(errControl, errWake); err != nil {
		return err
	}
	return puppet.Follow(puppet.Packets(wake), control, nil)
}
