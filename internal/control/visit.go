package control

import "time"

// From and to the worker that visits a reception, at the central server.
type (
	// PairWith tells it to ask the reception to prove that it knows the secret
	// of a pairing code.
	PairWith struct {
		Reception string `json:"reception"`
	}

	// PairProof is the reception's proof, still to be judged, and of which TLS
	// session it has to be.
	PairProof struct {
		Identity   string `json:"identity"` // of the reception, proved by TLS
		Exporter   []byte `json:"exporter"`
		Proof      []byte `json:"proof"`
		ReceiptKey string `json:"receipt_key"`
	}

	// PairTaken tells it that the proof is good and the reception known; else
	// it is told Refuse.
	PairTaken struct{}

	// LookAt tells it to ask how the reception is, and to measure the way.
	LookAt struct{}

	// Looked is what it saw.
	Looked struct {
		Identity   string        `json:"identity"` // of the reception, proved by TLS
		ReceiptKey string        `json:"receipt_key"`
		Ahead      time.Duration `json:"ahead"` // the reception's clock is
		Free       int64         `json:"free"`  // bytes
		Rate       int64         `json:"rate"`  // bytes a second
	}

	// Visited says that the visit is over.
	Visited struct{}
)

// From and to the worker that is visited, at the reception.
type (
	// PairAsked is a central server that wants to see a proof.
	PairAsked struct {
		Identity  string `json:"identity"` // of the peer, proved by TLS
		Reception string `json:"reception"`
		Exporter  []byte `json:"exporter"`
	}

	// Prove tells it what to show.
	Prove struct {
		Proof      []byte `json:"proof"`
		ReceiptKey string `json:"receipt_key"`
	}

	// PairDone says that the central server has taken the proof.
	PairDone struct{}

	// LookAsked is a central server that asks how this reception is.
	LookAsked struct {
		Identity string `json:"identity"` // of the peer, proved by TLS
	}

	// Condition tells it what to answer.
	Condition struct {
		Now        time.Time `json:"now"`
		Free       int64     `json:"free"`
		ReceiptKey string    `json:"receipt_key"`
	}
)

func (PairWith) kind() string  { return "pair_with" }
func (PairProof) kind() string { return "pair_proof" }
func (PairTaken) kind() string { return "pair_taken" }
func (LookAt) kind() string    { return "look_at" }
func (Looked) kind() string    { return "looked" }
func (Visited) kind() string   { return "visited" }
func (PairAsked) kind() string { return "pair_asked" }
func (Prove) kind() string     { return "prove" }
func (PairDone) kind() string  { return "pair_done" }
func (LookAsked) kind() string { return "look_asked" }
func (Condition) kind() string { return "condition" }
