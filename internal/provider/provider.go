// Package provider holds the HTTP clients of outside parties, one file for each wire: rssp769.go (remote signing
// by the 769 profile), tsa.go (RFC 3161 time-stamps), revocation.go (OCSP and CRL), and for registrations vneid.go,
// sms.go (eSMS), vnpay.go and ca.go. Each type implements a port of internal/signing or internal/registration and
// keeps its error contract; nothing of a wire leaves its file.
//
// Clients believe nothing: every answer is bounded in size and time, redirects are not followed, and what is
// signed is verified before it is handed on. No error text holds a secret, a user id or a name.
//
// It imports the domain, internal/problem, golang.org/x and the standard library.
package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kyso/internal/problem"
)

const (
	defaultTimeout = 15 * time.Second
	maxAnswer      = 1 << 20
	maxRetryAfter  = time.Hour // a party that asks for more is asked again anyway
)

// call is one HTTP exchange with an outside party.
type call struct {
	party       string // for error texts, such as a provider's name
	client      *http.Client
	timeout     time.Duration // 0 means defaultTimeout
	limit       int64         // of the answer's body; 0 means maxAnswer
	now         func() time.Time
	method      string // "" means POST
	url         string
	contentType string
	accept      string
	header      http.Header // further ones
	body        []byte
}

// reply is an answer with any status.
type reply struct {
	status     int
	body       []byte
	mediaType  string
	retryAfter time.Duration

	etag, lastModified string // as sent
}

// do sends the request and reads the whole answer. Its errors are problem.ProviderUnavailable: no answer, a cut
// one, or one that is too large. A status is not an error here.
func (c call) do(ctx context.Context) (reply, error) {
	began := time.Now()
	r, err := c.exchange(ctx)
	tell(ctx, c.party, r.status, err, time.Since(began))
	return r, err
}

func (c call) exchange(ctx context.Context) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.timeout, defaultTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, orDefault(c.method, http.MethodPost), c.url, bytes.NewReader(c.body))
	if err != nil {
		return reply{}, problem.New(problem.Invalid, "%s: the configured address is not a URL", c.party)
	}
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	if c.accept != "" {
		request.Header.Set("Accept", c.accept)
	}
	maps.Copy(request.Header, c.header)
	response, err := unredirected(c.client).Do(request)
	if err != nil {
		return reply{}, problem.Wrap(problem.ProviderUnavailable, bare(err), "%s did not answer", c.party)
	}
	defer response.Body.Close()
	limit := orDefault(c.limit, maxAnswer)
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return reply{}, problem.Wrap(problem.ProviderUnavailable, bare(err), "%s broke off its answer", c.party)
	}
	if int64(len(body)) > limit {
		return reply{}, problem.New(problem.ProviderUnavailable, "%s sent more than %d bytes", c.party, limit)
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return reply{
		status: response.StatusCode, body: body, mediaType: strings.ToLower(strings.TrimSpace(mediaType)),
		retryAfter: retryAfter(response.Header.Get("Retry-After"), clock(c.now)),
		etag:       response.Header.Get("ETag"), lastModified: response.Header.Get("Last-Modified"),
	}, nil
}

// doJSON is do for a wire that speaks JSON; a nil value sends no body.
func (c call) doJSON(ctx context.Context, value any) (reply, error) {
	c.accept = "application/json"
	if value != nil {
		var err error
		if c.body, err = json.Marshal(value); err != nil {
			return reply{}, problem.New(problem.Invalid, "a request to %s cannot be written", c.party)
		}
		c.contentType = "application/json"
	}
	return c.do(ctx)
}

// failure is what the HTTP status alone says: nil for 2xx.
func (r reply) failure(party string) error {
	switch {
	case r.ok():
		return nil
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return problem.New(problem.ProviderCredentials, "%s turned our account away (HTTP %d)", party, r.status)
	case r.status == http.StatusRequestTimeout, r.status == http.StatusTooManyRequests, r.status < 400, r.status >= 500:
		return r.unavailable("%s answered HTTP %d", party, r.status)
	}
	return problem.New(problem.ProviderRefused, "%s refused the request (HTTP %d)", party, r.status)
}

// read decodes a JSON answer. The error says nothing of the content, which may be about a person.
func (r reply) read(party string, value any) error {
	if json.Unmarshal(r.body, value) != nil {
		return r.unavailable("%s sent an answer that makes no sense", party)
	}
	return nil
}

// unavailable is the error for an answer that a later try may mend.
func (r reply) unavailable(format string, args ...any) *problem.Error {
	e := problem.New(problem.ProviderUnavailable, "%s", fmt.Sprintf(format, args...))
	e.RetryAfter = r.retryAfter
	return e
}

// ok reports a status of 2xx.
func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// unredirected returns client without redirects: none of these wires has them, a POST would lose its body, and
// credentials or a fetch from inside our network must not follow somebody else's word.
func unredirected(client *http.Client) *http.Client {
	if client == nil {
		client = plainClient
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

var plainClient = &http.Client{Transport: plainTransport()}

// plainTransport is Go's own with TLS 1.2 as it stands, more idle connections towards the few hosts we talk to,
// and a bound on headers.
func plainTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	t.MaxResponseHeaderBytes = 64 << 10
	return t
}

// bare strips the URL off a transport error: addresses may hold ids and credentials.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// host names an address in error texts.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(unreadable address)"
	}
	return u.Host
}

// retryAfter reads RFC 9110 §10.2.3: seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.Atoi(value); err == nil {
		return clampPause(time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return clampPause(at.Sub(now))
	}
	return 0
}

func clampPause(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }

func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
