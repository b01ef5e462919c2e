package registrations

import (
	"context"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/registration"
)

type eraseInput struct {
	ID    string `path:"id" maxLength:"64" doc:"Of a registration or a signing of the person"`
	Actor string `query:"actor" maxLength:"64" doc:"Who erases; the owner of the key or session, and only the administrator may name another"`
}

// ErasureBody says what became of a person's data.
type ErasureBody struct {
	ErasedAt time.Time           `json:"erased_at"`
	Erased   []registration.Kind `json:"erased" doc:"Kinds of data of which nothing stays"`
	Kept     []KeptBody          `json:"kept" doc:"What stays, why and until when"`
}

// KeptBody is one kind of data of one registration that a law keeps.
type KeptBody struct {
	RegistrationID string            `json:"registration_id"`
	Kind           registration.Kind `json:"kind" example:"contract"`
	Reason         string            `json:"reason" doc:"Why it stays, in Vietnamese"`
	ReasonEN       string            `json:"reason_en" doc:"Why it stays, in English"`
	Law            string            `json:"law" doc:"The clause that keeps it" example:"Law 20/2023/QH15 Art. 9-12, 34-36"`
	Until          time.Time         `json:"until,omitzero" doc:"When it is erased; absent when it holds no personal data and has no end"`
}

type erasureOutput struct {
	Body ErasureBody
}

// eraseSubject erases a person. What a law keeps is named in the answer, and goes when its time has come.
func (s *Handler) eraseSubject(ctx context.Context, in *eraseInput) (*erasureOutput, error) {
	var fields kernel.FieldErrors
	actor := kernel.ActorOf(ctx, "query.actor", in.Actor, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	done, err := s.Erase(ctx, in.ID, actor)
	if err == nil {
		err = s.NoteNamed(ctx, actor, "eraseSubject", in.ID)
	}
	if err != nil {
		return nil, err
	}
	out := ErasureBody{ErasedAt: done.At.UTC(), Erased: append([]registration.Kind{}, done.Erased...), Kept: []KeptBody{}}
	for _, k := range done.Kept {
		out.Kept = append(out.Kept, KeptBody{RegistrationID: k.RegistrationID, Kind: k.Kind, Reason: k.VI, ReasonEN: k.EN, Law: k.Law, Until: k.Until})
	}
	return &erasureOutput{out}, nil
}
