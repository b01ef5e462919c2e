package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"kyso/internal/sandbox/pki"
)

// bends are the values of Knobs.IssueBent: each changes one thing of a certificate that would be right without it. It returns the
// public key that is certified.
var bends = map[string]func(w *CA, t *x509.Certificate, public crypto.PublicKey) (crypto.PublicKey, error){
	"ca": certified(func(_ *CA, t *x509.Certificate) { t.IsCA, t.KeyUsage = true, t.KeyUsage|x509.KeyUsageCertSign }),
	"two-uids": certified(func(_ *CA, t *x509.Certificate) {
		t.RawSubject = withAttribute(t.RawSubject, pki.OIDUID, "CCCD:001095000099")
	}),
	"organization": certified(func(_ *CA, t *x509.Certificate) {
		t.RawSubject = withAttribute(t.RawSubject, asn1.ObjectIdentifier{2, 5, 4, 10}, "CÔNG TY TNHH ÁNH DƯƠNG")
	}),
	"longer":    certified(func(_ *CA, t *x509.Certificate) { t.NotAfter = t.NotAfter.AddDate(1, 0, 0) }),
	"backdated": certified(func(_ *CA, t *x509.Certificate) { t.NotBefore = t.NotBefore.AddDate(-1, 0, 0) }),
	"key-usage": certified(func(_ *CA, t *x509.Certificate) { t.KeyUsage = x509.KeyUsageKeyEncipherment }),
	"extended-key-usage": certified(func(_ *CA, t *x509.Certificate) {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}),
	"no-ocsp":  certified(func(_ *CA, t *x509.Certificate) { t.OCSPServer = nil }),
	"alt-name": certified(func(_ *CA, t *x509.Certificate) { t.DNSNames = []string{"example.vn"} }),
	"critical-extension": certified(func(_ *CA, t *x509.Certificate) {
		t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 769, 9}, Critical: true, Value: asn1.NullBytes})
	}),
	"serial-again": certified((*CA).serialAgain),
	"another-key": func(c *CA, _ *x509.Certificate, _ crypto.PublicKey) (crypto.PublicKey, error) {
		key, err := c.pki.NewKey("rsa")
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	},
	"key-type": func(*CA, *x509.Certificate, crypto.PublicKey) (crypto.PublicKey, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	},
}

// certified is a bend that leaves the key.
func certified(change func(*CA, *x509.Certificate)) func(*CA, *x509.Certificate, crypto.PublicKey) (crypto.PublicKey, error) {
	return func(w *CA, t *x509.Certificate, public crypto.PublicKey) (crypto.PublicKey, error) {
		change(w, t)
		return public, nil
	}
}

// serialAgain uses the serial number of the certificate that was issued last through the key service.
func (c *CA) serialAgain(t *x509.Certificate) {
	var last time.Time
	for _, id := range c.pki.Enrolled() {
		key, _ := c.keys.Key(id)
		cert, err := x509.ParseCertificate(key.Cert)
		if number, ok := new(big.Int).SetString(key.Serial, 16); ok && err == nil && !cert.NotBefore.Before(last) {
			t.SerialNumber, last = number, cert.NotBefore
		}
	}
}

// withAttribute adds an attribute at the end of an encoded name.
func withAttribute(der []byte, oid asn1.ObjectIdentifier, value string) []byte {
	var name pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &name); err != nil {
		return der
	}
	name = append(name, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(value)}}})
	longer, err := asn1.Marshal(name)
	if err != nil {
		panic(err) // names of fixed shape always encode
	}
	return longer
}
