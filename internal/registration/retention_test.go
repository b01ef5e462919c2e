package registration_test

import (
	"testing"
	"time"

	"kyso/internal/registration"
)

// TestTheTableOfRetentionIsWhole: each outcome with each kind of data once, and a reason in both languages for what stays.
func TestTheTableOfRetentionIsWhole(t *testing.T) {
	rows := map[registration.Outcome]map[registration.Kind]int{registration.WithCertificate: {}, registration.WithoutCertificate: {}}
	for _, r := range registration.Retention() {
		rows[r.Outcome][r.Kind]++
		if kept := r.Law != ""; kept != (r.VI != "") || kept != (r.EN != "") || r.ForGood && !kept {
			t.Errorf("%s of a registration %s: %+v", r.Kind, r.Outcome, r)
		}
		if r.Outcome == registration.WithoutCertificate && r.Law != "" && !r.ForGood {
			t.Errorf("%s is kept of a registration without a certificate", r.Kind)
		}
	}
	for outcome, kinds := range rows {
		for _, kind := range registration.Kinds() {
			if kinds[kind] != 1 {
				t.Errorf("%s, %s: %d rows", outcome, kind, kinds[kind])
			}
		}
	}
}

func TestWhatIsKeptEndsWithTheCertificate(t *testing.T) {
	end := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	r := registration.Registration{ID: "r"}
	r.Request, r.Contract = &registration.Paper{UploadID: "q"}, &registration.Paper{UploadID: "d"}
	kinds := func(now time.Time) string {
		out := ""
		for _, k := range registration.Keep(r, now, 5) {
			out += string(k.Kind) + " "
			if !k.ForGood && !k.Until.Equal(end.AddDate(5, 0, 0)) {
				t.Errorf("%s is kept until %s", k.Kind, k.Until)
			}
		}
		return out
	}
	if got := kinds(end); got != "records " {
		t.Errorf("without a certificate: %s", got)
	}
	r.Contract.SealedID = "c"
	r.Issued = &registration.Issued{Serial: "01", NotAfter: end.AddDate(0, 1, 0)}
	r.RevokedAt = end
	if got := kinds(end); got != "person request certificate contract records " {
		t.Errorf("revoked before acceptance: %s", got)
	}
	r.Acceptance = &registration.Acceptance{Paper: registration.Paper{UploadID: "a"}, SignedID: "s"}
	if got := kinds(end); got != "person request certificate contract acceptance records " {
		t.Errorf("accepted: %s", got)
	}
	keep, others := registration.UploadsOf(r, registration.Keep(r, end, 5))
	if len(keep) != 4 || len(others) != 1 || others[0] != "d" {
		t.Errorf("kept %v, not %v", keep, others)
	}
	if got := kinds(end.AddDate(5, 0, 0)); got != "records " {
		t.Errorf("at the end: %s", got)
	}
}
