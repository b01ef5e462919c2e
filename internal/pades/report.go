package pades

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/cms"
)

// CertificateReport is what a checking software has to show of a certificate (Circular 15/2025/TT-BKHCN, 6.4.b).
type CertificateReport struct {
	Subject   NameReport `json:"subject"`
	Issuer    NameReport `json:"issuer"`
	Serial    string     `json:"serial" doc:"Hexadecimal"`
	NotBefore time.Time  `json:"not_before"`
	NotAfter  time.Time  `json:"not_after"`
}

// NameReport is what a name in a certificate says.
type NameReport struct {
	CommonName    string   `json:"common_name,omitempty"`
	Identifiers   []string `json:"identifiers,omitempty" doc:"Each UID as it stands, such as CCCD:079095012345 or MST:0101243150; without one serialNumber and organizationIdentifier"`
	Organizations []string `json:"organizations,omitempty"`
	Units         []string `json:"units,omitempty" doc:"Units that manage the owner (OU)"`
	Titles        []string `json:"titles,omitempty"`
}

// TimeReport says when a signature was made, and who says so.
type TimeReport struct {
	At        time.Time  `json:"at,omitzero"`
	By        TimeSource `json:"by" enum:"timestamp,document-timestamp,claim,none"`
	Authority string     `json:"authority,omitempty" doc:"Of the time-stamp"`
	Stamp     StampState `json:"stamp,omitempty" enum:"valid,not-judged,invalid,unknown" doc:"Of the time-stamp that is there, whether or not at comes from it"`
}

// TimeSource is who says when a signature was made.
type TimeSource string

// The sources.
const (
	ByTimestamp         TimeSource = "timestamp"          // of the signature itself
	ByDocumentTimestamp TimeSource = "document-timestamp" // over the signature
	ByClaim             TimeSource = "claim"              // the signer, in /M
	ByNone              TimeSource = "none"
)

// StampState is what became of a time-stamp.
type StampState string

// The states. One that is not judged is there and unbroken, and its authority could not be checked. Of a signature that cannot be
// read it is not known whether there is one.
const (
	StampValid     StampState = "valid"
	StampNotJudged StampState = "not-judged"
	StampInvalid   StampState = "invalid"
	StampUnknown   StampState = "unknown"
)

// Attributes of names (RFC 4519; X.520 for organizationIdentifier). Vietnamese certificates name people and organisations by UID.
var (
	oidUID            = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidSerialNumber   = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrganizationID = asn1.ObjectIdentifier{2, 5, 4, 97}
	oidTitle          = asn1.ObjectIdentifier{2, 5, 4, 12}
)

func certificateReport(cert *x509.Certificate) *CertificateReport {
	return &CertificateReport{Subject: nameReport(&cert.Subject), Issuer: nameReport(&cert.Issuer), Serial: cert.SerialNumber.Text(16),
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC()}
}

func nameReport(name *pkix.Name) NameReport {
	r := NameReport{CommonName: norm.NFC.String(name.CommonName), Identifiers: valuesOf(name, oidUID),
		Organizations: normal(name.Organization), Units: normal(name.OrganizationalUnit), Titles: valuesOf(name, oidTitle)}
	if len(r.Identifiers) == 0 {
		r.Identifiers = append(valuesOf(name, oidSerialNumber), valuesOf(name, oidOrganizationID)...)
	}
	return r
}

// valuesOf returns the values of an attribute, which may come several times.
func valuesOf(name *pkix.Name, oid asn1.ObjectIdentifier) []string {
	var values []string
	for _, attribute := range name.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(oid) {
			values = append(values, norm.NFC.String(text))
		}
	}
	return values
}

func normal(values []string) []string {
	var out []string
	for _, value := range values {
		out = append(out, norm.NFC.String(value))
	}
	return out
}

// authorityName names whose certificate made a time-stamp; "" when it cannot be told.
func authorityName(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	if name := norm.NFC.String(cert.Subject.CommonName); name != "" {
		return name
	}
	return norm.NFC.String(cert.Subject.String())
}

// readTime says what a signature tells of its time before anything is judged.
func (v *verifier) readTime(s *signature) {
	s.report.claimed()
	if s.token != nil {
		s.report.Time = TimeReport{At: s.token.Time, By: ByDocumentTimestamp, Authority: v.authorityOf(s.token), Stamp: StampNotJudged}
		return
	}
	if s.cms == nil {
		s.report.Time.Stamp = StampUnknown
		return
	}
	for _, der := range s.cms.Signer.Timestamps {
		token, _, err := cms.ParseToken(der)
		if err != nil {
			s.report.stamped(TimeReport{Stamp: StampInvalid})
			continue
		}
		s.report.stamped(TimeReport{At: token.Time, By: ByTimestamp, Authority: v.authorityOf(token), Stamp: StampNotJudged})
	}
}

// authorityOf names the authority of a token that is not judged.
func (v *verifier) authorityOf(token *cms.Token) string {
	return authorityName(token.SignedData.Certificate(v.pool.Certs))
}

// stamped takes in what a time-stamp says. A valid one counts before one that is not judged, that before a broken one; of valid ones
// the earliest.
func (r *SignatureReport) stamped(by TimeReport) {
	rank := map[StampState]int{"": 0, StampInvalid: 1, StampNotJudged: 2, StampValid: 3}
	have, is := rank[r.Time.Stamp], rank[by.Stamp]
	switch {
	case is < have || is == have && !by.At.Before(r.Time.At):
	case by.Stamp == StampInvalid: // the signer's claim stays
		r.Time.Stamp, r.Time.Authority = by.Stamp, by.Authority
	default:
		r.Time = by
	}
}

// claimed says what the signer claims, before any time-stamp is asked.
func (r *SignatureReport) claimed() {
	if r.Time = (TimeReport{By: ByNone}); !r.ClaimedTime.IsZero() {
		r.Time = TimeReport{At: r.ClaimedTime, By: ByClaim}
	}
}

// coveredBy takes in the document time-stamps over a signature, as far as they are judged.
func (v *verifier) coveredBy(s *signature) {
	for _, over := range v.signatures {
		if over.token != nil && over.end > s.end && over.report.Intact {
			s.report.stamped(over.report.Time)
		}
	}
}
