package worker

import "videoclub/internal/sandbox"

// policies is what each kind keeps, besides its descriptors and what is the
// runtime's. docs/SECURITY.md says for each what it may touch.
var policies = map[Kind]sandbox.Policy{
	Session: {Calls: []sandbox.Group{sandbox.Connection, sandbox.Taking}},
	Send:    {Calls: []sandbox.Group{sandbox.Connection}},
	Receive: {Calls: []sandbox.Group{sandbox.Connection}},
	Mail:    {Calls: []sandbox.Group{sandbox.Connection}},
	Survey:  {Calls: []sandbox.Group{sandbox.Reading}, GivesWay: true},
	// Its device comes by control, at first and after each time it was lost.
	// It must be done with a picture before the next is there.
	Capture: {Calls: []sandbox.Group{sandbox.Capturing, sandbox.Taking}, GoesFirst: true},
	// How much a recording may hold is bounded by its spool.
	Record: {Calls: []sandbox.Group{sandbox.Storing, sandbox.Taking}, FileSize: 1<<63 - 1, GoesFirst: true},
	// It is another program in a moment, and confined then.
	Encode: {Becomes: true},
	// The notes of a digest have less than 100 KiB (package digest).
	Read: {Calls: []sandbox.Group{sandbox.Reading, sandbox.Noting}, FileSize: 1 << 20},
	// Its supervisor lowers this to what was offered, before it says a word.
	Store: {Calls: []sandbox.Group{sandbox.Storing}, FileSize: 1<<63 - 1},
}

// variant is the policy of a worker of a kind whose source or part is special: a
// folder, or a recording under way.
type variant struct {
	known  string // the descriptor by which it is known
	dir    string // that of the directory below which it may look for more, "" for none
	also   string // that of another below which it may read, where it is passed
	policy sandbox.Policy
}

// deep is how many folders may be open within each other, with some to spare
// (package manifest).
const deep = 160

// proofSize is how long a proven manifest may be, with some to spare (package
// manifest).
const proofSize = 128 << 20

var variants = map[Kind][]variant{
	Survey: {
		// The digests of its files are wanted, for what a later one shares with it.
		{"proof", "source", "", sandbox.Policy{
			Calls: []sandbox.Group{sandbox.Reading, sandbox.Looking, sandbox.Noting}, FileSize: proofSize, GivesWay: true, Below: sandbox.Read, Files: deep,
		}},
		// A manifest has at most 64 MiB.
		{"manifest", "source", "", sandbox.Policy{Calls: []sandbox.Group{sandbox.Looking}, FileSize: 64 << 20, Below: sandbox.Read, Files: deep}},
	},
	Read: {
		// The notes have 40 bytes for each file besides (package digest).
		{"manifest", "source", "", sandbox.Policy{
			Calls: []sandbox.Group{sandbox.Reading, sandbox.Looking, sandbox.Noting, sandbox.Syncing}, FileSize: proofSize, Below: sandbox.Read, Files: deep,
		}},
		// What is recorded is to be seen at once.
		{"marks", "", "", sandbox.Policy{Calls: []sandbox.Group{sandbox.Reading, sandbox.Noting}, FileSize: 1 << 20, GoesFirst: true}},
	},
	// What a new version shares with the one that lies in the store is copied.
	Store: {{"folder", "folder", "base", sandbox.Policy{
		Calls: []sandbox.Group{sandbox.Storing, sandbox.Looking, sandbox.Making, sandbox.Copying}, FileSize: 1<<63 - 1, Below: sandbox.Write,
	}}},
}
