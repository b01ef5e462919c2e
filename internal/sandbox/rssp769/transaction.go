package rssp769

import (
	"fmt"
	"time"

	"kyso/internal/sandbox/kernel"
)

// transaction is one request for approval. The provider knows it under three ids.
type transaction struct {
	TranCode    string      `json:"tran_code"`   // the provider's code, a UUID; the phone uses it too
	OurID       string      `json:"our_id"`      // transaction_id of the signing portal
	ResponseID  string      `json:"response_id"` // transaction_id of the answer
	User        string      `json:"user"`
	Serial      string      `json:"serial"`
	Description string      `json:"description"`
	Documents   []*document `json:"documents"`

	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	AutoAt    time.Time `json:"auto_at,omitzero"` // when AutoDecision happens
	Auto      string    `json:"auto,omitempty"`
	Dark      bool      `json:"dark,omitempty"` // the phone does not show it
	Ignored   bool      `json:"ignored,omitempty"`

	Decision   Decision   `json:"decision,omitempty"`
	DecidedAt  time.Time  `json:"decided_at,omitzero"`
	Deliveries []delivery `json:"deliveries,omitempty"`
}

// document is one digest to sign.
type document struct {
	ID       string `json:"doc_id"`
	FileType string `json:"file_type"`
	Digest   []byte `json:"digest"`
	Value    []byte `json:"value,omitempty"` // as answered, once approved
}

// delivery is a webhook that is due.
type delivery struct {
	Due  time.Time `json:"due"`
	Sent bool      `json:"sent"`
}

// Decision is the end of a request for approval; empty while it waits.
type Decision string

// The decisions.
const (
	Approved Decision = "approved"
	Declined Decision = "declined"
	Expired  Decision = "expired"
)

// index makes a transaction known and sees to it that what falls due later happens. The caller holds p.mu.
func (p *Provider) index(tx *transaction) {
	p.byID[tx.OurID] = tx
	p.byID[tx.ResponseID] = tx
	if tx.Decision == "" {
		p.open[tx.TranCode] = tx
		p.k.WakeAt(tx.ExpiresAt)
		if tx.Auto != "" {
			p.k.WakeAt(tx.AutoAt)
		}
	}
	for _, d := range tx.Deliveries {
		if !d.Sent {
			p.open[tx.TranCode] = tx
			p.k.WakeAt(d.Due)
		}
	}
}

// settleAll carries out what is due: automatic decisions, expiry, late webhooks. It reports whether there was anything
// to look at.
func (p *Provider) settleAll(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := len(p.open) > 0
	for _, tx := range p.open {
		p.settle(tx, now)
	}
	return open
}

func (p *Provider) settle(tx *transaction, now time.Time) {
	if tx.Decision == "" {
		switch {
		case tx.Auto != "" && !tx.AutoAt.After(now) && tx.AutoAt.Before(tx.ExpiresAt):
			if err := p.decide(tx, Decision(tx.Auto), tx.AutoAt); err != nil {
				p.k.Log.Error("deciding by itself failed", "transaction", tx.OurID, "error", err)
			}
		case !tx.ExpiresAt.After(now):
			if err := p.decide(tx, Expired, tx.ExpiresAt); err != nil {
				p.k.Log.Error("expiring failed", "transaction", tx.OurID, "error", err)
			}
		}
	}
	waiting := tx.Decision == ""
	for i := range tx.Deliveries {
		d := &tx.Deliveries[i]
		if !d.Sent && !d.Due.After(now) {
			d.Sent = true
			p.k.Changed()
			p.post(tx)
		}
		waiting = waiting || !d.Sent
	}
	if !waiting {
		delete(p.open, tx.TranCode)
	}
}

// decide ends a transaction. Values are made now and kept, so that all status answers are equal. The caller
// holds p.mu.
func (p *Provider) decide(tx *transaction, decision Decision, at time.Time) error {
	if tx.Decision != "" {
		return kernel.ErrDecided
	}
	if decision == Approved {
		if err := p.makeValues(tx, at); err != nil {
			return fmt.Errorf("making signature values: %w", err)
		}
	}
	tx.Decision, tx.DecidedAt = decision, at
	p.k.Record(kernel.Effect{At: at, Kind: kernel.EffectDecision, Key: tx.OurID, User: tx.User, TransactionID: tx.OurID, Detail: string(decision)})
	p.planWebhook(tx)
	p.k.Log.Info("decided", "transaction", tx.OurID, "decision", decision)
	return nil
}

// act is what the phone does to one request: find it, let time pass, do it, save it.
func (p *Provider) act(tranCode string, do func(tx *transaction) error) error {
	p.k.Settle()
	err := fmt.Errorf("request %q: %w", tranCode, kernel.ErrNotFound)
	kernel.Locked(&p.mu, func() {
		if tx := p.state.Transactions[tranCode]; tx != nil {
			err = do(tx)
			p.k.Changed()
		}
	})
	if err != nil {
		return err
	}
	p.k.Settle() // posts the webhook
	return p.k.Flush()
}

// Decide approves or declines one request, by the id the phone shows (tran_code).
func (p *Provider) Decide(tranCode string, decision Decision) error {
	return p.act(tranCode, func(tx *transaction) error {
		if tx.Dark {
			return fmt.Errorf("request %q is not on the phone: %w", tranCode, kernel.ErrNotFound)
		}
		return p.decide(tx, decision, p.k.Now())
	})
}

// IgnoreRequest takes one request off the phone's list; it goes on waiting until its time is over.
func (p *Provider) IgnoreRequest(tranCode string) error {
	return p.act(tranCode, func(tx *transaction) error {
		if tx.Decision != "" {
			return kernel.ErrDecided
		}
		tx.Ignored = true
		return nil
	})
}

// Approve approves everything that waits on the user's phone and returns how many requests that were.
func (p *Provider) Approve(userID string) (int, error) {
	return p.each(userID, func(id string) error { return p.Decide(id, Approved) })
}

// Decline declines everything that waits on the user's phone and returns how many requests that were.
func (p *Provider) Decline(userID string) (int, error) {
	return p.each(userID, func(id string) error { return p.Decide(id, Declined) })
}

// Ignore takes everything off the user's phone and returns how many requests that were.
func (p *Provider) Ignore(userID string) (int, error) {
	return p.each(userID, p.IgnoreRequest)
}

func (p *Provider) each(userID string, do func(id string) error) (int, error) {
	waiting := p.Pending(userID)
	for i, r := range waiting {
		if err := do(r.ID); err != nil {
			return i, err
		}
	}
	return len(waiting), nil
}
