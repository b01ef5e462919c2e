package workflows_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// listed has a journey trust whom the list of its store trusts over what the sandbox's files hold.
func (j *journey) listed() (*signing.TrustDesk, []*x509.Certificate) {
	j.Helper()
	before := trustNow(j, j.acts)
	files := slices.Concat(before.Roots, before.Intermediates)
	desk := &signing.TrustDesk{Files: func() []*x509.Certificate { return files }, Records: j.store.Trusted()}
	j.acts.Trust = func(ctx context.Context) (signing.Trust, error) {
		list, err := desk.List(ctx)
		return signing.TrustOf(list), err
	}
	return desk, before.Intermediates
}

// TestARemovedAuthoritySignsNoMore: its certificates are refused before anybody's phone rings, though its root stays trusted.
func TestARemovedAuthoritySignsNoMore(t *testing.T) {
	j := newJourney(t)
	desk, issuers := j.listed()
	for _, c := range issuers {
		_, err := desk.Remove(t.Context(), signing.Fingerprint(c.Raw), signing.TrustRequest{Actor: "op", Reason: "ngừng", At: j.env.Now()})
		j.must(err)
	}
	j.request(signing.Signing{}, page("x"))
	j.run(signing.StatusRefused)
	var result workflows.SigningResult
	j.must(j.env.GetWorkflowResult(&result))
	if result.Reason != string(problem.CertificateInvalid) {
		t.Errorf("reason is %s", result.Reason)
	}
	if n := j.world.CountEffects(sandbox.EffectPush, ""); n != 0 {
		t.Errorf("the phone was asked %d times", n)
	}
}

// TestARemovedAuthorityIsJudgedAtTheNextVerification: what was valid is INDETERMINATE from then on, and valid when it is taken back.
func TestARemovedAuthorityIsJudgedAtTheNextVerification(t *testing.T) {
	j := newJourney(t)
	desk, issuers := j.listed()
	j.request(signing.Signing{Level: signing.LevelLT}, page("x"))
	j.at(10*time.Second, j.approve(user))
	s := j.run(signing.StatusSigned)
	want := func(what string, verdict pades.Verdict) {
		t.Helper()
		if v := j.verify(s)[0]; v.Verdict != verdict {
			t.Errorf("%s: %+v", what, v)
		}
	}
	ask := signing.TrustRequest{Actor: "op", Reason: "x", At: j.env.Now()}
	want("signed", pades.TotalPassed)
	for _, c := range issuers {
		_, err := desk.Remove(t.Context(), signing.Fingerprint(c.Raw), ask)
		j.must(err)
	}
	want("removed", pades.Indeterminate)
	for _, c := range issuers {
		_, err := desk.Add(t.Context(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), ask)
		j.must(err)
	}
	want("taken back", pades.TotalPassed)
}
