package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// Object identifiers of CMS (RFC 5652) and of algorithms.
var (
	oidData              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	OIDContentType       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	OIDMessageDigest     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	OIDSigningTime       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	OIDSigningCertV2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidRSAEncryption     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAPSS            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256WithRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidECDSAWithSHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	OIDSHA256            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	OIDSHA384            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	OIDSHA512            = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	algorithmSHA256      = pkix.AlgorithmIdentifier{Algorithm: OIDSHA256, Parameters: asn1.NullRawValue}
	AlgorithmRSA         = pkix.AlgorithmIdentifier{Algorithm: oidRSAEncryption, Parameters: asn1.NullRawValue}
	AlgorithmRSAWithHash = pkix.AlgorithmIdentifier{Algorithm: oidSHA256WithRSA, Parameters: asn1.NullRawValue}
)

// SignatureAlgorithm names how a credential signs, for a SignerInfo.
func SignatureAlgorithm(scheme string) pkix.AlgorithmIdentifier {
	switch scheme {
	case "p256":
		return pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256}
	case "pss":
		return pkix.AlgorithmIdentifier{Algorithm: oidRSAPSS, Parameters: asn1.RawValue{FullBytes: pssParameters()}}
	default:
		return AlgorithmRSA
	}
}

// pssParameters is RSASSA-PSS-params for SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 4055 section 3.1).
func pssParameters() []byte {
	hash, err := asn1.Marshal(algorithmSHA256)
	if err == nil {
		var der []byte
		der, err = asn1.Marshal(struct {
			Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
			MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
			Salt int                      `asn1:"explicit,tag:2"`
		}{algorithmSHA256, pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: hash}}, 32})
		if err == nil {
			return der
		}
	}
	panic(err) // fixed content always encodes
}

// Attribute is one signed attribute with a single value.
type Attribute struct {
	Type   asn1.ObjectIdentifier
	Values []any `asn1:"set"`
}

// MarshalAttributes encodes signed attributes as the SET OF that is signed (RFC 5652 section 5.4).
func MarshalAttributes(attributes []Attribute) ([]byte, error) {
	return asn1.MarshalWithParams(attributes, "set")
}

// CMS is a SignedData with one signer.
type CMS struct {
	ContentType  asn1.ObjectIdentifier // nil means data
	Content      []byte                // nil means detached
	Certificates []*x509.Certificate
	Signer       *x509.Certificate
	SignedAttrs  []byte // as MarshalAttributes returned them; nil means none
	Algorithm    pkix.AlgorithmIdentifier
	Value        []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type signerInfo struct {
	Version            int
	SID                issuerAndSerial
	DigestAlgorithm    pkix.AlgorithmIdentifier
	SignedAttrs        asn1.RawValue `asn1:"optional"`
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Signature          []byte
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,tag:0,optional,omitempty"`
}

type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      encapsulated
	Certificates asn1.RawValue `asn1:"optional"`
	Signers      []signerInfo  `asn1:"set"`
}

// Marshal encodes the ContentInfo.
func (c CMS) Marshal() ([]byte, error) {
	data := signedData{Version: 1, Digests: []pkix.AlgorithmIdentifier{algorithmSHA256},
		Content: encapsulated{oidData, c.Content}}
	if c.ContentType != nil {
		data.Version, data.Content.Type = 3, c.ContentType // RFC 5652 section 5.1
	}
	info := signerInfo{Version: 1, SID: issuerAndSerial{asn1.RawValue{FullBytes: c.Signer.RawIssuer}, c.Signer.SerialNumber},
		DigestAlgorithm: algorithmSHA256, SignatureAlgorithm: c.Algorithm, Signature: c.Value}
	if c.SignedAttrs != nil {
		// In the structure the same bytes are tagged [0] IMPLICIT instead of SET OF.
		implicit := append([]byte{0xa0}, c.SignedAttrs[1:]...)
		info.SignedAttrs = asn1.RawValue{FullBytes: implicit}
	}
	data.Signers = []signerInfo{info}
	if len(c.Certificates) > 0 {
		var all []byte
		for _, cert := range c.Certificates {
			all = append(all, cert.Raw...)
		}
		data.Certificates = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: all}
	}
	inner, err := asn1.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encoding SignedData: %w", err)
	}
	return asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
}
