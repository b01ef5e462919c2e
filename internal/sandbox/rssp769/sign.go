package rssp769

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// signAnswer is data of the sign call.
type signAnswer struct {
	TransactionID string `json:"transaction_id"`
	TranCode      string `json:"tran_code"`
	ExpiredIn     *int   `json:"expired_in,omitempty"`
}

// statusAnswer is data of the status call. Signatures is null while the owner has not approved.
type statusAnswer struct {
	TransactionID string          `json:"transaction_id"`
	Signatures    []signatureItem `json:"signatures"`
}

type signatureItem struct {
	DocID     string  `json:"doc_id,omitempty"`
	Hash      string  `json:"hash,omitempty"`
	Value     string  `json:"signature_value"`
	Timestamp *string `json:"timestamp_signature"` // always null
}

const waitingText = "sig_wait_for_user_confirm"

// sign starts a transaction: the request appears on the phone. The same transaction_id never appears twice.
func (p *Provider) sign(d profile, req rsspRequest) rsspAnswer {
	if _, ok := people.Of(req.UserID); !ok || !d.serves(req.UserID) {
		return unknownUser()
	}
	k := p.knobsOf(req.UserID)
	documents, why := d.readDocuments(req, k)
	if why != "" {
		return badRequest(why)
	}
	u, err := p.subscriber(req.UserID)
	if err != nil {
		return serverError(err.Error())
	}
	c, refusal := p.chooseCredential(u, req.SerialNumber, k)
	if refusal != nil {
		return *refusal
	}
	tx, fresh := p.start(req, k, c, documents)
	if !fresh {
		if k.DuplicateAs400 || !tx.sameAs(req, documents) {
			return duplicate()
		}
		return p.started(tx, k)
	}
	// From here on the provider is bound: the request survives a crash before a caller learns of it.
	if err := p.k.Flush(); err != nil {
		return serverError(err.Error())
	}
	p.k.Log.Info("request on the phone", "transaction", tx.OurID, "code", shortCode(tx.Documents[0].Digest), "documents", len(documents))
	if p.opts.OnPush != nil {
		var view PhoneRequest
		kernel.Locked(&p.mu, func() { view = p.view(tx) })
		p.opts.OnPush(view)
	}
	return p.started(tx, k)
}

// readDocuments checks sign_files and says what is wrong with them.
func (p profile) readDocuments(req rsspRequest, k Knobs) ([]*document, string) {
	switch {
	case req.TransactionID == "":
		return nil, "transaction_id is required"
	case len(req.Files) == 0 || len(req.Files) > maxDocuments:
		return nil, "sign_files has to hold 1 to 50 documents"
	}
	seen := map[string]bool{}
	var documents []*document
	for _, f := range req.Files {
		digest, err := p.decodeDigest(f.Data, k)
		switch {
		case err != nil:
			return nil, err.Error()
		case f.DocID == "" || seen[f.DocID]:
			return nil, "doc_id is required, and unique"
		case f.SignType != "hash":
			return nil, "sign_type has to be hash"
		case f.FileType == "":
			return nil, "file_type is required"
		}
		seen[f.DocID] = true
		documents = append(documents, &document{ID: f.DocID, FileType: f.FileType, Digest: digest})
	}
	return documents, ""
}

// chooseCredential finds the certificate to sign with: the named one, else the first active one.
func (p *Provider) chooseCredential(u *user, serial string, k Knobs) (*pki.Credential, *rsspAnswer) {
	for _, c := range u.Certificates {
		active := p.pki.Status(c.Serial, c.Certificate()) == "VALID" || k.SignAnyway
		switch {
		case serial == "" && active, strings.EqualFold(serial, c.Serial) && active:
			return c, nil
		case strings.EqualFold(serial, c.Serial):
			a := inactive("the certificate is not active")
			return nil, &a
		}
	}
	if serial == "" {
		a := inactive("the user has no active certificate")
		return nil, &a
	}
	a := badRequest("serial_number is not one of this user")
	return nil, &a
}

// start stores a new transaction, or returns the one that has the id already.
func (p *Provider) start(req rsspRequest, k Knobs, c *pki.Credential, documents []*document) (tx *transaction, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tx := p.byID[req.TransactionID]; tx != nil {
		return tx, false
	}
	now := p.k.Now()
	tx = &transaction{
		TranCode: kernel.NewUUID(), OurID: req.TransactionID, ResponseID: req.TransactionID, User: req.UserID,
		Serial: c.Serial, Description: req.Description, Documents: documents,
		CreatedAt: now, ExpiresAt: now.Add(k.window()),
	}
	if k.DifferentResponseID {
		tx.ResponseID = kernel.NewUUID()
	}
	switch k.Decision {
	case DecisionNever:
		tx.Dark = true
	case DecisionApprove:
		tx.Auto = string(Approved)
	case DecisionDecline:
		tx.Auto = string(Declined)
	}
	if tx.Auto != "" {
		tx.AutoAt = now.Add(kernel.Seconds(k.DecisionAfterSeconds))
	}
	p.state.Transactions[tx.TranCode] = tx
	p.k.Record(kernel.Effect{Kind: kernel.EffectPush, Key: tx.OurID, User: tx.User, TransactionID: tx.OurID, Documents: len(documents)})
	p.index(tx)
	return tx, true
}

// sameAs reports whether a repeated request is the one that was accepted.
func (tx *transaction) sameAs(req rsspRequest, documents []*document) bool {
	if tx.OurID != req.TransactionID || tx.User != req.UserID || len(tx.Documents) != len(documents) ||
		(req.SerialNumber != "" && !strings.EqualFold(req.SerialNumber, tx.Serial)) {
		return false
	}
	for i, d := range tx.Documents {
		if d.ID != documents[i].ID || string(d.Digest) != string(documents[i].Digest) {
			return false
		}
	}
	return true
}

func (p *Provider) started(tx *transaction, k Knobs) rsspAnswer {
	data := signAnswer{TransactionID: tx.ResponseID, TranCode: tx.TranCode}
	if !k.HideWindow {
		left := max(0, int(tx.ExpiresAt.Sub(p.k.Now())/time.Second))
		data.ExpiredIn = &left
	}
	return rsspAnswer{StatusCode: http.StatusOK, Message: waitingText, Data: data}
}

// findForStatus looks a transaction up as the status call does, which providers disagree about.
func (p *Provider) findForStatus(id string) *transaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	if tx := p.state.Transactions[id]; tx != nil {
		if p.knobs(tx.User).StatusBy != "transaction_id" {
			return tx
		}
		return nil
	}
	tx := p.byID[id]
	if tx == nil || id != tx.ResponseID || p.knobs(tx.User).StatusBy == "tran_code" {
		return nil
	}
	return tx
}

func (p *Provider) status(tx *transaction) rsspAnswer {
	if tx == nil {
		return noTransaction()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return rsspAnswer{StatusCode: http.StatusOK, Message: p.statusText(tx),
		Data: statusAnswer{TransactionID: tx.ResponseID, Signatures: signatureItems(tx, p.knobs(tx.User))}}
}

// statusText is the provider's word for where a transaction stands. Those for declined and expired are guesses:
// no document has them. The caller holds p.mu.
func (p *Provider) statusText(tx *transaction) string {
	s := p.state.Settings
	switch tx.Decision {
	case Approved:
		return "SUCCESS"
	case Declined:
		if s.DeclinedText != "" {
			return s.DeclinedText
		}
		return "sig_user_rejected"
	case Expired:
		if s.ExpiredText != "" {
			return s.ExpiredText
		}
		return "sig_transaction_expired"
	default:
		return waitingText
	}
}

// signatureItems is nil, which is JSON null, unless approved.
func signatureItems(tx *transaction, k Knobs) []signatureItem {
	if tx.Decision != Approved {
		return nil
	}
	var items []signatureItem
	for _, d := range tx.Documents {
		item := signatureItem{Value: writeValue(d.Value, k.ValueForm)}
		switch k.NameBy {
		case "hash":
			item.Hash = hex.EncodeToString(d.Digest)
		case "order":
		default:
			item.DocID = d.ID
		}
		items = append(items, item)
	}
	return items
}

// writeValue spells a value as Knobs.ValueForm says.
func writeValue(value []byte, form string) string {
	switch form {
	case "hex":
		return hex.EncodeToString(value)
	case "HEX":
		return strings.ToUpper(hex.EncodeToString(value))
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(value)
	case "lines":
		return encodeCert(value, true)
	}
	return base64.StdEncoding.EncodeToString(value)
}
