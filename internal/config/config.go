// Package config is the settings of the two daemons: strict TOML in, typed and
// validated values out, with the line of everything that is wrong.
package config

import (
	"log/slog"
	"strconv"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// Central is the settings of vccs. etc/vccs.toml says what each means to the
// person who sets it.
type Central struct {
	Users                 string          // where vcuser is listened for, HOST:PORT; no host is every address, port 0 any free one
	Administrators        string          // where vcadmin is, in the same form
	ReceptionPort         int             // of a reception without an address, 1 to 65535
	Videos                string          // path of videos.txt; a relative one is the daemon's to resolve
	State                 string          // directory; "" is the daemon's own choice
	Roots                 []string        // absolute, clean directories that titles lie under; none is anywhere but the state
	Language              string          // "es" or "en"
	Uplink                rate.Rate       // of all deliveries together
	Link                  rate.Rate       // of a reception that gives none
	MaxPace               rate.Rate       // of one delivery; 0 is no cap
	Deliveries            int             // at once, 1 to 256
	Silence               time.Duration   // after which a peer is dropped, 1 s to 10 min
	Connections           int             // of clients at once, 1 to 4096
	ConnectionsPerAddress int             // of them from one address, at most Connections
	Strangers             int             // of them that were let in to nothing yet, at most Connections
	Handshake             time.Duration   // within which a client must have established TLS, 1 s to 1 min
	RequestsPerConnection int             // 1 to 1,000,000
	PromisesPerAccount    int             // open at once, 1 to 1,000,000
	Idle                  time.Duration   // between two requests, 10 s to 1 h
	Header                rate.Size       // of a request, 4 KiB to 64 KiB
	Body                  rate.Size       // of a request, 1 KiB to 12 KiB
	BytesPerConnection    rate.Size       // that a client may send, from 1 MiB
	FailedLogins          int             // from one address before it has to wait, 1 to 1000
	Sandbox               string          // SandboxAuto, SandboxRequire or SandboxOff
	PairingExpires        time.Duration   // of a pairing code, 1 min to 30 d
	Public                string          // HOST:PORT by which users reach this server; "" is the daemon's own guess
	AdminSocket           string          // path; "" is the daemon's own choice, None none
	AdminGroup            string          // whose members administer by AdminSocket; "" is root alone
	Console               Console         // where browsers come
	Mail                  Mail            // how people are written to
	Live                  Live            // cameras and microphones
	Receptions            []ReceptionLink // in the order of the file, no name twice
}

// ReceptionLink is what a central server knows of one reception.
type ReceptionLink struct {
	Name    string          // a host name of RFC 1123, in lower case
	Address string          // HOST:PORT; "" is Name at Central.ReceptionPort
	Link    rate.Rate       // what it takes; Central.Link when the file gives none
	Windows []moment.Window // when it takes it; none is always
}

// Reception is the settings of vcvrs. etc/vcvrs.toml says what each means to
// the person who sets it.
type Reception struct {
	Listen                string        // where central servers are listened for, HOST:PORT as in Central
	Store                 string        // directory; a relative one is the daemon's to resolve
	State                 string        // directory; "" is the daemon's own choice
	Quota                 rate.Size     // of deposits and partial files together; 0 is no quota
	MinFree               rate.Size     // left free on the file system
	Expire                time.Duration // after which a partial delivery nobody asks for is dropped, 1 s to 365 d
	Silence               time.Duration // after which a peer is dropped, 1 s to 10 min
	Connections           int           // at once, 1 to 4096
	ConnectionsPerAddress int           // of them from one address, at most Connections
	Strangers             int           // of them that have offered nothing yet, at most Connections
	Handshake             time.Duration // within which a peer must have established TLS, 1 s to 1 min
	Unfinished            int           // deliveries that are begun and not deposited, 1 to 100,000
	Sandbox               string        // SandboxAuto, SandboxRequire or SandboxOff
	Language              string        // "es" or "en"
	Console               Console       // where browsers come
	ConsoleToken          string        // path of a file with what browsers have to show; "" is none
}

// Console is where a daemon's web console is listened for, HOST:PORT as in
// Central, and what it shows to browsers on other machines.
type Console struct {
	Address     string // "" is none
	Certificate string // path of certificates in PEM; "" is none
	Key         string // path of the key of it; given with Certificate alone
	Metrics     string // path of a file with what lets its metrics be read from there; "" is none
}

// What is done where the kernel cannot confine the worker processes.
const (
	SandboxAuto    = "auto"    // what it can is done
	SandboxRequire = "require" // the daemon does not start
	SandboxOff     = "off"     // nothing is done anywhere
)

// The languages that people are spoken to in.
const (
	spanish = "es"
	english = "en"
)

// DefaultCentral is what vccs goes by where its file says nothing.
func DefaultCentral() Central {
	return Central{
		Users:                 "127.0.0.1:4100",
		Administrators:        "127.0.0.1:4101",
		ReceptionPort:         4102,
		Videos:                "videos.txt",
		Language:              spanish,
		Uplink:                gigabit,
		Link:                  gigabit,
		Deliveries:            16,
		Silence:               20 * time.Second,
		Connections:           256,
		ConnectionsPerAddress: 32,
		Strangers:             256,
		Handshake:             10 * time.Second,
		RequestsPerConnection: 10_000,
		PromisesPerAccount:    10_000,
		Idle:                  2 * time.Minute,
		Header:                16 << 10,
		Body:                  12 << 10,
		BytesPerConnection:    64 << 20,
		FailedLogins:          5,
		Sandbox:               SandboxAuto,
		PairingExpires:        24 * time.Hour,
		Console:               Console{Address: "127.0.0.1:8400"},
		Mail:                  defaultMail(),
		Live:                  defaultLive(),
	}
}

// DefaultReception is what vcvrs goes by where its file says nothing.
func DefaultReception() Reception {
	return Reception{
		Listen:                "127.0.0.1:4102",
		Store:                 ".",
		MinFree:               64 << 20,
		Expire:                7 * 24 * time.Hour,
		Silence:               20 * time.Second,
		Connections:           64,
		ConnectionsPerAddress: 32,
		Strangers:             64,
		Handshake:             10 * time.Second,
		Unfinished:            1000,
		Sandbox:               SandboxAuto,
		Language:              spanish,
		Console:               Console{Address: "127.0.0.1:8401"},
	}
}

const gigabit rate.Rate = 125_000_000

// AddressOf is where r is reached, HOST:PORT: its own address or, without one,
// its name at the reception port.
func (c Central) AddressOf(r ReceptionLink) string {
	if r.Address != "" {
		return r.Address
	}
	return r.Name + ":" + strconv.Itoa(c.ReceptionPort)
}

// Effective is every setting, under its key in the file and as it would be
// written there, to be logged at start. None of them is a secret.
func (c Central) Effective() []slog.Attr {
	var receptions []string
	for _, r := range c.Receptions {
		text := r.Name + " at " + c.AddressOf(r) + " link " + r.Link.String()
		for _, w := range r.Windows {
			text += ", " + w.String()
		}
		receptions = append(receptions, text)
	}
	return append([]slog.Attr{
		slog.String("users", c.Users),
		slog.String("administrators", c.Administrators),
		slog.Int("reception_port", c.ReceptionPort),
		slog.String("videos", c.Videos),
		slog.String("state", c.State),
		slog.Any("roots", c.Roots),
		slog.String("language", c.Language),
		slog.String("uplink", c.Uplink.String()),
		slog.String("link", c.Link.String()),
		slog.String("max_pace", orNone(c.MaxPace > 0, c.MaxPace.String())),
		slog.Int("deliveries", c.Deliveries),
		slog.String("silence", moment.FormatDuration(c.Silence)),
		slog.Int("connections", c.Connections),
		slog.Int("connections_per_address", c.ConnectionsPerAddress),
		slog.Int("strangers", c.Strangers),
		slog.String("handshake", moment.FormatDuration(c.Handshake)),
		slog.Int("requests_per_connection", c.RequestsPerConnection),
		slog.Int("promises_per_account", c.PromisesPerAccount),
		slog.String("idle", moment.FormatDuration(c.Idle)),
		slog.String("header", c.Header.String()),
		slog.String("body", c.Body.String()),
		slog.String("bytes_per_connection", c.BytesPerConnection.String()),
		slog.Int("failed_logins", c.FailedLogins),
		slog.String("sandbox", c.Sandbox),
		slog.String("pairing_expires", moment.FormatDuration(c.PairingExpires)),
		slog.String("public", c.Public),
		slog.String("admin_socket", c.AdminSocket),
		slog.String("admin_group", c.AdminGroup),
		c.Mail.effective(),
		c.Live.effective(),
		slog.Any("reception", receptions),
	}, c.Console.effective()...)
}

// Effective is every setting, under its key in the file and as it would be
// written there, to be logged at start. None of them is a secret.
func (r Reception) Effective() []slog.Attr {
	return append([]slog.Attr{
		slog.String("listen", r.Listen),
		slog.String("store", r.Store),
		slog.String("state", r.State),
		slog.String("quota", orNone(r.Quota > 0, r.Quota.String())),
		slog.String("min_free", r.MinFree.String()),
		slog.String("expire", moment.FormatDuration(r.Expire)),
		slog.String("silence", moment.FormatDuration(r.Silence)),
		slog.Int("connections", r.Connections),
		slog.Int("connections_per_address", r.ConnectionsPerAddress),
		slog.Int("strangers", r.Strangers),
		slog.String("handshake", moment.FormatDuration(r.Handshake)),
		slog.Int("unfinished", r.Unfinished),
		slog.String("sandbox", r.Sandbox),
		slog.String("language", r.Language),
	}, append(r.Console.effective(), slog.String("console_token", r.ConsoleToken))...)
}

func (c Console) effective() []slog.Attr {
	return []slog.Attr{
		slog.String("console", orNone(c.Address != "", c.Address)),
		slog.String("console_certificate", c.Certificate),
		slog.String("console_key", c.Key),
		slog.String("metrics_token", c.Metrics),
	}
}

func orNone(given bool, text string) string {
	if given {
		return text
	}
	return none
}
