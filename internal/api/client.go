package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// maxReply bounds what a client reads of an answer.
const maxReply = 1 << 20

// ErrTurnedAway is of a server that closes a connection before it has said a word:
// it may be full, or have the address wait after logins that failed.
var ErrTurnedAway = errors.New("the connection was closed at once")

// dialTimeout bounds the way to a server, the handshake included.
const dialTimeout = 20 * time.Second

// Client asks a central server. Safe for concurrent use.
type Client struct {
	server string
	http   http.Client
	tokens func(identity string) (token string, err error)

	mu    sync.Mutex
	shown string   // the server's identity, once it has proved it
	ready net.Conn // made to learn it, and not used yet

	connect func(context.Context) (net.Conn, error)
}

// Trust decides whether a server on another machine, which proved the identity
// id, is the one that is meant.
type Trust func(server, id string) error

// Unix begins the address of a server that is asked by its socket on this
// machine: unix:PATH.
const Unix = "unix:"

// NewClient makes a client of the server at HOST:PORT or unix:PATH, about which
// trust is asked. Without trust only one on this machine is, for which the kernel
// vouches.
func NewClient(server string, trust Trust) *Client {
	c := &Client{server: server}
	// Nothing is asked of another than the one that has shown who it is.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http.Transport = &http.Transport{
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c.mu.Lock()
			ready := c.ready
			c.ready = nil
			c.mu.Unlock()
			if ready != nil {
				return ready, nil
			}
			return c.dial(ctx, trust)
		},
		IdleConnTimeout: time.Minute,
	}
	c.connect = func(ctx context.Context) (net.Conn, error) { return c.dial(ctx, trust) }
	return c
}

// LogIn has the client show a token to the server, which proves before that it has
// the identity that the token is for.
func (c *Client) LogIn(tokens func(identity string) (token string, err error)) { c.tokens = tokens }

// dial connects, and holds the server to the identity that it showed first: what
// was shown to it is not for another.
func (c *Client) dial(ctx context.Context, trust Trust) (net.Conn, error) {
	return dial(ctx, c.server, trust, func(id string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.shown != "" && c.shown != id {
			return reason.New(reason.IdentityChanged, "%s was %s and now shows %s", c.server, identity.Short(c.shown), identity.Short(id))
		}
		c.shown = id
		return nil
	})
}

// token gives the token for the server, which has to show who it is before.
func (c *Client) token(ctx context.Context) (string, error) {
	if c.tokens == nil {
		return "", nil
	}
	c.mu.Lock()
	id := c.shown
	c.mu.Unlock()
	if id == "" {
		conn, err := c.connect(ctx)
		if err != nil {
			return "", err
		}
		c.mu.Lock()
		if c.ready != nil {
			conn.Close() // another call was as quick
		} else {
			c.ready = conn
		}
		id = c.shown
		c.mu.Unlock()
	}
	return c.tokens(id)
}

// dial connects to a server and makes sure that it is the one that is meant; show
// is told who it is.
func dial(ctx context.Context, address string, trust Trust, show func(id string) error) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	network, at := "tcp", address
	if path, ok := strings.CutPrefix(address, Unix); ok {
		network, at, trust = "unix", path, nil
	} else if trust == nil {
		dialer.ControlContext = hereAlone
	}
	conn, err := dialer.DialContext(ctx, network, at)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, identity.Client(nil, nil, ALPN, func(id string) error {
		if trust != nil { // else it is on this machine
			if err := trust(address, id); err != nil {
				return err
			}
		}
		return show(id)
	}))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			err = fmt.Errorf("%w: %w", ErrTurnedAway, err)
		}
		return nil, err
	}
	return secure, nil
}

func hereAlone(_ context.Context, _, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return reason.New(reason.RemotePeer, "%s is not on this machine, and no identity is known for it", address)
	}
	return nil
}

// Identify gives the identity that the server at HOST:PORT proves, for a person
// to compare, and whether it is on this machine.
func Identify(ctx context.Context, server string) (id string, here bool, err error) {
	conn, err := dial(ctx, server, func(_, shown string) error { id = shown; return nil }, func(string) error { return nil })
	if err != nil {
		return "", false, unreachable(err, server)
	}
	defer conn.Close()
	return id, conn.RemoteAddr().(*net.TCPAddr).IP.IsLoopback(), nil
}

// Close closes idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready != nil {
		c.ready.Close()
		c.ready = nil
	}
}

// Refused is a server's refusal.
type Refused struct{ control.Refusal }

func (r *Refused) Error() string { return r.Detail }

// Unwrap gives the reason, for reason.Of.
func (r *Refused) Unwrap() error { return reason.New(r.Code, "%s", r.Detail) }

// Titles gives all titles, by number.
func (c *Client) Titles(ctx context.Context) ([]control.Title, error) {
	return paged(func(after int) ([]control.Title, bool, error) {
		page, err := c.TitlesAfter(ctx, after)
		return page.Titles, page.More, err
	}, func(t control.Title) int { return t.Number })
}

// TitlesAfter gives one page of titles, by number, of those above after.
func (c *Client) TitlesAfter(ctx context.Context, after int) (control.TitlePage, error) {
	return get[control.TitlePage](ctx, c, "/v1/titles", url.Values{"after": {strconv.Itoa(after)}})
}

// AddTitle adds a title, which administrators may. It is never asked twice by
// itself: each that is heard adds one.
func (c *Client) AddTitle(ctx context.Context, q control.AddTitle) (control.TitleChange, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return control.TitleChange{}, err
	}
	return do[control.TitleChange](ctx, c, http.MethodPost, "/v1/titles", body, "")
}

// RemoveTitle removes a title, which administrators may.
func (c *Client) RemoveTitle(ctx context.Context, q control.RemoveTitle) (control.TitleChange, error) {
	path := fmt.Sprintf("/v1/titles/%d", q.Number)
	if q.Force {
		path += "?force=1"
	}
	return do[control.TitleChange](ctx, c, http.MethodDelete, path, nil, "")
}

// Request asks for a delivery. The key in it makes it safe to ask again when
// no answer came.
func (c *Client) Request(ctx context.Context, q control.Request) (control.DeliveryStory, error) {
	key := q.Key
	q.Key = ""
	body, err := json.Marshal(q)
	if err != nil {
		return control.DeliveryStory{}, err
	}
	return do[control.DeliveryStory](ctx, c, http.MethodPost, "/v1/requests", body, key)
}

// Requests asks for deliveries to several receptions, and gives all of them in
// the order of their names or is Refused, with a report. The key is as that of
// Request.
func (c *Client) Requests(ctx context.Context, q control.Request) ([]control.Delivery, error) {
	key := q.Key
	q.Key = ""
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	made, err := do[control.Promises](ctx, c, http.MethodPost, "/v1/requests", body, key)
	return made.Deliveries, err
}

// Where gives what is known of whether the title could be at the receptions of
// q, or without any at all that the server knows, by a deadline.
func (c *Client) Where(ctx context.Context, q control.WhereQuery) ([]control.Prospect, error) {
	query := url.Values{"by": {q.By.UTC().Format(time.RFC3339Nano)}, "at": q.Receptions}
	if !q.From.IsZero() {
		query.Set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if q.MaxPace != 0 {
		query.Set("max_pace", strconv.FormatInt(q.MaxPace, 10))
	}
	return paged(func(after string) ([]control.Prospect, bool, error) {
		if after != "" {
			query.Set("after", after)
		}
		page, err := get[control.ProspectPage](ctx, c, fmt.Sprintf("/v1/titles/%d/where", q.Number), query)
		return page.Receptions, page.More, err
	}, func(p control.Prospect) string { return p.Reception })
}

// Receptions gives the names of all receptions that the server knows, in order.
func (c *Client) Receptions(ctx context.Context) ([]string, error) {
	return paged(func(after string) ([]string, bool, error) {
		page, err := get[control.NamePage](ctx, c, "/v1/receptions", url.Values{"after": {after}})
		return page.Receptions, page.More, err
	}, func(name string) string { return name })
}

// Schedule gives how full the uplink and all links are.
func (c *Client) Schedule(ctx context.Context, q control.ChartQuery) (whole control.Chart, err error) {
	links := []control.LinkChart{}
	for {
		query := url.Values{"after": {q.After}}
		for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
			if !at.IsZero() {
				query.Set(name, at.UTC().Format(time.RFC3339Nano))
			}
		}
		page, err := get[control.Chart](ctx, c, "/v1/schedule", query)
		if err != nil {
			return whole, err
		}
		links = append(links, page.Links...)
		if !page.More || len(page.Links) == 0 {
			page.Links, page.More = links, false
			return page, nil
		}
		// The next page is of the same time.
		q.From, q.To, q.After = page.From, page.To, links[len(links)-1].Reception
	}
}

// Deliveries gives at most most deliveries, the newest first.
func (c *Client) Deliveries(ctx context.Context, most int) ([]control.Delivery, error) {
	all := []control.Delivery{}
	for before := int64(0); len(all) < most; {
		page, err := get[control.DeliveryPage](ctx, c, "/v1/deliveries", url.Values{"before": {strconv.FormatInt(before, 10)}})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Deliveries...)
		if !page.More || len(page.Deliveries) == 0 {
			break
		}
		last := page.Deliveries[len(page.Deliveries)-1].ID
		if before > 0 && last >= before {
			return nil, reason.New(reason.Protocol, "the page of deliveries before %d ends with %d", before, last)
		}
		before = last
	}
	return all[:min(len(all), most)], nil
}

// Delivery gives one delivery with its story. With a wait, in whole seconds and
// at most 30 s, the answer comes as soon as it is no longer at the revision.
func (c *Client) Delivery(ctx context.Context, id, revision int64, wait time.Duration) (control.DeliveryStory, error) {
	return get[control.DeliveryStory](ctx, c, fmt.Sprintf("/v1/deliveries/%d", id), url.Values{
		"revision": {strconv.FormatInt(revision, 10)}, "wait": {strconv.Itoa(int(wait / time.Second))}})
}

// Cancel ends a delivery.
func (c *Client) Cancel(ctx context.Context, id int64) (control.DeliveryStory, error) {
	return do[control.DeliveryStory](ctx, c, http.MethodPost, fmt.Sprintf("/v1/deliveries/%d/cancel", id), nil, "")
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return do[T](ctx, c, http.MethodGet, path+"?"+query.Encode(), nil, "")
}

func do[T any](ctx context.Context, c *Client, method, path string, body []byte, key string) (T, error) {
	var v T
	header := http.Header{}
	if key != "" {
		// The Transport may then repeat it by itself after a lost connection.
		header.Set("Idempotency-Key", key)
	}
	answer, err := c.ask(ctx, method, path, body, header)
	if err != nil {
		return v, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err != nil {
		return v, unreachable(err, c.server)
	}
	if answer.StatusCode >= 300 {
		return v, c.refused(answer, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, reason.Wrap(reason.Protocol, err, "%s answers", c.server)
	}
	return v, nil
}

// ask asks the server, with the login that it wants, and gives the beginning of its
// answer.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	host := c.server
	if strings.HasPrefix(host, Unix) {
		host = "localhost"
	}
	r, err := http.NewRequestWithContext(ctx, method, "https://"+host+path, bytes.NewReader(body))
	if err != nil {
		return nil, reason.Wrap(reason.Usage, err, "the server's address")
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, unreachable(err, c.server)
	}
	r.Header = header
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, unreachable(err, c.server)
	}
	return answer, nil
}

// refused is the refusal in the body of an answer.
func (c *Client) refused(answer *http.Response, text []byte) error {
	var refusal control.Refusal
	if err := json.Unmarshal(text, &refusal); err != nil || !refusal.Code.Valid() {
		return reason.New(reason.Protocol, "%s answers %s", c.server, answer.Status)
	}
	return &Refused{refusal}
}

func unreachable(err error, server string) error {
	var known *reason.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return reason.Wrap(reason.Unreachable, err, "asking %s", server)
}
