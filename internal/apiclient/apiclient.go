// Package apiclient speaks to kyso's HTTP API: authentication, retries, problems, uploads, pages and event streams. The
// shapes of bodies are in types.gen.go, which is generated from docs/openapi.json. An answer is also kept as it came, for
// programs that pass it on.
//
// It imports the standard library and internal/problem only.
package apiclient

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config generate.yaml -o types.gen.go ../../docs/openapi.json

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kyso/internal/problem"
)

const (
	maxAnswer = 16 << 20
	tries     = 4
	firstWait = 300 * time.Millisecond
	maxWait   = 5 * time.Second
)

// Client is a client of one API. Its errors are *Error when the API answered, and else those of net/http.
type Client struct {
	BaseURL string       // such as http://127.0.0.1:8080
	Key     string       // an API key, kyso_…; empty sends none
	HTTP    *http.Client // default http.DefaultClient; a time-out in it would cut uploads and event streams
}

// Error is a problem that the API answered with (RFC 9457).
type Error struct {
	Problem
	RetryAfter time.Duration // of the header; 0 when there is none
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Detail) }

// Unwrap lets problem.CodeOf see the code.
func (e *Error) Unwrap() error {
	return &problem.Error{Code: problem.Code(e.Code), Message: e.Detail, RetryAfter: e.RetryAfter}
}

// Raw is an answer as it came.
type Raw = json.RawMessage

// NewKey returns a fresh Idempotency-Key.
func NewKey() string { return rand.Text() }

// Upload stores a file. open is called again for each try; key makes the tries one upload.
func (c *Client) Upload(ctx context.Context, key, name string, size int64, open func() (io.ReadCloser, error)) (Document, error) {
	var out Document
	_, err := c.retry(ctx, &out, func() (*http.Request, error) {
		body, err := open()
		if err != nil {
			return nil, err
		}
		req, err := c.request(ctx, http.MethodPost, "/v1/documents?name="+url.QueryEscape(name), body)
		if err != nil {
			return nil, errors.Join(err, body.Close())
		}
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/pdf")
		req.Header.Set("Idempotency-Key", key)
		return req, nil
	})
	return out, err
}

// Get reads a resource.
func (c *Client) Get(ctx context.Context, path string, out any) (Raw, error) {
	return c.retry(ctx, out, func() (*http.Request, error) { return c.request(ctx, http.MethodGet, path, nil) })
}

// Post writes. It tries again after faults of the network and of the server, always with the same key.
func (c *Client) Post(ctx context.Context, key, path string, in, out any) (Raw, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	return c.retry(ctx, out, func() (*http.Request, error) {
		req, err := c.request(ctx, http.MethodPost, path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		return req, nil
	})
}

// Delete takes something away.
func (c *Client) Delete(ctx context.Context, path string) error {
	_, err := c.retry(ctx, nil, func() (*http.Request, error) { return c.request(ctx, http.MethodDelete, path, nil) })
	return err
}

// Download opens a file; the caller closes it.
func (c *Client) Download(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		err := errorOf(resp)
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp.Body, nil
}

func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.BaseURL, "/")+path, body)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	return req, nil
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

// retry sends until there is an answer that another try would not better.
func (c *Client) retry(ctx context.Context, out any, makeRequest func() (*http.Request, error)) (Raw, error) {
	wait := firstWait
	for try := 1; ; try++ {
		req, err := makeRequest()
		if err != nil {
			return nil, err
		}
		raw, err := c.once(req, out)
		if err == nil || try == tries || !transient(err) {
			return raw, err
		}
		if asked := problem.RetryAfterOf(err); asked > 0 {
			wait = min(asked, maxWait)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
		wait = min(2*wait, maxWait)
	}
}

func (c *Client) once(req *http.Request, out any) (Raw, error) {
	resp, err := c.http().Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to the end or given up
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, errorOf(resp)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if out != nil && resp.StatusCode != http.StatusNoContent {
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, fmt.Errorf("%s does not answer as kyso's API does: %w", req.URL.Host, err)
		}
	}
	return raw, nil
}

// transient tells faults that may be over a moment later: the network's, and those that the API says so of.
func transient(err error) bool {
	if answered, ok := errors.AsType[*Error](err); ok {
		return answered.RetryAfter > 0 || answered.Status >= http.StatusInternalServerError
	}
	var network *url.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled)
}

// errorOf reads a problem. What is no problem comes from something between, such as a proxy.
func errorOf(resp *http.Response) error {
	e := &Error{}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil || json.Unmarshal(body, &e.Problem) != nil || e.Code == "" {
		text := problem.Internal.Text()
		e.Problem = Problem{Code: string(problem.Internal), Title: text.VI, TitleEN: text.EN, Detail: "unexpected answer: " + resp.Status}
	}
	e.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
