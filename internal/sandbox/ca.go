package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// DefaultCAKey is the bearer key of the CA and its key service.
const DefaultCAKey = "sandbox-only-ca-key"

// The calls of the CA and its key service, as Fault.On names them.
const (
	callCASearch   = "ca-search"
	callCAFind     = "ca-find"
	callCAKey      = "ca-key"
	callCACSR      = "ca-csr"
	callCAIssue    = "ca-issue"
	callCAInstall  = "ca-install"
	callCAStart    = "ca-start"
	callCAState    = "ca-state"
	callCAActivate = "ca-activate"
	callCARevoke   = "ca-revoke"
	callCADestroy  = "ca-destroy"
)

// maxMonths is the longest life of a subscriber's certificate.
const maxMonths = 36

// caWrite is what a request_id did. Ids count for each call by itself.
type caWrite struct {
	Digest []byte    `json:"digest"` // of the decoded body
	Key    string    `json:"key,omitempty"`
	At     time.Time `json:"at"` // first seen; for an issue the start of the wait
}

// jsonAnswer is an answer before a fault gets at it.
type jsonAnswer struct {
	status int
	body   any
}

// failed is an error in the form of kyso's own wires.
func failed(status int, code, message string) jsonAnswer {
	return jsonAnswer{status, map[string]string{"error": code, "message": message}}
}

func writeAnswer(rw http.ResponseWriter, a jsonAnswer) { writeJSON(rw, a.status, a.body) }

// answerWithFault writes an answer, or what a fault makes of it. For a fault before the effect the answer is of no
// matter.
func (w *World) answerWithFault(rw http.ResponseWriter, r *http.Request, a jsonAnswer, f Fault) {
	switch f.Do {
	case "":
	case "500", "500-after":
		a = failed(http.StatusInternalServerError, "internal", "the sandbox was told to fail")
	default:
		body, err := json.Marshal(a.body)
		if err != nil {
			http.Error(rw, "encoding failed", http.StatusInternalServerError)
			return
		}
		w.answerFault(rw, r, f, body)
		if f.Do != "slow" {
			return
		}
	}
	writeAnswer(rw, a)
}

// routeCA adds the calls of the CA and its key service.
func (w *World) routeCA(mux *http.ServeMux) {
	for _, c := range []struct {
		pattern, name string
		do            func(r *http.Request, body []byte) jsonAnswer
	}{
		{"POST /ca/v1/certificates/search", callCASearch, w.caSearch},
		{"POST /ca/v1/keys/search", callCAFind, w.caFind},
		{"POST /ca/v1/keys", callCAKey, w.caCreateKey},
		{"POST /ca/v1/keys/{key_id}/csr", callCACSR, w.caCSR},
		{"POST /ca/v1/certificates", callCAIssue, w.caIssue},
		{"POST /ca/v1/keys/{key_id}/install", callCAInstall, w.caInstall},
		{"POST /ca/v1/keys/{key_id}/start-activation", callCAStart, w.caStart},
		{"GET /ca/v1/keys/{key_id}", callCAState, w.caState},
		{"POST /ca/v1/keys/{key_id}/activate", callCAActivate, w.caActivate},
		{"POST /ca/v1/certificates/{serial}/revoke", callCARevoke, w.caRevoke},
		{"POST /ca/v1/keys/{key_id}/destroy", callCADestroy, w.caDestroy},
	} {
		method, path, _ := strings.Cut(c.pattern, " ")
		for _, h := range houses {
			mux.HandleFunc(method+" "+h.path+path, func(rw http.ResponseWriter, r *http.Request) { w.serveCA(rw, atHouse(r, h), c.name, c.do) })
		}
	}
}

// serveCA serves one call: pick a fault, have the effect, save it, answer.
func (w *World) serveCA(rw http.ResponseWriter, r *http.Request, call string, do func(*http.Request, []byte) jsonAnswer) {
	body, err := readBody(rw, r)
	if w.Settings().CA == "down" {
		writeAnswer(rw, failed(http.StatusServiceUnavailable, "unavailable", "the CA is down"))
		return
	}
	fault := w.takeFault(w.caOwner(r, body), call)
	if fault.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, fault)
		return
	}
	var a jsonAnswer
	switch {
	case r.Header.Get("Authorization") != "Bearer "+houseOf(r).key:
		a = failed(http.StatusUnauthorized, "unauthorized", "the bearer key")
	case err != nil:
		a = failed(http.StatusBadRequest, "invalid", err.Error())
	default:
		a = do(r, body)
	}
	if err := w.flush(); err != nil {
		a = failed(http.StatusInternalServerError, "internal", err.Error())
	}
	w.answerWithFault(rw, r, a, fault)
}

// caOwner is the citizen that a call is about, for the faults of that user.
func (w *World) caOwner(r *http.Request, body []byte) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := w.state.Keys[r.PathValue("key_id")]; key != nil {
		return key.User
	}
	if record := w.state.Issued[strings.ToLower(r.PathValue("serial"))]; record != nil {
		return record.User
	}
	var fields struct {
		IDNumber  string `json:"id_number"`
		CSR       []byte `json:"csr"`
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(body, &fields) != nil {
		return "" // the call itself says what is wrong
	}
	if csr, err := x509.ParseCertificateRequest(fields.CSR); err == nil {
		return bareUID(csr)
	}
	if write := w.state.CAWrites[callCAKey+" "+fields.RequestID]; write != nil && fields.IDNumber == "" && w.state.Keys[write.Key] != nil {
		return w.state.Keys[write.Key].User
	}
	return fields.IDNumber
}

// bareUID is the citizen number in the subject of a request.
func bareUID(csr *x509.CertificateRequest) string {
	for _, name := range csr.Subject.Names {
		if value, ok := name.Value.(string); ok && name.Type.Equal(oidUID) {
			return strings.TrimPrefix(value, "CCCD:")
		}
	}
	return ""
}

// write finds or starts a write by its id. refusal is set when the id is missing or was used for another body. The
// caller holds w.mu.
func (w *World) write(call, requestID string, body any) (write *caWrite, refusal *jsonAnswer) {
	if requestID == "" {
		a := failed(http.StatusBadRequest, "invalid", "request_id is required")
		return nil, &a
	}
	data, err := json.Marshal(body)
	if err != nil {
		a := failed(http.StatusInternalServerError, "internal", err.Error())
		return nil, &a
	}
	digest := sha256.Sum256(data)
	id := call + " " + requestID
	if old := w.state.CAWrites[id]; old != nil {
		if !bytes.Equal(old.Digest, digest[:]) {
			a := failed(http.StatusConflict, "duplicate-mismatch", "request_id was used with another body")
			return nil, &a
		}
		return old, nil
	}
	fresh := &caWrite{Digest: digest[:], At: w.now()}
	w.state.CAWrites[id] = fresh
	w.changed()
	return fresh, nil
}

func (w *World) caSearch(r *http.Request, body []byte) jsonAnswer {
	var req struct {
		IDNumber string `json:"id_number"`
	}
	if err := decodeStrictly(body, &req); err != nil || !citizenID.MatchString(req.IDNumber) {
		return failed(http.StatusBadRequest, "invalid", "id_number")
	}
	type found struct {
		Serial  string    `json:"serial"`
		Status  string    `json:"status"`
		ValidTo time.Time `json:"valid_to"`
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []found{}
	for _, id := range w.state.Enrolled[req.IDNumber] {
		key := w.state.Keys[id]
		if key.Credential.Serial == "" || key.Credential.Issuer != houseOf(r).issuing {
			continue
		}
		status, err := w.keyCertificateStatus(key)
		if err != nil {
			return failed(http.StatusInternalServerError, "internal", err.Error())
		}
		list = append(list, found{Serial: key.Credential.Serial, Status: status, ValidTo: key.Credential.cert.NotAfter.UTC()})
	}
	return jsonAnswer{http.StatusOK, map[string]any{"certificates": list}}
}

// keyCertificateStatus is how the certificate of a key stands. The caller holds w.mu.
func (w *World) keyCertificateStatus(key *caKey) (string, error) {
	if err := key.Credential.open(); err != nil {
		return "", err
	}
	switch status := w.lockedStatus(&key.Credential); {
	case status == "REVOKED":
		return "revoked", nil
	case status == "EXPIRED":
		return "expired", nil
	case status == "VALID" && key.State == keyActive:
		return "active", nil
	}
	return "inactive", nil
}

// caFind tells what became of the request for a key.
func (w *World) caFind(r *http.Request, body []byte) jsonAnswer {
	var req struct {
		RequestID string `json:"request_id"`
	}
	if err := decodeStrictly(body, &req); err != nil || req.RequestID == "" {
		return failed(http.StatusBadRequest, "invalid", "request_id")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	write := w.state.CAWrites[callCAKey+" "+req.RequestID]
	if write == nil || w.state.Keys[write.Key] == nil || w.state.Keys[write.Key].Credential.Issuer != houseOf(r).issuing {
		return failed(http.StatusNotFound, "not-found", "key")
	}
	key := w.state.Keys[write.Key]
	answer := map[string]any{"key_id": key.ID, "state": key.State}
	if key.Credential.Serial != "" {
		status, err := w.keyCertificateStatus(key)
		if err != nil {
			return failed(http.StatusInternalServerError, "internal", err.Error())
		}
		answer["serial"], answer["status"] = key.Credential.Serial, status
	}
	return jsonAnswer{http.StatusOK, answer}
}

// issueRequest is the body of the issue call.
type issueRequest struct {
	RequestID string `json:"request_id"`
	CSR       []byte `json:"csr"`
	Months    int    `json:"months"`
}

func (w *World) caIssue(r *http.Request, body []byte) jsonAnswer {
	var req issueRequest
	if err := decodeStrictly(body, &req); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	csr, err := x509.ParseCertificateRequest(req.CSR)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return failed(http.StatusBadRequest, "invalid", "the CSR: "+err.Error())
	}
	var (
		key     *caKey
		refusal *jsonAnswer
		done    bool
	)
	w.locked(func() {
		key, refusal = w.issuable(houseOf(r), req, csr)
		done = refusal == nil && key.Credential.Serial != ""
	})
	switch {
	case refusal != nil:
		return *refusal
	case done:
		return w.issuedAnswer(key)
	}
	if err := w.issueFor(key, req, csr); err != nil {
		return failed(http.StatusInternalServerError, "internal", err.Error())
	}
	return w.issuedAnswer(key)
}

// issuable finds the key of a CSR. refusal says why there is no certificate for it, or not yet; a key that has one
// keeps it, whatever is asked. The caller holds w.mu.
func (w *World) issuable(h house, req issueRequest, csr *x509.CertificateRequest) (key *caKey, refusal *jsonAnswer) {
	refuse := func(a jsonAnswer) (*caKey, *jsonAnswer) { return nil, &a }
	user := bareUID(csr)
	for _, id := range w.state.Enrolled[user] {
		if one := w.state.Keys[id]; one.Credential.Issuer == h.issuing && bytes.Equal(one.Public, csr.RawSubjectPublicKeyInfo) {
			key = w.state.Keys[id]
		}
	}
	knobs := w.knobs(user)
	switch {
	case knobs.IssueFails == "500":
		return refuse(failed(http.StatusInternalServerError, "internal", "issue_fails"))
	case key == nil:
		return refuse(failed(http.StatusUnprocessableEntity, "refused", "the CSR is of no key of its subject's here"))
	case len(csr.Subject.Country) != 1 || csr.Subject.Country[0] != "VN" || csr.Subject.CommonName == "":
		return refuse(failed(http.StatusUnprocessableEntity, "refused", "the subject"))
	case req.Months < 1 || req.Months > maxMonths:
		return refuse(failed(http.StatusUnprocessableEntity, "refused", fmt.Sprintf("months has to be 1 to %d", maxMonths)))
	}
	write, refusal := w.write(callCAIssue, req.RequestID, req)
	switch {
	case refusal != nil:
		return nil, refusal
	case key.Credential.Serial != "":
		return key, nil
	case knobs.IssueFails == "refused":
		return refuse(failed(http.StatusUnprocessableEntity, "refused", "issue_fails"))
	case key.State == keyDisabled:
		return refuse(failed(http.StatusConflict, "conflict", "the key is disabled"))
	case w.now().Before(write.At.Add(seconds(knobs.IssueAfterSeconds))):
		return refuse(jsonAnswer{http.StatusAccepted, map[string]string{"state": "pending"}})
	}
	return key, nil
}

// issueFor certifies a key. Of racing calls the first wins.
func (w *World) issueFor(key *caKey, req issueRequest, csr *x509.CertificateRequest) error {
	issuer, err := w.authority(key.Credential.Issuer)
	if err != nil {
		return err
	}
	template, err := w.template(csr.PublicKey, 0, time.Hour)
	if err != nil {
		return err
	}
	template.NotAfter = template.NotBefore.AddDate(0, req.Months, 0)
	template.RawSubject = csr.RawSubject
	template.EmailAddresses = csr.EmailAddresses
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	template.PolicyIdentifiers = []asn1.ObjectIdentifier{oidCertificatePolicy}
	w.addAddresses(template, key.Credential.Issuer)
	public := csr.PublicKey
	if bend := bends[w.Knobs(key.User).IssueBent]; bend != nil {
		if public, err = bend(w, template, csr.PublicKey); err != nil {
			return err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, public, issuer.key)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if key.Credential.Serial != "" {
		return nil
	}
	serial := serialHex(template.SerialNumber)
	key.Credential.Serial, key.Credential.Cert = serial, der
	w.state.Issued[serial] = &issued{Issuer: key.Credential.Issuer, User: key.User, Key: key.ID}
	w.record(Effect{Kind: EffectIssue, Key: req.RequestID, User: key.User, Detail: serial})
	w.record(Effect{Kind: EffectCertificate, Key: serial, User: key.User, Detail: "issued"})
	return nil
}

func (w *World) issuedAnswer(key *caKey) jsonAnswer {
	chain := [][]byte{}
	for _, role := range []string{key.Credential.Issuer, ofIssuing(key.Credential.Issuer).root} {
		a, err := w.authority(role)
		if err != nil {
			return failed(http.StatusInternalServerError, "internal", err.Error())
		}
		chain = append(chain, a.cert.Raw)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return jsonAnswer{http.StatusOK, map[string]any{"state": "issued", "certificate": key.Credential.Cert, "chain": chain}}
}

func (w *World) caRevoke(r *http.Request, body []byte) jsonAnswer {
	serial := strings.ToLower(r.PathValue("serial"))
	var req struct {
		RequestID string `json:"request_id"`
		Reason    int    `json:"reason"`
	}
	if err := decodeStrictly(body, &req); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if err := checkReason(req.Reason); err != nil {
		return failed(http.StatusBadRequest, "invalid", err.Error())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	record := w.state.Issued[serial]
	if record == nil || record.Key == "" || record.Issuer != houseOf(r).issuing {
		return failed(http.StatusNotFound, "not-found", "certificate")
	}
	if _, refusal := w.write(callCARevoke, req.RequestID, []any{serial, req}); refusal != nil {
		return *refusal
	}
	now := w.now()
	if record.Revoked == nil || record.Revoked.Reason == reasonHold || record.Revoked.At.After(now) {
		record.Revoked = &revocation{At: now, Reason: req.Reason}
		w.record(Effect{Kind: EffectRevoke, Key: serial, User: record.User, Detail: req.RequestID})
		w.record(Effect{Kind: EffectCertificate, Key: serial, User: record.User, Detail: "revoked"})
	}
	w.setKeyState(w.state.Keys[record.Key], keyDisabled)
	return jsonAnswer{http.StatusOK, map[string]any{"state": "revoked", "revoked_at": record.Revoked.At}}
}
