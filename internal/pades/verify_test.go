package pades_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/problem"
)

func TestReportNamesTheSigner(t *testing.T) {
	w := newWorld(t)
	v := w.verify(w.signLT(onePage("", ""), w.Now), pades.Evidence{})
	r := want(t, v, pades.TotalPassed, "", "B-LT")
	if r.Signer != "NGUYỄN THỊ HƯỜNG" || r.Issuer != "Kyso Test CA" || r.Reason != "Đồng ý" || r.Location != "Đà Nẵng" {
		t.Errorf("%+v", r)
	}
	if r.Field == "" || r.Kind != "signature" || r.Serial != w.signer.Cert.SerialNumber.Text(16) || len(r.Fingerprint) != 64 {
		t.Errorf("%+v", r)
	}
	if !r.ClaimedTime.Equal(w.Now) || !r.TimestampTime.Equal(w.Now) || !r.Intact || !r.ChainTrusted || len(r.Problems) > 0 {
		t.Errorf("%+v", r)
	}
	if r.CertificateThen != pades.CertificateGood || r.CertificateNow != pades.CertificateGood || r.LaterChanges != "validation-data" {
		t.Errorf("%+v", r)
	}
}

// TestRevocation: what a relying party may conclude when the certificate was revoked, suspended or expired.
func TestRevocation(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t)
	signed := w.Now.Add(-10 * day)
	b, bt := w.signB(onePage("", "")), w.signT(onePage("", ""), signed)
	blt := w.extend(bt, w.evidence(signed))
	status := func(revoked time.Time, reason int) pades.Evidence {
		ev := w.evidence(w.Now)
		ev.OCSPs[0] = w.OCSP(w.signer.Cert, w.Now, revoked, reason)
		return ev
	}
	good := w.evidence(w.Now)
	onlyCRL := w.evidence(w.Now)
	onlyCRL.OCSPs, onlyCRL.CRLs = onlyCRL.OCSPs[1:], append(onlyCRL.CRLs, w.CRL(w.CA, w.Now))
	old := w.evidence(w.Now.Add(-5 * day))
	before := w.evidence(signed.Add(-5 * day))
	caRevoked := w.evidence(w.Now)
	caRevoked.CRLs[0] = w.CRL(w.Root, w.Now, x509.RevocationListEntry{SerialNumber: w.CA.Cert.SerialNumber, RevocationTime: signed.Add(-day)})
	tsaLost, tsaRetired := w.evidence(w.Now), w.evidence(w.Now)
	tsaLost.OCSPs[1] = w.OCSP(w.TSA.Cert, w.Now, w.Now.Add(-day), 1)
	tsaRetired.OCSPs[1] = w.OCSP(w.TSA.Cert, w.Now, w.Now.Add(-day), 5)
	none := pades.Evidence{}
	const passed, open = pades.TotalPassed, pades.Indeterminate
	const isGood, revoked, held, unknown, expired = pades.CertificateGood, pades.CertificateRevoked, pades.CertificateOnHold,
		pades.CertificateUnknown, pades.CertificateExpired
	for name, c := range map[string]struct {
		file            []byte
		ev              pades.Evidence
		now             time.Time
		verdict         pades.Verdict
		sub             string
		level           string
		then, nowStatus pades.CertificateStatus
	}{
		"B-B good":                            {b, good, w.Now, passed, "", "B-B", isGood, isGood},
		"B-B good by CRL":                     {b, onlyCRL, w.Now, passed, "", "B-B", isGood, isGood},
		"B-B nothing known":                   {b, none, w.Now, open, "TRY_LATER", "B-B", unknown, unknown},
		"B-B stale":                           {b, old, w.Now, open, "TRY_LATER", "B-B", unknown, unknown},
		"B-B revoked":                         {b, status(w.Now.Add(-time.Hour), 1), w.Now, open, "REVOKED_NO_POE", "B-B", revoked, revoked},
		"B-B suspended":                       {b, status(w.Now.Add(-time.Hour), 6), w.Now, open, "TRY_LATER", "B-B", held, held},
		"B-B expired":                         {b, good, w.Now.AddDate(4, 0, 0), open, "OUT_OF_BOUNDS_NO_POE", "B-B", expired, expired},
		"B-T good":                            {bt, good, w.Now, passed, "", "B-T", isGood, isGood},
		"B-T status from after the stamp":     {bt, old, w.Now, passed, "", "B-T", isGood, unknown},
		"B-T status from before the stamp":    {bt, before, w.Now, open, "TRY_LATER", "B-T", unknown, unknown},
		"B-T revoked after the stamp":         {bt, status(signed.Add(day), 1), w.Now, passed, "", "B-T", isGood, revoked},
		"B-T revoked before the stamp":        {bt, status(signed.Add(-day), 1), w.Now, open, "REVOKED_NO_POE", "B-T", revoked, revoked},
		"B-T suspended since the stamp":       {bt, status(signed.Add(day), 6), w.Now, passed, "", "B-T", isGood, held},
		"B-T suspended before the stamp":      {bt, status(signed.Add(-day), 6), w.Now, open, "TRY_LATER", "B-T", held, held},
		"B-T issuer revoked":                  {bt, caRevoked, w.Now, open, "REVOKED_CA_NO_POE", "B-B", isGood, isGood},
		"B-T authority lost its key":          {bt, tsaLost, w.Now, passed, "", "B-B", isGood, isGood},
		"B-T authority retired":               {bt, tsaRetired, w.Now, passed, "", "B-T", isGood, isGood},
		"B-LT by itself":                      {blt, none, w.Now, passed, "", "B-LT", isGood, unknown},
		"B-LT four years later":               {blt, none, w.Now.AddDate(4, 0, 0), passed, "", "B-LT", isGood, expired},
		"B-LT when its authority has expired": {blt, none, w.Now.AddDate(9, 0, 0), open, "OUT_OF_BOUNDS_NO_POE", "B-B", expired, expired},
		"B-LT revoked later":                  {blt, status(signed.Add(day), 1), w.Now, passed, "", "B-LT", isGood, revoked},
	} {
		t.Run(name, func(t *testing.T) {
			r := want(t, w.verifyAt(c.file, c.ev, c.now), c.verdict, c.sub, c.level)
			if r.CertificateThen != c.then || r.CertificateNow != c.nowStatus || !r.Intact {
				t.Errorf("certificate then %s, now %s; want %s, %s", r.CertificateThen, r.CertificateNow, c.then, c.nowStatus)
			}
			if (c.verdict == passed) != (len(r.Problems) == 0) && name != "B-T authority lost its key" {
				t.Errorf("problems: %q", r.Problems)
			}
		})
	}
}

// TestCertificates: chains, uses and keys.
func TestCertificates(t *testing.T) {
	w := newWorld(t)
	key := cmstest.RSAKey(t, "signer", 2048)
	data := onePage("", "")
	unknownExtension := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	for name, c := range map[string]struct {
		key    crypto.Signer
		change func(*x509.Certificate)
		sub    string
	}{
		"as it should be":            {key, nil, ""},
		"only digitalSignature":      {key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, ""},
		"only nonRepudiation":        {key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, ""},
		"for encryption":             {key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, "CHAIN_CONSTRAINTS_FAILURE"},
		"unknown critical":           {key, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{unknownExtension} }, "CHAIN_CONSTRAINTS_FAILURE"},
		"RSA of 1024 bits":           {weakRSA(t), nil, "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"},
		"P-224":                      {cmstest.ECKey(t, elliptic.P224()), nil, "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"},
		"not valid yet":              {key, func(c *x509.Certificate) { c.NotBefore = w.Now.Add(time.Hour) }, "NOT_YET_VALID"},
		"expired":                    {key, func(c *x509.Certificate) { c.NotAfter = w.Now.Add(-time.Hour) }, "OUT_OF_BOUNDS_NO_POE"},
		"with an extended key usage": {key, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.signer = w.Signer(c.key, c.change)
			verdict := pades.TotalPassed
			if c.sub != "" {
				verdict = pades.Indeterminate
			}
			want(t, w.verify(w.signB(data), w.evidence(w.Now)), verdict, c.sub, "B-B")
		})
	}
}

func weakRSA(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTrust(t *testing.T) {
	w, stranger := newWorld(t), cmstest.Stranger(t, time.Now())
	ev := w.evidence(w.Now)
	data := onePage("", "")
	file := w.signT(data, w.Now)
	opt := w.options(ev, w.Now)
	opt.Roots = []*x509.Certificate{stranger.Root.Cert}
	verify := func(file []byte, opt pades.VerifyOptions) *pades.Verification {
		t.Helper()
		v, err := pades.Verify(bytes.NewReader(file), opt)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if r := want(t, verify(file, opt), pades.Indeterminate, "NO_CERTIFICATE_CHAIN_FOUND", "B-B"); r.ChainTrusted || !r.Intact {
		t.Errorf("%+v", r)
	}
	opt.Roots = nil // must not mean the roots of the machine
	want(t, verify(file, opt), pades.Indeterminate, "NO_CERTIFICATE_CHAIN_FOUND", "B-B")

	in := w.prepare(data, pades.Box{Page: 1})
	in.Value, in.Chain = w.value(&in.Prepared), nil
	alone := w.embed(data, in)
	bare := ev
	bare.Certificates = nil
	want(t, w.verify(alone, bare), pades.Indeterminate, "NO_CERTIFICATE_CHAIN_FOUND", "B-B")
	opt = w.options(bare, w.Now)
	opt.Intermediates = []*x509.Certificate{w.CA.Cert}
	want(t, verify(alone, opt), pades.TotalPassed, "", "B-B")

	in.Timestamp = stranger.Stamp(in.Value, w.Now.Add(-time.Hour)) // of an authority that we do not trust
	in.Chain = []*x509.Certificate{w.CA.Cert}
	r := want(t, w.verify(w.embed(data, in), ev), pades.TotalPassed, "", "B-B")
	if !r.TimestampTime.IsZero() || len(r.Problems) != 1 {
		t.Errorf("a time-stamp of a stranger: %+v", r)
	}
	in.Timestamp = w.Stamp(in.Value, w.Now.Add(time.Hour))
	r = want(t, w.verify(w.embed(data, in), ev), pades.TotalPassed, "", "B-B")
	if !r.TimestampTime.IsZero() {
		t.Error("a time-stamp from the future was used")
	}
}

// TestAdobeSignature: the older SubFilter that most Vietnamese files have, with the same CMS, is a signature but has
// no PAdES level.
func TestAdobeSignature(t *testing.T) {
	w := newWorld(t)
	file := w.resign(t, "/ETSI.CAdES.detached", "/adbe.pkcs7.detached")
	want(t, w.verify(file, w.evidence(w.Now)), pades.TotalPassed, "", "")
}

func TestHashAndValueFailures(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	changed := bytes.Replace(file, []byte("Noi dung"), []byte("Noi dunh"), 1)
	want(t, w.verify(changed, ev), pades.TotalFailed, "HASH_FAILURE", "")
	start, _ := gap(t, file)
	_, der := dissect(t, file)
	changed = bytes.Clone(file)
	last := start + 1 + 2*(len(der)-1)
	changed[last] = map[bool]byte{true: '1', false: '0'}[changed[last] == '0']
	want(t, w.verify(changed, ev), pades.TotalFailed, "SIG_CRYPTO_FAILURE", "")
	at := bytes.Index(file, []byte("/ByteRange"))
	changed = bytes.Clone(file)
	changed[at+1] = 'b'
	want(t, w.verify(changed, ev), pades.TotalFailed, "FORMAT_FAILURE", "")
}

func TestFilesThatCannotBeVerified(t *testing.T) {
	w := newWorld(t)
	v := w.verify(onePage("", ""), pades.Evidence{})
	if v.Verdict != pades.Indeterminate || len(v.Signatures) != 0 || len(v.Warnings) != 1 {
		t.Errorf("a file without a signature: %+v", v)
	}
	encrypted := bytes.Replace(onePage("", ""), []byte("trailer\n<<"), []byte("trailer\n<</Encrypt 5 0 R"), 1)
	for name, c := range map[string]struct {
		file []byte
		code problem.Code
	}{
		"empty":     {nil, problem.DocumentBroken},
		"text":      {[]byte(strings.Repeat("no PDF ", 100)), problem.DocumentBroken},
		"encrypted": {encrypted, problem.DocumentEncrypted},
	} {
		if _, err := pades.Verify(bytes.NewReader(c.file), w.options(pades.Evidence{}, w.Now)); problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// TestSeveralRoots: signatures of two authorities that have nothing in common, each judged by the roots that are configured.
func TestSeveralRoots(t *testing.T) {
	w := newWorld(t)
	stranger := cmstest.Stranger(t, time.Now())
	other := &world{stranger, stranger.Signer(cmstest.RSAKey(t, "stranger's signer", 2048), nil)}
	file := other.signLT(w.signLT(onePage("", ""), w.Now), other.Now)
	for name, c := range map[string]struct {
		roots []*x509.Certificate
		want  []pades.Verdict
	}{
		"both":      {[]*x509.Certificate{w.Root.Cert, other.Root.Cert}, []pades.Verdict{pades.TotalPassed, pades.TotalPassed}},
		"the first": {[]*x509.Certificate{w.Root.Cert}, []pades.Verdict{pades.TotalPassed, pades.Indeterminate}},
		"none":      {nil, []pades.Verdict{pades.Indeterminate, pades.Indeterminate}},
	} {
		v, err := pades.Verify(bytes.NewReader(file), pades.VerifyOptions{Roots: c.roots, Now: w.Now})
		if err != nil || len(v.Signatures) != 2 {
			t.Fatalf("%s: %+v, %v", name, v, err)
		}
		for i, s := range v.Signatures {
			if s.Verdict != c.want[i] || s.Verdict == pades.Indeterminate && (s.SubIndication != "NO_CERTIFICATE_CHAIN_FOUND" || s.WhyVI == "") {
				t.Errorf("%s, signature %d: %s %s %q", name, i+1, s.Verdict, s.SubIndication, s.WhyVI)
			}
		}
	}
}
