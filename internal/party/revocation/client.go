// Package revocation is the client of the addresses inside certificates: OCSP responders and CRLs.
package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"kyso/internal/finding"
	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const (
	maxCRL        = 20 << 20
	clockSkew     = 5 * time.Minute
	crlTimeout    = time.Minute
	maxAddresses  = 3          // of each kind; a certificate of a stranger may list any number
	maxCachedCRLs = 2 * maxCRL // bytes of DER; parsed, they take several times that
	// maxAge is how long status data without nextUpdate counts. RFC 6960 §4.2.2.1 lets such an answer mean
	// "newer data is there all the time".
	maxAge = time.Hour
)

// Client asks the addresses inside certificates for OCSP answers and CRLs. It implements
// signing.RevocationSource.
//
// The addresses come from certificates that strangers may have sent. So only http and https are followed, and
// only to public addresses unless AllowPrivate is set. Both formats are signed, which is why http is enough.
//
// Every question is asked now: revocation or suspension must be seen at the next use. An OCSP answer is never kept; a
// CRL is kept only to ask whether it is still the newest. When no responder can be asked, the status is unknown, whatever an
// earlier answer said.
type Client struct {
	// Rewrite replaces the beginning of addresses, for those that are known to be dead; the longest match holds.
	Rewrite map[string]string
	// AllowPrivate permits loopback and private addresses and any port; for development.
	AllowPrivate bool
	Timeout      time.Duration    // of an OCSP request; 0 means 15 s. A CRL has at least a minute.
	HTTP         *http.Client     // nil means one that keeps to the rules above; one of the caller's has to do so itself
	Clock        func() time.Time // nil means time.Now

	once    sync.Once
	guarded *http.Client
	mu      sync.Mutex
	crls    map[string]keptCRL // by address and issuer key; never an answer by itself, see list
}

var _ signing.RevocationSource = (*Client)(nil)

// Status implements signing.RevocationSource. An OCSP responder that says "unknown" is passed over like one that
// does not answer. Certificates that cannot be read are problem.CertificateInvalid.
func (s *Client) Status(ctx context.Context, cert, issuer []byte) (signing.Revocation, error) {
	subject, err := x509.ParseCertificate(cert)
	if err != nil {
		return signing.Revocation{}, problem.New(problem.CertificateInvalid, "the certificate cannot be read")
	}
	ca, err := x509.ParseCertificate(issuer)
	if err != nil {
		return signing.Revocation{}, problem.New(problem.CertificateInvalid, "the issuer's certificate cannot be read")
	}
	if err := issued(subject, ca); err != nil {
		return signing.Revocation{}, problem.Wrap(problem.CertificateInvalid, err, "the issuer is another one")
	}
	var failures []error
	var words []finding.Finding
	failed := func(at *finding.Kind, format, address string, err error) {
		words = append(words, at.Say("host", party.Host(address), "why", err))
		failures = append(failures, fmt.Errorf(format, party.Host(address), err))
	}
	for _, address := range first(subject.OCSPServer) {
		found, err := s.ocsp(ctx, address, subject, ca)
		if err == nil {
			return found, nil
		}
		failed(atOCSP, "OCSP at %s: %w", address, err)
	}
	for _, address := range first(subject.CRLDistributionPoints) {
		found, err := s.crl(ctx, address, subject, ca)
		if err == nil {
			return found, nil
		}
		failed(atCRL, "CRL at %s: %w", address, err)
	}
	if len(failures) == 0 {
		return signing.Revocation{}, problem.Wrap(problem.RevocationUnknown, noAddress.Err(), "no status of the certificate could be had")
	}
	e := problem.Wrap(problem.RevocationUnknown, finding.Wrap(errors.Join(failures...), finding.Join(words)), "no status of the certificate could be had")
	for _, failure := range failures {
		e.RetryAfter = max(e.RetryAfter, problem.RetryAfterOf(failure))
	}
	return signing.Revocation{}, e
}

// issued reports whether ca signed cert. Asking another authority about it could only mislead.
func issued(cert, ca *x509.Certificate) error {
	if !bytes.Equal(cert.RawIssuer, ca.RawSubject) {
		return issuerName.Err()
	}
	if err := ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return issuerKey.Err()
	}
	return nil
}

// fetch makes one exchange with an address out of a certificate.
func (s *Client) fetch(ctx context.Context, address string, c party.Call) (party.Reply, error) {
	target, err := s.target(address)
	if err != nil {
		return party.Reply{}, err
	}
	c.Party, c.HTTP, c.Clock, c.URL = "the address", s.client(), s.Clock, target
	budget := signing.BudgetOf(ctx)
	if c.Limit, err = budget.Request(party.OrDefault(c.Limit, party.MaxAnswer)); err != nil {
		return party.Reply{}, finding.Wrap(err, budgetSpent.Say())
	}
	r, err := c.Do(ctx)
	if err != nil {
		budget.Read(c.Limit) // it may have sent as much before it broke off
		return party.Reply{}, unanswered(err)
	}
	budget.Read(int64(len(r.Body)))
	unchanged := r.Status == http.StatusNotModified && (c.Header.Get("If-None-Match") != "" || c.Header.Get("If-Modified-Since") != "")
	if !r.OK() && !unchanged {
		return party.Reply{}, finding.Wrap(r.Unavailable("HTTP %d", r.Status), httpStatus.Say("status", r.Status))
	}
	return r, nil
}

// unanswered gives an exchange that failed the words for readers.
func unanswered(err error) error {
	if errors.Is(err, party.ErrGuarded) {
		return finding.Wrap(err, privateAddress.Say())
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return finding.Wrap(err, tooLate.Say())
	}
	return finding.Wrap(err, noAnswer.Say())
}

// target applies Rewrite and refuses what is not an ordinary web address.
func (s *Client) target(address string) (string, error) {
	longest := ""
	for prefix := range s.Rewrite {
		if strings.HasPrefix(address, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	if longest != "" {
		address = s.Rewrite[longest] + strings.TrimPrefix(address, longest)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", notHTTP.Err()
	}
	if u.User != nil {
		return "", addressUser.Err()
	}
	if port := u.Port(); !s.AllowPrivate && port != "" && port != "80" && port != "443" {
		return "", addressPort.Err()
	}
	return address, nil
}

func (s *Client) client() *http.Client {
	if s.HTTP != nil {
		return s.HTTP
	}
	s.once.Do(func() { s.guarded = &http.Client{Transport: party.GuardedTransport(s.AllowPrivate)} })
	return s.guarded
}

// fresh checks a validity period against the clock, which may differ a little from the issuer's.
func (s *Client) fresh(thisUpdate, nextUpdate time.Time) error {
	now := party.Now(s.Clock)
	if thisUpdate.After(now.Add(clockSkew)) {
		return ofFuture.Err()
	}
	if nextUpdate.IsZero() {
		nextUpdate = thisUpdate.Add(maxAge)
	}
	if nextUpdate.Add(clockSkew).Before(now) {
		return outOfDate.Err()
	}
	return nil
}

func first(addresses []string) []string { return addresses[:min(len(addresses), maxAddresses)] }

// revoked tells a suspension (reason certificateHold) from a revocation.
func revoked(reason int, at time.Time) signing.Revocation {
	if reason == reasonHold {
		return signing.Revocation{State: signing.RevocationOnHold, Reason: reason, RevokedAt: at.UTC()}
	}
	return signing.Revocation{State: signing.RevocationRevoked, Reason: reason, RevokedAt: at.UTC()}
}

const reasonHold = 6 // certificateHold, RFC 5280 §5.3.1
