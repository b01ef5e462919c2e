// Package ca is the client of a certification authority and its key service.
package ca

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

const (
	who      = "the CA"
	keyRSA   = "rsa-2048"
	keyBits  = 2048
	maxChain = 10
)

// Client is a certification authority and its key service, on the wire of docs/wires.md. It implements registration.CA.
//
// Besides the port's codes every call may return problem.Conflict, for HTTP 409: the state does not allow it, or the
// request id was used for something else.
type Client struct {
	BaseURL string           // in front of /ca/v1
	Key     string           // bearer
	HTTP    *http.Client     // nil means a plain one
	Timeout time.Duration    // 0 means 15 s
	Clock   func() time.Time // nil means time.Now; only for Retry-After dates
}

var (
	_ registration.CA   = (*Client)(nil)
	_ registration.Keys = (*Client)(nil)
)

// HasActive implements registration.CA.
func (c *Client) HasActive(ctx context.Context, idNumber string) (bool, error) {
	var answer struct {
		Certificates []struct {
			Status string `json:"status"`
		} `json:"certificates"`
	}
	body := map[string]string{"id_number": idNumber}
	if err := c.post(ctx, "/certificates/search", body, &answer); err != nil {
		return false, fmt.Errorf("searching for certificates: %w", err)
	}
	if answer.Certificates == nil {
		return false, senseless("searching for certificates", "it has no list")
	}
	active := false
	for _, found := range answer.Certificates {
		switch found.Status {
		case "active":
			active = true
		case "inactive", "revoked", "expired":
		default:
			return false, senseless("searching for certificates", "a status is not known")
		}
	}
	return active, nil
}

// CreateKey implements registration.CA. The key must be RSA of 2048 bits or more, as asked for.
func (c *Client) CreateKey(ctx context.Context, requestID, idNumber string) (registration.Key, error) {
	body := struct {
		RequestID string `json:"request_id"`
		IDNumber  string `json:"id_number"`
		Algorithm string `json:"algorithm"`
	}{requestID, idNumber, keyRSA}
	var answer struct {
		KeyID     string `json:"key_id"`
		PublicKey []byte `json:"public_key"`
	}
	if err := c.post(ctx, "/keys", body, &answer); err != nil {
		return registration.Key{}, fmt.Errorf("making a key: %w", err)
	}
	if !keyIDForm.MatchString(answer.KeyID) {
		return registration.Key{}, senseless("making a key", "it names no key")
	}
	public, err := x509.ParsePKIXPublicKey(answer.PublicKey)
	if key, ok := public.(*rsa.PublicKey); err != nil || !ok || key.N.BitLen() < keyBits {
		return registration.Key{}, senseless("making a key", "the public key is not "+keyRSA)
	}
	return registration.Key{ID: answer.KeyID, PublicKey: answer.PublicKey}, nil
}

// CSR implements registration.CA. The request must be signed by the key in it and be for the subject. That this is the
// key that was made is for the caller to see, who has it on record.
func (c *Client) CSR(ctx context.Context, keyID string, subject registration.Subject) ([]byte, error) {
	type wireSubject struct {
		CommonName string `json:"common_name"`
		UID        string `json:"uid"`
		Province   string `json:"province"`
		Locality   string `json:"locality"`
		Email      string `json:"email,omitempty"`
	}
	body := map[string]wireSubject{"subject": {subject.CommonName, subject.UID, subject.Province, subject.Locality, subject.Email}}
	var answer struct {
		CSR []byte `json:"csr"`
	}
	if err := c.onKey(ctx, http.MethodPost, keyID, "/csr", body, &answer); err != nil {
		return nil, fmt.Errorf("making a certificate request: %w", err)
	}
	request, err := x509.ParseCertificateRequest(answer.CSR)
	switch {
	case err != nil:
		return nil, senseless("making a certificate request", "it is not PKCS #10")
	case request.CheckSignature() != nil:
		return nil, senseless("making a certificate request", "its signature does not verify")
	case !sameSubject(request, subject):
		return nil, senseless("making a certificate request", "it is for another person")
	}
	return answer.CSR, nil
}

const (
	oidCommonName = "2.5.4.3"
	oidUserID     = "0.9.2342.19200300.100.1.1"
)

// sameSubject compares the two attributes that say who the owner is.
func sameSubject(request *x509.CertificateRequest, want registration.Subject) bool {
	names := map[string]string{}
	for _, n := range request.Subject.Names {
		if value, ok := n.Value.(string); ok {
			names[n.Type.String()] = norm.NFC.String(value)
		}
	}
	return names[oidCommonName] == norm.NFC.String(want.CommonName) && names[oidUserID] == want.UID
}

// Issue implements registration.CA. That the certificate is for the right key and person is for the caller to see: one
// that is not has to be known all the same, to be revoked.
func (c *Client) Issue(ctx context.Context, requestID string, csr []byte, months int) (registration.Issuance, error) {
	body := struct {
		RequestID string `json:"request_id"`
		CSR       []byte `json:"csr"`
		Months    int    `json:"months"`
	}{requestID, csr, months}
	var answer struct {
		State       string   `json:"state"`
		Certificate []byte   `json:"certificate"`
		Chain       [][]byte `json:"chain"`
	}
	if err := c.post(ctx, "/certificates", body, &answer); err != nil {
		return registration.Issuance{}, fmt.Errorf("asking for a certificate: %w", err)
	}
	switch answer.State {
	case "pending":
		return registration.Issuance{Pending: true}, nil
	case "issued":
	default:
		return registration.Issuance{}, senseless("asking for a certificate", "the state is not known")
	}
	if len(answer.Chain) > maxChain {
		return registration.Issuance{}, senseless("asking for a certificate", "the chain is too long")
	}
	for _, der := range append([][]byte{answer.Certificate}, answer.Chain...) {
		if _, err := x509.ParseCertificate(der); err != nil {
			return registration.Issuance{}, senseless("asking for a certificate", "a certificate cannot be read")
		}
	}
	return registration.Issuance{Certificate: answer.Certificate, Chain: answer.Chain}, nil
}

// Revoke implements registration.CA.
func (c *Client) Revoke(ctx context.Context, requestID, serial string, reason int) error {
	serial = strings.ToLower(serial)
	if !serialForm.MatchString(serial) {
		return problem.New(problem.Invalid, "revoking a certificate: the serial number is not hex")
	}
	body := struct {
		RequestID string `json:"request_id"`
		Reason    int    `json:"reason"`
	}{requestID, reason}
	var answer stateAnswer
	if err := c.post(ctx, "/certificates/"+serial+"/revoke", body, &answer); err != nil {
		return fmt.Errorf("revoking a certificate: %w", err)
	}
	if answer.State != "revoked" {
		return senseless("revoking a certificate", "it does not say revoked")
	}
	return nil
}

// Install implements registration.CA.
func (c *Client) Install(ctx context.Context, keyID string, certificate []byte) error {
	return c.step(ctx, "installing a certificate", keyID, "/install", map[string][]byte{"certificate": certificate},
		registration.KeyInstalled, registration.KeyAwaitingPIN, registration.KeyPINSet, registration.KeyActive, registration.KeyLocked)
}

// StartActivation implements registration.CA.
func (c *Client) StartActivation(ctx context.Context, keyID string) error {
	return c.step(ctx, "starting the activation", keyID, "/start-activation", struct{}{},
		registration.KeyAwaitingPIN, registration.KeyPINSet, registration.KeyActive, registration.KeyLocked)
}

// Activate implements registration.CA.
func (c *Client) Activate(ctx context.Context, keyID string) error {
	return c.step(ctx, "activating a key", keyID, "/activate", struct{}{}, registration.KeyActive)
}

// DestroyKey implements registration.CA. It is problem.Conflict while the key's certificate is not revoked.
func (c *Client) DestroyKey(ctx context.Context, keyID string) error {
	return c.step(ctx, "destroying a key", keyID, "/destroy", struct{}{}, registration.KeyDisabled)
}

var keyStates = []registration.KeyState{registration.KeyCreated, registration.KeyInstalled, registration.KeyAwaitingPIN,
	registration.KeyPINSet, registration.KeyActive, registration.KeyLocked, registration.KeyDisabled}

// KeyState implements registration.CA.
func (c *Client) KeyState(ctx context.Context, keyID string) (registration.KeyState, error) {
	var answer stateAnswer
	if err := c.onKey(ctx, http.MethodGet, keyID, "", nil, &answer); err != nil {
		return "", fmt.Errorf("asking for a key: %w", err)
	}
	if answer.KeyID != keyID || !slices.Contains(keyStates, answer.State) {
		return "", senseless("asking for a key", "it is of another key, or the state is not known")
	}
	return answer.State, nil
}

// FindKey implements registration.Keys.
func (c *Client) FindKey(ctx context.Context, requestID string) (registration.MadeKey, error) {
	var answer struct {
		stateAnswer
		Serial string                         `json:"serial"`
		Status registration.CertificateStatus `json:"status"`
	}
	if err := c.post(ctx, keySearch, map[string]string{"request_id": requestID}, &answer); err != nil {
		return registration.MadeKey{}, fmt.Errorf("searching for a key: %w", err)
	}
	known := answer.Serial == "" && answer.Status == registration.CertificateNone ||
		serialForm.MatchString(answer.Serial) && slices.Contains(certificateStatuses, answer.Status)
	if !keyIDForm.MatchString(answer.KeyID) || !slices.Contains(keyStates, answer.State) || !known {
		return registration.MadeKey{}, senseless("searching for a key", "it names no key, or a status is not known")
	}
	return registration.MadeKey{ID: answer.KeyID, State: answer.State, Serial: answer.Serial, Certificate: answer.Status}, nil
}

var certificateStatuses = []registration.CertificateStatus{registration.CertificateActive, registration.CertificateInactive,
	registration.CertificateRevoked, registration.CertificateExpired}

type stateAnswer struct {
	KeyID string                `json:"key_id"`
	State registration.KeyState `json:"state"`
}

// step moves a key; the answer must name one of the states that the act leads to or that come later.
func (c *Client) step(ctx context.Context, doing, keyID, act string, body any, want ...registration.KeyState) error {
	var answer stateAnswer
	if err := c.onKey(ctx, http.MethodPost, keyID, act, body, &answer); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if !slices.Contains(want, answer.State) {
		return senseless(doing, "the state is not what it should be")
	}
	return nil
}

var (
	keyIDForm  = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}$`)
	serialForm = regexp.MustCompile(`^[0-9a-f]{1,64}$`)
)

func (c *Client) onKey(ctx context.Context, method, keyID, act string, body, answer any) error {
	if !keyIDForm.MatchString(keyID) {
		return problem.New(problem.Invalid, "the id of the key is not one")
	}
	return c.ask(ctx, method, "/keys/"+url.PathEscape(keyID)+act, body, answer)
}

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	return c.ask(ctx, http.MethodPost, path, body, answer)
}

func (c *Client) ask(ctx context.Context, method, path string, body, answer any) error {
	r, err := party.Call{
		Party: who, HTTP: c.HTTP, Timeout: c.Timeout, Clock: c.Clock, Method: method,
		URL:    strings.TrimRight(c.BaseURL, "/") + "/ca/v1" + path,
		Header: http.Header{"Authorization": {"Bearer " + c.Key}},
	}.DoJSON(ctx, body)
	if err != nil {
		return err
	}
	if r.Status == http.StatusConflict {
		return problem.New(problem.Conflict, "%s: the state does not allow it, or the id was used before (HTTP 409)", who)
	}
	if path == keySearch && r.Status == http.StatusNotFound && saysNotFound(r) {
		return problem.New(problem.NotFound, "%s made no such key", who)
	}
	if err := r.Failure(who); err != nil {
		return err
	}
	return r.Read(who, answer)
}

// keySearch is the one call for which not found is an answer. It has to say so: a 404 of a wrong address is none.
const keySearch = "/keys/search"

func saysNotFound(r party.Reply) bool {
	var said struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(r.Body, &said) == nil && said.Error == "not-found"
}

// senseless is the error for an answer of good form and wrong content.
func senseless(doing, why string) error {
	return problem.New(problem.ProviderUnavailable, "%s: %s sent an answer that makes no sense: %s", doing, who, why)
}
