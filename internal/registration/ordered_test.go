package registration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"
)

// issuer is a CA that certifies whatever it is told to.
type issuer struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	subject crypto.Signer
	now     time.Time
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t, key, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, PublicKey: key.Public(), SubjectKeyId: []byte{1}}, subject,
		time.Now().UTC().Truncate(time.Second)}
}

// asOrdered is a right certificate, for tests to change.
func (i *issuer) asOrdered() *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(77), NotBefore: i.now, NotAfter: i.now.AddDate(0, 12, 0),
		Subject:               pkix.Name{ExtraNames: subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345")},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		BasicConstraintsValid: true, OCSPServer: []string{"http://ocsp.example.vn"}, CRLDistributionPoints: []string{"http://crl.example.vn/a.crl"},
		PolicyIdentifiers: []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 32473, 1}}}
}

func attribute(value any, oid ...int) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}
}

func subjectOf(name, uid string, further ...pkix.AttributeTypeAndValue) []pkix.AttributeTypeAndValue {
	return append([]pkix.AttributeTypeAndValue{attribute("VN", 2, 5, 4, 6), attribute("TP. HỒ CHÍ MINH", 2, 5, 4, 8), attribute("PHƯỜNG SÀI GÒN", 2, 5, 4, 7),
		attribute(name, 2, 5, 4, 3), attribute(uid, 0, 9, 2342, 19200300, 100, 1, 1)}, further...)
}

func (i *issuer) issue(template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	i.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key, i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return cert
}

// TestWhatACASendsIsWhatWasOrdered changes one field after the other of a certificate that is right. The order of the cases is
// that of RFC 5280: §4.1.2 first, then the extensions of §4.2.
func TestWhatACASendsIsWhatWasOrdered(t *testing.T) {
	ca := newIssuer(t)
	ecKey, rsaKey := newIssuer(t).key, newIssuer(t).subject
	spki, err := x509.MarshalPKIXPublicKey(ca.subject.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(spki)
	order := Order{SPKI: hex.EncodeToString(sum[:]), Months: 12, Since: ca.now.Add(-2 * time.Hour), Subject: Subject{
		CommonName: "NGUYỄN VĂN MINH", UID: "CCCD:079095012345", Province: "TP. HỒ CHÍ MINH", Locality: "PHƯỜNG SÀI GÒN"}}
	names := func(list ...pkix.AttributeTypeAndValue) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.ExtraNames = list }
	}
	extension := func(critical bool, value []byte, oid ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: value})
		}
	}
	null := []byte{5, 0}
	for _, tt := range []struct {
		name   string
		change func(*x509.Certificate)
		key    crypto.PublicKey
		want   []Difference
	}{
		{"as ordered", func(*x509.Certificate) {}, nil, nil},
		{"dated back an hour", func(c *x509.Certificate) { c.NotBefore = c.NotBefore.Add(-time.Hour) }, nil, nil},
		{"to the end of the day", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(23 * time.Hour) }, nil, nil},
		{"attributes in another order", func(c *x509.Certificate) { slices.Reverse(c.Subject.ExtraNames) }, nil, nil},
		{"nonRepudiation alone", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, nil, nil},
		{"for documents and e-mail", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageClientAuth}
			c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 36}}
		}, nil, nil},
		{"an unknown extension that is not critical", extension(false, null, 1, 3, 6, 1, 4, 1, 32473, 9), nil, nil},

		{"serial of 21 octets", func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 159) }, nil, []Difference{DiffSerial}},
		{"begins long before the order", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = c.NotBefore.AddDate(0, -1, 0), c.NotAfter.AddDate(0, -1, 0)
		}, nil, []Difference{DiffValidity}},
		{"begins tomorrow", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = c.NotBefore.AddDate(0, 0, 1), c.NotAfter.AddDate(0, 0, 1)
		}, nil, []Difference{DiffValidity}},
		{"a month longer", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(0, 1, 0) }, nil, []Difference{DiffValidity}},
		{"a month shorter", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(0, -1, 0) }, nil, []Difference{DiffValidity}},
		{"another name", names(subjectOf("NGUYỄN VĂN MÍNH", "CCCD:079095012345")...), nil, []Difference{DiffName}},
		{"another number", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012346")...), nil, []Difference{DiffUserID}},
		{"another scheme", names(subjectOf("NGUYỄN VĂN MINH", "CMND:079095012345")...), nil, []Difference{DiffUserID}},
		{"two numbers", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("MST:0101234567", 0, 9, 2342, 19200300, 100, 1, 1))...), nil, []Difference{DiffUserID}},
		{"one number twice", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("CCCD:079095012345", 0, 9, 2342, 19200300, 100, 1, 1))...), nil, []Difference{DiffUserID}},
		{"no number", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345")[:4]...), nil, []Difference{DiffUserID}},
		{"two names", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("TRẦN THỊ LAN", 2, 5, 4, 3))...), nil, []Difference{DiffName}},
		{"an organisation", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("CÔNG TY", 2, 5, 4, 10))...), nil, []Difference{DiffAttributes}},
		{"a unit", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("PHÒNG", 2, 5, 4, 11))...), nil, []Difference{DiffAttributes}},
		{"a title", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("GIÁM ĐỐC", 2, 5, 4, 12))...), nil, []Difference{DiffAttributes}},
		{"an address that was not ordered", names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("a@b.vn", 1, 2, 840, 113549, 1, 9, 1))...), nil, []Difference{DiffAttributes}},
		{"another province", func(c *x509.Certificate) { c.Subject.ExtraNames[1].Value = "HÀ NỘI" }, nil, []Difference{DiffPlace}},
		{"another country", func(c *x509.Certificate) { c.Subject.ExtraNames[0].Value = "LA" }, nil, []Difference{DiffPlace}},
		{"no locality", func(c *x509.Certificate) { c.Subject.ExtraNames = slices.Delete(c.Subject.ExtraNames, 2, 3) }, nil, []Difference{DiffPlace}},
		{"no subject", func(c *x509.Certificate) { c.Subject = pkix.Name{} }, nil, []Difference{DiffName, DiffPlace, DiffUserID}},
		{"another key", func(*x509.Certificate) {}, rsaKey.Public(), []Difference{DiffKey}},
		{"another type of key", func(*x509.Certificate) {}, ecKey.Public(), []Difference{DiffKey}},

		{"no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }, nil, []Difference{DiffKeyUsage}},
		{"encipherment", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, nil, []Difference{DiffKeyUsage}},
		{"encipherment, too", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDataEncipherment }, nil, []Difference{DiffKeyUsage}},
		{"signs lists", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }, nil, []Difference{DiffKeyUsage}},
		{"policy mappings", extension(false, []byte{0x30, 0}, 2, 5, 29, 33), nil, []Difference{DiffCA}},
		{"a DNS name", func(c *x509.Certificate) { c.DNSNames = []string{"example.vn"} }, nil, []Difference{DiffAltName}},
		{"an e-mail address", func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b.vn"} }, nil, []Difference{DiffAltName}},
		{"a name of another kind", extension(false, []byte{0x30, 4, 0x88, 2, 0x2a, 3}, 2, 5, 29, 17), nil, []Difference{DiffAltName}},
		{"a CA", func(c *x509.Certificate) { c.IsCA = true }, nil, []Difference{DiffCA}},
		{"a CA that signs certificates", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign }, nil, []Difference{DiffCA, DiffKeyUsage}},
		{"policy constraints", extension(false, []byte{0x30, 3, 0x80, 1, 0}, 2, 5, 29, 36), nil, []Difference{DiffCA}},
		{"for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, nil, []Difference{DiffExtUsage}},
		{"for OCSP", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }, nil, []Difference{DiffExtUsage}},
		{"for time-stamps", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping} }, nil, []Difference{DiffExtUsage}},
		{"for anything", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, nil, []Difference{DiffExtUsage}},
		{"for something unknown", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, nil, []Difference{DiffExtUsage}},
		{"no OCSP", func(c *x509.Certificate) { c.OCSPServer = nil }, nil, []Difference{DiffOCSP}},
		{"OCSP that cannot be asked", func(c *x509.Certificate) { c.OCSPServer = []string{"ldap://ocsp.example.vn"} }, nil, []Difference{DiffOCSP}},
		{"inhibitAnyPolicy", extension(false, []byte{2, 1, 0}, 2, 5, 29, 54), nil, []Difference{DiffCA}},
		{"subject information access", extension(false, []byte{0x30, 0}, 1, 3, 6, 1, 5, 5, 7, 1, 11), nil, []Difference{DiffCA}},
		{"a critical extension", extension(true, null, 1, 3, 6, 1, 4, 1, 32473, 9), nil, []Difference{DiffCritical}},
	} {
		template := ca.asOrdered()
		tt.change(template)
		if tt.key == nil {
			tt.key = ca.subject.Public()
		}
		got := order.Differences(ca.issue(template, tt.key), ca.now)
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}

	right := ca.issue(ca.asOrdered(), ca.subject.Public())
	right.Version = 1 // Go writes no other
	if got := order.Differences(right, ca.now); !slices.Contains(got, DiffVersion) {
		t.Errorf("version 1: %v", got)
	}
	right.Version, right.SignatureAlgorithm = 3, x509.SHA1WithRSA
	if got := order.Differences(right, ca.now); !slices.Contains(got, DiffAlgorithm) {
		t.Errorf("SHA-1: %v", got)
	}
	order.Subject.Email = "minh@example.vn"
	for name, change := range map[string]func(*x509.Certificate){
		"among the names":  func(c *x509.Certificate) { c.EmailAddresses = []string{"Minh@example.vn"} },
		"in the subject":   names(subjectOf("NGUYỄN VĂN MINH", "CCCD:079095012345", attribute("minh@example.vn", 1, 2, 840, 113549, 1, 9, 1))...),
		"not there at all": func(*x509.Certificate) {},
	} {
		template := ca.asOrdered()
		change(template)
		if got := order.Differences(ca.issue(template, ca.subject.Public()), ca.now); len(got) > 0 {
			t.Errorf("an address that was ordered, %s: %v", name, got)
		}
	}
}
