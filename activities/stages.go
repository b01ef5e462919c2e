package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// An activity may do several steps of a process in turn: its stages. Each is done when the store holds what came of it, and does
// nothing then, so that an attempt may begin with any stage that an attempt before came to.

// The stages, named as the steps that incidents show.
const (
	StageInspect          = "inspect"
	StageFindCertificates = "find-certificates"
	StageRequest          = "request"
	StageEmbed            = "embed"
	StageTimestamp        = "timestamp"
	StageExtend           = "extend"
	StageArchive          = "archive"
	StageDeliver          = "deliver"

	StageKey        = "create-key"
	StageIssue      = "issue"
	StageInstall    = "install"
	StageActivate   = "activate"
	StagePapers     = "write-papers"
	StageAcceptance = "sign-acceptance"
)

// Work is what an activity of a signing is asked to do.
type Work struct {
	SigningID string               `json:"signing_id"`
	Moves     []signing.Transition `json:"moves,omitempty"`    // made by the process; the activity records them before it does anything
	Stages    []string             `json:"stages,omitempty"`   // to do, in this order
	Ask       bool                 `json:"ask,omitempty"`      // PrepareDocuments asks the owner as well
	Attempts  int32                `json:"attempts,omitempty"` // of each stage, before the process parks; zero means as many as the activity has
}

// UnmarshalJSON also reads what processes of earlier releases ask with: the id of the signing alone.
func (w *Work) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &w.SigningID)
	}
	type plain Work
	return json.Unmarshal(data, (*plain)(w))
}

// AtStage is where an activity is: in its heartbeats, for its next attempt and for Temporal's UI, and in its failure, for the
// incident.
type AtStage struct {
	Stage string `json:"stage"`
	Since int32  `json:"since"` // the attempt of the activity that came to it
}

// doStage does one stage, for a record.
type doStage func(ctx context.Context, id string) error

// stagesOf are the stages that are to be done for a record.
type stagesOf struct {
	id       string
	stages   []string
	attempts int32
}

// take records what the process has come to, up to the first transition whose facts the store does not hold. Key: signing and seq.
func (a *Signing) take(ctx context.Context, in Work) error {
	if len(in.Moves) == 0 {
		return nil
	}
	hold, refused := a.moves(ctx, in)
	if hold > 0 {
		if err := a.Records.Move(ctx, in.SigningID, in.Moves[:hold]...); err != nil {
			return fmt.Errorf("recording transition %d: %w", in.Moves[0].Seq, err)
		}
	}
	if refused != nil && hold < len(in.Moves) {
		return fmt.Errorf("recording transition %d: %w", in.Moves[hold].Seq, refused)
	}
	return refused
}

// Around does one stage, or something in its place.
type Around func(ctx context.Context, stage string, do func(context.Context) error) error

type aroundKey struct{}

// AroundStages lets an interceptor stand around each stage of an activity. Drills stop parties and kill workers there.
func AroundStages(ctx context.Context, around Around) context.Context {
	return context.WithValue(ctx, aroundKey{}, around)
}

// stageLimit is how long one stage may take.
const stageLimit = 15 * time.Minute

func (a *Signing) inStages(ctx context.Context, in Work, stages map[string]doStage) error {
	return inStages(ctx, stagesOf{in.SigningID, in.Stages, in.Attempts}, func(ctx context.Context) error { return a.take(ctx, in) }, stages)
}

// inStages records what the process has come to, and does the stages that are asked for, from the one that the attempt before failed at.
func inStages(ctx context.Context, of stagesOf, take func(context.Context) error, stages map[string]doStage) error {
	if len(of.stages) == 0 {
		return fail(problem.New(problem.Invalid, "no stage is asked for"))
	}
	at := AtStage{Stage: of.stages[0], Since: 1}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &at); err != nil {
			return fail(fmt.Errorf("reading how far the attempt before came: %w", err))
		}
	}
	tell, stop := aliveAt(ctx, at)
	defer stop()
	err := take(ctx)
	for n := max(slices.Index(of.stages, at.Stage), 0); err == nil && n < len(of.stages); n++ {
		if at.Stage != of.stages[n] {
			at = AtStage{Stage: of.stages[n], Since: activity.GetInfo(ctx).Attempt}
			tell(at)
		}
		err = inStage(ctx, at.Stage, of.id, stages[at.Stage])
	}
	return failedAt(ctx, err, at, of.attempts)
}

// inStage does one stage.
func inStage(ctx context.Context, stage, id string, do doStage) error {
	if do == nil {
		return problem.New(problem.Invalid, "this activity has no stage %s", stage)
	}
	ctx, cancel := context.WithTimeout(ctx, stageLimit)
	defer cancel()
	if around, ok := ctx.Value(aroundKey{}).(Around); ok {
		return around(ctx, stage, func(ctx context.Context) error { return do(ctx, id) })
	}
	return do(ctx, id)
}

// failedAt is fail for a stage. A stage is tried as often as an activity of its own would be, and after the same pauses, however
// often those before it were.
func failedAt(ctx context.Context, err error, at AtStage, attempts int32) error {
	app, ok := errors.AsType[*temporal.ApplicationError](fail(err))
	if !ok {
		return fail(err)
	}
	activity.RecordHeartbeat(ctx, at) // the next attempt begins here
	tried := activity.GetInfo(ctx).Attempt - at.Since + 1
	again := app.NextRetryDelay()
	if again == 0 {
		again = min(time.Second<<min(tried-1, 5), 30*time.Second)
	}
	return temporal.NewApplicationErrorWithOptions(app.Message(), app.Type(), temporal.ApplicationErrorOptions{
		NonRetryable: app.NonRetryable() || attempts > 0 && tried >= attempts, NextRetryDelay: again, Details: []any{at}})
}

// InspectAndFind looks at every document before any party is asked, then looks the user's certificates up. Effects, keys and errors:
// those of InspectDocuments and FindCertificates.
func (a *Signing) InspectAndFind(ctx context.Context, in Work) (found Found, err error) {
	err = a.inStages(ctx, in, map[string]doStage{
		StageInspect: a.inspectDocuments,
		StageFindCertificates: func(ctx context.Context, id string) (err error) {
			found, err = a.findCertificates(ctx, id)
			return err
		},
	})
	return found, err
}

// CompleteSigning makes the delivered documents out of the values that the owner approved. Effects, keys and errors: those of
// EmbedSignatures, TimestampSignatures, ExtendSignatures, ArchiveDocuments and DeliverDocuments.
func (a *Signing) CompleteSigning(ctx context.Context, in Work) error {
	return a.inStages(ctx, in, map[string]doStage{
		StageEmbed: a.embedSignatures, StageTimestamp: a.timestampSignatures, StageExtend: a.extendSignatures,
		StageArchive: a.archiveDocuments, StageDeliver: a.deliverDocuments,
	})
}

// CertificateWork asks for stages of issuing a certificate and handing it over.
type CertificateWork struct {
	RegistrationID string                    `json:"registration_id"`
	Moves          []registration.Transition `json:"moves,omitempty"`    // made by the process; the activity records them before it does anything
	Stages         []string                  `json:"stages"`             // to do, in this order
	Attempts       int32                     `json:"attempts,omitempty"` // of each stage, before the process parks
	Acceptance     AcceptanceInput           `json:"acceptance,omitzero"`
}

func (a *Registration) inStages(ctx context.Context, in CertificateWork, stages map[string]doStage) error {
	return inStages(ctx, stagesOf{in.RegistrationID, in.Stages, in.Attempts}, func(ctx context.Context) error {
		return a.recordMoves(ctx, in.RegistrationID, in.Moves)
	}, stages)
}

// Obtained says how far a certificate is.
type Obtained struct {
	Pending bool `json:"pending,omitempty"` // the CA takes its time; IssueCertificate asks again, and nothing is installed
}

// ObtainCertificate has a key made, and a certificate issued and installed. Effects, keys and errors: those of CreateKey,
// IssueCertificate and InstallCertificate.
func (a *Registration) ObtainCertificate(ctx context.Context, in CertificateWork) (obtained Obtained, err error) {
	err = a.inStages(ctx, in, map[string]doStage{
		StageKey: a.issuableKey,
		StageIssue: func(ctx context.Context, id string) error {
			err := a.issueCertificate(ctx, id)
			if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == ErrorPending {
				obtained.Pending, err = true, nil
			}
			return err
		},
		StageInstall: func(ctx context.Context, id string) error {
			if obtained.Pending {
				return nil
			}
			return a.installCertificate(ctx, id)
		},
	})
	return obtained, err
}

// HandOver makes the key usable, and has the acceptance record written and its signing stored. Effects, keys and errors: those of
// ActivateKey, WriteAcceptance and RequestAcceptance.
func (a *Registration) HandOver(ctx context.Context, in CertificateWork) (start SigningStart, err error) {
	err = a.inStages(ctx, in, map[string]doStage{
		StageActivate: a.activateKey, StagePapers: a.writeAcceptance,
		StageAcceptance: func(ctx context.Context, _ string) (err error) {
			start, err = a.requestAcceptance(ctx, in.Acceptance)
			return err
		},
	})
	return start, err
}
