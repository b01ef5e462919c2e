package workflows_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"

	"kyso/activities"
	"kyso/internal/pades"
	"kyso/internal/process"
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

// before does something in the outside world when a stage first begins.
func (j *journey) before(stage string, do func()) {
	var once sync.Once
	j.onStages(func(_ string, work activities.Work) {
		if work.Stages[0] == stage {
			once.Do(do)
		}
	})
}

// onStages has begins see each stage of an activity, as work of that stage alone, right before it begins.
func (j *journey) onStages(begins func(activity string, work activities.Work)) {
	options := patient
	j.watching = []interceptor.WorkerInterceptor{&stageInterceptor{around: func(activity string, work activities.Work, do func() error) error {
		begins(activity, work)
		return do()
	}}}
	options.Interceptors = append(j.watching, options.Interceptors...)
	j.env.SetWorkerOptions(options)
}

// TestRevokedBeforeDelivery: the certificate was good when the value was embedded, and is revoked when the result is verified. The
// incident names that, and retrying or giving up is what may be done.
func TestRevokedBeforeDelivery(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{Level: signing.LevelB}, page("x"))
	j.at(10*time.Second, j.approve(user))
	j.before(activities.StageDeliver, func() { j.must(j.world.Revoke(j.serial(), 1, j.env.Now().Add(-time.Second))) })
	j.at(time.Hour, func() {
		j.parked(workflows.StepDeliver, "certificate-revoked")
		if a := j.status().Attention; !slices.Equal(a.Actions, []string{process.RepairRetry, process.RepairCancel}) || !strings.Contains(a.Message, "revoked") {
			t.Errorf("%v may be done about %q", a.Actions, a.Message)
		}
	})
	j.at(2*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
	j.run(signing.StatusCancelled)
}

// shifted is a document whose bytes came back in another order.
type shifted struct{ pades.Source }

func (s shifted) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Source.ReadAt(p, off)
	for i := range p[:n] {
		if p[i] >= '0' && p[i] <= '9' && off+int64(i) > s.Size()/2 {
			p[i] = '9' - (p[i] - '0')
		}
	}
	return n, err
}

// TestADamagedResultIsNoBadSignature: stored bytes that verify as badly as a bad signature are named as what they are.
func TestADamagedResultIsNoBadSignature(t *testing.T) {
	j := newJourney(t)
	open, damaged := j.acts.Open, false
	j.acts.Open = func(ctx context.Context, u signing.Upload) (pades.Source, error) {
		src, err := open(ctx, u)
		if damaged && err == nil {
			src = shifted{src}
		}
		return src, err
	}
	j.request(signing.Signing{Level: signing.LevelB}, page("x"))
	j.at(10*time.Second, j.approve(user))
	j.before(activities.StageDeliver, func() { damaged = true })
	j.at(time.Hour, func() {
		j.parked(workflows.StepDeliver, "digest-mismatch")
		damaged = false
	})
	j.at(2*time.Hour, j.update(workflows.UpdateRepair, retry(), nil))
	j.run(signing.StatusSigned)
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
