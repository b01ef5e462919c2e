// Package tsa is the client of RFC 3161 time-stamp authorities.
package tsa

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// maxToken bounds a time-stamp: a token with a full chain has some 10 KB, and it must fit the signature's hole.
const maxToken = 64 << 10

// Client speaks to RFC 3161 time-stamp authorities over HTTP (RFC 3161 §3.4). It implements
// signing.TimestampAuthority.
//
// The token's own signature is checked with the certificate inside it; whether that certificate is trusted is
// the verifier's question.
type Client struct {
	URLs    []string              // asked in this order until one gives a token; user:password@ sends HTTP Basic
	Policy  asn1.ObjectIdentifier // asked for and demanded when set
	Timeout time.Duration         // of each address; 0 means 15 s
	HTTP    *http.Client          // nil means a plain one
	Clock   func() time.Time      // nil means time.Now; only for Retry-After dates
}

var _ signing.TimestampAuthority = (*Client)(nil)

// Stamp implements signing.TimestampAuthority. When every address fails, the error is problem.ProviderRefused
// only if all of them refused; as long as one may answer later it is problem.ProviderUnavailable.
func (t *Client) Stamp(ctx context.Context, digest [32]byte) ([]byte, error) {
	if len(t.URLs) == 0 {
		return nil, problem.New(problem.ProviderRefused, "no time-stamp authority is configured")
	}
	var worst error
	for _, address := range t.URLs {
		token, err := t.stampAt(ctx, address, digest)
		if err == nil {
			return token, nil
		}
		err = fmt.Errorf("time-stamp from %s: %w", party.Host(address), err)
		if ctx.Err() != nil {
			return nil, err
		}
		if worst == nil || problem.CodeOf(err) == problem.ProviderUnavailable {
			worst = err
		}
	}
	return nil, worst
}

func (t *Client) stampAt(ctx context.Context, address string, digest [32]byte) ([]byte, error) {
	nonce, err := newNonce()
	if err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	query, err := asn1.Marshal(tspRequest{
		Version: 1, Imprint: sha256Imprint(digest), Policy: t.Policy, Nonce: nonce, CertReq: true,
	})
	if err != nil {
		return nil, fmt.Errorf("writing a time-stamp request: %w", err)
	}
	r, err := party.Call{
		Party: "the authority", HTTP: t.HTTP, Timeout: t.Timeout, Clock: t.Clock, Limit: maxToken, URL: address,
		ContentType: "application/timestamp-query", Accept: "application/timestamp-reply", Body: query,
	}.Do(ctx)
	if err != nil {
		return nil, err
	}
	token, err := openTSPReply(r)
	if err != nil {
		return nil, err
	}
	if err := checkToken(token, digest, nonce, t.Policy); err != nil {
		return nil, r.Unavailable("the token is not usable: %v", err)
	}
	return token, nil
}

// newNonce draws 63 bits: more than enough to know our answer, and what every authority can read.
func newNonce() (*big.Int, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	return new(big.Int).SetUint64(binary.BigEndian.Uint64(b[:])>>1 | 1), nil
}

type tspRequest struct {
	Version int
	Imprint tspImprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional"`
}

type tspImprint struct {
	Hash   pkix.AlgorithmIdentifier
	Digest []byte
}

func sha256Imprint(digest [32]byte) tspImprint {
	return tspImprint{Hash: pkix.AlgorithmIdentifier{Algorithm: party.OIDSHA256, Parameters: asn1.NullRawValue}, Digest: digest[:]}
}

type tspReply struct {
	Status struct {
		Status int
		Text   []asn1.RawValue `asn1:"optional"`
		Fail   asn1.BitString  `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// passingFailures are the PKIFailureInfo bits after which a retry may succeed: timeNotAvailable and systemFailure.
var passingFailures = []int{14, 25}

// openTSPReply checks HTTP and PKI status and returns the token.
func openTSPReply(r party.Reply) ([]byte, error) {
	switch {
	case r.Status == http.StatusTooManyRequests, r.Status == http.StatusRequestTimeout:
		return nil, r.Unavailable("HTTP %d", r.Status)
	case r.Status >= 400 && r.Status < 500:
		return nil, problem.New(problem.ProviderRefused, "HTTP %d", r.Status)
	case !r.OK():
		return nil, r.Unavailable("HTTP %d", r.Status)
	case r.MediaType != "application/timestamp-reply":
		return nil, r.Unavailable("the answer is not a time-stamp reply")
	}
	var parsed tspReply
	if err := party.ReadDER(r.Body, &parsed); err != nil {
		return nil, r.Unavailable("the reply cannot be read: %v", err)
	}
	// 0 is granted, 1 granted with modifications; the token says which, and is checked.
	if status := parsed.Status.Status; status != 0 && status != 1 {
		for _, bit := range passingFailures {
			if parsed.Status.Fail.At(bit) == 1 {
				return nil, r.Unavailable("PKI status %d, failure %d", status, bit)
			}
		}
		if status == 3 { // waiting: no HTTP authority polls
			return nil, r.Unavailable("PKI status %d", status)
		}
		return nil, problem.New(problem.ProviderRefused, "PKI status %d, failure %s", status, failureBits(parsed.Status.Fail))
	}
	if len(parsed.Token.FullBytes) == 0 {
		return nil, r.Unavailable("granted without a token")
	}
	return parsed.Token.FullBytes, nil
}

func failureBits(bits asn1.BitString) string {
	for i := range bits.BitLength {
		if bits.At(i) == 1 {
			return fmt.Sprint(i)
		}
	}
	return "not named"
}
