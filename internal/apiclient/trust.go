package apiclient

import (
	"context"
	"net/http"
	"net/url"
)

// Trust lists the certificates that are trusted, and those that were removed.
func (c *Client) Trust(ctx context.Context) (List[Authority], Raw, error) {
	var out List[Authority]
	raw, err := c.Get(ctx, "/v1/trust", &out)
	return out, raw, err
}

// AddTrust trusts a certificate, given as PEM or as DER in base64.
func (c *Client) AddTrust(ctx context.Context, certificate, reason string) (Authority, Raw, error) {
	var out Authority
	raw, err := c.Post(ctx, NewKey(), "/v1/trust", TrustRequest{Certificate: certificate, Reason: reason}, &out)
	return out, raw, err
}

// RemoveTrust trusts a certificate no longer.
func (c *Client) RemoveTrust(ctx context.Context, fingerprint, reason string) (Authority, Raw, error) {
	var out Authority
	key := NewKey()
	raw, err := c.retry(ctx, &out, func() (*http.Request, error) {
		req, err := c.request(ctx, http.MethodDelete, "/v1/trust/"+url.PathEscape(fingerprint)+"?reason="+url.QueryEscape(reason), nil)
		if err == nil {
			req.Header.Set("Idempotency-Key", key)
		}
		return req, err
	})
	return out, raw, err
}
