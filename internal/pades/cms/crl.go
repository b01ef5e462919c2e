package cms

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidDeltaCRL   = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingDP  = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidEntryCause = asn1.ObjectIdentifier{2, 5, 29, 21}
)

// ParseCRL reads a CertificateList.
func ParseCRL(der []byte) (*x509.RevocationList, error) {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("reading CRL: %w", err)
	}
	return crl, nil
}

// CRLStatus returns what a CRL says of cert. The CRL must be a complete one signed by issuer and its scope must
// take cert in (RFC 5280 §6.3.3); delta and indirect CRLs are not used.
func CRLStatus(crl *x509.RevocationList, cert, issuer *x509.Certificate) (*Status, error) {
	if !bytes.Equal(crl.RawIssuer, cert.RawIssuer) || !bytes.Equal(crl.RawIssuer, issuer.RawSubject) {
		return nil, errors.New("CRL is of another issuer")
	}
	if err := checkScope(crl, cert); err != nil {
		return nil, err
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("verifying CRL: %w", err)
	}
	st := &Status{State: StateGood, ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate}
	for i := range crl.RevokedCertificateEntries {
		entry := &crl.RevokedCertificateEntries[i]
		if entry.SerialNumber.Cmp(cert.SerialNumber) != 0 {
			continue
		}
		for _, ext := range entry.Extensions {
			if ext.Critical && !ext.Id.Equal(oidEntryCause) {
				return nil, fmt.Errorf("CRL entry has unknown critical extension %v", ext.Id)
			}
		}
		st.State, st.RevokedAt, st.Reason = StateRevoked, entry.RevocationTime, entry.ReasonCode
	}
	return st, nil
}

func checkScope(crl *x509.RevocationList, cert *x509.Certificate) error {
	for _, ext := range crl.Extensions {
		switch {
		case ext.Id.Equal(oidDeltaCRL):
			return errors.New("delta CRLs are not used")
		case ext.Id.Equal(oidIssuingDP):
			if err := checkIssuingDistributionPoint(ext.Value, cert); err != nil {
				return err
			}
		case ext.Critical:
			return fmt.Errorf("CRL has unknown critical extension %v", ext.Id)
		}
	}
	return nil
}

// checkIssuingDistributionPoint checks the scope of RFC 5280 §5.2.5 against cert.
func checkIssuingDistributionPoint(der []byte, cert *x509.Certificate) error {
	in := cryptobyte.String(der)
	var body, name cryptobyte.String
	var hasName bool
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadOptionalASN1(&name, &hasName, explicitTag(0)) {
		return errors.New("malformed issuing distribution point")
	}
	flag := func(n uint8) bool {
		var value cryptobyte.String
		var present bool
		tag := cbasn1.Tag(n).ContextSpecific()
		return body.ReadOptionalASN1(&value, &present, tag) && present && len(value) == 1 && value[0] != 0
	}
	users, authorities, someReasons := flag(1), flag(2), body.PeekASN1Tag(cbasn1.Tag(3).ContextSpecific())
	if users && cert.IsCA || authorities && !cert.IsCA || someReasons || flag(4) || flag(5) || !body.Empty() {
		return errors.New("CRL does not cover this kind of certificate")
	}
	if hasName && !sharesPoint(name, cert.CRLDistributionPoints) {
		return errors.New("CRL is of another distribution point")
	}
	return nil
}

// sharesPoint reports whether a URI of the CRL's distribution point is among those of the certificate. A CA that
// splits its list into parts tells them apart by this.
func sharesPoint(name cryptobyte.String, points []string) bool {
	var full cryptobyte.String
	if !name.ReadASN1(&full, explicitTag(0)) {
		return false
	}
	for !full.Empty() {
		var general cryptobyte.String
		var tag cbasn1.Tag
		if !full.ReadAnyASN1(&general, &tag) {
			return false
		}
		if tag == cbasn1.Tag(6).ContextSpecific() && slices.Contains(points, string(general)) {
			return true
		}
	}
	return false
}

// rejectCritical reads optional Extensions under an explicit tag. None is known to this package, so a critical one
// is an error.
func rejectCritical(in cryptobyte.String, tag cbasn1.Tag) error {
	var wrapped, list cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&wrapped, &present, tag) || !in.Empty() {
		return errors.New("malformed extensions")
	}
	if !present {
		return nil
	}
	if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return errors.New("malformed extensions")
	}
	for !list.Empty() {
		ext, err := readExtension(&list)
		if err != nil {
			return err
		}
		if ext.Critical {
			return fmt.Errorf("critical extension %v is not known", ext.Id)
		}
	}
	return nil
}

func readExtension(in *cryptobyte.String) (pkix.Extension, error) {
	var body cryptobyte.String
	var ext pkix.Extension
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&ext.Id) ||
		body.PeekASN1Tag(cbasn1.BOOLEAN) && !body.ReadASN1Boolean(&ext.Critical) ||
		!body.ReadASN1Bytes(&ext.Value, cbasn1.OCTET_STRING) || !body.Empty() {
		return ext, errors.New("malformed extension")
	}
	return ext, nil
}
