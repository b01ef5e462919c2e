package rssp769

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
)

// Knobs bend the provider's behaviour for one user. The zero value is a well-behaved provider whose user answers
// on the phone.
type Knobs struct {
	// Certificates are the certificates that the user holds, each a state (valid, expired, revoked, suspended,
	// wrong-chain) and optionally a key (valid+p256, valid+pss; RSA-2048 with PKCS#1 v1.5 when not said).
	// "none" alone is a user without any. Empty means one valid RSA certificate.
	Certificates []string `json:"certificates,omitempty"`
	// CertificatesOf answers with the certificates of another user, as a provider does that mixes up its users.
	CertificatesOf string `json:"certificates_of,omitempty"`
	// NoCertificateAs401 answers 401 instead of an empty list when there is no certificate.
	NoCertificateAs401 bool `json:"no_certificate_as_401,omitempty"`
	// CRLFInCert breaks base64 of certificates into lines, as live answers do.
	CRLFInCert bool `json:"crlf_in_cert,omitempty"`
	// SignAnyway accepts certificates that are not active, so that the portal's own check is the only one.
	SignAnyway bool `json:"sign_anyway,omitempty"`

	// Decision answers instead of a person: approve, decline, or never (the phone stays dark). Empty waits for
	// the phone.
	Decision string `json:"decision,omitempty"`
	// DecisionAfterSeconds is when Decision happens, counted from the push.
	DecisionAfterSeconds float64 `json:"decision_after_s,omitempty"`
	// WindowSeconds is how long the user has; zero means DefaultWindow.
	WindowSeconds float64 `json:"window_s,omitempty"`
	// HideWindow leaves expired_in out of answers.
	HideWindow bool `json:"hide_window,omitempty"`

	// DifferentResponseID answers with a transaction_id of the provider's own, the only one that status knows.
	DifferentResponseID bool `json:"different_resp_tx,omitempty"`
	// StatusBy is what the status call takes: transaction_id, tran_code, or both when empty.
	StatusBy string `json:"status_by,omitempty"`
	// DuplicateAs400 answers 400 to a transaction_id that is known, instead of the first answer again.
	DuplicateAs400 bool `json:"duplicate_400,omitempty"`
	// UppercaseHexRejected answers 400 to digests with upper-case hex digits.
	UppercaseHexRejected bool `json:"uppercase_hex_rejected,omitempty"`

	// What comes back as the signature value. More than one may be set.
	CMSAnswer  bool   `json:"cms_answer,omitempty"`  // a detached CMS around the value, instead of the value alone
	RawRS      bool   `json:"raw_rs,omitempty"`      // ECDSA as r‖s instead of DER
	ValueForm  string `json:"value_form,omitempty"`  // how values are written: hex, HEX, base64url or lines; base64 when empty
	NameBy     string `json:"name_by,omitempty"`     // what tells whose a value is: hash or order; doc_id when empty
	SwapBatch  bool   `json:"swap_batch,omitempty"`  // the first two documents get each other's value
	WrongKey   bool   `json:"wrong_key,omitempty"`   // made with another's key
	EmptyValue bool   `json:"empty_value,omitempty"` // success with an empty value

	// KeyLocked answers that the key is locked, as after too many wrong PINs, until it is taken away.
	KeyLocked bool `json:"key_locked,omitempty"`

	// Webhook overrides Settings.Webhook for this user.
	Webhook string `json:"webhook,omitempty"`
}

// The values of Knobs.Decision.
const (
	DecisionApprove = "approve"
	DecisionDecline = "decline"
	DecisionNever   = "never"
)

// Settings are the switches of the provider for all users, and the address of kyso.
type Settings struct {
	// BodyStatusOnly answers errors with HTTP 200 and the code in the body alone.
	BodyStatusOnly bool `json:"body_status_only,omitempty"`
	// DeclinedText and ExpiredText replace the provider's words, which its document does not fix.
	DeclinedText string `json:"declined_text,omitempty"`
	ExpiredText  string `json:"expired_text,omitempty"`

	// WebhookURL gets final decisions; empty sends none.
	WebhookURL string `json:"webhook_url,omitempty"`
	// Webhook is on (also when empty), lost, late or double.
	Webhook string `json:"webhook,omitempty"`
	// WebhookDelaySeconds is how late a late webhook is; zero means ten seconds.
	WebhookDelaySeconds float64 `json:"webhook_delay_s,omitempty"`
}

var webhooks = []string{"on", "lost", "late", "double"}

func (s Settings) check() error { return kernel.OneOf("webhook", s.Webhook, webhooks...) }

// check refuses knobs that mean nothing, so that a test with a typing mistake does not pass for no reason.
func (k Knobs) check() error {
	for _, c := range k.Certificates {
		if _, err := parseCertSpec(c); err != nil && (c != "none" || len(k.Certificates) != 1) {
			return err
		}
	}
	if _, ok := people.Of(k.CertificatesOf); !ok && k.CertificatesOf != "" {
		return fmt.Errorf("%w: certificates_of %q", kernel.ErrInvalid, k.CertificatesOf)
	}
	if k.WindowSeconds < 0 || k.DecisionAfterSeconds < 0 {
		return fmt.Errorf("%w: a negative time", kernel.ErrInvalid)
	}
	return errors.Join(kernel.OneOf("decision", k.Decision, DecisionApprove, DecisionDecline, DecisionNever),
		kernel.OneOf("status_by", k.StatusBy, "transaction_id", "tran_code"), kernel.OneOf("value_form", k.ValueForm, "hex", "HEX", "base64url", "lines"),
		kernel.OneOf("name_by", k.NameBy, "hash", "order"), kernel.OneOf("webhook", k.Webhook, webhooks...))
}

func (k Knobs) window() time.Duration {
	if k.WindowSeconds == 0 {
		return DefaultWindow
	}
	return kernel.Seconds(k.WindowSeconds)
}

// setKnobs replaces the knobs of a user; nil goes back to the start. Certificates are issued anew when Certificates
// changed. The caller holds p.mu.
func (p *Provider) setKnobs(userID string, k *Knobs) {
	before := p.knobs(userID)
	kernel.Put(p.state.Knobs, userID, k)
	if !slices.Equal(before.Certificates, p.knobs(userID).Certificates) {
		p.retire(userID)
	}
}

// retire takes a user's certificates away, so that the next call issues others. Requests that wait still find
// their keys. The caller holds p.mu.
func (p *Provider) retire(userID string) {
	if u := p.state.Users[userID]; u != nil {
		for _, c := range u.Certificates {
			p.state.Retired[c.Serial] = c
		}
		delete(p.state.Users, userID)
	}
}

// knobsOf is knobs for callers that do not hold p.mu.
func (p *Provider) knobsOf(userID string) Knobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.knobs(userID)
}

// knobs are those of a user. The caller holds p.mu.
func (p *Provider) knobs(userID string) Knobs {
	if k, ok := p.state.Knobs[userID]; ok {
		return k
	}
	return specialUsers[people.BareID(userID)]
}

func (p *Provider) settings() Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Settings
}

// specialUsers are people whose knobs differ from the start, so that every case can be tried by hand without the
// control handler. docs/sandbox.md lists them. Each works with and without the prefix ICA.
var specialUsers = map[string]Knobs{
	"001095000000": {Certificates: []string{"none"}},
	"001095000002": {Certificates: []string{"valid", "valid"}},
	"001095000003": {Certificates: []string{"expired", "valid"}},
	"001095000010": {Certificates: []string{"expired"}},
	"001095000011": {Certificates: []string{"revoked"}},
	"001095000012": {Certificates: []string{"suspended"}},
	"001095000013": {Certificates: []string{"wrong-chain"}, SignAnyway: true},
	"001095000020": {Certificates: []string{"valid+p256"}},
	"001095000021": {Certificates: []string{"valid+pss"}},
	"001095000030": {Decision: DecisionDecline, DecisionAfterSeconds: 2},
	"001095000031": {Decision: DecisionNever},
	"001095000032": {Decision: DecisionApprove, DecisionAfterSeconds: 2},
	"001095000040": {CMSAnswer: true},
	"001095000041": {WrongKey: true},
	"001095000042": {EmptyValue: true},
}
