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
	// The notes of a digest have less than 100 KiB (package digest).
	Read: {Calls: []sandbox.Group{sandbox.Reading, sandbox.Noting}, FileSize: 1 << 20},
	// Its supervisor lowers this to what was offered, before it says a word.
	Store: {Calls: []sandbox.Group{sandbox.Storing}, FileSize: 1<<63 - 1},
}
