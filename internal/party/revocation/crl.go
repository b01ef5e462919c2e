package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"slices"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

var (
	oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidNumber       = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidAuthorityKey = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// crl answers from the newest CRL at an address.
func (s *Client) crl(ctx context.Context, address string, cert, ca *x509.Certificate) (signing.Revocation, error) {
	list, err := s.list(ctx, address, ca)
	if err != nil {
		return signing.Revocation{}, err
	}
	if err := covers(list, address, cert); err != nil {
		return signing.Revocation{}, problem.Wrap(problem.ProviderUnavailable, err, "the list cannot be used")
	}
	found := signing.Revocation{State: signing.RevocationGood}
	for i := range list.RevokedCertificateEntries {
		entry := &list.RevokedCertificateEntries[i]
		if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			found = revoked(entry.ReasonCode, entry.RevocationTime)
			break
		}
	}
	found.ThisUpdate, found.NextUpdate, found.CRL = list.ThisUpdate.UTC(), list.NextUpdate.UTC(), list.Raw
	return found, nil
}

// keptCRL is the last list that came from an address, with what the server named it by.
type keptCRL struct {
	list         *x509.RevocationList
	etag         string
	lastModified string
}

// list asks the address for its newest CRL, signed by ca and current. Circular 15/2025/TT-BKHCN (Annex II 1.2) requires
// the newest list at the time of signing, and an issuer may publish one long before the nextUpdate of the last
// (RFC 5280 §5.1.2.5). So a kept list never answers by itself: it counts when the server says, now, that it has not
// changed (RFC 9110 §13.1), and saves the download then.
func (s *Client) list(ctx context.Context, address string, ca *x509.Certificate) (*x509.RevocationList, error) {
	keySum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	key := address + "\n" + hex.EncodeToString(keySum[:])
	s.mu.Lock()
	kept := s.crls[key]
	s.mu.Unlock()
	r, err := s.fetch(ctx, address, party.Call{
		Method: http.MethodGet, Timeout: max(s.Timeout, crlTimeout), Limit: maxCRL, Accept: "application/pkix-crl",
		Header: kept.conditions(),
	})
	if err != nil {
		return nil, err
	}
	fetched, err := s.newest(r, kept, ca)
	if err != nil {
		return nil, problem.Wrap(problem.ProviderUnavailable, err, "the list cannot be used")
	}
	s.keep(key, keptCRL{fetched, r.ETag, r.LastModified})
	return fetched, nil
}

// conditions are the header fields that ask for a list only if it is another one. no-cache makes caches on the way ask
// the origin, too (RFC 9111 §5.2.1.4).
func (k keptCRL) conditions() http.Header {
	h := http.Header{"Cache-Control": {"no-cache"}}
	if k.list == nil {
		return h
	}
	if k.etag != "" {
		h.Set("If-None-Match", k.etag)
	}
	if k.lastModified != "" {
		h.Set("If-Modified-Since", k.lastModified)
	}
	return h
}

// newest reads the answer: the kept list when it is still the newest, else the one that came.
func (s *Client) newest(r party.Reply, kept keptCRL, ca *x509.Certificate) (*x509.RevocationList, error) {
	if r.Status == http.StatusNotModified || kept.list != nil && bytes.Equal(r.Body, kept.list.Raw) {
		if kept.list == nil {
			return nil, neverHad.Err()
		}
		return kept.list, s.fresh(kept.list.ThisUpdate, kept.list.NextUpdate)
	}
	fetched, err := s.readCRL(r.Body, ca)
	if err != nil {
		return nil, err
	}
	// RFC 5280 §5.2.3: numbers only grow, so a lower one is an old list played again.
	if kept.list != nil && older(fetched, kept.list) {
		return nil, olderList.Err()
	}
	return fetched, nil
}

func older(list, than *x509.RevocationList) bool {
	if list.Number != nil && than.Number != nil && list.Number.Cmp(than.Number) != 0 {
		return list.Number.Cmp(than.Number) < 0
	}
	return list.ThisUpdate.Before(than.ThisUpdate)
}

func (s *Client) keep(key string, list keptCRL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crls == nil {
		s.crls = map[string]keptCRL{}
	}
	delete(s.crls, key)
	kept := len(list.list.Raw)
	for _, other := range s.crls {
		kept += len(other.list.Raw)
	}
	if kept > maxCachedCRLs {
		clear(s.crls) // strangers' certificates can fill it; losing it costs downloads only
	}
	s.crls[key] = list
}

func (s *Client) readCRL(data []byte, ca *x509.Certificate) (*x509.RevocationList, error) {
	// RFC 5280 §4.2.1.13 requires DER; some authorities serve PEM.
	if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
		data = block.Bytes
	}
	list, err := x509.ParseRevocationList(data)
	if err != nil {
		return nil, notCRL.Err()
	}
	if !bytes.Equal(list.RawIssuer, ca.RawSubject) {
		return nil, crlIssuer.Err()
	}
	if err := list.CheckSignatureFrom(ca); err != nil {
		return nil, crlSignature.Err()
	}
	return list, s.fresh(list.ThisUpdate, list.NextUpdate)
}

// issuingPoint is RFC 5280 §5.2.5.
type issuingPoint struct {
	Point struct {
		Full     []asn1.RawValue `asn1:"optional,tag:0"`
		Relative asn1.RawValue   `asn1:"optional,tag:1"`
	} `asn1:"optional,tag:0"`
	OnlyUsers      bool           `asn1:"optional,tag:1"`
	OnlyCAs        bool           `asn1:"optional,tag:2"`
	OnlyReasons    asn1.BitString `asn1:"optional,tag:3"`
	Indirect       bool           `asn1:"optional,tag:4"`
	OnlyAttributes bool           `asn1:"optional,tag:5"`
}

// covers reports whether a list without the certificate means that it is good. A list with a critical extension
// that we do not know, such as a delta CRL, must not be used for that (RFC 5280 §5.2).
func covers(list *x509.RevocationList, address string, cert *x509.Certificate) error {
	for _, extension := range list.Extensions {
		switch {
		case extension.Id.Equal(oidIssuingPoint):
			if err := inScope(extension.Value, address, cert); err != nil {
				return err
			}
		case extension.Critical && !extension.Id.Equal(oidNumber) && !extension.Id.Equal(oidAuthorityKey):
			return crlExtension.Err()
		}
	}
	for i := range list.RevokedCertificateEntries {
		for _, extension := range list.RevokedCertificateEntries[i].Extensions {
			if extension.Critical && !extension.Id.Equal(oidReason) {
				return crlEntryExtension.Err()
			}
		}
	}
	return nil
}

var oidReason = asn1.ObjectIdentifier{2, 5, 29, 21}

func inScope(value []byte, address string, cert *x509.Certificate) error {
	var point issuingPoint
	if err := party.ReadDER(value, &point); err != nil {
		return crlScopeUnreadable.Err()
	}
	if point.Indirect || point.OnlyAttributes || point.OnlyReasons.BitLength > 0 ||
		point.OnlyUsers && cert.IsCA || point.OnlyCAs && !cert.IsCA {
		return crlScope.Err()
	}
	if len(point.Point.Relative.FullBytes) > 0 {
		return crlScopeForm.Err()
	}
	if len(point.Point.Full) == 0 {
		return nil
	}
	// The name must be one of the certificate's; otherwise the list of another shard could hide a revocation.
	for _, name := range point.Point.Full {
		uri := name.Class == asn1.ClassContextSpecific && name.Tag == 6
		if uri && (string(name.Bytes) == address || slices.Contains(cert.CRLDistributionPoints, string(name.Bytes))) {
			return nil
		}
	}
	return crlPoint.Err()
}
