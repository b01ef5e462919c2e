package workflows_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// TestAnEarlierAnswerSignsNothing: the phone is asked while the certificate is good, by a list that stays valid for a day.
// An hour later the certificate is revoked, or nobody can be asked any more. The list of the first question must not decide
// the second, at no level.
func TestAnEarlierAnswerSignsNothing(t *testing.T) {
	for _, level := range []signing.Level{signing.LevelB, signing.LevelT, signing.LevelLT} {
		for reason, later := range map[string]func(*journey){
			"certificate-revoked": func(j *journey) { j.must(j.world.Revoke(j.serial(), 1, j.env.Now())) },
			"revocation-unknown": func(j *journey) {
				j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.CRL = "down" }))
			},
		} {
			t.Run(string(level)+" "+reason, func(t *testing.T) {
				j := newJourney(t)
				j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.OCSP = "down" }))
				j.window(24 * time.Hour)
				j.request(signing.Signing{Level: level}, page("x"))
				j.at(time.Hour, func() { later(j) })
				j.at(2*time.Hour, j.approve(user))
				j.at(3*time.Hour, func() { j.parked(workflows.StepEmbed, reason) })
				j.at(4*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
				j.run(signing.StatusCancelled)
			})
		}
	}
}

// TestEveryCheckSaysWhenItsAnswerWasMade: before the phone is asked, before a value is embedded, before delivery.
func TestEveryCheckSaysWhenItsAnswerWasMade(t *testing.T) {
	j := newJourney(t)
	j.window(24 * time.Hour)
	j.request(signing.Signing{Level: signing.LevelLT}, page("x"))
	j.at(2*time.Hour, j.approve(user))
	begin := j.env.Now()
	s := j.run(signing.StatusSigned)
	kept, err := j.store.Evidence(context.Background(), s.ID)
	j.must(err)
	early, late := 0, 0
	for _, e := range kept {
		if e.Kind != "certificate-check" {
			continue
		}
		var checks []struct {
			Certificate, State, Source string
			AskedAt                    time.Time `json:"asked_at"`
			MadeAt                     time.Time `json:"made_at"`
		}
		j.must(json.Unmarshal(e.Data, &checks))
		for _, c := range checks {
			if c.Certificate == "" || c.State != "good" || c.Source != "ocsp" || c.MadeAt.IsZero() || c.AskedAt.Sub(c.MadeAt).Abs() > time.Minute {
				t.Errorf("check %+v", c)
			}
			if c.AskedAt.Before(begin.Add(time.Hour)) {
				early++
			} else {
				late++
			}
		}
	}
	if early < 2 || late < 4 { // leaf and issuer before the phone; both before embedding, and both for B-LT
		t.Errorf("%d checks before the phone was asked, %d after", early, late)
	}
	for _, v := range j.verify(s) {
		for _, report := range v.Signatures {
			if report.StatusMade.Before(begin) {
				t.Errorf("%s: the status was made at %s", report.Field, report.StatusMade)
			}
		}
	}
}
