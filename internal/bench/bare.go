package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"

	"videoclub/internal/api"
	"videoclub/internal/identity"
)

// bareServer is the machine's own limit: a TLS server of this process, of the
// same kind of key, that answers with bytes made before.
type bareServer struct {
	address string
	server  *http.Server
	served  chan struct{}
}

// newBareServer makes one with the answers that client gets.
func newBareServer(ctx context.Context, client *api.Client) (*bareServer, error) {
	page, err := client.TitlesAfter(ctx, 0)
	if err != nil {
		return nil, err
	}
	made, err := reserve(ctx, client, 0)
	if err != nil {
		return nil, err
	}
	titles, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	delivery, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	certificate, err := identity.Certificate(key)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	answers := http.NewServeMux()
	answers.HandleFunc("GET /v1/titles", func(w http.ResponseWriter, _ *http.Request) { w.Write(titles) })
	answers.HandleFunc("POST /v1/requests", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		w.Write(delivery)
	})
	b := &bareServer{address: l.Addr().String(), served: make(chan struct{})}
	b.server = &http.Server{Handler: answers, TLSConfig: identity.Server(certificate, key, api.ALPN, nil), ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(b.served)
		b.server.ServeTLS(l, "", "")
	}()
	return b, nil
}

func (b *bareServer) stop() {
	b.server.Close()
	<-b.served
}
