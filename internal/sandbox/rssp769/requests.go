package rssp769

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
)

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

// Pending returns what waits on the user's phone, oldest first; of all users when userID is empty.
func (p *Provider) Pending(userID string) []PhoneRequest {
	p.k.Settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []PhoneRequest{}
	for _, tx := range p.open {
		if tx.Decision == "" && !tx.Dark && !tx.Ignored && (userID == "" || tx.User == userID) {
			list = append(list, p.view(tx))
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
func (p *Provider) Request(tranCode string) (PhoneRequest, error) {
	p.k.Settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	tx := p.state.Transactions[tranCode]
	if tx == nil || tx.Dark {
		return PhoneRequest{}, fmt.Errorf("request %q: %w", tranCode, kernel.ErrNotFound)
	}
	return p.view(tx), nil
}

func (p *Provider) view(tx *transaction) PhoneRequest {
	r := PhoneRequest{ID: tx.TranCode, User: tx.User, TransactionID: tx.OurID, Description: tx.Description,
		Serial: tx.Serial, CreatedAt: tx.CreatedAt, ExpiresAt: tx.ExpiresAt, Decision: tx.Decision,
		SecondsLeft: max(0, int(tx.ExpiresAt.Sub(p.k.Now()).Seconds())), ShortCode: shortCode(tx.Documents[0].Digest)}
	for _, d := range tx.Documents {
		r.Documents = append(r.Documents, PhoneDocument{DocID: d.ID, FileType: d.FileType, Digest: fmt.Sprintf("%x", d.Digest)})
	}
	return r
}

// shortCode is what a person compares between the two screens: the start of the first digest.
func shortCode(digest []byte) string { return fmt.Sprintf("%X-%X", digest[:2], digest[2:4]) }
