package identity

import (
	"crypto"
	"crypto/tls"
	"slices"
	"strings"

	"videoclub/internal/reason"
)

// Server configures the server's part of TLS 1.3 with the certificate cert
// (DER) whose key signer holds.
//
// With verify, the client must prove an identity too: verify gets it and
// permits it with nil; its error ends the handshake. Without verify, the
// client is not asked for any. A peer that does not speak the protocol alpn is
// refused; with "" none is negotiated.
func Server(cert []byte, signer crypto.Signer, alpn string, verify func(id string) error) *tls.Config {
	return ServerOf(cert, signer, []string{alpn}, verify)
}

// ServerOf is Server for a choice of protocols, the preferred one first.
func ServerOf(cert []byte, signer crypto.Signer, alpns []string, verify func(id string) error) *tls.Config {
	c := common(alpns...)
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: signer}}
	c.VerifyConnection = func(state tls.ConnectionState) error { return checkPeer(state, alpns, verify) }
	if verify != nil {
		// Any: what a certificate authority would vouch for is not asked here.
		c.ClientAuth = tls.RequireAnyClientCert
	}
	return c
}

// Client configures the client's part. verify gets the server's identity, as
// in Server, and is required: without it every server is refused. A client
// without an identity gives no cert and no signer.
func Client(cert []byte, signer crypto.Signer, alpn string, verify func(id string) error) *tls.Config {
	c := common(alpn)
	// Names and authorities are not what identifies a server here: its key is,
	// which checkPeer hands to verify in every handshake.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if verify == nil {
			return reason.New(reason.NotPermitted, "nothing says which server this may be")
		}
		return checkPeer(state, []string{alpn}, verify)
	}
	if signer != nil {
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: signer}}
	}
	return c
}

func common(alpns ...string) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13,
		// A ticket would let a peer come back without the supervisor signing,
		// and would be a secret that a worker keeps.
		SessionTicketsDisabled: true,
		// Small first records serve web pages; here they only cost time.
		DynamicRecordSizingDisabled: true,
	}
	if alpns[0] != "" {
		c.NextProtos = alpns
	}
	return c
}

// checkPeer looks at a handshake in which the peer has proved possession of
// its certificate's key (RFC 8446 section 4.4.3).
func checkPeer(state tls.ConnectionState, alpns []string, verify func(id string) error) error {
	// A peer that offers no protocol at all passes the negotiation.
	if !slices.Contains(alpns, state.NegotiatedProtocol) {
		return reason.New(reason.Protocol, "the peer speaks %q instead of %q", state.NegotiatedProtocol, strings.Join(alpns, " or "))
	}
	if verify == nil {
		return nil
	}
	if n := len(state.PeerCertificates); n != 1 {
		return reason.New(reason.Protocol, "the peer sent %d certificates instead of one", n)
	}
	pub, err := publicKey(state.PeerCertificates[0])
	if err != nil {
		return reason.Wrap(reason.Protocol, err, "the peer has no identity")
	}
	return verify(ID(pub))
}
