package journal

import "log/slog"

// Event is a kind of thing that happens to the business, as its MESSAGE_ID
// (systemd.journal-fields(7)): journalctl -x explains it by the catalog of
// units/. An id is never used for another kind.
type Event string

// The kinds of events.
const (
	Promised     Event = "2c7e3305ca0d493aa538feafdd4c90e5" // a request was answered with a promise
	Started      Event = "9036abdcd3d043c29584ab4dcc55ce64" // a delivery has begun to be sent, or to arrive
	Advanced     Event = "50a4a8e7696a4a7086c4ea4ea845b45a" // a delivery is as far as its offset says
	Resumed      Event = "75ecc54483744ab7965be8a8e633558a" // a delivery goes on from its durable offset
	Interrupted  Event = "17183156f5b34fdaa1328992fe83618b" // a delivery broke off, and is tried again
	Recording    Event = "a3e290d1446c4453a86e3a2a781e8dd5" // a live source is being recorded for a delivery
	Stopped      Event = "e8ff462821694e808d8a884116fafe59" // a live delivery ends sooner, because somebody wanted that
	AtRisk       Event = "b65d2200e2f649bfba1168cff629ab40" // a promise cannot be kept as things are
	OnTime       Event = "aea3ec473d144969b45b23527da0bab6" // a promise that was at risk can be kept
	Deposited    Event = "8dcbd379a6564cfdaeb6935a460d03cf" // a delivery is whole, published and signed for
	Failed       Event = "6846520a39cf4b2ebb3c4ab57da3e7ec" // a delivery was given up
	Cancelled    Event = "b7099fb87c9b4978983156782acb62a7" // a delivery was cancelled
	Withdrawn    Event = "17db3a224fa14011a08f6cfb83302844" // a reception has let go of a delivery that does not come
	Expired      Event = "a282819d93614bf1b8c309ee428ee25b" // a reception has let go of what nobody asked for
	MailSent     Event = "c033582eb1e94015bbc87fdfce58f291" // a mail was taken by the mail server
	MailFailed   Event = "94cbc11882a24d60b6df9ce7ef3dd92d" // a mail was given up
	TitleAdded   Event = "bb298c06ec294af0b28e0af4683a6f28" // a title is in the catalogue
	TitleRemoved Event = "a930f14b6dc14c6a96664c74a7d77ec5" // a title is not in the catalogue any more
	PeerMet      Event = "0b4213ccf7e04178a5b97dbd44bd9961" // a server was seen for the first time, and its key is remembered
	NotReloaded  Event = "451f55918e3048ab969ab09e5bcdb646" // a configuration has mistakes, the one before stays
)

// Mark is the attribute that makes a record one of e. Lines for people do not
// show it.
func (e Event) Mark() slog.Attr { return slog.Any("", e) }
