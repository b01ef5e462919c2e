package kernel

import (
	"slices"
	"time"
)

// EffectKind names what an outside party did.
type EffectKind string

// The effects: one vocabulary, so that a test counts charges whatever party makes them.
const (
	EffectPush        EffectKind = "push"        // a request appeared on a phone; Key is the portal's transaction id
	EffectDecision    EffectKind = "decision"    // approved, declined or expired; Key as for push
	EffectSign        EffectKind = "sign"        // a key was used; Key is transaction id / document id
	EffectTimestamp   EffectKind = "timestamp"   // a time-stamp was granted; Key is the imprint
	EffectOCSP        EffectKind = "ocsp"        // a status was told; Key is the serial number
	EffectCRL         EffectKind = "crl"         // a list was fetched; Key is its file name
	EffectWebhook     EffectKind = "webhook"     // a webhook was sent, or lost on purpose; Key is the transaction id
	EffectCertificate EffectKind = "certificate" // issued, revoked, suspended or restored; Key is the serial number
	EffectKey         EffectKind = "key"         // the key service made a key; Key is the request id
	EffectKeyState    EffectKind = "key-state"   // a key changed its state; Key is key id / state
	EffectIssue       EffectKind = "issue"       // the CA issued for a CSR; Key is the request id
	EffectRevoke      EffectKind = "revoke"      // the CA revoked through its wire; Key is the serial number
	EffectSMS         EffectKind = "sms"         // a phone received a text; Key is the request id
	EffectCharge      EffectKind = "charge"      // the gateway captured a payment; Key is the order
	EffectRefund      EffectKind = "refund"      // the gateway gave money back; Key is the order
	EffectIPN         EffectKind = "ipn"         // an IPN was sent, or lost on purpose; Key is the order, Detail the answer
	EffectReport      EffectKind = "report"      // VNeID took a status from kyso; Key is the request id
)

// Effect is one line of the ledger: something that happened in the outside world and cannot be taken back. A test
// counts effects by Kind and Key to see whether anything happened twice.
type Effect struct {
	Seq           int        `json:"seq"`
	At            time.Time  `json:"at"`
	Kind          EffectKind `json:"kind"`
	Key           string     `json:"key"`
	User          string     `json:"user,omitempty"`
	TransactionID string     `json:"transaction_id,omitempty"`
	Documents     int        `json:"documents,omitempty"`
	DocID         string     `json:"doc_id,omitempty"`
	Digest        string     `json:"digest,omitempty"` // hex
	Detail        string     `json:"detail,omitempty"`
}

// Ledger returns all effects, oldest first. It is append-only.
func (k *Kernel) Ledger() []Effect {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.state.Ledger)
}

// CountEffects returns how many effects of the kind have the key; an empty key counts all of the kind.
func (k *Kernel) CountEffects(kind EffectKind, key string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, e := range k.state.Ledger {
		if e.Kind == kind && (key == "" || e.Key == key) {
			n++
		}
	}
	return n
}

// Record appends to the ledger.
func (k *Kernel) Record(e Effect) {
	if e.At.IsZero() {
		e.At = k.Now()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e.Seq = len(k.state.Ledger) + 1
	k.state.Ledger = append(k.state.Ledger, e)
	k.changed()
}
