package apiclient

import (
	"context"
	"net/url"
	"time"
)

// KeyRequest asks for an API key.
type KeyRequest struct {
	Owner  string   `json:"owner"`
	Name   string   `json:"name,omitempty"`
	Scopes []string `json:"scopes"`
	Days   int      `json:"days"`
}

// Key is an API key.
type Key struct {
	ID        string     `json:"id"`
	Owner     string     `json:"owner"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	Secret    string     `json:"secret"` // only in the answer that makes it
}

// CreateKey makes a key.
func (c *Client) CreateKey(ctx context.Context, in KeyRequest) (Key, Raw, error) {
	var out Key
	raw, err := c.Post(ctx, NewKey(), "/v1/keys", in, &out)
	return out, raw, err
}

// Keys lists all keys, newest first.
func (c *Client) Keys(ctx context.Context) (List[Key], Raw, error) {
	var out List[Key]
	raw, err := c.Get(ctx, "/v1/keys", &out)
	return out, raw, err
}

// RevokeKey ends a key and the sessions that it opened.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.Delete(ctx, "/v1/keys/"+url.PathEscape(id))
}
