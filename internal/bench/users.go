package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/identity"
)

const (
	// users over kept connections each ask once a second, for usersFor; before
	// them, and every second time of each, stands a list of the titles.
	users    = 50
	usersFor = 30 * time.Second
	// callers are the new connections, every callEvery one.
	callers   = 300
	callEvery = time.Second / 10
	// promisedBefore is how many promises the ledger holds when the first asks.
	promisedBefore = 250
	catalogued     = 200
	halls          = 20
)

// manyUsers shows how soon people are answered, next to a bare TLS server that
// answers with the same bytes and does nothing for it.
func (b *bench) manyUsers(ctx context.Context, disk string) error {
	dir, remove, err := scratch(disk)
	if err != nil {
		return err
	}
	defer remove()
	source := filepath.Join(dir, "film.bin")
	if err := noise(source, 64*miB); err != nil {
		return err
	}
	settings := "connections_per_address = 256\n"
	for i := range halls {
		settings += fmt.Sprintf("[[reception]]\nname = \"hall-%d\"\naddress = \"127.0.0.1:1\"\nlink = \"100 Mbit/s\"\n", i)
	}
	club, err := b.newClub(ctx, dir, "", settings, slices.Repeat([]string{source}, catalogued)...)
	if err != nil {
		return err
	}
	defer club.stop()
	for n := range promisedBefore {
		if _, err := reserve(ctx, club.client, n); err != nil {
			return err
		}
	}
	bare, err := newBareServer(ctx, club.client)
	if err != nil {
		return err
	}
	defer bare.stop()

	ours := "127.0.0.1:" + club.central.Port("users")
	fmt.Printf("%d users over kept connections, each listing the first %d titles or requesting one, once a second, for %v:\n", users, control.PageSize, usersFor)
	for _, server := range []struct{ name, address string }{{"Video Club", ours}, {"a bare TLS server", bare.address}} {
		listed, requested, err := keptConnections(ctx, server.address)
		if err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
		fmt.Printf("  %s: lists %s; requests %s\n", server.name, quantiles(listed), quantiles(requested))
	}
	list, err := club.client.Deliveries(ctx, 1)
	if err != nil || len(list) == 0 {
		return fmt.Errorf("nothing was promised: %w", err)
	}
	fmt.Printf("  the ledger has %d promises then\n", list[0].ID)
	fmt.Printf("%d new connections, %d a second, each to the first byte of a list:\n", callers, time.Second/callEvery)
	for _, server := range []struct{ name, address string }{{"Video Club", ours}, {"a bare TLS server", bare.address}} {
		took, err := newConnections(ctx, server.address)
		if err != nil {
			return fmt.Errorf("%s: %w", server.name, err)
		}
		fmt.Printf("  %s: %s\n", server.name, quantiles(took))
	}
	return nil
}

// reserve asks for a delivery that begins in a day: it is promised, and nothing
// is sent meanwhile.
func reserve(ctx context.Context, client *api.Client, n int) (control.DeliveryStory, error) {
	key := make([]byte, 16)
	rand.Read(key)
	now := time.Now()
	return client.Request(ctx, control.Request{
		Key: hex.EncodeToString(key), Number: 1 + n%catalogued, Reception: fmt.Sprintf("hall-%d", n%halls),
		From: now.Add(24 * time.Hour), By: now.Add(time.Duration(30+n%100) * time.Hour), Mail: "ana@example.cl",
	})
}

// keptConnections has all users ask, each at a moment of its own in the second,
// and gives how long after that moment each answer was there.
func keptConnections(ctx context.Context, server string) (listed, requested []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, usersFor+time.Minute)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	begin := time.Now().Add(2 * time.Second) // connected until then
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for u := range users {
		first := begin.Add(time.Duration(random.Int64N(int64(time.Second))))
		all.Go(func() {
			lists, requests, failed := oneUser(ctx, server, u, first)
			mu.Lock()
			defer mu.Unlock()
			listed, requested = append(listed, lists...), append(requested, requests...)
			if failed != nil {
				err = failed
			}
		})
	}
	all.Wait()
	return listed, requested, err
}

func oneUser(ctx context.Context, server string, u int, first time.Time) (listed, requested []time.Duration, err error) {
	client := api.NewClient(server, nil)
	defer client.Close()
	if _, err := client.TitlesAfter(ctx, 0); err != nil {
		return nil, nil, err
	}
	for i := range int(usersFor / time.Second) {
		at := first.Add(time.Duration(i) * time.Second)
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		if (u+i)%2 == 0 {
			titles, err := client.TitlesAfter(ctx, 0)
			if err != nil || len(titles.Titles) == 0 {
				return nil, nil, fmt.Errorf("%d titles are listed: %w", len(titles.Titles), err)
			}
			listed = append(listed, time.Since(at))
			continue
		}
		if _, err := reserve(ctx, client, u+i*users); err != nil {
			return nil, nil, err
		}
		requested = append(requested, time.Since(at))
	}
	return listed, requested, nil
}

// newConnections gives how long each took from before it was made to the first
// byte of the answer.
func newConnections(ctx context.Context, server string) ([]time.Duration, error) {
	var took []time.Duration
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed error
	every := time.NewTicker(callEvery)
	defer every.Stop()
	for range callers {
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		all.Go(func() {
			t, err := firstByte(ctx, server)
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, t); err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	return took, failed
}

func firstByte(ctx context.Context, server string) (time.Duration, error) {
	begun := time.Now()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", server)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(begun.Add(10 * time.Second))
	secure := tls.Client(conn, identity.Client(nil, nil, api.ALPN, func(string) error { return nil }))
	if _, err := io.WriteString(secure, "GET /v1/titles HTTP/1.1\r\nHost: "+server+"\r\nConnection: close\r\n\r\n"); err != nil {
		return 0, err
	}
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(secure, head); err != nil {
		return 0, err
	}
	took := time.Since(begun)
	if !strings.HasSuffix(string(head), " 200") {
		return 0, fmt.Errorf("the answer is %q", head)
	}
	_, err = io.Copy(io.Discard, secure)
	return took, err
}

// quantiles is the durations for people.
func quantiles(took []time.Duration) string {
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d, median %v, p99 %v, most %v", len(took), at(50), at(99), at(100))
}
