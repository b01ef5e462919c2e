package registrations

import (
	"context"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// CodeRequest asks for a one-time code.
type CodeRequest struct {
	Purpose registration.Purpose `json:"purpose" enum:"account,contract,activation"`
	Phone   string               `json:"phone,omitempty" maxLength:"32" doc:"Only for account; the others go to the phone of the account" example:"0901234567"`
}

type codeInput struct {
	kernel.Act
	Body CodeRequest
}

// CodeBody says when a code ends. It says the same whether the phone has an account or not.
type CodeBody struct {
	ResendAfter time.Time `json:"resend_after" doc:"When another code may be asked for"`
	ExpiresAt   time.Time `json:"expires_at"`
}

type codeOutput struct {
	Body CodeBody
}

// sendCode records a code and has it sent. A code that is recorded and not sent yet is handed over again,
// so that a retry after a fault does not have to wait for the next one.
func (s *Handler) sendCode(ctx context.Context, in *codeInput) (*codeOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	phone, binding, err := s.codeFor(ctx, record, in.Body)
	if err != nil {
		return nil, err
	}
	code, err := s.Accounts.NewCode(ctx, in.ID, in.Body.Purpose, phone, binding)
	if problem.CodeOf(err) == problem.RateLimited {
		last, lastErr := s.Records.LastCode(ctx, in.ID, in.Body.Purpose)
		if lastErr == nil && last.SentAt.IsZero() && last.UsedAt.IsZero() && last.Phone == phone && last.Binding == binding && s.Now().Before(last.ExpiresAt) {
			code, err = last, nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.handOver(ctx, in.ID, code.ID); err != nil {
		return nil, err
	}
	return &codeOutput{CodeBody{ResendAfter: code.CreatedAt.Add(kernel.ResendGap).UTC(), ExpiresAt: code.ExpiresAt.UTC()}}, nil
}

// handOver has a recorded code sent: by a process of its own, or by the registration when workers of an earlier release run it,
// since those know no such process.
func (s *Handler) handOver(ctx context.Context, id, codeID string) error {
	apart, err := s.Workflows.SendsCodesApart(ctx, id)
	if err != nil {
		return err
	}
	if apart {
		return s.Workflows.SendCode(ctx, codeID)
	}
	send, decision := workflows.SendCode{CodeID: codeID}, process.SendCodeUpdate(codeID)
	if err := s.DecideAs(ctx, decision, kernel.Deed{About: kernel.AboutRegistration(id), Kind: workflows.UpdateSendCode, Actor: kernel.Citizen, Content: send}); err != nil {
		return err
	}
	_, err = s.Workflows.SendCodeFromWithin(ctx, id, decision, send)
	return err
}
