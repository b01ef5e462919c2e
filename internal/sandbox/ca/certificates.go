package ca

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// maxMonths is the longest life of a subscriber's certificate.
const maxMonths = 36

func (c *CA) search(r *http.Request, body []byte) kernel.Answer {
	var req struct {
		IDNumber string `json:"id_number"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil || !people.IsCitizen(req.IDNumber) {
		return kernel.Failed(http.StatusBadRequest, "invalid", "id_number")
	}
	type found struct {
		Serial  string    `json:"serial"`
		Status  string    `json:"status"`
		ValidTo time.Time `json:"valid_to"`
	}
	list := []found{}
	for _, key := range c.keys.KeysOf(req.IDNumber) {
		if key.Serial == "" || key.Issuer != houseOf(r).issuing {
			continue
		}
		status, cert, err := c.statusOf(key)
		if err != nil {
			return refused(err)
		}
		list = append(list, found{Serial: key.Serial, Status: status, ValidTo: cert.NotAfter.UTC()})
	}
	return kernel.OK(map[string]any{"certificates": list})
}

// statusOf is how the certificate of a key stands.
func (c *CA) statusOf(key pki.Key) (string, *x509.Certificate, error) {
	cert, err := x509.ParseCertificate(key.Cert)
	if err != nil {
		return "", nil, fmt.Errorf("reading a subscriber certificate: %w", err)
	}
	switch status := c.pki.Status(key.Serial, cert); {
	case status == "REVOKED":
		return "revoked", cert, nil
	case status == "EXPIRED":
		return "expired", cert, nil
	case status == "VALID" && key.State == pki.KeyActive:
		return "active", cert, nil
	}
	return "inactive", cert, nil
}

// find tells what became of the request for a key.
func (c *CA) find(r *http.Request, body []byte) kernel.Answer {
	var req struct {
		RequestID string `json:"request_id"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil || req.RequestID == "" {
		return kernel.Failed(http.StatusBadRequest, "invalid", "request_id")
	}
	key, ok := c.keyMadeBy(req.RequestID)
	if !ok || key.Issuer != houseOf(r).issuing {
		return kernel.Failed(http.StatusNotFound, "not-found", "key")
	}
	answer := map[string]any{"key_id": key.ID, "state": key.State}
	if key.Serial != "" {
		status, _, err := c.statusOf(key)
		if err != nil {
			return refused(err)
		}
		answer["serial"], answer["status"] = key.Serial, status
	}
	return kernel.OK(answer)
}

// issueRequest is the body of the issue call.
type issueRequest struct {
	RequestID string `json:"request_id"`
	CSR       []byte `json:"csr"`
	Months    int    `json:"months"`
}

func (c *CA) issue(r *http.Request, body []byte) kernel.Answer {
	var req issueRequest
	if err := kernel.DecodeStrictly(body, &req); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	csr, err := x509.ParseCertificateRequest(req.CSR)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", "the CSR: "+err.Error())
	}
	key, err := c.issuable(houseOf(r), req, csr)
	if err == nil && key.Serial == "" {
		err = c.issueFor(key, req, csr)
	}
	if err != nil {
		return refused(err)
	}
	return c.issued(key.ID)
}

// issuable finds the key of a CSR. The error says why there is no certificate for it, or not yet; a key that has one
// keeps it, whatever is asked.
func (c *CA) issuable(h house, req issueRequest, csr *x509.CertificateRequest) (key pki.Key, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	refuse := func(a kernel.Answer) (pki.Key, error) { return pki.Key{}, refusal{a} }
	user := bareUID(csr)
	for _, one := range c.keys.KeysOf(user) {
		if one.Issuer == h.issuing && bytes.Equal(one.Public, csr.RawSubjectPublicKeyInfo) {
			key = one
		}
	}
	knobs := c.state.Knobs[user]
	switch {
	case knobs.IssueFails == "500":
		return refuse(kernel.Failed(http.StatusInternalServerError, "internal", "issue_fails"))
	case key.ID == "":
		return refuse(kernel.Failed(http.StatusUnprocessableEntity, "refused", "the CSR is of no key of its subject's here"))
	case len(csr.Subject.Country) != 1 || csr.Subject.Country[0] != "VN" || csr.Subject.CommonName == "":
		return refuse(kernel.Failed(http.StatusUnprocessableEntity, "refused", "the subject"))
	case req.Months < 1 || req.Months > maxMonths:
		return refuse(kernel.Failed(http.StatusUnprocessableEntity, "refused", fmt.Sprintf("months has to be 1 to %d", maxMonths)))
	}
	write, err := c.write(callIssue, req.RequestID, req)
	switch {
	case err != nil:
		return pki.Key{}, err
	case key.Serial != "":
		return key, nil
	case knobs.IssueFails == "refused":
		return refuse(kernel.Failed(http.StatusUnprocessableEntity, "refused", "issue_fails"))
	case key.State == pki.KeyDisabled:
		return refuse(kernel.Failed(http.StatusConflict, "conflict", "the key is disabled"))
	case c.k.Now().Before(write.At.Add(kernel.Seconds(knobs.IssueAfterSeconds))):
		return refuse(kernel.Answer{Status: http.StatusAccepted, Body: map[string]string{"state": "pending"}})
	}
	return key, nil
}

// issueFor certifies a key. Of racing calls the first wins.
func (c *CA) issueFor(key pki.Key, req issueRequest, csr *x509.CertificateRequest) error {
	issuer, err := c.pki.Authority(key.Issuer)
	if err != nil {
		return err
	}
	template, err := c.pki.SubscriberTemplate(key.Issuer, csr.PublicKey, 0, time.Hour)
	if err != nil {
		return err
	}
	template.NotAfter = template.NotBefore.AddDate(0, req.Months, 0)
	template.RawSubject = csr.RawSubject
	template.EmailAddresses = csr.EmailAddresses
	public := csr.PublicKey
	if bend := bends[c.knobs(key.User).IssueBent]; bend != nil {
		if public, err = bend(c, template, csr.PublicKey); err != nil {
			return err
		}
	}
	der, err := issuer.Certify(template, public)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	serial := pki.SerialHex(template.SerialNumber)
	if !c.keys.Certified(key.ID, serial, der) {
		return nil
	}
	c.k.Record(kernel.Effect{Kind: kernel.EffectIssue, Key: req.RequestID, User: key.User, Detail: serial})
	c.pki.Register(serial, pki.Issued{Issuer: key.Issuer, User: key.User, Key: key.ID}, "issued")
	return nil
}

func (c *CA) knobs(user string) Knobs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Knobs[user]
}

// issued answers with the certificate of a key.
func (c *CA) issued(keyID string) kernel.Answer {
	key, _ := c.keys.Key(keyID)
	chain := [][]byte{}
	for _, role := range []string{key.Issuer, pki.OfIssuing(key.Issuer).Root} {
		a, err := c.pki.Authority(role)
		if err != nil {
			return refused(err)
		}
		chain = append(chain, a.Cert.Raw)
	}
	return kernel.OK(map[string]any{"state": "issued", "certificate": key.Cert, "chain": chain})
}

func (c *CA) revoke(r *http.Request, body []byte) kernel.Answer {
	serial := strings.ToLower(r.PathValue("serial"))
	var req struct {
		RequestID string `json:"request_id"`
		Reason    int    `json:"reason"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if err := pki.CheckReason(req.Reason); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	record, ok := c.pki.Record(serial)
	if !ok || record.Key == "" || record.Issuer != houseOf(r).issuing {
		return kernel.Failed(http.StatusNotFound, "not-found", "certificate")
	}
	if _, err := c.write(callRevoke, req.RequestID, []any{serial, req}); err != nil {
		return refused(err)
	}
	at, first := c.pki.RevokeNow(serial, req.Reason)
	if first {
		c.k.Record(kernel.Effect{Kind: kernel.EffectRevoke, Key: serial, User: record.User, Detail: req.RequestID})
		c.k.Record(kernel.Effect{Kind: kernel.EffectCertificate, Key: serial, User: record.User, Detail: "revoked"})
	}
	c.keys.Move(record.Key, pki.KeyDisabled)
	return kernel.OK(map[string]any{"state": "revoked", "revoked_at": at})
}
