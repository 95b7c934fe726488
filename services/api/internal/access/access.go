// Package access decides who may call the api: by transport, address and signature.
//
// It promises that a request which it lets through unsigned carried no signature at all. It does not look at bodies:
// no signature covers those.
package access

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

// header and query parameter that carry the signature; the header counts if both do.
const (
	signatureHeader = "X-Channelstream-Secret"
	signatureQuery  = "secret"
)

// Gate lets requests in or refuses them with a fault. It is safe for use by many goroutines.
type Gate struct {
	allowed   []netip.Prefix
	transport edge.Transport
	verifier  *signature.Verifier
	demo      *signature.Verifier // of what the demo signs
}

// New makes a gate of what is configured.
func New(s settings.Access) *Gate {
	return &Gate{
		allowed:   s.AllowPostingFrom,
		transport: edge.NewTransport(s),
		verifier:  signature.NewVerifier(s.Secrets, s.SignatureMaxAge, signature.Leeway),
		demo:      signature.NewVerifier(signature.DemoSecrets(s.Secrets), s.SignatureMaxAge, signature.Leeway),
	}
}

// App is nil for a request of the app: from an allowed address, and signed.
func (g *Gate) App(r *http.Request, now time.Time) error {
	sent, err := g.signed(r)
	if err != nil {
		return err
	}
	return refused(g.verifier.VerifyRequest(sent, edge.PathOf(r), now))
}

// AppOrDemo is App for what the demo may ask for too. demo says that the demo has signed the request.
func (g *Gate) AppOrDemo(r *http.Request, now time.Time) (demo bool, err error) {
	sent, err := g.signed(r)
	if err != nil {
		return false, err
	}
	demo, err = g.verify(sent, r, now)
	return demo, refused(err)
}

// Anyone is nil for a request that needs no signature, but has no wrong one either.
func (g *Gate) Anyone(r *http.Request, now time.Time) error {
	if fault := g.transport.Refusal(r); fault != nil {
		return fault
	}
	if sent := signatureOf(r); sent != "" {
		_, err := g.verify(sent, r, now)
		return refused(err)
	}
	return nil
}

// signed gives the signature of a request from an allowed address.
func (g *Gate) signed(r *http.Request) (string, error) {
	if fault := g.transport.Refusal(r); fault != nil {
		return "", fault
	}
	if !edge.Contains(g.allowed, g.transport.Caller(r)) {
		return "", &contract.Fault{Code: contract.CodeForbidden, Message: "This address may not call; see allow_posting_from."}
	}
	sent := signatureOf(r)
	if sent == "" {
		return "", &contract.Fault{Code: contract.CodeForbidden, Message: "The request is not signed."}
	}
	return sent, nil
}

// verify takes the signature of the app or of the demo.
func (g *Gate) verify(sent string, r *http.Request, now time.Time) (demo bool, err error) {
	err = g.verifier.VerifyRequest(sent, edge.PathOf(r), now)
	if !errors.Is(err, signature.ErrWrong) {
		return false, err
	}
	err = g.demo.VerifyRequest(sent, edge.PathOf(r), now)
	return err == nil, err
}

// refused tells an attacker nothing but that the signature does not count; which of the reasons it is helps an app with
// a wrong clock, and a right signature is needed to learn that.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return &contract.Fault{Code: contract.CodeUnauthorized, Message: "The request is not accepted: its " + err.Error() + "."}
}

func signatureOf(r *http.Request) string {
	if sent := r.Header.Get(signatureHeader); sent != "" {
		return sent
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get(signatureQuery)
}
