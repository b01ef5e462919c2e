package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/incident"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/relay"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/workflows"
)

func retry() process.Repair {
	return process.Repair{Action: process.RepairRetry, Actor: "ops-1", Reason: "the party is back"}
}

func giveUp() process.Repair {
	return process.Repair{Action: process.RepairCancel, Actor: "ops-1", Reason: "agreed with the requester"}
}

func TestSignedAtEveryLevel(t *testing.T) {
	for _, level := range []signing.Level{signing.LevelB, signing.LevelT, signing.LevelLT, signing.LevelLTA} {
		t.Run(string(level), func(t *testing.T) {
			j := newJourney(t)
			j.request(signing.Signing{Level: level, Reason: "Đồng ý ký hợp đồng"}, page("one"), page("two"), page("three"))
			j.at(10*time.Second, j.approve(user))
			s := j.run(signing.StatusSigned)
			for i, result := range j.verify(s) {
				if stamps := len(result.Signatures) - 1; stamps != map[bool]int{true: 1}[level == signing.LevelLTA] {
					t.Fatalf("document %d has %d signatures", i, len(result.Signatures))
				}
				got := result.Signatures[0]
				if got.Level != string(level) || !got.Intact || !got.ChainTrusted || got.Signer != "NGUYỄN VĂN MINH" {
					t.Errorf("document %d: %+v", i, got)
				}
				if level.AtLeast(signing.LevelLT) && got.Verdict != pades.TotalPassed {
					t.Errorf("a B-LT or B-LTA file must verify from itself alone: %+v", got)
				}
			}
		})
	}
}

// The same process on the database of production: signed, and parked and repaired in between.
func TestSignedOnPostgreSQL(t *testing.T) {
	j := newJourneyOn(t, storetest.Postgres(t))
	j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.TSA = "down" }))
	j.request(signing.Signing{Level: signing.LevelLT, Reason: "Đồng ý", Location: "Huế"}, page("one"), page("two"))
	j.at(10*time.Second, j.approve(user))
	j.at(20*time.Minute, func() {
		j.parked(workflows.StepTimestamp, "provider-unavailable")
		j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.TSA = "" }))
	})
	j.at(21*time.Minute, j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairRecovered) }))
	for _, result := range j.verify(j.run(signing.StatusSigned)) {
		if result.Verdict != pades.TotalPassed {
			t.Errorf("the file: %+v", result)
		}
	}
}

// A file was signed by somebody whose CA is not trusted here and answers no more. That is their signature's trouble,
// not ours; and theirs stays intact.
func TestSignedBeforeByAStranger(t *testing.T) {
	before := newStranger(t)
	before.request(signing.Signing{Level: signing.LevelT}, page("x"))
	before.at(10*time.Second, before.approve(user))
	file := before.bytes(before.run(signing.StatusSigned).Documents[0].SignedID)
	before.close()
	for _, level := range []signing.Level{signing.LevelT, signing.LevelLT} {
		j := newJourney(t)
		j.request(signing.Signing{Level: level}, file)
		j.at(10*time.Second, j.approve(user))
		result := j.verify(j.run(signing.StatusSigned))[0]
		if len(result.Signatures) != 2 || !result.Signatures[0].Intact || result.Signatures[0].LaterChanges != "signatures" {
			t.Errorf("the earlier signature: %+v", result.Signatures)
		}
	}
}

// As many documents as one approval may cover: one prompt, one use of the key and one time-stamp for each.
func TestFiftyDocumentsUnderOneApproval(t *testing.T) {
	j := newJourney(t)
	var files [][]byte
	for i := range signing.MaxDocuments {
		files = append(files, page(fmt.Sprintf("document %d", i+1)))
	}
	j.request(signing.Signing{}, files...)
	j.at(10*time.Second, j.approve(user))
	s := j.run(signing.StatusSigned)
	if n := j.world.CountEffects(sandbox.EffectSign, ""); n != signing.MaxDocuments {
		t.Errorf("the key was used %d times", n)
	}
	for i, result := range j.verify(s) {
		if len(result.Signatures) != 1 || !result.Signatures[0].Intact || !result.Signatures[0].CoversAll {
			t.Errorf("document %d: %+v", i+1, result.Signatures)
		}
	}
}

func TestBothProfiles(t *testing.T) {
	for _, name := range []string{"intrustca", "vnpt"} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			id := "079095012345"
			if name == "intrustca" {
				id = user
			}
			j.request(signing.Signing{Provider: name, UserID: id}, page("x"))
			j.at(10*time.Second, j.approve(id))
			j.run(signing.StatusSigned)
		})
	}
}

func TestEveryFormOfValueIsSigned(t *testing.T) {
	for name, knobs := range map[string]sandbox.Knobs{
		"P-256 as DER":                {Certificates: []string{"valid+p256"}},
		"P-256 as r and s":            {Certificates: []string{"valid+p256"}, RawRS: true},
		"RSA-PSS":                     {Certificates: []string{"valid+pss"}},
		"CMS":                         {CMSAnswer: true},
		"broken lines in base64":      {CRLFInCert: true},
		"another response id":         {DifferentResponseID: true},
		"status by tran_code":         {StatusBy: "tran_code"},
		"duplicates answered by 400":  {DuplicateAs400: true, Faults: []sandbox.Fault{{On: "sign", Do: "500-after", Times: 1}}},
		"no window in the answer":     {HideWindow: true},
		"upper-case hex turned away":  {UppercaseHexRejected: true},
		"a slow answer to the status": {Faults: []sandbox.Fault{{On: "status", Do: "slow", DelayMS: 150, Times: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.must(j.world.SetKnobs(user, knobs))
			j.request(signing.Signing{}, page("x"), page("y"))
			j.at(10*time.Second, j.approve(user))
			j.run(signing.StatusSigned)
		})
	}
}

func TestDeclined(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{}, page("x"))
	j.at(10*time.Second, func() { _, err := j.world.Decline(user); j.must(err) })
	j.run(signing.StatusDeclined)
}

func TestExpired(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{Decision: sandbox.DecisionNever}))
	j.request(signing.Signing{}, page("x"))
	began := j.env.Now()
	s := j.run(signing.StatusExpired)
	if waited := s.FinishedAt.Sub(began); waited < 4*time.Minute || waited > 7*time.Minute {
		t.Errorf("expired after %s, want the provider's five minutes and a short grace", waited)
	}
}

// The provider's real window is longer than the one we know of: the owner approves after we gave up.
func TestLateValueAfterExpiryIsRecordedAndNotUsed(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{HideWindow: true, WindowSeconds: 900}))
	j.request(signing.Signing{}, page("x"))
	j.at(390*time.Second, j.approve(user))
	s := j.run(signing.StatusExpired)
	j.wantUses(s, signing.UseLate)
}

func TestLateValueAfterCancelIsRecordedAndNotUsed(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{}, page("x"), page("y"))
	j.at(20*time.Second, j.update(workflows.UpdateCancel, workflows.Cancel{Actor: "requester"}, nil))
	j.at(60*time.Second, j.approve(user))
	s := j.run(signing.StatusCancelled)
	j.wantUses(s, signing.UseLate, signing.UseLate)
	if n := j.world.CountEffects(sandbox.EffectTimestamp, ""); n != 0 {
		t.Errorf("%d time-stamps were taken", n)
	}
}

func (j *journey) wantUses(s signing.Signing, want ...signing.Use) {
	j.Helper()
	values, err := j.store.Values(context.Background(), s.ID)
	j.must(err)
	var got []signing.Use
	for _, v := range values {
		got = append(got, v.Use)
	}
	if !slices.Equal(got, want) {
		j.Errorf("values are %v, want %v", got, want)
	}
}

func TestCancelAtEachWait(t *testing.T) {
	for name, prepare := range map[string]func(j *journey){
		"while a certificate is chosen": func(j *journey) {
			j.must(j.world.SetKnobs(user, sandbox.Knobs{Certificates: []string{"valid", "valid"}}))
			j.request(signing.Signing{}, page("x"))
		},
		"while the box is placed": func(j *journey) {
			j.request(signing.Signing{Documents: []signing.Document{{Placement: nil}}}, page("x"))
		},
		"while the phone is asked": func(j *journey) { j.request(signing.Signing{}, page("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			prepare(j)
			j.at(30*time.Second, j.update(workflows.UpdateCancel, workflows.Cancel{Actor: "requester"}, nil))
			j.run(signing.StatusCancelled)
		})
	}
}

// While the documents are being completed a cancellation is refused; what is parked there may be given up.
func TestCancelAfterApproval(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		j := newJourney(t)
		j.must(j.world.SetSettings(sandbox.Settings{TSA: "down"}))
		j.request(signing.Signing{}, page("x"))
		j.at(10*time.Second, j.approve(user))
		j.at(time.Minute, j.update(workflows.UpdateCancel, workflows.Cancel{Actor: "requester"}, func(_ any, err error) {
			wantCode(t, err, problem.Conflict)
		}))
		j.at(20*time.Minute, func() {
			j.parked(workflows.StepTimestamp, "provider-unavailable")
			if cancelled {
				j.update(workflows.UpdateCancel, workflows.Cancel{Actor: "requester"}, nil)()
			}
		})
		if cancelled {
			j.run(signing.StatusCancelled)
			continue
		}
		j.at(21*time.Minute, func() { j.must(j.world.SetSettings(sandbox.Settings{})) })
		j.at(22*time.Minute, j.update(workflows.UpdateRepair, retry(), nil))
		j.run(signing.StatusSigned)
	}
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || app.Type() != string(want) {
		t.Errorf("error is %v, want code %s", err, want)
	}
}

func TestChoosingACertificate(t *testing.T) {
	j := newJourney(t)
	j.window(2 * time.Hour)
	j.must(j.world.UpdateKnobs(user, func(k *sandbox.Knobs) { k.Certificates = []string{"expired", "valid", "valid+p256"} }))
	j.request(signing.Signing{}, page("x"))
	j.at(time.Hour, func() {
		list, err := j.store.Certificates(context.Background(), j.id)
		j.must(err)
		if len(list) != 3 {
			t.Fatalf("%d certificates", len(list))
		}
		expired, valid := list[0], list[1]
		if expired.NotAfter.After(j.env.Now()) {
			t.Fatalf("the first certificate is not the expired one")
		}
		choose := func(fingerprint string, done func(any, error)) {
			j.update(workflows.UpdateChooseCertificate, workflows.ChooseCertificate{Fingerprint: fingerprint}, done)()
		}
		choose("short", func(_ any, err error) { wantCode(t, err, problem.Invalid) })
		choose(expired.Fingerprint, func(_ any, err error) {
			wantCode(t, err, problem.CertificateExpired)
			choose(valid.Fingerprint, nil)
		})
	})
	j.at(2*time.Hour, j.approve(user))
	j.run(signing.StatusSigned)
}

func TestPlacing(t *testing.T) {
	j := newJourney(t)
	j.window(2 * time.Hour)
	j.request(signing.Signing{Documents: []signing.Document{{Placement: nil}}}, page("x"))
	j.at(time.Hour, j.update(workflows.UpdatePlace, workflows.Place{}, func(_ any, err error) { wantCode(t, err, problem.Invalid) }))
	j.at(time.Hour+time.Second, j.update(workflows.UpdatePlace, workflows.Place{Placements: []signing.Placement{{Page: 1, X: 50, Y: 60, Width: 180, Height: 70}}}, nil))
	j.at(2*time.Hour, j.approve(user))
	s := j.run(signing.StatusSigned)
	if p := s.Documents[0].Placement; p == nil || p.X != 50 {
		t.Errorf("placement is %+v", p)
	}
}

func TestPatienceEnds(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{Certificates: []string{"valid", "valid"}}))
	j.request(signing.Signing{}, page("x"))
	j.run(signing.StatusExpired)
}

func TestRefusedBeforeThePhoneIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		knobs   sandbox.Knobs
		signing signing.Signing
		file    []byte
		want    problem.Code
	}{
		"unknown user":     {signing: signing.Signing{UserID: "ICA.12"}, want: problem.SignerUnknown},
		"no certificate":   {knobs: sandbox.Knobs{Certificates: []string{"none"}}, want: problem.CertificateMissing},
		"expired":          {knobs: sandbox.Knobs{Certificates: []string{"expired"}}, want: problem.CertificateExpired},
		"revoked":          {knobs: sandbox.Knobs{Certificates: []string{"revoked"}, SignAnyway: true}, want: problem.CertificateRevoked},
		"suspended":        {knobs: sandbox.Knobs{Certificates: []string{"suspended"}, SignAnyway: true}, want: problem.CertificateRevoked},
		"wrong chain":      {knobs: sandbox.Knobs{Certificates: []string{"wrong-chain"}, SignAnyway: true}, want: problem.CertificateInvalid},
		"of another":       {knobs: sandbox.Knobs{CertificatesOf: "079095012399"}, want: problem.CertificateOther},
		"another serial":   {signing: signing.Signing{Serial: "00ff"}, want: problem.CertificateMissing},
		"no such page":     {signing: signing.Signing{Documents: []signing.Document{{Placement: &signing.Placement{Page: 2}}}}, want: problem.PlacementInvalid},
		"box off the page": {signing: signing.Signing{Documents: []signing.Document{{Placement: &signing.Placement{Page: 1, X: 580, Y: 10, Width: 200, Height: 60}}}}, want: problem.PlacementInvalid},
		"broken file":      {file: []byte("%PDF-1.7\nnothing else\n%%EOF\n"), want: problem.DocumentBroken},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.must(j.world.SetKnobs(user, c.knobs))
			if c.file == nil {
				c.file = page("x")
			}
			j.request(c.signing, c.file)
			j.run(signing.StatusRefused)
			var result workflows.SigningResult
			j.must(j.env.GetWorkflowResult(&result))
			if result.Reason != string(c.want) {
				t.Errorf("reason is %s, want %s", result.Reason, c.want)
			}
			if n := j.world.CountEffects(sandbox.EffectPush, ""); n != 0 {
				t.Errorf("the phone was asked %d times", n)
			}
		})
	}
}

// Four days pass between request and approval. The certificate was revoked on the second day: it was good when
// the phone was asked, and must not be embedded.
func TestRevokedWhileWaiting(t *testing.T) {
	j := newJourney(t)
	j.window(5 * 24 * time.Hour)
	j.request(signing.Signing{}, page("x"))
	j.at(48*time.Hour, func() { j.must(j.world.Revoke(j.serial(), 1, j.env.Now())) })
	j.at(96*time.Hour, j.approve(user))
	j.at(97*time.Hour, func() {
		j.parked(workflows.StepEmbed, "certificate-revoked")
		j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairFailedAgain) })()
	})
	j.at(98*time.Hour, j.update(workflows.UpdateRepair, giveUp(), func(result any, err error) { j.wantRepair(result, err, process.RepairGivenUp) }))
	s := j.run(signing.StatusCancelled)
	j.wantUses(s, signing.UseLate)
}

// A suspension is reversible: after it is lifted, the approval of four days ago still counts.
func TestSuspendedWhileWaitingThenRestored(t *testing.T) {
	j := newJourney(t)
	j.window(5 * 24 * time.Hour)
	j.request(signing.Signing{}, page("x"))
	j.at(48*time.Hour, func() { j.must(j.world.Suspend(j.serial())) })
	j.at(96*time.Hour, j.approve(user))
	j.at(97*time.Hour, func() {
		j.parked(workflows.StepEmbed, "certificate-revoked")
		j.must(j.world.Restore(j.serial()))
	})
	j.at(98*time.Hour, j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairRecovered) }))
	j.run(signing.StatusSigned)
}

func (j *journey) wantRepair(result any, err error, want string) {
	j.Helper()
	j.must(err)
	if got := result.(workflows.RepairResult).Outcome; got != want {
		j.Errorf("the repair %s, want %s", got, want)
	}
}

func (j *journey) serial() string {
	j.Helper()
	list, err := j.store.Certificates(context.Background(), j.id)
	j.must(err)
	return list[0].Serial
}

func TestLostAnswerToTheRequestAsksThePhoneOnce(t *testing.T) {
	for _, fault := range []string{"lost", "500-after", "truncated", "junk", "huge"} {
		t.Run(fault, func(t *testing.T) {
			j := newJourney(t)
			j.must(j.world.SetKnobs(user, sandbox.Knobs{Faults: []sandbox.Fault{{On: "sign", Do: fault, Times: 2}}}))
			j.request(signing.Signing{}, page("x"))
			j.at(30*time.Second, j.approve(user))
			j.run(signing.StatusSigned)
		})
	}
}

// What verifies over the exact bytes is a document's value, whatever name, order or spelling it came in.
func TestValuesFindTheirDocuments(t *testing.T) {
	for name, knobs := range map[string]sandbox.Knobs{
		"under each other's names":    {SwapBatch: true},
		"in order, in hex":            {NameBy: "order", ValueForm: "hex"},
		"exchanged, without names":    {NameBy: "order", SwapBatch: true, ValueForm: "base64url"},
		"by hash, in upper case":      {NameBy: "hash", ValueForm: "HEX"},
		"in lines":                    {ValueForm: "lines"},
		"CMS by order, in base64url":  {NameBy: "order", CMSAnswer: true, ValueForm: "base64url"},
		"ECDSA r and s, in hex":       {Certificates: []string{"valid+p256"}, RawRS: true, ValueForm: "hex"},
		"PSS, exchanged under hashes": {Certificates: []string{"valid+pss"}, NameBy: "hash", SwapBatch: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.must(j.world.SetKnobs(user, knobs))
			j.request(signing.Signing{}, page("x"), page("y"), page("z"))
			j.at(10*time.Second, j.approve(user))
			j.run(signing.StatusSigned)
		})
	}
}

func TestWrongValuesPark(t *testing.T) {
	for name, knobs := range map[string]sandbox.Knobs{
		"value by another key": {WrongKey: true},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.must(j.world.SetKnobs(user, knobs))
			j.request(signing.Signing{}, page("x"), page("y"))
			j.at(10*time.Second, j.approve(user))
			j.at(time.Hour, func() {
				j.parked(workflows.StepEmbed, "signature-invalid")
				j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairFailedAgain) })()
			})
			j.at(2*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
			s := j.run(signing.StatusCancelled)
			if n := j.world.CountEffects(sandbox.EffectTimestamp, ""); n != 0 {
				t.Errorf("%d time-stamps over values that do not verify", n)
			}
			j.wantUses(s, signing.UseRejected, signing.UseLate)
		})
	}
}

// The provider says success and sends nothing: nobody knows whether the owner agreed, so it is neither signed nor
// expired, but somebody's work.
func TestSuccessWithoutValueParks(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{EmptyValue: true}))
	j.request(signing.Signing{}, page("x"))
	j.at(10*time.Second, j.approve(user))
	j.at(time.Hour, func() { j.parked(workflows.StepAwaitApproval, "provider-unavailable") })
	j.at(2*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
	j.run(signing.StatusCancelled)
}

// A provider that is down parks the process; the signal twin of the repair is what Temporal's batch sends.
func TestProviderDownParksAndASignalRepairs(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{Faults: []sandbox.Fault{{On: "sign", Do: "500"}}}))
	j.request(signing.Signing{}, page("x"))
	j.at(time.Hour, func() {
		j.parked(workflows.StepRequest, "provider-unavailable")
		dance := process.Repair{Action: "dance", Actor: "ops-1", Reason: "no such action"}
		j.env.SignalWorkflow(workflows.SignalRepair, carrying(dance, j.decide(workflows.UpdateRepair, dance)))
	})
	j.at(61*time.Minute, func() {
		j.parked(workflows.StepRequest, "provider-unavailable")
		j.must(j.world.SetKnobs(user, sandbox.Knobs{}))
		j.env.SignalWorkflow(workflows.SignalRepair, process.Repair{Recorded: process.Recorded{
			DecisionID: j.decideForMany(workflows.StepRequest, "provider-unavailable", retry())}})
	})
	j.at(62*time.Minute, j.approve(user))
	j.run(signing.StatusSigned)
	all, err := j.store.Parked().List(context.Background(), incident.Filter{All: true})
	j.must(err)
	if len(all) != 1 || all[0].Action != process.RepairRetry || all[0].Actor != "ops-1" || all[0].ClosedAt.IsZero() {
		t.Errorf("incidents: %+v", all)
	}
}

func TestWrongAccountParks(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{Provider: "nobody"}, page("x"))
	j.at(time.Hour, func() { j.parked(workflows.StepFindCertificates, "provider-credentials") })
	j.at(2*time.Hour, j.update(workflows.UpdateRepair, process.Repair{Action: "retry"}, func(_ any, err error) { wantCode(t, err, problem.Invalid) }))
	j.at(3*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
	j.run(signing.StatusCancelled)
}

func TestRevocationServicesDown(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetSettings(sandbox.Settings{OCSP: "down", CRL: "down"}))
	j.request(signing.Signing{Level: signing.LevelLT}, page("x"))
	j.at(time.Hour, func() {
		j.parked(workflows.StepPrepare, "revocation-unknown")
		j.must(j.world.SetSettings(sandbox.Settings{OCSP: "down"})) // the CRL alone is enough
	})
	j.at(61*time.Minute, j.update(workflows.UpdateRepair, retry(), nil))
	j.at(62*time.Minute, j.approve(user))
	j.run(signing.StatusSigned)
}

// A webhook is a hint: without it the poll finds out in seconds; a second one changes nothing.
func TestNudges(t *testing.T) {
	for name, nudges := range map[string]int{"lost webhook": 0, "webhook": 1, "doubled webhook": 2, "storm": 50} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.request(signing.Signing{}, page("x"))
			j.at(100*time.Second, func() {
				j.approve(user)()
				for i := range nudges {
					j.webhook(strconv.Itoa(i))
				}
			})
			j.run(signing.StatusSigned)
		})
	}
}

// webhook hands a webhook of the provider over, as the API does.
func (j *journey) webhook(id string) {
	j.Helper()
	inbox := &relay.Inbox{Messages: j.store.Relay(), Engine: j.watch, Now: j.now}
	m := signing.InboxMessage{ID: id, Provider: "intrustca", Request: process.ApprovalID(j.id), Body: []byte("{}"), ReceivedAt: j.now()}
	_, err := j.store.Receive(context.Background(), m)
	j.must(err)
	j.must(inbox.Handle(context.Background(), m))
	j.env.RegisterDelayedCallback(j.watch.look, 100*time.Millisecond)
}
