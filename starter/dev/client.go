package main

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

	"kyso/internal/apiclient"
)

// client speaks to the API of a world and to the phone of its sandbox, over HTTP as users do.
type client struct {
	api, phone, control string
	key                 string // to the API
}

func newClient(a Addresses) *client {
	return &client{api: a.API, phone: a.Phone, control: a.Control, key: a.APIKey}
}

// authorize shows the key to the API alone.
func (c *client) authorize(request *http.Request) {
	if strings.HasPrefix(request.URL.String(), c.api+"/") {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
}

func (c *client) upload(ctx context.Context, name string, pdf io.Reader) (apiclient.Document, error) {
	var d apiclient.Document
	return d, c.do(ctx, http.MethodPost, c.api+"/v1/documents?name="+url.QueryEscape(name), "application/pdf", pdf, &d)
}

func (c *client) sign(ctx context.Context, in apiclient.SigningRequest) (apiclient.Signing, error) {
	var s apiclient.Signing
	return s, c.post(ctx, c.api+"/v1/signings", in, &s)
}

func (c *client) signing(ctx context.Context, id string) (apiclient.Signing, error) {
	var s apiclient.Signing
	return s, c.do(ctx, http.MethodGet, c.api+"/v1/signings/"+id, "", nil, &s)
}

// signed downloads a signed file.
func (c *client) signed(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api+path, nil)
	if err != nil {
		return nil, err
	}
	c.authorize(request)
	return send(request)
}

func (c *client) post(ctx context.Context, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	// As every client has to: whoever was answered "not now" asks again, with the same key, so that it happens once.
	key := rand.Text()
	for range 30 {
		err = c.do(ctx, http.MethodPost, url, "application/json", bytes.NewReader(body), out, "Idempotency-Key", key)
		if !errors.Is(err, errNotNow) || pause(ctx) != nil {
			break
		}
	}
	return err
}

func (c *client) do(ctx context.Context, method, url, contentType string, body io.Reader, out any, headers ...string) error {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	c.authorize(request)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := send(request)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("reading the answer of %s %s: %w", method, request.URL.Path, err)
	}
	return nil
}

// errNotNow is an answer after which the same may be asked again: 503, and 429 for some seconds.
var errNotNow = errors.New("not now")

func send(request *http.Request) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, err)
	}
	wait, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 when there is none
	busy := response.StatusCode == http.StatusTooManyRequests && 0 < wait && wait <= 5
	if response.StatusCode == http.StatusServiceUnavailable || busy {
		return nil, fmt.Errorf("%s %s: %w: %s: %s", request.Method, request.URL.Path, errNotNow, response.Status, strings.TrimSpace(string(answer)))
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", request.Method, request.URL.Path, response.Status, strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

// await asks for a signing until ready says so, and shows each new transition.
func (c *client) await(ctx context.Context, id string, show func(apiclient.Signing), ready func(apiclient.Signing) bool) (apiclient.Signing, error) {
	for {
		s, err := c.signing(ctx, id)
		if err != nil {
			return s, err
		}
		if show != nil {
			show(s)
		}
		if ready(s) {
			return s, nil
		}
		if s.Final || s.Attention != nil {
			return s, fmt.Errorf("the signing is %s%s", s.Status, stuck(s))
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("waiting for the signing, which is %s: %w", s.Status, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stuck says why a signing will not go on by itself.
func stuck(s apiclient.Signing) string {
	switch {
	case s.Attention != nil:
		return fmt.Sprintf(" and parked at step %s: %s: %s", s.Attention.Step, s.Attention.Code, s.Attention.Message)
	case s.Outcome != nil:
		return fmt.Sprintf(": %s · %s (%s)", s.Outcome.Title, s.Outcome.TitleEN, s.Outcome.Code)
	}
	return ""
}

// phoneRequest is a request as the phone shows it.
type phoneRequest struct {
	ID            string `json:"id"`
	TransactionID string `json:"transaction_id"`
	ShortCode     string `json:"short_code"`
	Description   string `json:"description"`
	SecondsLeft   int    `json:"seconds_left"`
}

// waiting returns what the phone of a user shows.
func (c *client) waiting(ctx context.Context, user string) ([]phoneRequest, error) {
	var answer struct {
		Requests []phoneRequest `json:"requests"`
	}
	err := c.do(ctx, http.MethodGet, c.phone+"/api/requests?user="+url.QueryEscape(user), "", nil, &answer)
	return answer.Requests, err
}

// approve taps "approve" on the phone.
func (c *client) approve(ctx context.Context, requestID string) error {
	return c.post(ctx, c.phone+"/api/requests/"+url.PathEscape(requestID)+"/approve", nil, nil)
}

// effect is one line of the ledger of the outside world.
type effect struct {
	Kind          string `json:"kind"`
	Key           string `json:"key"`
	TransactionID string `json:"transaction_id,omitempty"`
	Detail        string `json:"detail,omitempty"`
}

func (c *client) ledger(ctx context.Context) ([]effect, error) {
	var answer struct {
		Effects []effect `json:"effects"`
	}
	err := c.do(ctx, http.MethodGet, c.control+"/ledger", "", nil, &answer)
	return answer.Effects, err
}
