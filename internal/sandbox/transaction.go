package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
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

// index makes a transaction known and sees to it that what falls due later happens. The caller holds w.mu.
func (w *World) index(tx *transaction) {
	w.byID[tx.OurID] = tx
	w.byID[tx.ResponseID] = tx
	if tx.Decision == "" {
		w.open[tx.TranCode] = tx
		w.wakeAt(tx.ExpiresAt)
		if tx.Auto != "" {
			w.wakeAt(tx.AutoAt)
		}
	}
	for _, d := range tx.Deliveries {
		if !d.Sent {
			w.open[tx.TranCode] = tx
			w.wakeAt(d.Due)
		}
	}
}

// wakeAt calls Settle at t when the clock is the real one.
func (w *World) wakeAt(t time.Time) {
	if w.opts.Clock != nil {
		return
	}
	time.AfterFunc(max(0, time.Until(t))+time.Millisecond, func() { w.background(w.Settle) })
}

// Settle carries out what is due by the clock: automatic decisions, expiry, late webhooks and IPNs. It is called by
// itself, except in a world with a clock of the caller's own between two requests.
func (w *World) Settle() {
	if !w.settleAll() {
		return
	}
	if err := w.flush(); err != nil {
		w.log.Error("saving the sandbox failed", "error", err)
	}
}

// settleAll reports whether there was anything to look at.
func (w *World) settleAll() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.open)+len(w.openPayments) == 0 {
		return false
	}
	now := w.now()
	for _, tx := range w.open {
		w.settle(tx, now)
	}
	w.settlePayments(now)
	return true
}

func (w *World) settle(tx *transaction, now time.Time) {
	if tx.Decision == "" {
		switch {
		case tx.Auto != "" && !tx.AutoAt.After(now) && tx.AutoAt.Before(tx.ExpiresAt):
			if err := w.decide(tx, Decision(tx.Auto), tx.AutoAt); err != nil {
				w.log.Error("deciding by itself failed", "transaction", tx.OurID, "error", err)
			}
		case !tx.ExpiresAt.After(now):
			if err := w.decide(tx, Expired, tx.ExpiresAt); err != nil {
				w.log.Error("expiring failed", "transaction", tx.OurID, "error", err)
			}
		}
	}
	waiting := tx.Decision == ""
	for i := range tx.Deliveries {
		d := &tx.Deliveries[i]
		if !d.Sent && !d.Due.After(now) {
			d.Sent = true
			w.changed()
			w.post(tx)
		}
		waiting = waiting || !d.Sent
	}
	if !waiting {
		delete(w.open, tx.TranCode)
	}
}

// decide ends a transaction. Values are made now and kept, so that every status answer is the same. The caller
// holds w.mu.
func (w *World) decide(tx *transaction, decision Decision, at time.Time) error {
	if tx.Decision != "" {
		return ErrDecided
	}
	if decision == Approved {
		if err := w.makeValues(tx, at); err != nil {
			return fmt.Errorf("making signature values: %w", err)
		}
	}
	tx.Decision, tx.DecidedAt = decision, at
	w.record(Effect{At: at, Kind: EffectDecision, Key: tx.OurID, User: tx.User, TransactionID: tx.OurID, Detail: string(decision)})
	w.planWebhook(tx)
	w.log.Info("decided", "transaction", tx.OurID, "decision", decision)
	return nil
}

// act is what the phone does to one request: find it, let time pass, do it, save it.
func (w *World) act(tranCode string, do func(tx *transaction) error) error {
	w.Settle()
	err := fmt.Errorf("request %q: %w", tranCode, ErrNotFound)
	w.locked(func() {
		if tx := w.state.Transactions[tranCode]; tx != nil {
			err = do(tx)
			w.changed()
		}
	})
	if err != nil {
		return err
	}
	w.Settle() // posts the webhook
	return w.flush()
}

// Decide approves or declines one request, by the id the phone shows (tran_code).
func (w *World) Decide(tranCode string, decision Decision) error {
	return w.act(tranCode, func(tx *transaction) error {
		if tx.Dark {
			return fmt.Errorf("request %q is not on the phone: %w", tranCode, ErrNotFound)
		}
		return w.decide(tx, decision, w.now())
	})
}

// IgnoreRequest takes one request off the phone's list; it goes on waiting until its time is over.
func (w *World) IgnoreRequest(tranCode string) error {
	return w.act(tranCode, func(tx *transaction) error {
		if tx.Decision != "" {
			return ErrDecided
		}
		tx.Ignored = true
		return nil
	})
}

// Approve approves everything that waits on the user's phone and returns how many requests that were.
func (w *World) Approve(userID string) (int, error) {
	return w.each(userID, func(id string) error { return w.Decide(id, Approved) })
}

// Decline declines everything that waits on the user's phone and returns how many requests that were.
func (w *World) Decline(userID string) (int, error) {
	return w.each(userID, func(id string) error { return w.Decide(id, Declined) })
}

// Ignore takes everything off the user's phone and returns how many requests that were.
func (w *World) Ignore(userID string) (int, error) {
	return w.each(userID, w.IgnoreRequest)
}

func (w *World) each(userID string, do func(id string) error) (int, error) {
	waiting := w.Pending(userID)
	for i, r := range waiting {
		if err := do(r.ID); err != nil {
			return i, err
		}
	}
	return len(waiting), nil
}

// PhoneRequest is a request as the phone shows it.
type PhoneRequest struct {
	ID            string          `json:"id"`
	User          string          `json:"user"`
	TransactionID string          `json:"transaction_id"` // of the signing portal
	ShortCode     string          `json:"short_code"`
	Description   string          `json:"description"`
	Serial        string          `json:"serial_number"`
	Documents     []PhoneDocument `json:"documents"`
	CreatedAt     time.Time       `json:"created_at"`
	ExpiresAt     time.Time       `json:"expires_at"`
	SecondsLeft   int             `json:"seconds_left"`
	Decision      Decision        `json:"decision,omitempty"`
}

// PhoneDocument is one document of a PhoneRequest.
type PhoneDocument struct {
	DocID    string `json:"doc_id"`
	FileType string `json:"file_type"`
	Digest   string `json:"digest"` // hex
}

// Pending returns what waits on the user's phone, oldest first; of everybody when userID is empty.
func (w *World) Pending(userID string) []PhoneRequest {
	w.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []PhoneRequest{}
	for _, tx := range w.open {
		if tx.Decision == "" && !tx.Dark && !tx.Ignored && (userID == "" || tx.User == userID) {
			list = append(list, w.view(tx))
		}
	}
	slices.SortFunc(list, func(a, b PhoneRequest) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Request returns one request, decided or not, by the id the phone uses.
func (w *World) Request(tranCode string) (PhoneRequest, error) {
	w.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	tx := w.state.Transactions[tranCode]
	if tx == nil || tx.Dark {
		return PhoneRequest{}, fmt.Errorf("request %q: %w", tranCode, ErrNotFound)
	}
	return w.view(tx), nil
}

func (w *World) view(tx *transaction) PhoneRequest {
	r := PhoneRequest{ID: tx.TranCode, User: tx.User, TransactionID: tx.OurID, Description: tx.Description,
		Serial: tx.Serial, CreatedAt: tx.CreatedAt, ExpiresAt: tx.ExpiresAt, Decision: tx.Decision,
		SecondsLeft: max(0, int(tx.ExpiresAt.Sub(w.now()).Seconds())), ShortCode: shortCode(tx.Documents[0].Digest)}
	for _, d := range tx.Documents {
		r.Documents = append(r.Documents, PhoneDocument{DocID: d.ID, FileType: d.FileType, Digest: fmt.Sprintf("%x", d.Digest)})
	}
	return r
}

// shortCode is what a person compares between the two screens: the start of the first digest.
func shortCode(digest []byte) string { return fmt.Sprintf("%X-%X", digest[:2], digest[2:4]) }
