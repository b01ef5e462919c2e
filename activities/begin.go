package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Begin is what a run says of itself before it does anything.
type Begin struct {
	ID         string `json:"id"`                    // of the record
	Run        string `json:"run"`                   // the first of the runs that it was reset from, or itself
	DecisionID string `json:"decision_id,omitempty"` // that lets it begin again
}

// Stand is where a record stands when a run begins.
type Stand struct {
	Moved    bool      `json:"moved,omitempty"` // the run goes on from here; else it is the first
	Status   string    `json:"status"`
	Seq      int       `json:"seq,omitempty"`
	Deadline time.Time `json:"deadline,omitzero"` // of the wait that the record stands in
	Close    bool      `json:"close,omitempty"`   // the process ends with its compensation, as it was decided
}

// SigningStand is where a signing stands.
type SigningStand struct {
	Stand
	Provider  string        `json:"provider"`
	Level     signing.Level `json:"level"`
	Documents int           `json:"documents"`
	Placed    bool          `json:"placed,omitempty"`
	Asked     bool          `json:"asked,omitempty"` // the provider may know it
}

// RegistrationStand is where a registration stands.
type RegistrationStand struct {
	Stand
	Issuer    string              `json:"issuer,omitempty"` // a configured code; empty for another
	Limits    registration.Limits `json:"limits"`
	AccountID string              `json:"account_id,omitempty"`
	Ordered   bool                `json:"ordered,omitempty"` // a package was chosen
	PriceVND  int64               `json:"price_vnd,omitempty"`
	Attempts  int                 `json:"attempts,omitempty"` // to pay, that the gateway may know
	Gateways  map[string]string   `json:"gateways,omitempty"` // of attempts at another than registration.FirstGateway
	Signings  int                 `json:"signings,omitempty"` // of the acceptance record, begun so far
	Issuing   bool                `json:"issuing,omitempty"`  // a key may exist at the CA
	Reason    string              `json:"reason,omitempty"`   // of a record that is closing
	Archive   bool                `json:"archive,omitempty"`  // the contract is sealed and kept archived
}

// begin holds that a run may work on a record: nothing has become of it yet, the run is a reset of the one that began it, or
// it was decided that its process begins again. It returns what was decided. Error: Denied.
func begin(ctx context.Context, records decision.Records, about decision.Object, moved bool, in Begin, now time.Time) (decision.Resumption, error) {
	take := decision.Take{DecisionID: in.DecisionID, Kind: decision.Resume, Process: about.Process, Object: about.ID, Taker: "run " + in.Run}
	var resumed decision.Resumption
	if in.DecisionID != "" {
		d, err := records.Take(ctx, take, now)
		if err == nil {
			if err = json.Unmarshal(d.Content, &resumed); err != nil {
				err = fmt.Errorf("reading a decision to begin again: %w", err)
			}
		}
		return resumed, err
	}
	take.DecisionID, take.Kind = process.StartID(about.Process, about.ID, in.Run), decision.Start
	if !moved {
		_, err := records.Decide(ctx, decision.Decision{ID: take.DecisionID, Kind: take.Kind, Object: about, Actor: decision.Kyso, Principal: decision.Kyso,
			Content: json.RawMessage("{}"), CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
		if err != nil {
			return resumed, err
		}
	}
	_, err := records.Take(ctx, take, now)
	if problem.CodeOf(err) == problem.Denied {
		err = problem.New(problem.Denied, "the record has moved, and no decision says that its process begins again")
	}
	return resumed, err
}

// BeginSigning says where a signing stands, and refuses a run that may not work on it. Effect: records. Key: signing and run.
// Errors: Denied without a decision for a signing that has moved; NotFound.
func (a *Signing) BeginSigning(ctx context.Context, in Begin) (SigningStand, error) {
	stand, err := a.begin(ctx, in)
	return stand, fail(err)
}

func (a *Signing) begin(ctx context.Context, in Begin) (SigningStand, error) {
	s, err := a.Records.Signing(ctx, in.ID)
	if err != nil {
		return SigningStand{}, err
	}
	moved := s.Status != signing.StatusCreated
	resumed, err := begin(ctx, a.Decisions, aboutSigning(s.ID), moved, in, a.Now())
	if err != nil {
		return SigningStand{}, err
	}
	moves, err := a.Records.Transitions(ctx, s.ID, 0)
	return SigningStand{
		Stand:    Stand{Moved: moved || in.DecisionID != "", Status: string(s.Status), Seq: len(moves), Deadline: s.Approval.ExpiresAt, Close: resumed.Close},
		Provider: s.Provider, Level: s.Level, Documents: len(s.Documents),
		Placed: !slices.ContainsFunc(s.Documents, func(d signing.Document) bool { return d.Placement == nil }),
		Asked:  s.Approval.OurID != "",
	}, err
}

// BeginRegistration says where a registration stands, and refuses a run that may not work on it. Effect: records. Key:
// registration and run. Errors: Denied without a decision for a registration that has moved; NotFound.
func (a *Registration) BeginRegistration(ctx context.Context, in Begin) (RegistrationStand, error) {
	stand, err := a.begin(ctx, in)
	return stand, fail(err)
}

func (a *Registration) begin(ctx context.Context, in Begin) (RegistrationStand, error) {
	r, err := a.Records.Registration(ctx, in.ID)
	if err != nil {
		return RegistrationStand{}, err
	}
	moved := r.Status != registration.StatusRequested
	resumed, err := begin(ctx, a.Decisions, aboutRegistration(r.ID), moved, in, a.Now())
	if err != nil {
		return RegistrationStand{}, err
	}
	stand := RegistrationStand{
		Stand:  Stand{Moved: moved || in.DecisionID != "", Status: string(r.Status), Seq: r.Seq, Deadline: r.Deadline, Close: resumed.Close},
		Limits: a.Limits, AccountID: r.AccountID, Ordered: r.Package != "", PriceVND: r.PriceVND, Attempts: resumed.Attempts,
		Issuing: resumed.Issuing || r.Issued != nil, Archive: r.Contract != nil && r.Contract.Level != "",
	}
	if _, known := a.Issuers[r.Issuer]; known {
		stand.Issuer = r.Issuer
	}
	if r.Acceptance != nil {
		stand.Signings = r.Acceptance.Attempt
	}
	payments, err := a.Records.Payments(ctx, r.ID)
	for _, p := range payments {
		stand.Attempts = max(stand.Attempts, p.Attempt)
		if p.Gateway != registration.FirstGateway {
			if stand.Gateways == nil {
				stand.Gateways = map[string]string{}
			}
			stand.Gateways[p.TxnRef] = p.Gateway
		}
	}
	if err == nil && moved {
		stand.Reason, err = a.reason(ctx, r)
	}
	return stand, err
}

// reason is why the last transition of a registration was made.
func (a *Registration) reason(ctx context.Context, r registration.Registration) (string, error) {
	moves, err := a.Records.Transitions(ctx, r.ID, r.Seq-1)
	if err != nil || len(moves) == 0 {
		return "", err
	}
	return moves[len(moves)-1].Detail, nil
}

// CancelDecided reports whether it was decided that a signing ends: by a cancellation of its own, or by the withdrawal of the
// registration whose acceptance record it signs.
func (a *Signing) CancelDecided(ctx context.Context, signingID string) (bool, error) {
	decided, err := a.cancelled(ctx, signingID)
	return decided, fail(err)
}

func (a *Signing) cancelled(ctx context.Context, id string) (bool, error) {
	decided, err := took[struct{}](ctx, a.Decisions, aboutSigning(id), "cancel", nil)
	if of, ok := process.OfAcceptance(id); ok && err == nil && !decided {
		decided, err = took[struct{}](ctx, a.Decisions, aboutRegistration(of), "withdraw", nil)
	}
	return decided, err
}

func aboutSigning(id string) decision.Object {
	return decision.Object{Process: process.Signing, ID: id}
}

func aboutRegistration(id string) decision.Object {
	return decision.Object{Process: process.Registration, ID: id}
}

// took reports whether a process took a decision of a kind whose content fits; nil for any.
func took[Content any](ctx context.Context, records decision.Records, about decision.Object, kind string, fits func(Content) bool) (bool, error) {
	list, err := records.Taken(ctx, about, kind)
	for _, d := range list {
		var content Content
		if fits == nil {
			return true, err
		}
		if err := json.Unmarshal(d.Content, &content); err != nil {
			return false, fmt.Errorf("reading a decision: %w", err)
		}
		if fits(content) {
			return true, nil
		}
	}
	return false, err
}

// decided is took, and Denied when there is no such decision.
func decided[Content any](ctx context.Context, records decision.Records, about decision.Object, kind string, fits func(Content) bool) error {
	ok, err := took(ctx, records, about, kind, fits)
	if err == nil && !ok {
		err = problem.New(problem.Denied, "no decision is recorded that says so (%s)", kind)
	}
	return err
}

// repaired holds that the actor who ended an incident decided it. An incident that ended by itself names no actor, or kyso.
func repaired(ctx context.Context, records decision.Records, about decision.Object, action, actor string) error {
	if actor == "" || actor == decision.Kyso {
		return nil
	}
	return decided(ctx, records, about, "repair", func(in struct{ Action, Actor string }) bool { return in.Action == action && in.Actor == actor })
}
