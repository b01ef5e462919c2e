// Package tsa is a time-stamp authority after RFC 3161.
package tsa

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// TSA grants time-stamps. Make one with New.
type TSA struct {
	k   *kernel.Kernel
	pki *pki.PKI

	mu    sync.Mutex
	state state
}

type state struct {
	Settings Settings `json:"settings"`
}

// Settings are its switches.
type Settings struct {
	// TSA is empty, down, reject, wrong-imprint or wrong-nonce.
	TSA string `json:"tsa,omitempty"`
}

func (s Settings) check() error {
	return kernel.OneOf("tsa", s.TSA, "down", "reject", "wrong-imprint", "wrong-nonce")
}

// New makes a time-stamp authority.
func New(k *kernel.Kernel, ground *pki.PKI) *TSA { return &TSA{k: k, pki: ground} }

const name = "tsa"

// Party is what the kernel knows of it.
func (t *TSA) Party() kernel.Party {
	return kernel.Party{Name: name, Lock: &t.mu, State: &t.state,
		Settings: kernel.SettingsAt(&t.state.Settings, Settings.check),
		Parties:  func(mux *http.ServeMux) { mux.HandleFunc("POST /tsa", t.serve) }}
}

func (t *TSA) mode() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state.Settings.TSA
}

// The structures of RFC 3161.
type (
	tspRequest struct {
		Version    int
		Imprint    tspImprint
		Policy     asn1.ObjectIdentifier `asn1:"optional"`
		Nonce      *big.Int              `asn1:"optional"`
		CertReq    bool                  `asn1:"optional,default:false"`
		Extensions []pkix.Extension      `asn1:"tag:0,optional"`
	}
	tspImprint struct {
		Hash   pkix.AlgorithmIdentifier
		Digest []byte
	}
	tspResponse struct {
		Status tspStatus
		Token  asn1.RawValue
	}
	tspStatus    struct{ Status int }
	tspRejection struct{ Status tspFailure } // a response without token
	tspFailure   struct {
		Status  int
		Text    []asn1.RawValue // PKIFreeText
		Failure asn1.BitString
	}
	tstInfo struct {
		Version  int
		Policy   asn1.ObjectIdentifier
		Imprint  tspImprint
		Serial   *big.Int
		Time     time.Time   `asn1:"generalized"`
		Accuracy tstAccuracy // one second: genTime is cut to whole seconds
		Nonce    *big.Int    `asn1:"optional"`
		TSA      asn1.RawValue
	}
	tstAccuracy struct{ Seconds int }
)

// Failure bits of PKIFailureInfo (RFC 3161 section 2.4.2).
const (
	tspBadAlg              = 0
	tspBadRequest          = 2
	tspBadDataFormat       = 5
	tspTimeNotAvailable    = 14
	tspUnacceptedPolicy    = 15
	tspUnacceptedExtension = 16
)

// PKIStatus (RFC 3161 section 2.4.2).
const (
	tspGranted  = 0
	tspRejected = 2
)

// serve is RFC 3161 over HTTP (section 3.4).
func (t *TSA) serve(rw http.ResponseWriter, r *http.Request) {
	mode := t.mode()
	if mode == "down" {
		http.Error(rw, "TSA is down", http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(rw, "Content-Type is not application/timestamp-query", http.StatusUnsupportedMediaType)
		return
	}
	if t.k.FailsBefore(name, rw, r) {
		return
	}
	der, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 64<<10))
	if err != nil {
		http.Error(rw, "too big", http.StatusRequestEntityTooLarge)
		return
	}
	answer, err := t.stamp(der, mode)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = rw.Write(answer) // the client is gone; nothing to do about it
}

// stamp answers one TimeStampReq.
func (t *TSA) stamp(der []byte, mode string) ([]byte, error) {
	var req tspRequest
	if rest, err := asn1.Unmarshal(der, &req); err != nil || len(rest) > 0 || req.Version != 1 {
		return rejection(tspBadRequest, "not a TimeStampReq of version 1")
	}
	size := map[string]int{pki.OIDSHA256.String(): 32, pki.OIDSHA384.String(): 48, pki.OIDSHA512.String(): 64}[req.Imprint.Hash.Algorithm.String()]
	switch {
	case mode == "reject":
		return rejection(tspTimeNotAvailable, "the time source is not available")
	case size == 0:
		return rejection(tspBadAlg, "only SHA-256, SHA-384 and SHA-512")
	case len(req.Imprint.Digest) != size:
		return rejection(tspBadDataFormat, "the imprint has a wrong length")
	case req.Policy != nil && !req.Policy.Equal(pki.OIDTimestampPolicy):
		return rejection(tspUnacceptedPolicy, "only the policy "+pki.OIDTimestampPolicy.String())
	case len(req.Extensions) > 0:
		return rejection(tspUnacceptedExtension, "no extensions")
	}
	tsa, err := t.pki.Authority(pki.RoleTSA)
	if err != nil {
		return nil, err
	}
	token, err := t.makeToken(tsa, req, mode)
	if err != nil {
		return nil, fmt.Errorf("making a time-stamp token: %w", err)
	}
	t.k.Record(kernel.Effect{Kind: kernel.EffectTimestamp, Key: fmt.Sprintf("%x", req.Imprint.Digest)})
	if err := t.k.Flush(); err != nil {
		return nil, err
	}
	return asn1.Marshal(tspResponse{Status: tspStatus{Status: tspGranted}, Token: asn1.RawValue{FullBytes: token}})
}

func rejection(failure int, text string) ([]byte, error) {
	bits := asn1.BitString{Bytes: make([]byte, failure/8+1), BitLength: failure + 1}
	bits.Bytes[failure/8] = 0x80 >> (failure % 8)
	words := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)}
	return asn1.Marshal(tspRejection{tspFailure{Status: tspRejected, Text: []asn1.RawValue{words}, Failure: bits}})
}

// makeToken makes the TimeStampToken: a CMS around TSTInfo.
func (t *TSA) makeToken(tsa *pki.Authority, req tspRequest, mode string) ([]byte, error) {
	now := t.k.Now().Truncate(time.Second)
	issuer, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: tsa.Cert.RawSubject})
	if err != nil {
		return nil, err
	}
	info := tstInfo{
		Version: 1, Policy: pki.OIDTimestampPolicy, Imprint: req.Imprint, Serial: pki.NewSerial(), Time: now,
		Accuracy: tstAccuracy{1}, Nonce: req.Nonce,
		TSA: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: issuer},
	}
	switch mode {
	case "wrong-imprint":
		info.Imprint.Digest = append([]byte{}, req.Imprint.Digest...)
		info.Imprint.Digest[0] ^= 1
	case "wrong-nonce":
		info.Nonce = pki.NewSerial()
	}
	content, err := asn1.Marshal(info)
	if err != nil {
		return nil, err
	}
	attributes, err := tokenAttributes(tsa.Cert, content, now)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(attributes)
	value, err := tsa.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	token := pki.CMS{ContentType: oidTSTInfo, Content: content, Signer: tsa.Cert, SignedAttrs: attributes,
		Algorithm: pki.AlgorithmRSA, Value: value}
	if req.CertReq {
		token.Certificates = []*x509.Certificate{tsa.Cert}
	}
	return token.Marshal()
}

var oidTSTInfo = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}

// tokenAttributes are the signed attributes of a token; ESSCertIDv2 with its default SHA-256 (RFC 5816).
func tokenAttributes(cert *x509.Certificate, content []byte, now time.Time) ([]byte, error) {
	type essCertID struct{ Hash []byte }
	type signingCertificateV2 struct{ Certs []essCertID }
	digest := sha256.Sum256(content)
	certHash := sha256.Sum256(cert.Raw)
	return pki.MarshalAttributes([]pki.Attribute{
		{Type: pki.OIDContentType, Values: []any{oidTSTInfo}},
		{Type: pki.OIDSigningTime, Values: []any{now}},
		{Type: pki.OIDMessageDigest, Values: []any{digest[:]}},
		{Type: pki.OIDSigningCertV2, Values: []any{signingCertificateV2{[]essCertID{{certHash[:]}}}}},
	})
}
