package registration

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Order is what a certificate was asked for with. A CA is trusted to issue, not to have read the order well.
type Order struct {
	SPKI    string // hex SHA-256 of the public key (PKIX DER)
	Subject Subject
	Months  int
	Since   time.Time // when the registration began: nothing was ordered before
}

// Difference names what of a certificate is not as ordered. The words stand in incidents.
type Difference string

// The differences, by the fields of a certificate (RFC 5280 §4.1, §4.2; Decree 23/2025, Art. 6 to 8).
const (
	DiffVersion    Difference = "version"             // not v3
	DiffSerial     Difference = "serial"              // not positive, or longer than 20 octets; used before, see Serials
	DiffAlgorithm  Difference = "signature-algorithm" // not of SHA-2
	DiffValidity   Difference = "validity"            // begins before the order, has not begun, or lasts longer or shorter than ordered
	DiffName       Difference = "subject-name"        // the common name
	DiffUserID     Difference = "subject-user-id"     // UID: missing, of another, or more than one
	DiffPlace      Difference = "subject-place"       // country, province or locality
	DiffAttributes Difference = "subject-attributes"  // further ones, such as an organisation, or one twice
	DiffAltName    Difference = "subject-alt-name"    // any name besides the e-mail address that was ordered
	DiffKey        Difference = "key"                 // another key, or of another type or size
	DiffCA         Difference = "basic-constraints"   // a CA, or extensions that only CAs have
	DiffKeyUsage   Difference = "key-usage"           // missing, or anything besides digitalSignature and nonRepudiation
	DiffExtUsage   Difference = "extended-key-usage"  // a use other than of a person who signs
	DiffOCSP       Difference = "ocsp-address"        // no address to ask for its status
	DiffCritical   Difference = "critical-extension"  // one that verifiers cannot understand
	DiffIssuer     Difference = "issuer"              // no chain to a trusted root; see the caller
)

// clockSlack is how far a CA's clock may be from ours, lifeSlack how much a month may be counted differently, and backdate how
// long before the order a validity may begin, as CAs date back for clocks that are behind.
const (
	clockSlack = 5 * time.Minute
	lifeSlack  = 2 * 24 * time.Hour
	backdate   = 24 * time.Hour
)

// Differences compares a certificate with the order; none means that it is what was ordered. Chain and revocation are the
// caller's part.
func (o Order) Differences(cert *x509.Certificate, now time.Time) []Difference {
	found := o.subjectDifferences(cert)
	for _, check := range []struct {
		is    bool
		named Difference
	}{
		{cert.Version != 3, DiffVersion},
		{cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() > 20*8-1, DiffSerial},
		{!slices.Contains(algorithms, cert.SignatureAlgorithm), DiffAlgorithm},
		{!o.lives(cert, now), DiffValidity},
		{spkiOf(cert) != o.SPKI, DiffKey},
		{cert.IsCA || cert.MaxPathLen > 0 || hasExtension(cert, onlyCAs...), DiffCA},
		{cert.KeyUsage == 0 || cert.KeyUsage&^(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0, DiffKeyUsage},
		{!personalUse(cert), DiffExtUsage},
		{!slices.ContainsFunc(cert.OCSPServer, webAddress), DiffOCSP},
		{len(cert.UnhandledCriticalExtensions) > 0, DiffCritical},
		{!o.altNames(cert), DiffAltName},
	} {
		if check.is {
			found = append(found, check.named)
		}
	}
	return found
}

var algorithms = []x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS,
	x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}

// onlyCAs are extensions that have no meaning in a subscriber's certificate: name constraints, policy mappings, policy
// constraints, inhibitAnyPolicy, subject information access.
var onlyCAs = []asn1.ObjectIdentifier{{2, 5, 29, 30}, {2, 5, 29, 33}, {2, 5, 29, 36}, {2, 5, 29, 54}, {1, 3, 6, 1, 5, 5, 7, 1, 11}}

func hasExtension(cert *x509.Certificate, oids ...asn1.ObjectIdentifier) bool {
	for _, e := range cert.Extensions {
		if slices.ContainsFunc(oids, e.Id.Equal) {
			return true
		}
	}
	return false
}

func (o Order) lives(cert *x509.Certificate, now time.Time) bool {
	end := cert.NotBefore.AddDate(0, o.Months, 0)
	return !cert.NotBefore.Before(o.Since.Add(-backdate)) && !cert.NotBefore.After(now.Add(clockSlack)) &&
		cert.NotAfter.Sub(end).Abs() <= lifeSlack
}

func spkiOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// documentUses are extended key usages for signing documents: RFC 9336, Adobe, Microsoft.
var documentUses = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 36}, {1, 2, 840, 113583, 1, 1, 5}, {1, 3, 6, 1, 4, 1, 311, 10, 3, 12}}

// personalUse takes no extended key usage at all, and those of a person: client authentication, e-mail, documents.
func personalUse(cert *x509.Certificate) bool {
	for _, use := range cert.ExtKeyUsage {
		if use != x509.ExtKeyUsageClientAuth && use != x509.ExtKeyUsageEmailProtection {
			return false
		}
	}
	for _, use := range cert.UnknownExtKeyUsage {
		if !slices.ContainsFunc(documentUses, use.Equal) {
			return false
		}
	}
	return true
}

func webAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (o Order) altNames(cert *x509.Certificate) bool {
	if len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0 {
		return false
	}
	for _, address := range cert.EmailAddresses {
		if o.Subject.Email == "" || !strings.EqualFold(address, o.Subject.Email) {
			return false
		}
	}
	// Go reads four kinds of names; another kind leaves an extension without any of them.
	return !hasExtension(cert, asn1.ObjectIdentifier{2, 5, 29, 17}) || len(cert.EmailAddresses) > 0
}

// subjectDifferences compares the subject attribute by attribute. Each may stand once, in any order.
func (o Order) subjectDifferences(cert *x509.Certificate) []Difference {
	want := map[string]struct {
		value string
		named Difference
	}{
		"2.5.4.3": {o.Subject.CommonName, DiffName}, "0.9.2342.19200300.100.1.1": {o.Subject.UID, DiffUserID},
		"2.5.4.6": {"VN", DiffPlace}, "2.5.4.8": {o.Subject.Province, DiffPlace}, "2.5.4.7": {o.Subject.Locality, DiffPlace},
		"1.2.840.113549.1.9.1": {o.Subject.Email, DiffAttributes},
	}
	count := map[string]int{}
	var found []Difference
	note := func(d Difference) {
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	for _, n := range cert.Subject.Names {
		oid := n.Type.String()
		ordered, known := want[oid]
		text, isText := n.Value.(string)
		count[oid]++
		switch {
		case !known || ordered.value == "":
			note(DiffAttributes)
		case !isText || text != ordered.value || count[oid] > 1:
			note(ordered.named)
		}
	}
	for oid, ordered := range want {
		if ordered.value != "" && count[oid] == 0 && oid != "1.2.840.113549.1.9.1" { // the address may stand among the other names
			note(ordered.named)
		}
	}
	return found
}
