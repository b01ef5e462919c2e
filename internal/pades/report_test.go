package pades_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
)

// TestReportShowsWhatItMust: whatever way a subject of the Vietnamese profile is written, the report has the identifier, the
// organisation, the unit, the title, both ends of validity, and the issuer.
func TestReportShowsWhatItMust(t *testing.T) {
	w := newWorld(t)
	attribute := func(value string, oid ...int) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier(oid), Value: value}
	}
	uid := func(value string) pkix.AttributeTypeAndValue {
		return attribute(value, 0, 9, 2342, 19200300, 100, 1, 1)
	}
	for name, c := range map[string]struct {
		subject pkix.Name
		want    pades.NameReport
	}{
		"a citizen": {pkix.Name{CommonName: "NGUYỄN VĂN MINH", ExtraNames: []pkix.AttributeTypeAndValue{uid("CCCD:079095012345")}},
			pades.NameReport{CommonName: "NGUYỄN VĂN MINH", Identifiers: []string{"CCCD:079095012345"}}},
		"a person of an organisation": {pkix.Name{CommonName: "TRẦN THỊ BÌNH", Organization: []string{"CÔNG TY TNHH ÁNH DƯƠNG"}, OrganizationalUnit: []string{"PHÒNG KẾ TOÁN"},
			ExtraNames: []pkix.AttributeTypeAndValue{uid("MST:0101243150"), uid("CCCD:001095000001"), attribute("KẾ TOÁN TRƯỞNG", 2, 5, 4, 12)}},
			pades.NameReport{CommonName: "TRẦN THỊ BÌNH", Identifiers: []string{"MST:0101243150", "CCCD:001095000001"}, Organizations: []string{"CÔNG TY TNHH ÁNH DƯƠNG"},
				Units: []string{"PHÒNG KẾ TOÁN"}, Titles: []string{"KẾ TOÁN TRƯỞNG"}}},
		"a foreign profile": {pkix.Name{CommonName: "Ann Example", SerialNumber: "PNOVN-079095012345", ExtraNames: []pkix.AttributeTypeAndValue{attribute("VATVN-0101243150", 2, 5, 4, 97)}},
			pades.NameReport{CommonName: "Ann Example", Identifiers: []string{"PNOVN-079095012345", "VATVN-0101243150"}}},
		"letters in two pieces": {pkix.Name{CommonName: "TRA\u0302\u0300N"}, pades.NameReport{CommonName: "TRẦN"}},
	} {
		w.signer = w.Signer(w.signer.Key, func(cert *x509.Certificate) { cert.Subject = c.subject })
		s := w.verify(w.signB(onePage("", "")), w.evidence(w.Now)).Signatures[0]
		if s.Certificate == nil || !reflect.DeepEqual(s.Certificate.Subject, c.want) {
			t.Errorf("%s: %+v, want %+v", name, s.Certificate, c.want)
			continue
		}
		cert := w.signer.Cert
		if got := s.Certificate; !got.NotBefore.Equal(cert.NotBefore) || !got.NotAfter.Equal(cert.NotAfter) || got.Serial != cert.SerialNumber.Text(16) || got.Issuer.CommonName != "Kyso Test CA" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestReportSaysWhoseTimeItIs: a time-stamp that is there is said to be there, whatever became of it.
func TestReportSaysWhoseTimeItIs(t *testing.T) {
	w := newWorld(t)
	at := w.Now.Add(-time.Hour)
	plain, stamped := w.signB(onePage("", "")), w.signT(onePage("", ""), at)
	archived := w.archive(plain, at)
	stranger := cmstest.Stranger(t, w.Now)
	foreign := w.prepare(onePage("", ""), pades.Box{Page: 1})
	foreign.Value = w.value(&foreign.Prepared)
	value, _, err := pades.SignatureValue(&foreign.Prepared, foreign.Certificate, foreign.Value)
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Replace(w.embed(onePage("", ""), foreign), fmt.Appendf(nil, "%x", value), fmt.Appendf(nil, "%x", append([]byte{value[0] ^ 1}, value[1:]...)), 1)
	foreign.Timestamp = stranger.Stamp(value, at)
	unknown, imprint := w.embed(onePage("", ""), foreign), sha256.Sum256(value)
	broken := bytes.Replace(unknown, fmt.Appendf(nil, "%x", imprint), fmt.Appendf(nil, "%x", sha256.Sum256(imprint[:])), 1)
	unread, nothing := bytes.Clone(stamped), pades.Evidence{}
	start, _ := gap(t, unread)
	unread[start+1] = '9'
	for name, c := range map[string]struct {
		file      []byte
		evidence  pades.Evidence
		by        pades.TimeSource
		stamp     pades.StampState
		authority string
	}{
		"only a claim":                                {plain, w.evidence(w.Now), pades.ByClaim, "", ""},
		"a time-stamp":                                {stamped, w.evidence(w.Now), pades.ByTimestamp, pades.StampValid, "Kyso Test TSA"},
		"a time-stamp, off line":                      {stamped, nothing, pades.ByTimestamp, pades.StampNotJudged, "Kyso Test TSA"},
		"a time-stamp of an unknown authority":        {unknown, w.evidence(w.Now), pades.ByTimestamp, pades.StampNotJudged, "Stranger TSA"},
		"a document time-stamp":                       {archived, w.evidence(w.Now), pades.ByDocumentTimestamp, pades.StampValid, "Kyso Test TSA"},
		"a document time-stamp, off line":             {archived, nothing, pades.ByDocumentTimestamp, pades.StampNotJudged, "Kyso Test TSA"},
		"a time-stamp over something else":            {broken, w.evidence(w.Now), pades.ByClaim, pades.StampInvalid, "Stranger TSA"},
		"a signature that cannot be read":             {unread, nothing, pades.ByClaim, pades.StampUnknown, ""},
		"a changed value under a document time-stamp": {w.archive(wrong, at), w.evidence(w.Now), pades.ByDocumentTimestamp, pades.StampValid, "Kyso Test TSA"},
		"a changed file":                              {bytes.Replace(stamped, []byte("Noi dung"), []byte("Noi dunh"), 1), nothing, pades.ByTimestamp, pades.StampNotJudged, "Kyso Test TSA"},
	} {
		got := w.verify(c.file, c.evidence).Signatures[0].Time
		want := at
		if c.by == pades.ByClaim {
			want = w.Now
		}
		if got.By != c.by || got.Stamp != c.stamp || got.Authority != c.authority || !got.At.Equal(want) {
			t.Errorf("%s: %+v, want %s %q of %q at %s", name, got, c.by, c.stamp, c.authority, want)
		}
	}
}

// TestWithoutATrustList: integrity is judged, and the chain is not, with the reason.
func TestWithoutATrustList(t *testing.T) {
	w := newWorld(t)
	file := w.signT(onePage("", ""), w.Now)
	for name, c := range map[string]struct {
		file    []byte
		verdict pades.Verdict
		sub     string
		intact  bool
	}{
		"as signed": {file, pades.Indeterminate, "NO_CERTIFICATE_CHAIN_FOUND", true},
		"changed":   {bytes.Replace(file, []byte("Noi dung"), []byte("Noi dunh"), 1), pades.TotalFailed, "HASH_FAILURE", false},
	} {
		v, err := pades.Verify(bytes.NewReader(c.file), pades.VerifyOptions{Now: w.Now})
		if err != nil {
			t.Fatal(err)
		}
		checkFindings(t, v)
		s := v.Signatures[0]
		told := slices.ContainsFunc(s.Findings, func(f pades.Finding) bool { return f.Code == "no-trust" })
		if v.Verdict != c.verdict || s.SubIndication != c.sub || s.Intact != c.intact || told != c.intact || s.Time.Stamp != pades.StampNotJudged {
			t.Errorf("%s: %s %s %+v", name, s.Verdict, s.SubIndication, s)
		}
	}
}
