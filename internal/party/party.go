// Package party is the ground of the rooms of outside parties: one exchange over HTTP with its limits, Retry-After, the guard
// of our private network, the metric of all parties, and strict reading. Each party has a folder below with its client and the
// types of its wire: rssp769 (remote signing by the 769 profile), tsa (RFC 3161 time-stamps), revocation (OCSP and CRL),
// receiver (those who take our webhooks), and for registrations vneid, esms, ca and the payment parties. In each the type Client implements a
// port of the domain and keeps its error contract; nothing of a wire leaves its folder, and no party knows another.
//
// Clients believe nothing: every answer is bounded in size and time, redirects are not followed, and what is
// signed is verified before it is handed on. No error text holds a secret, a user id or a name.
package party

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

// MaxAnswer bounds the answers for which a call sets no limit.
const MaxAnswer = 1 << 20

const (
	defaultTimeout = 15 * time.Second
	maxRetryAfter  = time.Hour // a party that asks for more is asked again anyway
)

// Call is one HTTP exchange with an outside party.
type Call struct {
	Party       string        // for error texts, such as a provider's name
	HTTP        *http.Client  // nil means a plain one
	Timeout     time.Duration // 0 means defaultTimeout
	Limit       int64         // of the answer's body; 0 means MaxAnswer
	Clock       func() time.Time
	Method      string // "" means POST
	URL         string
	ContentType string
	Accept      string
	Header      http.Header // further ones
	Body        []byte
}

// Reply is an answer with any status.
type Reply struct {
	Status     int
	Body       []byte
	MediaType  string
	RetryAfter time.Duration

	ETag, LastModified string // as sent
}

// Do sends the request and reads the whole answer. Its errors are problem.ProviderUnavailable: no answer, a cut
// one, or one that is too large. A status is not an error here.
func (c Call) Do(ctx context.Context) (Reply, error) {
	began := time.Now()
	r, err := c.exchange(ctx)
	tell(ctx, c.Party, r.Status, err, time.Since(began))
	return r, err
}

func (c Call) exchange(ctx context.Context) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, OrDefault(c.Timeout, defaultTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, OrDefault(c.Method, http.MethodPost), c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return Reply{}, problem.New(problem.Invalid, "%s: the configured address is not a URL", c.Party)
	}
	if c.ContentType != "" {
		request.Header.Set("Content-Type", c.ContentType)
	}
	if c.Accept != "" {
		request.Header.Set("Accept", c.Accept)
	}
	maps.Copy(request.Header, c.Header)
	response, err := unredirected(c.HTTP).Do(request)
	if err != nil {
		return Reply{}, problem.Wrap(problem.ProviderUnavailable, bare(err), "%s did not answer", c.Party)
	}
	defer response.Body.Close()
	limit := OrDefault(c.Limit, MaxAnswer)
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return Reply{}, problem.Wrap(problem.ProviderUnavailable, bare(err), "%s broke off its answer", c.Party)
	}
	if int64(len(body)) > limit {
		return Reply{}, problem.New(problem.ProviderUnavailable, "%s sent more than %d bytes", c.Party, limit)
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return Reply{
		Status: response.StatusCode, Body: body, MediaType: strings.ToLower(strings.TrimSpace(mediaType)),
		RetryAfter: retryAfter(response.Header.Get("Retry-After"), Now(c.Clock)),
		ETag:       response.Header.Get("ETag"), LastModified: response.Header.Get("Last-Modified"),
	}, nil
}

// DoJSON is Do for a wire that speaks JSON; a nil value sends no body.
func (c Call) DoJSON(ctx context.Context, value any) (Reply, error) {
	c.Accept = "application/json"
	if value != nil {
		var err error
		if c.Body, err = json.Marshal(value); err != nil {
			return Reply{}, problem.New(problem.Invalid, "a request to %s cannot be written", c.Party)
		}
		c.ContentType = "application/json"
	}
	return c.Do(ctx)
}

// Failure is what the HTTP status alone says: nil for 2xx.
func (r Reply) Failure(party string) error {
	switch {
	case r.OK():
		return nil
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return problem.New(problem.ProviderCredentials, "%s turned our account away (HTTP %d)", party, r.Status)
	case r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooManyRequests, r.Status < 400, r.Status >= 500:
		return r.Unavailable("%s answered HTTP %d", party, r.Status)
	}
	return problem.New(problem.ProviderRefused, "%s refused the request (HTTP %d)", party, r.Status)
}

// Read decodes a JSON answer. The error says nothing of the content, which may be about a person.
func (r Reply) Read(party string, value any) error {
	if json.Unmarshal(r.Body, value) != nil {
		return r.Unavailable("%s sent an answer that makes no sense", party)
	}
	return nil
}

// Unavailable is the error for an answer that a retry may change.
func (r Reply) Unavailable(format string, args ...any) *problem.Error {
	e := problem.New(problem.ProviderUnavailable, "%s", fmt.Sprintf(format, args...))
	e.RetryAfter = r.RetryAfter
	return e
}

// OK reports a status of 2xx.
func (r Reply) OK() bool { return r.Status >= 200 && r.Status < 300 }

// unredirected returns client without redirects: none of these wires has them, a POST would lose its body, and
// credentials or a fetch from inside our network must not follow a redirect of another party.
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

// Host names an address in error texts.
func Host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(unreadable address)"
	}
	return u.Host
}

// RetryAfter reads RFC 9110 §10.2.3: seconds or a date.
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

// Now is the time by a clock; nil means time.Now.
func Now(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

// OrDefault returns value unless it is zero.
func OrDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
