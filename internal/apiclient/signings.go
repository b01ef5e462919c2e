package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// Move is where a process stands after an act.
type Move interface {
	Stands() (id, status string)
}

// Stands implements Move.
func (m SigningMove) Stands() (id, status string) { return m.ID, m.Status }

// Stands implements Move.
func (m RegistrationMove) Stands() (id, status string) { return m.ID, m.Status }

// List is a page of something.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// EveryPage follows a list to its end. The answer's own bytes become one list of all items.
func EveryPage[T any](ctx context.Context, c *Client, first List[T], raw Raw) (List[T], Raw, error) {
	if first.Next == "" {
		return first, raw, nil
	}
	var whole struct {
		Items []json.RawMessage `json:"items"`
	}
	out := List[T]{Items: first.Items}
	for next := first.Next; ; {
		var items struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(raw, &items); err != nil {
			return out, raw, fmt.Errorf("reading a page: %w", err)
		}
		whole.Items = append(whole.Items, items.Items...)
		if next == "" {
			break
		}
		var page List[T]
		var err error
		if raw, err = c.Get(ctx, next, &page); err != nil {
			return out, raw, err
		}
		out.Items = append(out.Items, page.Items...)
		next = page.Next
	}
	raw, err := json.Marshal(whole)
	return out, raw, err
}

// Filter narrows a list of signings; zero values do not.
type Filter struct {
	Status    string
	Attention bool
	Before    string // RFC 3339
	Limit     int
	All       bool // every page
}

// query encodes the parameters of a list, by their names on the wire.
func query(params any) string {
	encoded, err := json.Marshal(params)
	named := map[string]any{}
	numbers := json.NewDecoder(bytes.NewReader(encoded))
	numbers.UseNumber()
	if err = errors.Join(err, numbers.Decode(&named)); err != nil {
		panic("apiclient: " + err.Error()) // a generated struct of texts, numbers and times
	}
	q := url.Values{}
	for name, value := range named {
		q.Set(name, fmt.Sprint(value))
	}
	return "?" + q.Encode()
}

func (f Filter) query() string {
	q := url.Values{}
	for name, value := range map[string]string{"status": f.Status, "before": f.Before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Attention {
		q.Set("attention", "true")
	}
	if f.All && f.Limit == 0 {
		f.Limit = maxPage
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q.Encode()
}

// maxPage is the largest page that the API gives.
const maxPage = 500

func signingPath(id string) string { return "/v1/signings/" + url.PathEscape(id) }

// Sign asks for a signing.
func (c *Client) Sign(ctx context.Context, key string, in SigningRequest) (Signing, Raw, error) {
	var out Signing
	raw, err := c.Post(ctx, key, "/v1/signings", in, &out)
	return out, raw, err
}

// Signing shows one signing.
func (c *Client) Signing(ctx context.Context, id string) (Signing, Raw, error) {
	var out Signing
	raw, err := c.Get(ctx, signingPath(id), &out)
	return out, raw, err
}

// Signings lists newest first.
func (c *Client) Signings(ctx context.Context, f Filter) (List[Signing], Raw, error) {
	var out List[Signing]
	raw, err := c.Get(ctx, "/v1/signings?"+f.query(), &out)
	if err == nil && f.All {
		return EveryPage(ctx, c, out, raw)
	}
	return out, raw, err
}

// Certificates lists what the provider holds for the signer.
func (c *Client) Certificates(ctx context.Context, id string) (List[Certificate], Raw, error) {
	var out List[Certificate]
	raw, err := c.Get(ctx, signingPath(id)+"/certificates", &out)
	return out, raw, err
}

// Choose answers the wait for a certificate.
func (c *Client) Choose(ctx context.Context, key, id, serial string) (SigningMove, Raw, error) {
	var out SigningMove
	raw, err := c.Post(ctx, key, signingPath(id)+"/certificate", ChooseRequest{Serial: serial}, &out)
	return out, raw, err
}

// Place answers the wait for the placement.
func (c *Client) Place(ctx context.Context, key, id string, placements []Placement) (SigningMove, Raw, error) {
	var out SigningMove
	raw, err := c.Post(ctx, key, signingPath(id)+"/placement", PlaceRequest{Placements: placements}, &out)
	return out, raw, err
}

// Cancel stops a signing.
func (c *Client) Cancel(ctx context.Context, key, id, actor, reason string) (SigningMove, Raw, error) {
	var out SigningMove
	raw, err := c.Post(ctx, key, signingPath(id)+"/cancel", CancelRequest{Actor: actor, Reason: reason}, &out)
	return out, raw, err
}

// Repair acts on a parked signing.
func (c *Client) Repair(ctx context.Context, key, id, action, actor, reason string) (Repair, Raw, error) {
	var out Repair
	raw, err := c.Post(ctx, key, signingPath(id)+"/repair", RepairRequest{Action: action, Actor: actor, Reason: reason}, &out)
	return out, raw, err
}
