package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"kyso/internal/problem"
)

// Placement says where a visible signature stands; the zero value is the default box.
type Placement struct {
	Page      int     `json:"page,omitempty"`
	X         float64 `json:"x,omitempty"`
	Y         float64 `json:"y,omitempty"`
	Width     float64 `json:"width,omitempty"`
	Height    float64 `json:"height,omitempty"`
	Invisible bool    `json:"invisible,omitempty"`

	Pages    []int  `json:"pages,omitempty"`     // the same box on several pages
	AllPages bool   `json:"all_pages,omitempty"` // on every page
	Field    string `json:"field,omitempty"`     // an empty signature field of the file, instead of a box
	Certify  int    `json:"certify,omitempty"`   // 1, 2 or 3: the first signature certifies
	LockAll  bool   `json:"lock_all,omitempty"`  // no form field may change afterwards

	EmptyFields   []Area `json:"empty_fields,omitempty"`    // for the signers to come, with a certification of kind 2 or 3
	AllowNewField bool   `json:"allow_new_field,omitempty"` // add a field to a file that is certified and has none
	AllowCover    bool   `json:"allow_cover,omitempty"`     // let the box lie over what others signed
}

// Area is a place on a page for a signer to come.
type Area struct {
	Page   int     `json:"page,omitempty"` // 0 is the last
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// DocumentToSign is one document of a SigningRequest.
type DocumentToSign struct {
	ID        string     `json:"id"`
	Placement *Placement `json:"placement,omitempty"`
}

// SigningRequest asks for a signing.
type SigningRequest struct {
	User      string           `json:"user"`
	Documents []DocumentToSign `json:"documents"`
	Serial    string           `json:"serial,omitempty"`
	Level     string           `json:"level,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Location  string           `json:"location,omitempty"`
	Provider  string           `json:"provider,omitempty"`
}

// Signing is a signing as the API shows it.
type Signing struct {
	ID          string       `json:"id"`
	Status      string       `json:"status"`
	Title       string       `json:"title"` // the status in Vietnamese
	TitleEN     string       `json:"title_en"`
	Final       bool         `json:"final"`
	Level       string       `json:"level"`
	Provider    string       `json:"provider"`
	User        string       `json:"user"`
	Serial      string       `json:"serial"`
	Reason      string       `json:"reason"`
	Location    string       `json:"location"`
	ShortCode   string       `json:"short_code"`
	Certificate string       `json:"certificate"`
	CreatedAt   time.Time    `json:"created_at"`
	FinishedAt  time.Time    `json:"finished_at"`
	Countdown   *Countdown   `json:"countdown"`
	Attention   *Attention   `json:"attention"`
	Outcome     *Outcome     `json:"outcome"`
	Documents   []Signed     `json:"documents"`
	Transitions []Transition `json:"transitions"`
}

// Signed is one document of a Signing.
type Signed struct {
	Index        int    `json:"index"`
	ID           string `json:"id"`
	Name         string `json:"name"`
	Size         int64  `json:"size"`
	DigestPrefix string `json:"digest_prefix"`
	SignedSHA256 string `json:"signed_sha256"`
	Content      string `json:"content"` // path of the signed file; empty until signed
	LevelReached string `json:"level_reached"`
}

// Countdown is the time that the owner of the key has, by the server's clock.
type Countdown struct {
	AcceptedAt       time.Time `json:"accepted_at"`
	ExpiresAt        time.Time `json:"expires_at"`
	RemainingSeconds int       `json:"remaining_seconds"`
	ServerTime       time.Time `json:"server_time"`
	ShortCode        string    `json:"short_code"`
}

// Attention says why a process is parked.
type Attention struct {
	IncidentID string       `json:"incident_id"`
	Step       string       `json:"step"`
	Code       problem.Code `json:"code"`
	Title      string       `json:"title"`
	TitleEN    string       `json:"title_en"`
	Message    string       `json:"message"`
	Provider   string       `json:"provider"`
	Since      time.Time    `json:"since"`
	Attempts   int          `json:"attempts"`
	Actions    []string     `json:"actions"`
}

// Outcome says why a signing ended without signed documents.
type Outcome struct {
	Code    problem.Code `json:"code"`
	Title   string       `json:"title"`
	TitleEN string       `json:"title_en"`
}

// Transition is one change of state.
type Transition struct {
	Seq    int       `json:"seq"`
	Status string    `json:"status"`
	Final  bool      `json:"final"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`

	Title   string `json:"title"` // the status in Vietnamese
	TitleEN string `json:"title_en"`
}

// Certificate is one certificate that the provider holds for the signer.
type Certificate struct {
	Owner       string    `json:"owner"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"fingerprint"`
	ValidFrom   time.Time `json:"valid_from"`
	ValidTo     time.Time `json:"valid_to"`
	State       string    `json:"state"`
	Chosen      bool      `json:"chosen"`
}

// Status is where a signing or a registration stands after an act.
type Status struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Step   string `json:"step"`
	Seq    int    `json:"seq"`
}

// Repaired says what became of a repair.
type Repaired struct {
	Outcome string `json:"outcome"` // recovered, failed-again, given-up or still-waiting
	Signing Status `json:"signing"`
}

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
func (c *Client) Choose(ctx context.Context, key, id, serial string) (Status, Raw, error) {
	var out Status
	raw, err := c.Post(ctx, key, signingPath(id)+"/certificate", map[string]string{"serial": serial}, &out)
	return out, raw, err
}

// Place answers the wait for the placement.
func (c *Client) Place(ctx context.Context, key, id string, placements []Placement) (Status, Raw, error) {
	var out Status
	raw, err := c.Post(ctx, key, signingPath(id)+"/placement", map[string]any{"placements": placements}, &out)
	return out, raw, err
}

// Cancel stops a signing.
func (c *Client) Cancel(ctx context.Context, key, id, actor, reason string) (Status, Raw, error) {
	var out Status
	raw, err := c.Post(ctx, key, signingPath(id)+"/cancel", map[string]string{"actor": actor, "reason": reason}, &out)
	return out, raw, err
}

// Repair acts on a parked signing.
func (c *Client) Repair(ctx context.Context, key, id, action, actor, reason string) (Repaired, Raw, error) {
	var out Repaired
	raw, err := c.Post(ctx, key, signingPath(id)+"/repair", map[string]string{"action": action, "actor": actor, "reason": reason}, &out)
	return out, raw, err
}
