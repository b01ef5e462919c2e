package revocation

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"net/http"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// The structures of RFC 6960. The response is encoded here rather than by golang.org/x/crypto/ocsp because that
// package takes producedAt from the machine's clock and cannot answer a nonce.
type (
	ocspRequest struct {
		TBS       ocspTBSRequest
		Signature asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	ocspTBSRequest struct {
		Version    int           `asn1:"explicit,tag:0,default:0,optional"`
		Requestor  asn1.RawValue `asn1:"explicit,tag:1,optional"`
		List       []ocspSingleRequest
		Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
	}
	ocspSingleRequest struct {
		CertID     ocspCertID
		Extensions []pkix.Extension `asn1:"explicit,tag:0,optional"`
	}
	ocspCertID struct {
		Hash          pkix.AlgorithmIdentifier
		IssuerName    []byte
		IssuerKeyHash []byte
		Serial        *big.Int
	}

	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  ocspResponseBytes `asn1:"explicit,tag:0,optional"`
	}
	ocspResponseBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	ocspBasicResponse struct {
		TBS          asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0"`
	}
	ocspResponseData struct {
		ResponderID asn1.RawValue
		ProducedAt  time.Time `asn1:"generalized"`
		Responses   []ocspSingleResponse
		Extensions  []pkix.Extension `asn1:"explicit,tag:1,optional,omitempty"`
	}
	ocspSingleResponse struct {
		CertID     ocspCertID
		Status     asn1.RawValue
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized,explicit,tag:0"`
	}
	ocspRevokedInfo struct {
		At     time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,tag:0"`
	}
)

var (
	oidOCSPBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidOCSPNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidSHA1      = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

// OCSP response statuses without content (RFC 6960 section 4.2.1).
const (
	ocspMalformed    = 1
	ocspInternal     = 2
	ocspUnauthorized = 6
)

const ocspLife = 12 * time.Hour

var errUnknownIssuer = errors.New("no responder for this issuer")

// serveOCSP answers POST with the request as body and GET with it as base64 in the path (RFC 6960 appendix A).
func (s *Responder) serveOCSP(rw http.ResponseWriter, r *http.Request) {
	mode := s.settings().OCSP
	if mode == "down" {
		http.Error(rw, "OCSP responder is down", http.StatusServiceUnavailable)
		return
	}
	if s.k.FailsBefore(name, rw, r) {
		return
	}
	der, err := readOCSP(rw, r)
	answer := []byte(nil)
	if err == nil {
		answer, err = s.answerOCSP(der, mode)
	}
	if err != nil {
		answer = ocspFailure(err)
	}
	rw.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = rw.Write(answer) // the client is gone; nothing to do about it
}

var errMalformed = errors.New("malformed request")

func readOCSP(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	var der []byte
	var err error
	if r.Method == http.MethodPost {
		der, err = io.ReadAll(http.MaxBytesReader(rw, r.Body, 64<<10))
	} else {
		der, err = base64.StdEncoding.DecodeString(r.PathValue("request"))
	}
	if err != nil {
		return nil, errMalformed
	}
	return der, nil
}

func ocspFailure(err error) []byte {
	status := asn1.Enumerated(ocspInternal)
	switch {
	case errors.Is(err, errMalformed):
		status = ocspMalformed
	case errors.Is(err, errUnknownIssuer):
		status = ocspUnauthorized
	}
	der, err := asn1.Marshal(struct{ Status asn1.Enumerated }{status})
	if err != nil {
		panic(err) // fixed content always encodes
	}
	return der
}

func (s *Responder) answerOCSP(der []byte, mode string) ([]byte, error) {
	var req ocspRequest
	if rest, err := asn1.Unmarshal(der, &req); err != nil || len(rest) > 0 || len(req.TBS.List) == 0 {
		return nil, errMalformed
	}
	if mode == "unauthorized" {
		return nil, errUnknownIssuer
	}
	now := s.k.Now().Truncate(time.Second)
	from, until := now, now.Add(ocspLife)
	if mode == "stale" {
		from, until = now.Add(-10*24*time.Hour), now.Add(-3*24*time.Hour)
	}
	data := ocspResponseData{ProducedAt: from}
	issuer := ""
	for _, single := range req.TBS.List {
		role, err := s.issuerOf(single.CertID)
		if err != nil {
			return nil, err
		}
		if issuer != "" && issuer != role { // one responder signs for one issuer
			return nil, errUnknownIssuer
		}
		issuer = role
		status, word, err := s.ocspStatus(role, single.CertID.Serial, now)
		if err != nil {
			return nil, err
		}
		s.k.Record(kernel.Effect{Kind: kernel.EffectOCSP, Key: pki.SerialHex(single.CertID.Serial), Detail: word})
		data.Responses = append(data.Responses, ocspSingleResponse{single.CertID, status, from, until})
	}
	for _, e := range req.TBS.Extensions {
		if e.Id.Equal(oidOCSPNonce) {
			data.Extensions = []pkix.Extension{{Id: e.Id, Value: e.Value}}
		}
	}
	responder, err := s.pki.Authority(pki.Responders[issuer])
	if err != nil {
		return nil, err
	}
	return signOCSP(responder, data, mode == "bad-signature")
}

// issuerOf finds which of our issuers a CertID speaks of.
func (s *Responder) issuerOf(id ocspCertID) (string, error) {
	var h hash.Hash
	switch {
	case id.Hash.Algorithm.Equal(oidSHA1):
		h = sha1.New()
	case id.Hash.Algorithm.Equal(pki.OIDSHA256):
		h = sha256.New()
	default:
		return "", errUnknownIssuer
	}
	for role := range pki.Responders {
		if !s.pki.Made(role) {
			continue
		}
		a, err := s.pki.Authority(role)
		if err != nil {
			return "", err
		}
		key, err := publicKeyBits(a.Cert)
		if err != nil {
			return "", err
		}
		h.Reset()
		h.Write(key)
		keyHash := h.Sum(nil)
		h.Reset()
		h.Write(a.Cert.RawSubject)
		if bytes.Equal(keyHash, id.IssuerKeyHash) && bytes.Equal(h.Sum(nil), id.IssuerName) {
			return role, nil
		}
	}
	return "", errUnknownIssuer
}

// publicKeyBits is the content of the subjectPublicKey BIT STRING, which OCSP and key identifiers hash.
func publicKeyBits(cert *x509.Certificate) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil, fmt.Errorf("reading a public key: %w", err)
	}
	return info.Key.Bytes, nil
}

// ocspStatus is the CertStatus of a serial number, and a word for the ledger.
func (s *Responder) ocspStatus(issuer string, serial *big.Int, now time.Time) (asn1.RawValue, string, error) {
	record, known := s.pki.Record(pki.SerialHex(serial))
	switch {
	case !known || record.Issuer != issuer:
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}, "unknown", nil
	case !record.RevokedAt(now):
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}, "good", nil
	}
	der, err := asn1.MarshalWithParams(ocspRevokedInfo{record.Revoked.At.UTC(), asn1.Enumerated(record.Revoked.Reason)}, "tag:1")
	return asn1.RawValue{FullBytes: der}, "revoked", err
}

func signOCSP(responder *pki.Authority, data ocspResponseData, spoil bool) ([]byte, error) {
	key, err := publicKeyBits(responder.Cert)
	if err != nil {
		return nil, err
	}
	keyHash := sha1.Sum(key)
	inner, err := asn1.Marshal(keyHash[:])
	if err != nil {
		return nil, err
	}
	data.ResponderID = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: inner}
	tbs, err := asn1.Marshal(data)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(tbs)
	signature, err := responder.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if spoil {
		signature[len(signature)-1] ^= 1
	}
	basic, err := asn1.Marshal(ocspBasicResponse{
		TBS: asn1.RawValue{FullBytes: tbs}, Algorithm: pki.AlgorithmRSAWithHash,
		Signature:    asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
		Certificates: []asn1.RawValue{{FullBytes: responder.Cert.Raw}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(ocspResponse{Bytes: ocspResponseBytes{oidOCSPBasic, basic}})
}
