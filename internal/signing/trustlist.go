package signing

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
)

// TrustChange is one change of the list of trusted certificates, over what the files of the configuration hold. The last
// change of a certificate counts.
type TrustChange struct {
	Fingerprint string    `json:"fingerprint"`           // SHA-256, hex
	Removed     bool      `json:"removed,omitempty"`     // else it was added, or added again
	Certificate []byte    `json:"certificate,omitempty"` // DER
	Actor       string    `json:"actor,omitempty"`       // owner of the key or session
	Reason      string    `json:"reason"`
	At          time.Time `json:"at"`
	Request     string    `json:"request,omitempty"` // names the request: its retry is no second change
}

// TrustRecords keeps the changes.
type TrustRecords interface {
	// TrustChanges returns every change, oldest first, and the version of the list that they make.
	TrustChanges(ctx context.Context) (changes []TrustChange, version int, err error)
	// TrustVersion tells versions of the list apart, with one small question.
	TrustVersion(ctx context.Context) (int, error)
	// ChangeTrust appends the change that decide makes of those before it; nil is none. Changes follow each other.
	ChangeTrust(ctx context.Context, decide func(before []TrustChange) (*TrustChange, error)) error
}

// TrustEntry is one certificate of the list.
type TrustEntry struct {
	Certificate *x509.Certificate
	Fingerprint string
	File        bool         // a file of the configuration holds it
	Change      *TrustChange // the last one; nil when there was none
}

// Trusted reports whether the certificate is trusted now.
func (e TrustEntry) Trusted() bool { return e.Change == nil || !e.Change.Removed }

// Root reports whether the certificate is self-signed: chains end there. Others are issuers.
func (e TrustEntry) Root() bool { return selfSigned(e.Certificate) }

func selfSigned(c *x509.Certificate) bool { return c.CheckSignatureFrom(c) == nil }

// ListTrust lays the changes over the certificates of the files: those of the files come first, in their order.
func ListTrust(files []*x509.Certificate, changes []TrustChange) ([]TrustEntry, error) {
	var list []TrustEntry
	at := map[string]int{}
	add := func(c *x509.Certificate, file bool) int {
		fingerprint := Fingerprint(c.Raw)
		if i, known := at[fingerprint]; known {
			return i
		}
		at[fingerprint] = len(list)
		list = append(list, TrustEntry{Certificate: c, Fingerprint: fingerprint, File: file})
		return len(list) - 1
	}
	for _, c := range files {
		add(c, true)
	}
	for i, change := range changes {
		c, err := x509.ParseCertificate(change.Certificate)
		if err != nil {
			return nil, problem.Wrap(problem.Internal, err, "a change of the trusted certificates cannot be read")
		}
		list[add(c, false)].Change = &changes[i]
	}
	return list, nil
}

// TrustOf is whom a list trusts.
func TrustOf(list []TrustEntry) Trust {
	var t Trust
	for _, e := range list {
		switch {
		case !e.Trusted():
			t.Removed = append(t.Removed, e.Certificate)
		case e.Root():
			t.Roots = append(t.Roots, e.Certificate)
		default:
			t.Intermediates = append(t.Intermediates, e.Certificate)
		}
	}
	return t
}

// Distrusts reports whether a chain through a certificate is not trusted, wherever it ends: it was removed, or it is another
// certificate of the key of one that was, and is not in the list itself.
func (t Trust) Distrusts(c *x509.Certificate) bool {
	sameKey := func(r *x509.Certificate) bool {
		return bytes.Equal(r.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	}
	return slices.ContainsFunc(t.Removed, sameKey) && !slices.ContainsFunc(slices.Concat(t.Roots, t.Intermediates), c.Equal)
}

// TrustDesk changes the list of trusted certificates.
type TrustDesk struct {
	Files   func() []*x509.Certificate // what the files of the configuration hold now
	Records TrustRecords
}

// TrustRequest asks for a change.
type TrustRequest struct {
	Actor, Reason string
	At            time.Time
	Key           string // names the request
}

// List returns every certificate that is or was trusted.
func (d *TrustDesk) List(ctx context.Context) ([]TrustEntry, error) {
	changes, _, err := d.Records.TrustChanges(ctx)
	if err != nil {
		return nil, err
	}
	return ListTrust(d.Files(), changes)
}

// Add trusts a certificate, given as PEM or as DER in base64, and again one that was removed. Errors name the field
// certificate: problem.Invalid for what is no certificate, problem.CertificateExpired and problem.CertificateInvalid for one
// that must not be trusted, problem.Conflict for one that is trusted already.
func (d *TrustDesk) Add(ctx context.Context, text string, r TrustRequest) (TrustEntry, error) {
	cert, err := ParseAuthority(text)
	if err == nil {
		err = CheckAuthority(cert, r.At)
	}
	if err != nil {
		return TrustEntry{}, err
	}
	return d.change(ctx, TrustChange{Fingerprint: Fingerprint(cert.Raw), Certificate: cert.Raw}, r)
}

// Remove trusts a certificate no longer, and no chain through it. Errors: problem.NotFound, and problem.Conflict for one that
// was removed, and for the last root.
func (d *TrustDesk) Remove(ctx context.Context, fingerprint string, r TrustRequest) (TrustEntry, error) {
	return d.change(ctx, TrustChange{Fingerprint: fingerprint, Removed: true}, r)
}

// change makes a change, and returns what became of the certificate.
func (d *TrustDesk) change(ctx context.Context, c TrustChange, r TrustRequest) (TrustEntry, error) {
	c.Actor, c.Reason, c.At, c.Request = r.Actor, r.Reason, r.At.UTC().Truncate(time.Microsecond), r.Key
	var out TrustEntry
	err := d.Records.ChangeTrust(ctx, func(before []TrustChange) (*TrustChange, error) {
		list, err := ListTrust(d.Files(), before)
		if err != nil {
			return nil, err
		}
		out = TrustEntry{Fingerprint: c.Fingerprint}
		if i := slices.IndexFunc(list, func(e TrustEntry) bool { return e.Fingerprint == c.Fingerprint }); i >= 0 {
			out = list[i]
		}
		if last := out.Change; last != nil && r.Key != "" && last.Request == r.Key && last.Removed == c.Removed {
			return nil, nil // the answer to the request was lost
		}
		if err := fits(list, out, c.Removed); err != nil {
			return nil, err
		}
		if c.Removed {
			c.Certificate = out.Certificate.Raw
		} else if out.Certificate, err = x509.ParseCertificate(c.Certificate); err != nil {
			return nil, err
		}
		out.Change = &c
		return &c, nil
	})
	return out, err
}

// fits reports why a certificate can be removed, or be added, no more.
func fits(list []TrustEntry, found TrustEntry, removed bool) error {
	there := found.Certificate != nil
	otherRoot := func(e TrustEntry) bool { return e.Trusted() && e.Root() && e.Fingerprint != found.Fingerprint }
	switch {
	case !removed && there && found.Trusted():
		return &problem.Error{Code: problem.Conflict, Field: "certificate", Message: "the certificate is trusted already", VI: "chứng thư số này đã có trong danh sách tin cậy"}
	case removed && !there:
		return problem.New(problem.NotFound, "no such trusted certificate")
	case removed && !found.Trusted():
		return problem.New(problem.Conflict, "it was removed before")
	case removed && found.Root() && !slices.ContainsFunc(list, otherRoot):
		return problem.New(problem.Conflict, "it is the last trusted root, without which no signature could be judged; add another one first")
	}
	return nil
}

// ParseAuthority reads one certificate, PEM or DER in base64.
func ParseAuthority(text string) (*x509.Certificate, error) {
	wrong := func(message, vi string) error {
		return &problem.Error{Code: problem.Invalid, Field: "certificate", Message: message, VI: vi}
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, wrong("must be a certificate, as PEM or as DER in base64", "phải là một chứng thư số, dạng PEM hoặc DER mã hóa base64")
		}
		if next, _ := pem.Decode(rest); next != nil {
			return nil, wrong("must be one certificate; there are several", "chỉ được có một chứng thư số")
		}
		der = block.Bytes
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, wrong("must be a certificate of X.509", "phải là một chứng thư số X.509")
	}
	return cert, nil
}

// CheckAuthority makes the checks that a certificate passes before it is trusted: it is a CA's, valid now, with a key and a
// signature of today's strength. Errors name the field certificate.
func CheckAuthority(c *x509.Certificate, now time.Time) error {
	refuse := func(code problem.Code, message, vi string) error {
		return &problem.Error{Code: code, Field: "certificate", Message: message, VI: vi}
	}
	weak := []x509.SignatureAlgorithm{x509.UnknownSignatureAlgorithm, x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.DSAWithSHA256}
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return refuse(problem.CertificateInvalid, "it is not the certificate of a certification authority", "không phải chứng thư số của tổ chức cung cấp dịch vụ chứng thực")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return refuse(problem.CertificateInvalid, "its key usage does not allow it to issue certificates", "mục đích sử dụng khóa không cho phép cấp chứng thư số")
	case now.After(c.NotAfter):
		return refuse(problem.CertificateExpired, "it ended on "+c.NotAfter.UTC().Format(time.DateOnly), "chứng thư số đã hết hạn")
	case now.Before(c.NotBefore):
		return refuse(problem.CertificateExpired, "it begins on "+c.NotBefore.UTC().Format(time.DateOnly), "chứng thư số chưa có hiệu lực")
	case slices.Contains(weak, c.SignatureAlgorithm):
		return refuse(problem.CertificateInvalid, "its signature algorithm is not accepted: "+c.SignatureAlgorithm.String(), "thuật toán ký của chứng thư số không được chấp nhận")
	}
	if err := checkKey(c); err != nil {
		return refuse(problem.CertificateInvalid, err.Error(), "khóa của chứng thư số quá yếu hoặc không được hỗ trợ")
	}
	return nil
}

// NameOf is what people know the subject of a certificate by: the common name, else the organisation. IssuerOf says so of its issuer.
func NameOf(c *x509.Certificate) string   { return nameIn(c.Subject) }
func IssuerOf(c *x509.Certificate) string { return nameIn(c.Issuer) } //nolint:revive // see NameOf

func nameIn(n pkix.Name) string {
	return cmp.Or(n.CommonName, strings.Join(n.Organization, ", "), n.String())
}
