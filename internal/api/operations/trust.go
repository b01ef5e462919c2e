package operations

import (
	"context"
	"net/http"
	"strings"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/signing"
)

func (s *Handler) trustRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listTrust, kernel.Route{ID: "listTrust", At: "GET /v1/trust", Tag: kernel.TagTrust,
			Summary: "List the certification authorities that are trusted, and those that were removed",
			Text:    "Roots and intermediates from files and from this API, with who changed what last.",
			Access:  kernel.Rule{All: kernel.TrustReaders}}),
		kernel.On(s.addTrust, kernel.Route{ID: "addTrust", At: "POST /v1/trust", Tag: kernel.TagTrust, Status: http.StatusCreated,
			Summary:  "Trust a certification authority, or trust it again",
			Text:     "PEM. A certificate that cannot issue others is refused.",
			Access:   kernel.Rule{All: kernel.Trustees},
			Problems: []int{http.StatusConflict}}),
		kernel.On(s.removeTrust, kernel.Route{ID: "removeTrust", At: "DELETE /v1/trust/{fingerprint}", Tag: kernel.TagTrust,
			Summary:  "Trust a certification authority no longer",
			Text:     "Verifications from then on do not end at it. One that a file names stays removed.",
			Access:   kernel.Rule{All: kernel.Trustees},
			Problems: []int{http.StatusNotFound, http.StatusConflict}}),
	}
}

// AuthorityBody is one certificate of the list of trusted ones.
type AuthorityBody struct {
	Fingerprint  string     `json:"fingerprint" doc:"SHA-256, hex"`
	Name         string     `json:"name" doc:"Common name of the subject, else its organisation"`
	Organisation string     `json:"organisation,omitempty" doc:"Of the subject"`
	Issuer       string     `json:"issuer" doc:"Common name of the issuer, else its organisation"`
	Serial       string     `json:"serial" doc:"Hex"`
	ValidFrom    time.Time  `json:"valid_from"`
	ValidTo      time.Time  `json:"valid_to"`
	Kind         string     `json:"kind" enum:"root,intermediate" doc:"Chains end at a root, which is self-signed; an intermediate is an issuer that answers may leave out"`
	Source       string     `json:"source" enum:"file,added" doc:"Whether a file of KYSO_TRUST holds it, or it was added here"`
	State        string     `json:"state" enum:"trusted,removed"`
	ChangedBy    string     `json:"changed_by,omitempty" doc:"Who added or removed it last; absent for what the files alone say"`
	ChangedAt    *time.Time `json:"changed_at,omitempty"`
	Reason       string     `json:"reason,omitempty" doc:"Why"`
	Certificate  []byte     `json:"certificate" doc:"DER, base64"`
}

func authorityBody(e signing.TrustEntry) AuthorityBody {
	c := e.Certificate
	b := AuthorityBody{Fingerprint: e.Fingerprint, Name: signing.NameOf(c), Organisation: strings.Join(c.Subject.Organization, ", "),
		Issuer: signing.IssuerOf(c), Serial: c.SerialNumber.Text(16), ValidFrom: c.NotBefore.UTC(), ValidTo: c.NotAfter.UTC(),
		Kind: "intermediate", Source: "added", State: "trusted", Certificate: c.Raw}
	if e.Root() {
		b.Kind = "root"
	}
	if e.File {
		b.Source = "file"
	}
	if !e.Trusted() {
		b.State = "removed"
	}
	if e.Change != nil {
		b.ChangedBy, b.ChangedAt, b.Reason = e.Change.Actor, kernel.UTC(e.Change.At), e.Change.Reason
	}
	return b
}

// AuthorityList is every certificate that is trusted, or was and is removed. It is whole: each use of a certificate reads all of it.
type AuthorityList struct {
	Items []AuthorityBody `json:"items"`
}

type authoritiesOutput struct {
	Body AuthorityList
}

func (s *Handler) listTrust(ctx context.Context, _ *struct{}) (*authoritiesOutput, error) {
	list, err := s.Trust.List(ctx)
	if err != nil {
		return nil, err
	}
	out := AuthorityList{Items: []AuthorityBody{}}
	for _, e := range list {
		out.Items = append(out.Items, authorityBody(e))
	}
	return &authoritiesOutput{out}, nil
}

// TrustRequest adds a certificate.
type TrustRequest struct {
	Certificate string `json:"certificate" minLength:"1" maxLength:"12000" doc:"One certificate of a certification authority, as PEM or as DER in base64"`
	Reason      string `json:"reason" minLength:"1" maxLength:"300" doc:"Why it is trusted, without personal data"`
}

type addTrustInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	Body TrustRequest
}

type authorityOutput struct {
	Body AuthorityBody
}

func (s *Handler) addTrust(ctx context.Context, in *addTrustInput) (*authorityOutput, error) {
	reason, err := checkReason("body.reason", in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return s.trusted(ctx, in.Key, reason, func(r signing.TrustRequest) (signing.TrustEntry, error) {
		return s.Trust.Add(ctx, in.Body.Certificate, r)
	})
}

type removeTrustInput struct {
	Key         string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	Fingerprint string `path:"fingerprint" pattern:"^[0-9a-f]{64}$" patternDescription:"SHA-256 of the certificate, hex" maxLength:"64"`
	Reason      string `query:"reason" required:"true" minLength:"1" maxLength:"300" doc:"Why it is trusted no longer, without personal data"`
}

func (s *Handler) removeTrust(ctx context.Context, in *removeTrustInput) (*authorityOutput, error) {
	reason, err := checkReason("query.reason", in.Reason)
	if err != nil {
		return nil, err
	}
	return s.trusted(ctx, in.Key, reason, func(r signing.TrustRequest) (signing.TrustEntry, error) {
		return s.Trust.Remove(ctx, in.Fingerprint, r)
	})
}

func (s *Handler) trusted(ctx context.Context, key, reason string, change func(signing.TrustRequest) (signing.TrustEntry, error)) (*authorityOutput, error) {
	entry, err := change(signing.TrustRequest{Actor: kernel.OwnerOf(ctx), Reason: reason, At: s.Now(), Key: key})
	if err != nil {
		return nil, err
	}
	kernel.InfoOf(ctx).Object = entry.Fingerprint
	return &authorityOutput{authorityBody(entry)}, nil
}

// checkReason is kernel.CheckNote for a reason that has to be given, at any place.
func checkReason(location, text string) (string, error) {
	var fields kernel.FieldErrors
	text = kernel.CheckText(location, text, kernel.MaxNote, &fields)
	if text == "" {
		fields.Add(location, "must say why")
	}
	if kernel.Personal(text) {
		fields.Add(location, "must not hold personal data such as numbers of people, phones or mail addresses")
	}
	return text, fields.Err()
}
