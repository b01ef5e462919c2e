package workflows_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// named are the fields of inputs that say which record a run is of, and by which decision it begins. All others are lies below.
var named = map[string]bool{"RegistrationID": true, "SigningID": true, "Again.DecisionID": true}

// lies are what somebody who starts a run may write into each field of its input.
var lies = map[reflect.Type]map[string]any{
	reflect.TypeFor[workflows.RegistrationInput](): {
		"Issuer":           "CMC-CA",
		"Deadlines":        workflows.RegistrationLimits{HandOff: time.Second, Contract: time.Second, Activation: 10 * 365 * 24 * time.Hour, KeepMoney: true},
		"Again.Status":     string(registration.StatusIssuing),
		"Again.Seq":        99,
		"Again.Deadline":   time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
		"Again.Close":      true,
		"Again.Asked":      true,
		"Again.AccountID":  "acct-of-another",
		"Again.Ordered":    true,
		"Again.PriceVND":   int64(1),
		"Again.Attempts":   98,
		"Again.Signings":   7,
		"Again.Issuing":    true,
		"Again.Archive":    true,
		"Again.Reason":     string(problem.RefusedByOfficer),
		"RegistrationID":   nil,
		"Again.DecisionID": nil,
	},
	reflect.TypeFor[workflows.SigningInput](): {
		"Provider":         "vnpt",
		"Level":            signing.LevelB,
		"Documents":        50,
		"Placed":           true,
		"Patience":         time.Second,
		"Again.Status":     string(signing.StatusCompleting),
		"Again.Seq":        99,
		"Again.Deadline":   time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
		"Again.Close":      true,
		"Again.Asked":      true,
		"Again.AccountID":  "acct-of-another",
		"Again.Ordered":    true,
		"Again.PriceVND":   int64(1),
		"Again.Attempts":   98,
		"Again.Signings":   7,
		"Again.Issuing":    true,
		"Again.Archive":    true,
		"Again.Reason":     string(problem.RefusedByOfficer),
		"SigningID":        nil,
		"Again.DecisionID": nil,
	},
}

// fieldsOf are the names of a struct's fields, those of Again apart.
func fieldsOf(t reflect.Type, prefix string) []string {
	var names []string
	for f := range t.Fields() {
		switch {
		case f.Anonymous:
			names = append(names, fieldsOf(f.Type, prefix)...)
		case f.Type == reflect.TypeFor[*workflows.Again]():
			names = append(names, fieldsOf(f.Type.Elem(), prefix+f.Name+".")...)
		default:
			names = append(names, prefix+f.Name)
		}
	}
	return names
}

// TestEveryFieldOfAnInputIsALie holds the list above against the inputs: a new field cannot be forgotten.
func TestEveryFieldOfAnInputIsALie(t *testing.T) {
	for input, fields := range lies {
		names := fieldsOf(input, "")
		slices.Sort(names)
		if known := slices.Sorted(maps.Keys(fields)); !slices.Equal(names, known) {
			t.Errorf("%s has %v, lied about are %v", input, names, known)
		}
	}
}

// lie returns an input of the record with lies in some fields, or in all.
func lie[In any](input In, decisionID string, fields ...string) In {
	all := lies[reflect.TypeFor[In]()]
	if len(fields) == 0 {
		fields = slices.Collect(maps.Keys(all))
	}
	v := reflect.ValueOf(&input).Elem()
	again := &workflows.Again{Recorded: process.Recorded{DecisionID: decisionID}}
	for _, name := range fields {
		if named[name] {
			continue
		}
		to := v
		if in, ok := strings.CutPrefix(name, "Again."); ok {
			name, to = in, reflect.ValueOf(again).Elem()
		}
		to.FieldByName(name).Set(reflect.ValueOf(all[prefixed(to, name)]))
	}
	v.FieldByName("Again").Set(reflect.ValueOf(again))
	return input
}

func prefixed(of reflect.Value, name string) string {
	if of.Type() == reflect.TypeFor[workflows.Again]() {
		return "Again." + name
	}
	return name
}

// TestInventedInputOfARecordThatMoved: at every status a run that nobody decided is refused, whatever it says, and does nothing.
func TestInventedInputOfARecordThatMoved(t *testing.T) {
	way := []registration.Status{registration.StatusHandedOff, registration.StatusAccountReady, registration.StatusAwaitingPayment,
		registration.StatusAwaitingConsent, registration.StatusInReview, registration.StatusIssuing, registration.StatusActivating,
		registration.StatusAccepting, registration.StatusClosing, registration.StatusCancelled}
	for i, at := range way {
		t.Run("registration "+string(at), func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			for _, status := range way[:i+1] {
				e.standsAt(status)
			}
			e.refusesToBegin(workflows.Registration, lie(workflows.RegistrationInput{RegistrationID: e.id}, ""))
		})
	}
	steps := []signing.Status{signing.StatusAwaitingCertificate, signing.StatusAwaitingPlacement, signing.StatusPreparing, signing.StatusRequested,
		signing.StatusAwaitingApproval, signing.StatusCompleting, signing.StatusCancelled}
	for i, at := range steps {
		t.Run("signing "+string(at), func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.journey.request(signing.Signing{}, page("x"))
			for n, status := range steps[:i+1] {
				e.must(e.store.Move(context.Background(), e.journey.id, signing.Transition{Seq: n + 1, Status: status, At: e.env.Now()}))
			}
			e.runAs(process.SigningWorkflowID(e.journey.id))
			e.refusesToBegin(workflows.Signing, lie(workflows.SigningInput{SigningID: e.journey.id}, ""))
		})
	}
}

// refusesToBegin runs a process that has to be refused before it does anything.
func (e *enrolment) refusesToBegin(process, in any) {
	e.Helper()
	ctx := context.Background()
	before, record := e.effects(), e.registration()
	moves, _ := e.store.Transitions(ctx, e.journey.id, 0)
	e.env.ExecuteWorkflow(process, in)
	if err := e.env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "no decision") && !strings.Contains(err.Error(), "decision") {
		e.Errorf("ended with %v", err)
	}
	after := e.registration()
	if got := e.effects(); !maps.Equal(got, before) || after.Seq != record.Seq || after.Attention.Open() {
		e.Errorf("effects %v, before %v; the record is %s %d %+v", got, before, after.Status, after.Seq, after.Attention)
	}
	if now, _ := e.store.Transitions(ctx, e.journey.id, 0); len(now) != len(moves) {
		e.Errorf("the signing made %d transitions", len(now)-len(moves))
	}
}

// TestABeginningNeedsItsOwnDecision: a decision about another record, of another kind, taken by another run or too old lets no run
// begin.
func TestABeginningNeedsItsOwnDecision(t *testing.T) {
	for name, draw := range map[string]func(*enrolment) string{
		"unknown": func(*enrolment) string { return "run-nowhere" },
		"another record": func(e *enrolment) string {
			return e.decideOn(decision.Decision{Kind: decision.Resume, Object: decision.Object{Process: process.Registration, ID: "another"}}, decision.Resumption{})
		},
		"another process": func(e *enrolment) string {
			return e.decideOn(decision.Decision{Kind: decision.Resume, Object: decision.Object{Process: process.Signing, ID: e.id}}, decision.Resumption{})
		},
		"operator's": func(e *enrolment) string {
			return e.decideOn(decision.Decision{Kind: "begin-again", Object: e.object()}, map[string]string{"action": "begin-again"})
		},
		"taken": func(e *enrolment) string {
			id := e.decideOn(decision.Decision{Kind: decision.Resume, Object: e.object()}, decision.Resumption{})
			_, err := e.store.Decisions().Take(context.Background(), decision.Take{DecisionID: id, Kind: decision.Resume, Process: process.Registration, Object: e.id,
				Taker: "run another"}, e.env.Now())
			e.must(err)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := paidInReview(t)
			e.refusesToBegin(workflows.Registration, lie(workflows.RegistrationInput{RegistrationID: e.id}, draw(e)))
		})
	}
}

// standing is what a process says of itself ten minutes after its beginning.
func (e *enrolment) standing(process, in any) string {
	e.Helper()
	said := "it did not say"
	e.env.SetWorkflowRunTimeout(time.Hour)
	e.at(10*time.Minute, func() {
		value, err := e.env.QueryWorkflow(workflows.QueryStatus)
		e.must(err)
		var status struct {
			Status, Step string
			Seq          int
			Deadline     time.Time
			Issuing      bool
			Attempts     []any
			Attention    *struct{ Step, Reason string }
		}
		e.must(value.Get(&status))
		left := status.Deadline.Sub(e.env.Now()).Round(time.Minute)
		said = fmt.Sprintf("%s %s %d, ends in %s, issuing %t, attention %+v", status.Status, status.Step, status.Seq, left, status.Issuing, status.Attention)
	})
	e.env.ExecuteWorkflow(process, in)
	if e.env.GetWorkflowError() == nil || said == "it did not say" {
		e.Fatalf("the process ended: %v", e.env.GetWorkflowError())
	}
	return fmt.Sprintf("%s; effects %v; record %s", said, e.effects(), e.registration().Status)
}

// TestInventedFieldsChangeNothing: a first run, and one whose beginning was decided, do the same whatever else their input says.
func TestInventedFieldsChangeNothing(t *testing.T) {
	begin := map[string]func(t *testing.T, fields []string) string{
		"registration first": func(t *testing.T, fields []string) string {
			e := newEnrolment(t, "PS1")
			return e.standing(workflows.Registration, lie(workflows.RegistrationInput{RegistrationID: e.id}, "", fields...))
		},
		"registration decided": func(t *testing.T, fields []string) string {
			e, _ := paidInReview(t)
			id := e.decideOn(decision.Decision{Kind: decision.Resume, Object: e.object()}, decision.Resumption{Attempts: 1})
			return e.standing(workflows.Registration, lie(workflows.RegistrationInput{RegistrationID: e.id}, id, fields...))
		},
		"signing decided": func(t *testing.T, fields []string) string {
			e := newEnrolment(t, "PS1")
			e.journey.request(signing.Signing{Documents: []signing.Document{{Placement: nil}}}, page("x"))
			e.runAs(process.SigningWorkflowID(e.journey.id))
			e.must(e.store.Move(context.Background(), e.journey.id, signing.Transition{Seq: 1, Status: signing.StatusAwaitingPlacement, At: e.env.Now()}))
			id := e.decideOn(decision.Decision{Kind: decision.Resume, Object: decision.Object{Process: process.Signing, ID: e.journey.id}}, decision.Resumption{})
			return e.standing(workflows.Signing, lie(workflows.SigningInput{SigningID: e.journey.id}, id, fields...))
		},
	}
	for name, stands := range begin {
		t.Run(name, func(t *testing.T) {
			honest := stands(t, []string{"RegistrationID"})
			t.Log(honest)
			input := reflect.TypeFor[workflows.RegistrationInput]()
			if strings.HasPrefix(name, "signing") {
				input = reflect.TypeFor[workflows.SigningInput]()
			}
			if stands(t, nil) == honest {
				return
			}
			for field := range lies[input] { // to name which
				if said := stands(t, []string{field}); said != honest {
					t.Errorf("with an invented %s: %s, want %s", field, said, honest)
				}
			}
		})
	}
}
