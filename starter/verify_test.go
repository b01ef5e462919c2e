package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kyso/internal/pades"
)

// onePage is the smallest PDF that every reader opens.
func onePage() []byte {
	var out bytes.Buffer
	var offsets []int
	out.WriteString("%PDF-1.7\n")
	for i, object := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>"} {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 4\n0000000000 65535 f \n")
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return out.Bytes()
}

// authority is a throw-away CA whose revocation list is served over HTTP.
type authority struct {
	key     *rsa.PrivateKey
	cert    *x509.Certificate
	address string
	revoked []x509.RevocationListEntry
}

func newAuthority(fatal func(error), serve func(http.Handler) string) *authority {
	a := &authority{}
	a.key = key(fatal)
	a.cert = a.issue(fatal, &x509.Certificate{Subject: pkix.Name{CommonName: "Gốc thử nghiệm", Organization: []string{"TỔ CHỨC THỬ NGHIỆM"}}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}, nil, &a.key.PublicKey)
	a.address = serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute),
			NextUpdate: time.Now().Add(time.Hour), RevokedCertificateEntries: a.revoked}, a.cert, a.key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(list)
	}))
	return a
}

func key(fatal func(error)) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(err)
	return k
}

func (a *authority) issue(fatal func(error), template, parent *x509.Certificate, public *rsa.PublicKey) *x509.Certificate {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	fatal(err)
	cert, err := x509.ParseCertificate(der)
	fatal(err)
	return cert
}

// sign makes a B-B signature of the page, with everything in this process.
func (a *authority) sign(fatal func(error), signer *x509.Certificate, private *rsa.PrivateKey) []byte {
	page := onePage()
	sum := sha256.New()
	_, _ = sum.Write(page)
	state, err := sum.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	fatal(err)
	prepared, err := pades.Prepare(bytes.NewReader(page), pades.PrepareOptions{Certificate: signer, SigningTime: time.Now(), Reason: "Phê duyệt", HashState: state})
	fatal(err)
	value, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, prepared.H3[:])
	fatal(err)
	embedded, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(page)), HashState: state, Value: value,
		Certificate: signer, Chain: []*x509.Certificate{a.cert}})
	fatal(err)
	return append(page, embedded.Increment...)
}

// person is a subject as Vietnamese issuers write it for a person of an organisation.
func person() pkix.Name {
	return pkix.Name{Country: []string{"VN"}, CommonName: "NGUYỄN THỊ ÁNH", Organization: []string{"CÔNG TY TNHH ÁNH DƯƠNG"},
		OrganizationalUnit: []string{"PHÒNG KẾ TOÁN"}, ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "CCCD:079095012345"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 12}, Value: "KẾ TOÁN TRƯỞNG"}}}
}

// writeSigned makes the files of a verification: signed good.pdf writes good.pdf and good.pdf.pem, its trust; signed
// revoked.pdf makes one whose certificate is revoked.
func writeSigned(ts *testscript.TestScript, args []string) {
	fatal := func(err error) {
		if err != nil {
			ts.Fatalf("%v", err)
		}
	}
	a := newAuthority(fatal, func(h http.Handler) string {
		server := httptest.NewServer(h)
		ts.Defer(server.Close)
		return server.URL + "/crl"
	})
	private := key(fatal)
	signer := a.issue(fatal, &x509.Certificate{Subject: person(),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, CRLDistributionPoints: []string{a.address}}, a.cert, &private.PublicKey)
	if args[0] == "revoked.pdf" {
		a.revoked = []x509.RevocationListEntry{{SerialNumber: signer.SerialNumber, RevocationTime: time.Now().Add(-30 * time.Minute), ReasonCode: 1}}
	}
	file := a.sign(fatal, signer, private)
	fatal(os.WriteFile(ts.MkAbs(args[0]), file, 0o600))
	fatal(os.WriteFile(ts.MkAbs(args[0]+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600))
	changed := bytes.Replace(file, []byte("595 842"), []byte("595 841"), 1)
	fatal(os.WriteFile(ts.MkAbs("changed-"+args[0]), changed, 0o600))
	fatal(os.WriteFile(ts.MkAbs("plain.pdf"), onePage(), 0o600))
}

func TestOnePageCanBeInspected(t *testing.T) {
	if _, err := pades.Inspect(bytes.NewReader(onePage()), pades.Policy{}); err != nil {
		t.Error(err)
	}
}
