package sandbox

import (
	"fmt"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
)

// Knobs are the switches of all parties for one user, in the flat shape of the control port. The party that reads a
// field explains it: rssp769.Knobs, ca.Knobs and, for Faults, kernel.FaultKnobs. TestEverySwitchHasOneParty compares them.
type Knobs struct {
	Certificates       []string `json:"certificates,omitempty"`
	CertificatesOf     string   `json:"certificates_of,omitempty"`
	NoCertificateAs401 bool     `json:"no_certificate_as_401,omitempty"`
	CRLFInCert         bool     `json:"crlf_in_cert,omitempty"`
	SignAnyway         bool     `json:"sign_anyway,omitempty"`

	Decision             string  `json:"decision,omitempty"`
	DecisionAfterSeconds float64 `json:"decision_after_s,omitempty"`
	WindowSeconds        float64 `json:"window_s,omitempty"`
	HideWindow           bool    `json:"hide_window,omitempty"`

	DifferentResponseID  bool   `json:"different_resp_tx,omitempty"`
	StatusBy             string `json:"status_by,omitempty"`
	DuplicateAs400       bool   `json:"duplicate_400,omitempty"`
	UppercaseHexRejected bool   `json:"uppercase_hex_rejected,omitempty"`

	CMSAnswer  bool   `json:"cms_answer,omitempty"`
	RawRS      bool   `json:"raw_rs,omitempty"`
	ValueForm  string `json:"value_form,omitempty"`
	NameBy     string `json:"name_by,omitempty"`
	SwapBatch  bool   `json:"swap_batch,omitempty"`
	WrongKey   bool   `json:"wrong_key,omitempty"`
	EmptyValue bool   `json:"empty_value,omitempty"`

	IssueAfterSeconds float64 `json:"issue_after_s,omitempty"`
	IssueFails        string  `json:"issue_fails,omitempty"`
	IssueBent         string  `json:"issue_bent,omitempty"`
	KeyLocked         bool    `json:"key_locked,omitempty"`

	Webhook string  `json:"webhook,omitempty"`
	Faults  []Fault `json:"faults,omitempty"`
}

// Settings are the switches of all parties for all users, in the same shape. The zero value is a world in which everything
// works.
type Settings struct {
	FaultRate      float64 `json:"fault_rate,omitempty"`
	Faults         []Fault `json:"faults,omitempty"`
	BodyStatusOnly bool    `json:"body_status_only,omitempty"`
	DeclinedText   string  `json:"declined_text,omitempty"`
	ExpiredText    string  `json:"expired_text,omitempty"`

	WebhookURL          string  `json:"webhook_url,omitempty"`
	Webhook             string  `json:"webhook,omitempty"`
	WebhookDelaySeconds float64 `json:"webhook_delay_s,omitempty"`

	OCSP string `json:"ocsp,omitempty"`
	CRL  string `json:"crl,omitempty"`
	AIA  string `json:"aia,omitempty"`
	TSA  string `json:"tsa,omitempty"`

	CA              string  `json:"ca,omitempty"`
	VNeID           string  `json:"vneid,omitempty"`
	KysoURL         string  `json:"kyso_url,omitempty"`
	HandoffURL      string  `json:"handoff_url,omitempty"`
	IPNURL          string  `json:"ipn_url,omitempty"`
	IPN             string  `json:"ipn,omitempty"`
	IPNDelaySeconds float64 `json:"ipn_delay_s,omitempty"`
}

// SetKnobs replaces the knobs of a user. Certificates are issued anew when Certificates changed.
func (w *World) SetKnobs(userID string, k Knobs) error {
	return w.UpdateKnobs(userID, func(old *Knobs) { *old = k })
}

// UpdateKnobs changes some knobs of a user and leaves the others.
func (w *World) UpdateKnobs(userID string, change func(*Knobs)) error {
	if err := checkUser(userID); err != nil {
		return err
	}
	return kernel.UpdateKnobs(w.Kernel, userID, change)
}

// ResetKnobs gives a user the knobs back that they had at the start.
func (w *World) ResetKnobs(userID string) error {
	if err := checkUser(userID); err != nil {
		return err
	}
	return w.Kernel.ResetKnobs(userID)
}

func checkUser(userID string) error {
	if _, ok := people.Of(userID); !ok {
		return fmt.Errorf("user %q: %w", userID, ErrNotFound)
	}
	return nil
}

// Knobs returns the knobs of a user.
func (w *World) Knobs(userID string) Knobs {
	var k Knobs
	if err := kernel.ShowKnobs(w.Kernel, userID, &k); err != nil {
		panic(err) // plain values always encode
	}
	return k
}

// SetSettings replaces the world-wide switches, the address of the webhook included.
func (w *World) SetSettings(s Settings) error {
	return w.UpdateSettings(func(old *Settings) { *old = s })
}

// UpdateSettings changes some world-wide switches and leaves the others.
func (w *World) UpdateSettings(change func(*Settings)) error {
	return kernel.UpdateSettings(w.Kernel, change)
}

// Settings returns the world-wide switches.
func (w *World) Settings() Settings {
	var s Settings
	if err := kernel.ShowSettings(w.Kernel, &s); err != nil {
		panic(err) // plain values always encode
	}
	return s
}
