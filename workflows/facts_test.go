package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"kyso/activities"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// asked runs an activity by itself, as if its process asked, and returns the code of its failure.
func asked(act reflect.Value, name string, arg any) problem.Code {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(act.Interface(), activity.RegisterOptions{Name: name})
	_, err := env.ExecuteActivity(name, arg)
	return failed(err)
}

// failed is the code with which an activity failed.
func failed(err error) problem.Code {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return problem.Code(app.Type())
	}
	return problem.CodeOf(err)
}

func refused(code problem.Code) bool { return code == problem.Conflict || code == problem.Denied }

// TestARegistrationMovesByFactsAlone asks for every transition of a record in which nothing stands but its status.
func TestARegistrationMovesByFactsAlone(t *testing.T) {
	reasons := []problem.Code{"", problem.RefusedByOfficer, problem.AlreadyHolder, problem.Withdrawn, problem.DeadlinePassed}
	for _, from := range registration.Statuses() {
		var e *enrolment
		for _, to := range registration.Statuses() {
			if from.Check(to) != nil {
				continue
			}
			of := []problem.Code{""}
			if to == registration.StatusClosing {
				of = reasons
			}
			for _, reason := range of {
				if e == nil || e.registration().Status != from { // else nothing has become of the last try
					e = newEnrolment(t, "PS1")
					e.reached(from)
					e.begun()
				}
				code := failed(e.reg.RecordRegistrationMove(context.Background(), activities.MoveInput{RegistrationID: e.id, Transition: registration.Transition{
					Seq: e.registration().Seq + 1, Status: to, At: e.env.Now(), Detail: string(reason), Actor: "the-minister"}}))
				name := fmt.Sprintf("%s→%s %s", from, to, reason)
				if now := e.registration().Status; now != from || !refused(code) {
					t.Errorf("%s: %q, and it is %s", name, code, now)
				}
			}
		}
	}
}

// TestAPriceIsKeptByPolicyAlone asks to keep the price of a registration that closes.
func TestAPriceIsKeptByPolicyAlone(t *testing.T) {
	for _, c := range []struct {
		policy  bool
		reason  problem.Code
		serial  string
		kept    bool
		refused bool
	}{
		{true, problem.DeadlinePassed, "01", true, false},
		{false, problem.DeadlinePassed, "01", false, false},
		{true, problem.DeadlinePassed, "", false, true},
		{true, problem.Withdrawn, "01", false, true},
	} {
		e := newEnrolment(t, "PS1")
		e.reg.Limits.KeepMoney = c.policy
		e.reached(registration.StatusAccepting)
		e.must(e.records.Move(context.Background(), e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: registration.StatusClosing,
			At: e.env.Now(), Detail: string(c.reason)}))
		e.must(e.records.Change(context.Background(), e.id, func(r *registration.Registration) error {
			r.Issued = &registration.Issued{KeyID: "k", Serial: c.serial}
			return nil
		}))
		code := failed(e.reg.KeepMoney(context.Background(), e.id))
		if kept := e.registration().KeptMoney; kept != c.kept || refused(code) != c.refused {
			t.Errorf("%+v: kept %v, %q", c, kept, code)
		}
	}
}

// TestARegistrationEndsWithItsCertificate tries to end a registration whose certificate is still in force.
func TestARegistrationEndsWithItsCertificate(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.reached(registration.StatusAccepting)
	e.must(e.records.Move(context.Background(), e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: registration.StatusClosing,
		At: e.env.Now(), Detail: string(problem.DeadlinePassed)}))
	set := func(revoked time.Time) {
		e.must(e.records.Change(context.Background(), e.id, func(r *registration.Registration) error {
			r.Issued, r.RevokedAt = &registration.Issued{KeyID: "k", Serial: "01"}, revoked
			return nil
		}))
	}
	end := activities.MoveInput{RegistrationID: e.id, Transition: registration.Transition{Seq: e.registration().Seq + 1, Status: registration.StatusExpired, At: e.env.Now()}}
	set(time.Time{})
	if code := failed(e.reg.RecordRegistrationMove(context.Background(), end)); code != problem.Conflict {
		t.Errorf("with a certificate in force: %q", code)
	}
	set(e.env.Now())
	e.must(e.reg.RecordRegistrationMove(context.Background(), end))
}

// begun records that a run began, as one of this release does.
func (e *enrolment) begun() {
	e.Helper()
	id := e.decideOn(decision.Decision{Kind: decision.Start, Object: e.object()}, struct{}{})
	_, err := e.store.Decisions().Take(context.Background(), decision.Take{DecisionID: id, Kind: decision.Start, Process: process.Registration, Object: e.id,
		Taker: "run 1"}, e.env.Now())
	e.must(err)
}

// reached moves the record to a status on the shortest way.
func (e *enrolment) reached(status registration.Status) {
	e.Helper()
	way := way(registration.StatusRequested, status, registration.Statuses(), func(from, to registration.Status) bool { return from.Check(to) == nil })
	for _, next := range way {
		e.standsAt(next)
	}
}

// way is the shortest way between two statuses, without the first.
func way[S comparable](from, to S, all []S, may func(from, to S) bool) []S {
	came, queue := map[S]S{from: from}, []S{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range all {
			if _, known := came[next]; !known && may(at, next) {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	var steps []S
	for at := to; at != from; at = came[at] {
		steps = append([]S{at}, steps...)
	}
	return steps
}

// dueAt are the statuses at which an activity of a signing may act on a record in which nothing else stands; elsewhere it is
// refused. nil stands for any, with the reason.
var dueAt = map[string][]signing.Status{
	"BeginSigning":        {signing.StatusCreated}, // the others need a decision
	"InspectAndFind":      nil,                     // as the two that follow
	"InspectDocuments":    nil,                     // reads
	"FindCertificates":    nil,                     // asks which certificates there are, until one is chosen
	"CancelDecided":       nil,                     // reads
	"RecordIncident":      nil,                     // says where a process stands
	"RecordChoice":        {},
	"RecordPlacements":    {},
	"RecordTransition":    {},
	"PrepareDocuments":    {signing.StatusPreparing},
	"RequestApproval":     {signing.StatusRequested},
	"PollApproval":        {signing.StatusAwaitingApproval},
	"ReadApproval":        {signing.StatusAwaitingApproval},
	"CollectLate":         nil, // a request that was never made is never late
	"CompleteSigning":     {},
	"EmbedSignatures":     {},
	"TimestampSignatures": {},
	"ExtendSignatures":    {},
	"ArchiveDocuments":    {},
	"DeliverDocuments":    {},
	"ArchiveDue":          nil, // reads; for what is not archived it says that there is nothing to keep
	"RenewArchive":        nil, // renews what is archived, and nothing else
}

// TestASigningActsWhereItIsDue asks for every activity of a signing at every status of a record.
func TestASigningActsWhereItIsDue(t *testing.T) {
	j := newJourney(t)
	acts := reflect.ValueOf(j.acts)
	var names []string
	for i := range acts.NumMethod() {
		names = append(names, acts.Type().Method(i).Name)
	}
	if known := slices.Sorted(maps.Keys(dueAt)); !slices.Equal(names, known) {
		t.Fatalf("a signing has the activities %v, known are %v", names, known)
	}
	for _, status := range signing.Statuses() {
		j.id = "018f5c00-0000-7000-8000-" + fmt.Sprintf("%012d", len(status)*100+int(status[0]))
		j.request(signing.Signing{Documents: []signing.Document{{Placement: nil}}}, page(string(status)))
		for n, next := range way(signing.StatusCreated, status, signing.Statuses(), func(from, to signing.Status) bool { return from.Check(to) == nil }) {
			j.must(j.store.Move(context.Background(), j.id, signing.Transition{Seq: n + 1, Status: next, At: j.env.Now()}))
		}
		for _, name := range names {
			due := dueAt[name]
			if due == nil || slices.Contains(due, status) {
				continue
			}
			if code := asked(acts.MethodByName(name), name, j.argument(acts.MethodByName(name).Type().In(1))); !refused(code) {
				t.Errorf("%s of a signing that is %s: %q", name, status, code)
			}
		}
	}
	if n := j.world.CountEffects(sandbox.EffectPush, "") + j.world.CountEffects(sandbox.EffectTimestamp, ""); n != 0 {
		t.Errorf("%d effects", n)
	}
}

// TestAnArchiveWaitsForTheEndOfItsSigning: a signing begins its archive and records its end at the same time. An archive that reads
// first asks again; it must not end as one that has nothing to keep.
func TestAnArchiveWaitsForTheEndOfItsSigning(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{Level: signing.LevelLTA, Documents: []signing.Document{{}}}, page("x"))
	for n, next := range way(signing.StatusCreated, signing.StatusCompleting, signing.Statuses(), func(from, to signing.Status) bool { return from.Check(to) == nil }) {
		j.must(j.store.Move(context.Background(), j.id, signing.Transition{Seq: n + 1, Status: next, At: j.env.Now()}))
	}
	if code := asked(reflect.ValueOf(j.acts.ArchiveDue), "ArchiveDue", j.id); code != problem.Internal { // which is tried again
		t.Errorf("while the signing completes: %q", code)
	}
}

// argument is what an activity of the signing is asked with.
func (j *journey) argument(of reflect.Type) any {
	if of.Kind() == reflect.String {
		return j.id
	}
	arg := reflect.New(of).Elem()
	for _, name := range []string{"SigningID", "ID"} {
		if f := arg.FieldByName(name); f.IsValid() {
			f.SetString(j.id)
		}
	}
	if f := arg.FieldByName("Stages"); f.IsValid() {
		f.Set(reflect.ValueOf([]string{activities.StageEmbed}))
	}
	if f := arg.FieldByName("Transition"); f.IsValid() {
		f.Set(reflect.ValueOf(signing.Transition{Seq: 99, Status: signing.StatusSigned, At: j.env.Now()}))
	}
	return arg.Interface()
}

// believers are the activities of a registration that record what a person did. Each needs the decision of that person.
func believers(id string) map[string]any {
	return map[string]any{
		"RecordHandOff": id,
		"RecordAccount": activities.AccountInput{RegistrationID: id, AccountID: "acct-x"},
		"RecordPackage": activities.PackageInput{RegistrationID: id, Code: "PS0"},
		"RecordCodeUse": activities.CodeCheck{RegistrationID: id, CodeID: "code-x", Purpose: registration.PurposeContract},
		"RecordReview":  activities.ReviewInput{RegistrationID: id, Review: registration.Review{ID: "rev-x", Officer: "the-minister", Decision: registration.DecisionApprove}},
		"OpenPayment":   activities.OpenPaymentInput{RegistrationID: id, Attempt: 7},
		"KeepMoney":     id,
		"Remind":        activities.RemindInput{RegistrationID: id, Step: "invented", Number: 1},
		"ReportStatus":  activities.ReportInput{RegistrationID: id, Status: registration.StatusRefused},
		"RecordRegistrationIncident": process.Incident{ProcessID: id, ClosedAt: time.Now(), Action: process.RepairSkip, Actor: "the-minister",
			Attention: process.Attention{IncidentID: "i", Step: "x", Reason: "x"}},
	}
}

// TestNothingIsRecordedThatNobodyDid asks for what people do, without their decision.
func TestNothingIsRecordedThatNobodyDid(t *testing.T) {
	e, _ := paidInReview(t)
	before := e.registration()
	for name, arg := range believers(e.id) {
		code := asked(reflect.ValueOf(e.reg).MethodByName(name), name, arg)
		if !refused(code) && code != problem.NotFound {
			t.Errorf("%s: %q", name, code)
		}
	}
	if after := e.registration(); !reflect.DeepEqual(before.Facts, after.Facts) {
		t.Errorf("the record is %+v, was %+v", after.Facts, before.Facts)
	}
	if n := len(e.world.Messages(e.phone)); n != 0 {
		t.Errorf("%d texts", n)
	}
}

// TestThePhoneIsAskedAgainWhenTheCitizenAsks asks for attempts at the acceptance record that nobody asked for, while one goes on
// and after the owner declined it.
func TestThePhoneIsAskedAgainWhenTheCitizenAsks(t *testing.T) {
	e := newEnrolment(t, "PS0")
	invent := func() {
		now := e.registration().Acceptance.Attempt
		for _, attempt := range []int{-1, 0, now + 1, now + 2} {
			_, err := e.reg.RequestAcceptance(context.Background(), activities.AcceptanceInput{RegistrationID: e.id, Attempt: attempt,
				SigningID: process.AcceptanceSigningID(e.id, attempt)})
			if code := failed(err); !refused(code) {
				t.Errorf("attempt %d: %q", attempt, code)
			}
		}
	}
	e.acts[registration.StatusAccepting] = func() {
		switch r := e.registration(); {
		case r.Acceptance == nil || r.Acceptance.Attempt == 0:
		case r.Acceptance.Attempt == 1:
			e.once("while it goes on", invent)
			if n, _ := e.world.Decline(citizen); n > 0 {
				e.at(4*time.Minute, invent)
				e.at(5*time.Minute, e.update(workflows.UpdateSignAcceptance, workflows.SignAcceptance{}, nil))
			}
		default:
			e.once("with a decision that served", invent)
			_, _ = e.world.Approve(citizen)
		}
	}
	if r := e.enrol(registration.StatusActive); r.Acceptance.Attempt != 2 {
		t.Errorf("%d attempts", r.Acceptance.Attempt)
	}
}

// TestAReminderComesWhenItIsDue asks for reminders long before the deadline.
func TestAReminderComesWhenItIsDue(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.reached(registration.StatusAccountReady)
	e.must(e.records.Move(context.Background(), e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: registration.StatusAwaitingConsent,
		At: e.env.Now(), Deadline: e.env.Now().Add(30 * 24 * time.Hour)}))
	for n := range activities.Reminders {
		err := e.reg.Remind(context.Background(), activities.RemindInput{RegistrationID: e.id, Step: workflows.StepContract, Number: n + 1})
		if code := failed(err); code != problem.Conflict {
			t.Errorf("reminder %d: %q", n+1, code)
		}
	}
}
