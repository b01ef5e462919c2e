package kernel

import (
	"context"
	"time"

	"kyso/internal/access"
)

// LinkBody is a link for another device.
type LinkBody struct {
	URL       string    `json:"url" doc:"The secret stands after #, so that it reaches no log"`
	ExpiresAt time.Time `json:"expires_at"`
}

// LinkOutput answers with a link.
type LinkOutput struct {
	Body LinkBody
}

// Link makes a link that gives whoever opens it first what it leads to.
func (s *Kernel) Link(ctx context.Context, object access.Object) (*LinkOutput, error) {
	secret, digest := NewSecret("")
	expires := s.Now().Add(access.LinkLife).UTC().Truncate(time.Second)
	if err := s.Access.CreateLink(ctx, digest, object, expires); err != nil {
		return nil, err
	}
	return &LinkOutput{LinkBody{URL: s.PublicURL + "/resume#" + secret, ExpiresAt: expires}}, nil
}
