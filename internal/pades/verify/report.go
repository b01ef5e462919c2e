package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"golang.org/x/text/unicode/norm"
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
