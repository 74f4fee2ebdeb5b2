package reception

import (
	"errors"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// meet says whether the central server of an identity may deliver here, by this
// connection; delivers says that it is about to.
func (c *connection) meet(peer string, delivers bool) error {
	if c.r.Meet == nil {
		return nil
	}
	return c.r.Meet(peer, c.peer, delivers)
}

// visited answers the receive worker of a connection that is a visit.
func (c *connection) visited(m control.Message) error {
	switch m := m.(type) {
	case control.PairAsked:
		return c.prove(m)
	case control.PairDone:
		return c.paired()
	case control.LookAsked:
		return c.condition(m)
	}
	c.ended = true // control.Visited: it was all
	return nil
}

// prove gives the proof that this reception knows the secret of a pairing code.
// What is proved is filled in here: of the worker's words it has the TLS session
// and the peer, as every delivery has.
func (c *connection) prove(m control.PairAsked) error {
	if !identity.ValidID(m.Identity) || len(m.Exporter) != identity.ExporterSize || c.proving.Proof != nil {
		return errors.New("the receive worker asks for the proof of no session, or for a second one")
	}
	proving, err := c.r.Trust.Prove(identity.Pairing{
		Exporter: m.Exporter, Central: m.Identity, Reception: c.r.identity, ReceiptKey: c.r.receiptKey, Name: m.Reception,
	}, c.r.Clock())
	if err != nil {
		return err
	}
	c.place.Known()
	c.proving = proving
	c.r.Log.Info("a pairing code is being proved", "peer", c.peer, "identity", identity.Short(m.Identity), "reception", m.Reception)
	return c.receive.Tell(control.Prove{Proof: proving.Proof, ReceiptKey: c.r.receiptKey})
}

// paired forgets the secret, which the central server has seen proved.
func (c *connection) paired() error {
	if c.proving.Proof == nil {
		return errors.New("the receive worker says that it is paired before it proved anything")
	}
	c.ended = true
	c.r.Log.Info("paired, the code is used up", "peer", c.peer, "identity", identity.Short(c.proving.Central))
	return c.r.Trust.Proved(c.proving)
}

// condition says how this reception is, to the central server that may deliver
// here.
func (c *connection) condition(m control.LookAsked) error {
	if !identity.ValidID(m.Identity) {
		return reason.New(reason.Protocol, "%.80q is no identity", m.Identity)
	}
	if err := c.meet(m.Identity, false); err != nil {
		return err
	}
	c.place.Known()
	free, err := c.r.Depot.Free()
	if err != nil {
		return err
	}
	return c.receive.Tell(control.Condition{Now: c.r.Clock().UTC(), Free: free, ReceiptKey: c.r.receiptKey})
}
