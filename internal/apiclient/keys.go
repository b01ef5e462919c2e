package apiclient

import (
	"context"
	"net/url"
)

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
