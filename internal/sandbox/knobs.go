package sandbox

import (
	"fmt"
	"slices"
	"time"
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
	WrongKey   bool   `json:"wrong_key,omitempty"`   // made with a key of somebody else
	EmptyValue bool   `json:"empty_value,omitempty"` // success with an empty value

	// IssueAfterSeconds is how long the CA leaves a request for a certificate pending, by the clock. This and
	// IssueFails belong to the bare citizen number.
	IssueAfterSeconds float64 `json:"issue_after_s,omitempty"`
	// IssueFails makes the CA refuse requests for a certificate (refused) or fail (500) while it is set.
	IssueFails string `json:"issue_fails,omitempty"`
	// IssueBent makes the CA issue something else than was ordered; see bends.
	IssueBent string `json:"issue_bent,omitempty"`
	// KeyLocked answers that the key is locked, as after too many wrong PINs, until it is taken away.
	KeyLocked bool `json:"key_locked,omitempty"`

	// Webhook overrides Settings.Webhook for this user.
	Webhook string `json:"webhook,omitempty"`
	// Faults befall requests of this user, before those of Settings are looked at.
	Faults []Fault `json:"faults,omitempty"`
}

// The values of Knobs.Decision.
const (
	DecisionApprove = "approve"
	DecisionDecline = "decline"
	DecisionNever   = "never"
)

// Settings are the world-wide switches. The zero value is a world in which everything works.
type Settings struct {
	// FaultRate is the share of requests to the signing provider, the CA, VNeID, VNPay's API and eSMS, between 0 and 1,
	// that meet a random fault: an answer lost after the effect, 500, junk or 429. OCSP, CRL and time-stamp requests
	// meet 500, junk and 429, always before any effect.
	FaultRate float64 `json:"fault_rate,omitempty"`
	// Faults befall requests of any user.
	Faults []Fault `json:"faults,omitempty"`
	// BodyStatusOnly answers errors of the signing provider with HTTP 200 and the code in the body alone.
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

	// OCSP is empty, down, unauthorized, stale, or bad-signature.
	OCSP string `json:"ocsp,omitempty"`
	// CRL is empty, down or stale.
	CRL string `json:"crl,omitempty"`
	// AIA is empty or down: the addresses of issuer certificates answer 404.
	AIA string `json:"aia,omitempty"`
	// TSA is empty, down, reject, wrong-imprint or wrong-nonce.
	TSA string `json:"tsa,omitempty"`

	// CA is empty or down: the calls under /ca/v1 answer 503.
	CA string `json:"ca,omitempty"`
	// VNeID is empty or down: pages and reports answer 503.
	VNeID string `json:"vneid,omitempty"`
	// KysoURL is where VNeID posts requests, without the path.
	KysoURL string `json:"kyso_url,omitempty"`
	// HandoffURL is the page of kyso that VNeID sends the citizen to; ?token=… is added.
	HandoffURL string `json:"handoff_url,omitempty"`
	// IPNURL is where VNPay tells about payments that ended; empty tells nobody.
	IPNURL string `json:"ipn_url,omitempty"`
	// IPN is on (also when empty), lost, late, double, forged (one with a wrong hash and another amount comes before) or
	// after-return (two seconds after the browser was sent back; else it comes before the browser).
	IPN string `json:"ipn,omitempty"`
	// IPNDelaySeconds is how late a late notice is; zero means two minutes.
	IPNDelaySeconds float64 `json:"ipn_delay_s,omitempty"`
}

// Fault is one misbehaviour of a wire that recognises repeated requests.
type Fault struct {
	// On is the call: certificates, sign, status, a call of the CA (ca-search, ca-key, …), vneid-report, vnpay-query,
	// vnpay-refund, sms, or any when empty.
	On string `json:"on,omitempty"`
	// Do is what happens. Without effect: 500, 429. After the effect: 500-after, lost (the connection is cut),
	// junk, truncated, huge (10 MB). slow answers rightly after DelayMS.
	Do string `json:"do"`
	// Times is how often; zero means every time.
	Times int `json:"times,omitempty"`
	// DelayMS is how long a slow answer takes, in real milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// RetryAfterSeconds is the Retry-After of 429; zero means one second.
	RetryAfterSeconds int `json:"retry_after_s,omitempty"`
}

var (
	faultCalls = []string{"", callCertificates, callSign, callStatus, callCASearch, callCAFind, callCAKey, callCACSR, callCAIssue,
		callCAInstall, callCAStart, callCAState, callCAActivate, callCARevoke, callCADestroy, callReport, callSMS, callVNPayQuery,
		callVNPayRefund}
	faultKinds = []string{"500", "429", "500-after", "lost", "junk", "truncated", "huge", "slow"}
	webhooks   = []string{"", "on", "lost", "late", "double"}
)

// check refuses knobs that mean nothing, so that a test with a typing mistake does not pass for no reason.
func (k Knobs) check() error {
	for _, c := range k.Certificates {
		if _, err := parseCertSpec(c); err != nil && (c != "none" || len(k.Certificates) != 1) {
			return err
		}
	}
	if !slices.Contains([]string{"", DecisionApprove, DecisionDecline, DecisionNever}, k.Decision) {
		return fmt.Errorf("%w: decision %q", ErrInvalid, k.Decision)
	}
	if !slices.Contains([]string{"", "transaction_id", "tran_code"}, k.StatusBy) {
		return fmt.Errorf("%w: status_by %q", ErrInvalid, k.StatusBy)
	}
	if _, ok := bends[k.IssueBent]; !ok && k.IssueBent != "" {
		return fmt.Errorf("%w: issue_bent %q", ErrInvalid, k.IssueBent)
	}
	if _, ok := personOf(k.CertificatesOf); !ok && k.CertificatesOf != "" {
		return fmt.Errorf("%w: certificates_of %q", ErrInvalid, k.CertificatesOf)
	}
	if !slices.Contains([]string{"", "hex", "HEX", "base64url", "lines"}, k.ValueForm) || !slices.Contains([]string{"", "hash", "order"}, k.NameBy) {
		return fmt.Errorf("%w: value_form %q, name_by %q", ErrInvalid, k.ValueForm, k.NameBy)
	}
	if !slices.Contains([]string{"", "refused", "500"}, k.IssueFails) {
		return fmt.Errorf("%w: issue_fails %q", ErrInvalid, k.IssueFails)
	}
	if !slices.Contains(webhooks, k.Webhook) {
		return fmt.Errorf("%w: webhook %q", ErrInvalid, k.Webhook)
	}
	if k.WindowSeconds < 0 || k.DecisionAfterSeconds < 0 || k.IssueAfterSeconds < 0 {
		return fmt.Errorf("%w: a negative time", ErrInvalid)
	}
	return checkFaults(k.Faults)
}

func (s Settings) check() error {
	if s.FaultRate < 0 || s.FaultRate > 1 {
		return fmt.Errorf("%w: fault_rate %v", ErrInvalid, s.FaultRate)
	}
	for _, c := range []struct {
		name, value string
		allowed     []string
	}{
		{"webhook", s.Webhook, webhooks},
		{"ocsp", s.OCSP, []string{"", "down", "unauthorized", "stale", "bad-signature"}},
		{"crl", s.CRL, []string{"", "down", "stale"}},
		{"aia", s.AIA, []string{"", "down"}},
		{"ca", s.CA, []string{"", "down"}},
		{"vneid", s.VNeID, []string{"", "down"}},
		{"ipn", s.IPN, ipnModes},
		{"tsa", s.TSA, []string{"", "down", "reject", "wrong-imprint", "wrong-nonce"}},
	} {
		if !slices.Contains(c.allowed, c.value) {
			return fmt.Errorf("%w: %s %q", ErrInvalid, c.name, c.value)
		}
	}
	return checkFaults(s.Faults)
}

func checkFaults(faults []Fault) error {
	for _, f := range faults {
		if !slices.Contains(faultCalls, f.On) || !slices.Contains(faultKinds, f.Do) || f.Times < 0 {
			return fmt.Errorf("%w: fault %+v", ErrInvalid, f)
		}
	}
	return nil
}

func (k Knobs) window() time.Duration {
	if k.WindowSeconds == 0 {
		return DefaultWindow
	}
	return seconds(k.WindowSeconds)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// SetKnobs replaces the knobs of a user. Certificates are issued anew when Certificates changed.
func (w *World) SetKnobs(userID string, k Knobs) error {
	return w.UpdateKnobs(userID, func(old *Knobs) { *old = k })
}

// UpdateKnobs changes some knobs of a user and leaves the others.
func (w *World) UpdateKnobs(userID string, change func(*Knobs)) error {
	return w.changeKnobs(userID, func(k Knobs) error {
		k.Faults, k.Certificates = slices.Clone(k.Faults), slices.Clone(k.Certificates)
		change(&k)
		if err := k.check(); err != nil {
			return err
		}
		w.state.Knobs[userID] = k
		return nil
	})
}

// ResetKnobs gives a user the knobs back that they had at the start.
func (w *World) ResetKnobs(userID string) error {
	return w.changeKnobs(userID, func(Knobs) error {
		delete(w.state.Knobs, userID)
		return nil
	})
}

func (w *World) changeKnobs(userID string, change func(Knobs) error) error {
	if _, ok := personOf(userID); !ok {
		return fmt.Errorf("user %q: %w", userID, ErrNotFound)
	}
	var err error
	w.locked(func() {
		before := w.knobs(userID)
		err = change(before)
		if !slices.Equal(before.Certificates, w.knobs(userID).Certificates) {
			w.retire(userID)
		}
		w.changed()
	})
	if err != nil {
		return err
	}
	return w.flush()
}

// retire takes a user's certificates away, so that the next call issues others. Requests that wait still find
// their keys. The caller holds w.mu.
func (w *World) retire(userID string) {
	if u := w.state.Users[userID]; u != nil {
		for _, c := range u.Certificates {
			w.state.Retired[c.Serial] = c
		}
		delete(w.state.Users, userID)
	}
}

// Knobs returns the knobs of a user.
func (w *World) Knobs(userID string) Knobs {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.knobs(userID)
}

// knobs is Knobs for callers that hold w.mu.
func (w *World) knobs(userID string) Knobs {
	if k, ok := w.state.Knobs[userID]; ok {
		return k
	}
	return specialUsers[bareID(userID)]
}

// SetSettings replaces the world-wide switches, the address of the webhook included.
func (w *World) SetSettings(s Settings) error {
	return w.UpdateSettings(func(old *Settings) { *old = s })
}

// UpdateSettings changes some world-wide switches and leaves the others.
func (w *World) UpdateSettings(change func(*Settings)) error {
	var err error
	w.locked(func() {
		s := w.state.Settings
		s.Faults = slices.Clone(s.Faults)
		change(&s)
		if err = s.check(); err == nil {
			w.state.Settings = s
			w.changed()
		}
	})
	if err != nil {
		return err
	}
	return w.flush()
}

// Settings returns the world-wide switches.
func (w *World) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Settings
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
