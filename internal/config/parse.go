package config

import (
	"slices"
	"time"

	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// The bounds of what both daemons are given.
const (
	leastSilence   = time.Second
	mostSilence    = 10 * time.Minute
	leastExpire    = time.Second
	mostExpire     = 365 * 24 * time.Hour
	mostClients    = 4096
	mostDeliveries = 256
	leastHandshake = time.Second
	mostHandshake  = time.Minute
	mostRequests   = 1_000_000

	leastIdle, mostIdle     = 10 * time.Second, time.Hour
	leastHeader, mostHeader = 4 << 10, 64 << 10
	leastBody, mostBody     = 1 << 10, 12 << 10 // which still fits into a message to the supervisor
	leastBytes, mostBytes   = 1 << 20, 1 << 40
	mostFailedLogins        = 1000
	mostPromises            = 1_000_000
	mostUnfinished          = 100_000
	leastPairing            = time.Minute
	mostPairing             = 30 * 24 * time.Hour
)

// ParseCentral reads the settings of vccs from the TOML text of file, whose
// name is for the errors alone. What is not given is as in DefaultCentral, and
// Link as Uplink. The error has reason.ConfigInvalid and names every problem
// on a line of its own, in the order of the file: FILE:LINE: KEY: what is wrong
// and what is accepted; text that is not TOML is one problem.
func ParseCentral(file string, text []byte) (Central, error) {
	d, err := read(file, text)
	if err != nil {
		return Central{}, err
	}
	c := DefaultCentral()
	s := d.top()
	set(s, "users", listenAddress, &c.Users)
	set(s, "administrators", listenAddress, &c.Administrators)
	s.whole("reception_port", 1, 65535, &c.ReceptionPort)
	set(s, "videos", filePath, &c.Videos)
	set(s, "state", pathOrNothing, &c.State)
	setEach(s, "roots", rootPath, &c.Roots)
	set(s, "language", language, &c.Language)
	set(s, "uplink", rate.ParseRate, &c.Uplink)
	c.Link = c.Uplink
	set(s, "link", rate.ParseRate, &c.Link)
	set(s, "max_pace", unlessNone(rate.ParseRate), &c.MaxPace)
	s.whole("deliveries", 1, mostDeliveries, &c.Deliveries)
	set(s, "silence", span(leastSilence, mostSilence), &c.Silence)
	readConnections(s, &c.Connections, &c.ConnectionsPerAddress, &c.Strangers)
	set(s, "handshake", span(leastHandshake, mostHandshake), &c.Handshake)
	s.whole("requests_per_connection", 1, mostRequests, &c.RequestsPerConnection)
	s.whole("promises_per_account", 1, mostPromises, &c.PromisesPerAccount)
	set(s, "idle", span(leastIdle, mostIdle), &c.Idle)
	set(s, "header", sizeWithin(leastHeader, mostHeader), &c.Header)
	set(s, "body", sizeWithin(leastBody, mostBody), &c.Body)
	set(s, "bytes_per_connection", sizeWithin(leastBytes, mostBytes), &c.BytesPerConnection)
	s.whole("failed_logins", 1, mostFailedLogins, &c.FailedLogins)
	set(s, "sandbox", oneOf("a way", sandboxes()), &c.Sandbox)
	set(s, "pairing_expires", span(leastPairing, mostPairing), &c.PairingExpires)
	set(s, "public", publicAddress, &c.Public)
	set(s, "admin_socket", socketPath, &c.AdminSocket)
	set(s, "admin_group", groupName, &c.AdminGroup)
	readConsole(s, &c.Console)
	if table, given := s.table("mail"); given {
		readMail(table, &c.Mail)
	}
	if table, given := s.table("live"); given {
		readLive(table, &c.Live)
	}
	for _, table := range s.tables("reception") {
		c.Receptions = append(c.Receptions, readReceptionLink(table, c))
	}
	s.end()
	checkCentral(s, c)
	if err := d.err(); err != nil {
		return Central{}, err
	}
	return c, nil
}

// readReceptionLink reads one [[reception]], those before it being in c.
func readReceptionLink(s *section, c Central) ReceptionLink {
	r := ReceptionLink{Link: c.Link}
	if !s.given("name") {
		s.problem("", "has no name; give it the host name of the reception: name = \"cinema.example.org\"")
	}
	set(s, "name", hostName, &r.Name)
	set(s, "address", dialAddress, &r.Address)
	set(s, "link", rate.ParseRate, &r.Link)
	setEach(s, "windows", moment.ParseWindow, &r.Windows)
	s.end()
	same := func(other ReceptionLink) bool { return other.Name == r.Name }
	if r.Name != "" && slices.ContainsFunc(c.Receptions, same) {
		s.problem("name", "there is a reception %q already; give each name once", r.Name)
	}
	return r
}

// checkCentral looks at settings that are right alone and wrong together.
func checkCentral(s *section, c Central) {
	listens := []struct{ key, address string }{{"users", c.Users}, {"administrators", c.Administrators}, {"console", c.Console.Address}}
	for i, a := range listens {
		for _, b := range listens[i+1:] {
			s.apart(a.key, a.address, b.key, b.address)
		}
	}
	for i, root := range c.Roots {
		if slices.Contains(c.Roots[:i], root) {
			s.problemAt("roots", i, "%q is there twice; give each directory once", root)
		}
		if c.State != "" && within(root, c.State) {
			s.problemAt("roots", i, "%q lies in the state directory, %q, from which nothing is sent; move the titles elsewhere", root, c.State)
		}
	}
}

// apart reports that two settings name one address, or one that is among those of the
// other, at the setting that is given.
func (s *section) apart(key, address, other, another string) {
	at := other
	if !s.given(other) {
		at = key
	}
	switch {
	case !meet(address, another):
	case address == another:
		s.problem(at, "%s and %s are both at %s; give them different ports", key, other, address)
	case other == "console" && !s.given(other): // it takes any free port
	default:
		s.problem(at, "%s at %s and %s at %s have addresses in common; give them different ports", key, address, other, another)
	}
}

// readConsole reads where browsers come.
func readConsole(s *section, c *Console) {
	set(s, "console", unlessNone(listenAddress), &c.Address)
	set(s, "console_certificate", pathOrNothing, &c.Certificate)
	set(s, "console_key", pathOrNothing, &c.Key)
	set(s, "metrics_token", pathOrNothing, &c.Metrics)
	switch {
	case c.Certificate != "" && c.Key == "":
		s.problem("console_certificate", "goes with console_key, which is not set")
	case c.Key != "" && c.Certificate == "":
		s.problem("console_key", "goes with console_certificate, which is not set")
	}
}

// ParseReception reads the settings of vcvrs as ParseCentral does those of
// vccs. What is not given is as in DefaultReception.
func ParseReception(file string, text []byte) (Reception, error) {
	d, err := read(file, text)
	if err != nil {
		return Reception{}, err
	}
	r := DefaultReception()
	s := d.top()
	set(s, "listen", listenAddress, &r.Listen)
	set(s, "store", filePath, &r.Store)
	set(s, "state", pathOrNothing, &r.State)
	set(s, "quota", unlessNone(quota), &r.Quota)
	set(s, "min_free", rate.ParseSize, &r.MinFree)
	set(s, "expire", span(leastExpire, mostExpire), &r.Expire)
	set(s, "silence", span(leastSilence, mostSilence), &r.Silence)
	readConnections(s, &r.Connections, &r.ConnectionsPerAddress, &r.Strangers)
	set(s, "handshake", span(leastHandshake, mostHandshake), &r.Handshake)
	s.whole("unfinished", 1, mostUnfinished, &r.Unfinished)
	set(s, "sandbox", oneOf("a way", sandboxes()), &r.Sandbox)
	set(s, "language", language, &r.Language)
	readConsole(s, &r.Console)
	set(s, "console_token", pathOrNothing, &r.ConsoleToken)
	s.end()
	s.apart("listen", r.Listen, "console", r.Console.Address)
	if err := d.err(); err != nil {
		return Reception{}, err
	}
	return r, nil
}

func sandboxes() []string { return []string{SandboxAuto, SandboxRequire, SandboxOff} }

// readConnections reads the limits on connections. Of one address, and of
// strangers, there cannot be more than of all, so that what is logged is what is
// in force; of strangers there may be as many where nothing is said.
func readConnections(s *section, all, perAddress, strangers *int) {
	s.whole("connections", 1, mostClients, all)
	s.whole("connections_per_address", 1, mostClients, perAddress)
	*strangers = mostClients
	s.whole("strangers", 1, mostClients, strangers)
	*perAddress, *strangers = min(*perAddress, *all), min(*strangers, *all)
}
