package revocation

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"

	"golang.org/x/crypto/ocsp"

	"kyso/internal/finding"
	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// ocsp asks one responder. No nonce is sent: public responders answer from prepared answers (RFC 5019) and leave
// it out, so it could not be demanded, and what guards against replay is nextUpdate.
func (s *Client) ocsp(ctx context.Context, address string, cert, ca *x509.Certificate) (signing.Revocation, error) {
	query, err := ocsp.CreateRequest(cert, ca, nil) // SHA-1 names the issuer: the one hash that every responder knows
	if err != nil {
		return signing.Revocation{}, err
	}
	r, err := s.fetch(ctx, address, party.Call{
		Timeout: s.Timeout, ContentType: "application/ocsp-request", Accept: "application/ocsp-response", Body: query,
	})
	if err != nil {
		return signing.Revocation{}, err
	}
	answer, err := ocsp.ParseResponseForCert(r.Body, cert, nil)
	if err != nil {
		return signing.Revocation{}, finding.Wrap(problem.New(problem.ProviderUnavailable, "%v", err), ocspUnreadable.Say())
	}
	if err := s.checkOCSP(answer, cert, ca); err != nil {
		return signing.Revocation{}, problem.Wrap(problem.ProviderUnavailable, err, "the answer cannot be used")
	}
	found := signing.Revocation{State: signing.RevocationGood}
	if answer.Status == ocsp.Revoked {
		found = revoked(answer.RevocationReason, answer.RevokedAt)
	}
	found.ThisUpdate, found.NextUpdate, found.OCSP = answer.ThisUpdate.UTC(), answer.NextUpdate.UTC(), answer.Raw
	if answer.NextUpdate.IsZero() {
		found.NextUpdate = answer.NextUpdate
	}
	return found, nil
}

// checkOCSP makes the checks of RFC 6960 §3.2 that the parser leaves to its caller.
func (s *Client) checkOCSP(answer *ocsp.Response, cert, ca *x509.Certificate) error {
	if answer.Status == ocsp.Unknown {
		return ocspUnknown.Err()
	}
	if err := s.checkResponder(answer, ca); err != nil {
		return err
	}
	if !speaksOf(answer.TBSResponseData, cert, ca) {
		return ocspIssuer.Err()
	}
	return s.fresh(answer.ThisUpdate, answer.NextUpdate)
}

// checkResponder accepts the issuer itself, or a certificate that the issuer made for OCSP (RFC 6960 §4.2.2.2).
// Whether that certificate was revoked is not asked: it carries ocsp-nocheck or lives shortly.
func (s *Client) checkResponder(answer *ocsp.Response, ca *x509.Certificate) error {
	responder := answer.Certificate
	if responder == nil || bytes.Equal(responder.Raw, ca.Raw) {
		if err := answer.CheckSignatureFrom(ca); err != nil {
			return ocspSignature.Err()
		}
		return nil
	}
	if err := issued(responder, ca); err != nil {
		return responderAppointed.Err()
	}
	if !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return responderUse.Err()
	}
	if now := party.Now(s.Clock); now.Before(responder.NotBefore.Add(-clockSkew)) || now.After(responder.NotAfter) {
		return responderValid.Err()
	}
	return nil
}

type ocspCertID struct {
	Hash       pkix.AlgorithmIdentifier
	IssuerName []byte
	IssuerKey  []byte
	Serial     *big.Int
}

// speaksOf reports whether the answer that the parser picked, the first with the serial, names our issuer too:
// x/crypto/ocsp compares serials only, and one responder may serve several issuers.
func speaksOf(tbs []byte, cert, ca *x509.Certificate) bool {
	var data struct {
		Version    int `asn1:"optional,default:0,explicit,tag:0"`
		Responder  asn1.RawValue
		ProducedAt asn1.RawValue
		Responses  []struct{ ID ocspCertID }
	}
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if party.ReadDER(tbs, &data) != nil || party.ReadDER(ca.RawSubjectPublicKeyInfo, &key) != nil {
		return false
	}
	for _, single := range data.Responses {
		if single.ID.Serial.Cmp(cert.SerialNumber) != 0 {
			continue
		}
		hash, ok := party.HashOf(single.ID.Hash.Algorithm)
		if single.ID.Hash.Algorithm.Equal(oidSHA1) {
			hash, ok = crypto.SHA1, true
		}
		return ok && bytes.Equal(single.ID.IssuerName, sum(hash, ca.RawSubject)) &&
			bytes.Equal(single.ID.IssuerKey, sum(hash, key.Key.RightAlign()))
	}
	return false
}

var oidSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}
