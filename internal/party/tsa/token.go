package tsa

import (
	"bytes"
	"crypto"
	"crypto/sha1" // ESS signing-certificate v1 names certificates by SHA-1; nothing is signed with it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"kyso/internal/party"
)

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}

	oidPSS         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidRSAPrefix   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}
	oidECDSAPrefix = asn1.ObjectIdentifier{1, 2, 840, 10045, 4}
)

type cmsContentInfo struct {
	Type    asn1.ObjectIdentifier
	Content cmsSignedData `asn1:"explicit,tag:0"`
}

type cmsSignedData struct {
	Version      int
	Digests      asn1.RawValue // SET OF AlgorithmIdentifier
	Content      cmsEncapsulated
	Certificates asn1.RawValue   `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue   `asn1:"optional,tag:1"`
	Signers      []cmsSignerInfo `asn1:"set"`
}

type cmsEncapsulated struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,optional,tag:0"`
}

type cmsSignerInfo struct {
	Version   int
	SID       asn1.RawValue // IssuerAndSerialNumber or [0] SubjectKeyIdentifier
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type cmsAttribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type tstInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  tspImprint
	Serial   *big.Int
	GenTime  time.Time `asn1:"generalized"`
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool            `asn1:"optional"`
	Nonce      *big.Int        `asn1:"optional"`
	TSA        asn1.RawValue   `asn1:"optional,tag:0"`
	Extensions []asn1.RawValue `asn1:"optional,tag:1"`
}

// checkToken checks that a token answers this request (RFC 3161 §2.4.2) and that its signature holds.
func checkToken(token []byte, digest [32]byte, nonce *big.Int, policy asn1.ObjectIdentifier) error {
	var cms cmsContentInfo
	if err := party.ReadDER(token, &cms); err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	if !cms.Type.Equal(oidSignedData) || !cms.Content.Content.Type.Equal(oidTSTInfo) {
		return errors.New("it is not a signed TSTInfo")
	}
	var info tstInfo
	if err := party.ReadDER(cms.Content.Content.Content, &info); err != nil {
		return fmt.Errorf("reading TSTInfo: %w", err)
	}
	switch {
	case info.Version != 1:
		return fmt.Errorf("TSTInfo has version %d", info.Version)
	case !info.Imprint.Hash.Algorithm.Equal(party.OIDSHA256) || !bytes.Equal(info.Imprint.Digest, digest[:]):
		return errors.New("it stamps another digest")
	case info.Nonce == nil || info.Nonce.Cmp(nonce) != 0:
		return errors.New("its nonce is not ours")
	case policy != nil && !info.Policy.Equal(policy):
		return errors.New("it was made under another policy")
	}
	signer, err := checkSignedData(cms.Content)
	if err != nil {
		return err
	}
	return checkStamper(signer, info.GenTime)
}

// checkStamper checks the certificate of the authority as RFC 3161 §2.3 has it: made for time-stamps and for
// nothing else, in a critical extension. Verifiers such as OpenSSL refuse tokens of any other.
func checkStamper(cert *x509.Certificate, at time.Time) error {
	if at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
		return errors.New("the authority's certificate was not valid at the stamped time")
	}
	if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(cert.UnknownExtKeyUsage) != 0 {
		return errors.New("the authority's certificate is not one for time-stamps")
	}
	for _, extension := range cert.Extensions {
		if extension.Id.Equal(oidExtKeyUsage) && extension.Critical {
			return nil
		}
	}
	return errors.New("the authority's certificate does not mark its purpose as critical")
}

// readableCertificates parses the certificates of a SignedData one by one: one that cannot be read does not hide the others.
func readableCertificates(der []byte) (list []*x509.Certificate) {
	for len(der) > 0 {
		var one asn1.RawValue
		rest, err := asn1.Unmarshal(der, &one)
		if err != nil {
			break
		}
		if cert, err := x509.ParseCertificate(one.FullBytes); err == nil {
			list = append(list, cert)
		}
		der = rest
	}
	return list
}

// checkSignedData verifies the one signature of a SignedData with the certificate that it names (RFC 5652 §5.4)
// and returns that certificate.
func checkSignedData(data cmsSignedData) (*x509.Certificate, error) {
	if len(data.Signers) != 1 {
		return nil, fmt.Errorf("it has %d signatures", len(data.Signers))
	}
	info := data.Signers[0]
	signer := findSigner(info.SID, readableCertificates(data.Certificates.Bytes))
	if signer == nil {
		return nil, errors.New("the authority's certificate is not in it")
	}
	hash, ok := party.HashOf(info.Digest.Algorithm)
	if !ok {
		return nil, errors.New("its digest algorithm is not of the SHA-2 family")
	}
	attributes, err := readAttributes(info.Signed)
	if err != nil {
		return nil, fmt.Errorf("reading its signed attributes: %w", err)
	}
	if err := checkAttributes(attributes, hash, data.Content, signer); err != nil {
		return nil, err
	}
	algorithm := signatureAlgorithm(info.Algorithm, hash)
	if algorithm == x509.UnknownSignatureAlgorithm {
		return nil, errors.New("its signature algorithm is not supported")
	}
	// The signature covers the attributes with the tag of a SET, not with the [0] they are carried under.
	signed := bytes.Clone(info.Signed.FullBytes)
	signed[0] = 0x31
	if err := signer.CheckSignature(algorithm, signed, info.Signature); err != nil {
		return nil, errors.New("its signature does not verify")
	}
	return signer, nil
}

func findSigner(sid asn1.RawValue, certificates []*x509.Certificate) *x509.Certificate {
	var named struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	byKey := sid.Class == asn1.ClassContextSpecific && sid.Tag == 0
	if !byKey && party.ReadDER(sid.FullBytes, &named) != nil {
		return nil
	}
	for _, cert := range certificates {
		if byKey && len(sid.Bytes) > 0 && bytes.Equal(cert.SubjectKeyId, sid.Bytes) {
			return cert
		}
		if !byKey && cert.SerialNumber.Cmp(named.Serial) == 0 && bytes.Equal(cert.RawIssuer, named.Issuer.FullBytes) {
			return cert
		}
	}
	return nil
}

func readAttributes(raw asn1.RawValue) ([]cmsAttribute, error) {
	if len(raw.Bytes) == 0 {
		return nil, errors.New("there are none")
	}
	var list []cmsAttribute
	for rest := raw.Bytes; len(rest) > 0; {
		var a cmsAttribute
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// only returns the single value of the single attribute of a type.
func only(list []cmsAttribute, oid asn1.ObjectIdentifier, value any) error {
	var found []byte
	for _, a := range list {
		if !a.Type.Equal(oid) {
			continue
		}
		if found != nil {
			return errors.New("a signed attribute stands twice")
		}
		found = a.Values.Bytes
	}
	if found == nil {
		return errors.New("a signed attribute is missing")
	}
	return party.ReadDER(found, value)
}

// checkAttributes checks what the signed attributes bind: content type, content, and the signer's certificate
// (ESS signing-certificate, RFC 5816), without which a token could be given to another certificate.
func checkAttributes(list []cmsAttribute, hash crypto.Hash, content cmsEncapsulated, signer *x509.Certificate) error {
	var contentType asn1.ObjectIdentifier
	if err := only(list, oidContentType, &contentType); err != nil || !contentType.Equal(content.Type) {
		return errors.New("its signed content type is wrong")
	}
	h := hash.New()
	h.Write(content.Content)
	var digest []byte
	if err := only(list, oidMessageDigest, &digest); err != nil || !bytes.Equal(digest, h.Sum(nil)) {
		return errors.New("its signed digest is not that of its content")
	}
	if !namesCertificate(list, signer) {
		return errors.New("it does not name the certificate that signed it")
	}
	return nil
}

func namesCertificate(list []cmsAttribute, signer *x509.Certificate) bool {
	var v2 struct {
		Certs []struct {
			Hash   pkix.AlgorithmIdentifier `asn1:"optional"` // SHA-256 when absent
			Digest []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if only(list, oidSigningCertV2, &v2) == nil && len(v2.Certs) > 0 {
		hash, ok := crypto.SHA256, true
		if len(v2.Certs[0].Hash.Algorithm) > 0 {
			hash, ok = party.HashOf(v2.Certs[0].Hash.Algorithm)
		}
		if !ok {
			return false
		}
		h := hash.New()
		h.Write(signer.Raw)
		return bytes.Equal(v2.Certs[0].Digest, h.Sum(nil))
	}
	var v1 struct {
		Certs []struct {
			Digest []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
		Policies asn1.RawValue `asn1:"optional"`
	}
	if only(list, oidSigningCert, &v1) != nil || len(v1.Certs) == 0 {
		return false
	}
	sum := sha1.Sum(signer.Raw)
	return bytes.Equal(v1.Certs[0].Digest, sum[:])
}

// signatureAlgorithm joins the key's algorithm with the digest: CMS writers name either rsaEncryption or
// sha256WithRSAEncryption and have one meaning.
func signatureAlgorithm(id pkix.AlgorithmIdentifier, hash crypto.Hash) x509.SignatureAlgorithm {
	pick := func(sha256, sha384, sha512 x509.SignatureAlgorithm) x509.SignatureAlgorithm {
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: sha256, crypto.SHA384: sha384, crypto.SHA512: sha512}[hash]
	}
	switch {
	case id.Algorithm.Equal(oidPSS):
		return pick(x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS)
	case hasPrefix(id.Algorithm, oidRSAPrefix):
		return pick(x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA)
	case hasPrefix(id.Algorithm, oidECDSAPrefix):
		return pick(x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512)
	}
	return x509.UnknownSignatureAlgorithm
}

func hasPrefix(oid, prefix asn1.ObjectIdentifier) bool {
	return len(oid) > len(prefix) && oid[:len(prefix)].Equal(prefix)
}
