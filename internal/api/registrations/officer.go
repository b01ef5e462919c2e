package registrations

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

func claimBody(ctx context.Context, c registration.Claim) *view.ClaimBody {
	return &view.ClaimBody{Officer: c.Officer, Mine: c.Officer == kernel.OwnerOf(ctx), ClaimedAt: c.ClaimedAt.UTC(), ExpiresAt: c.ExpiresAt.UTC()}
}

type claimOutput struct {
	Body view.ClaimBody
}

// claimRegistration gives a dossier that is in review to the officer who asks.
func (s *Handler) claimRegistration(ctx context.Context, in *registrationInput) (*claimOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if record.Status != registration.StatusInReview {
		return nil, problem.New(problem.Conflict, "the registration is %s", record.Status)
	}
	now := s.Now()
	claim, err := s.Records.Claim(ctx, in.ID, kernel.OwnerOf(ctx), now, now.Add(registration.ClaimLife))
	if err != nil {
		return nil, err
	}
	return &claimOutput{*claimBody(ctx, claim)}, nil
}

func (s *Handler) releaseRegistration(ctx context.Context, in *registrationInput) (*struct{}, error) {
	return nil, s.Records.Release(ctx, in.ID, kernel.OwnerOf(ctx))
}

// DossierBody is all that an officer compares. Opening it is noted in the audit log.
type DossierBody struct {
	Registration view.RegistrationBody     `json:"registration"`
	Person       *DossierPerson            `json:"person,omitempty" doc:"Absent once the person was erased"`
	Consents     []registration.Consent    `json:"consents"`
	Reviews      []DossierReview           `json:"reviews" doc:"Decisions so far, oldest first"`
	Corrections  []registration.Correction `json:"corrections" doc:"What was corrected so far, old and new, oldest first"`
	Editors      []string                  `json:"editors" doc:"Who corrected the person's data; none of them may approve"`
	Others       []DossierOther            `json:"others" doc:"Other registrations of the same person"`
	Claim        *view.ClaimBody           `json:"claim,omitempty"`
	Checks       []registration.Check      `json:"checks" doc:"What has to be compared before an approval"`
	Reasons      map[string]string         `json:"reasons" doc:"Codes of reasons with their Vietnamese text for the citizen"`
	Correctable  []string                  `json:"correctable" doc:"Fields that the citizen may be asked to correct"`
	Evidence     *registration.Consented   `json:"evidence,omitempty" doc:"Of the consent to the contract"`
}

// DossierPerson is the person in full.
type DossierPerson struct {
	registration.Person
	Email string `json:"email,omitempty"`
}

// DossierReview is a decision with its words.
type DossierReview struct {
	registration.Review
	ReasonText   string `json:"reason_text,omitempty"`
	PublicNote   string `json:"public_note,omitempty"`
	InternalNote string `json:"internal_note,omitempty"`
}

// DossierOther is another registration of the same person.
type DossierOther struct {
	ID        string              `json:"id"`
	Status    registration.Status `json:"status"`
	Title     string              `json:"title"`
	CreatedAt time.Time           `json:"created_at"`
}

type dossierOutput struct {
	Body DossierBody
}

func (s *Handler) showDossier(ctx context.Context, in *registrationInput) (*dossierOutput, error) {
	records := s.Records
	record, err := records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.registrationBody(ctx, record)
	if err == nil {
		err = s.addPerson(ctx, record, &body) // for its warnings
	}
	if err != nil {
		return nil, err
	}
	s.addDue(&body)
	out := DossierBody{Registration: body, Checks: registration.Checks(), Reasons: registration.Reasons(), Correctable: registration.CorrectableFields,
		Evidence: record.Consent, Reviews: []DossierReview{}, Others: []DossierOther{}, Editors: []string{}, Corrections: []registration.Correction{}}
	consents, err := records.Consents(ctx, in.ID)
	if out.Consents = append([]registration.Consent{}, consents...); err != nil {
		return nil, err
	}
	editors, err := records.Editors(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out.Editors = append(out.Editors, editors...)
	corrections, err := records.Corrections(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out.Corrections = append(out.Corrections, corrections...)
	claims, err := records.Claims(ctx, s.Now())
	if err != nil {
		return nil, err
	}
	if claim, ok := claims[in.ID]; ok {
		out.Claim = claimBody(ctx, claim)
	}
	if err := s.addReviews(ctx, in.ID, &out); err != nil {
		return nil, err
	}
	if err := s.addDossierPerson(ctx, record, &out); err != nil {
		return nil, err
	}
	return &dossierOutput{out}, records.NoteAccess(ctx, in.ID, kernel.OwnerOf(ctx), "dossier", s.Now())
}

func (s *Handler) addReviews(ctx context.Context, id string, out *DossierBody) error {
	reviews, err := s.Records.Reviews(ctx, id)
	for _, r := range reviews {
		public, internal, err := s.Records.ReviewNotes(ctx, r.ID)
		if err != nil && problem.CodeOf(err) != problem.Erased {
			return err
		}
		out.Reviews = append(out.Reviews, DossierReview{r, registration.Reasons()[r.Reason], public, internal})
	}
	return err
}

// addDossierPerson adds the person in full, and where else the same person registers.
func (s *Handler) addDossierPerson(ctx context.Context, r registration.Registration, out *DossierBody) error {
	records := s.Records
	person, err := records.Person(ctx, r.ID)
	if problem.CodeOf(err) == problem.Erased {
		return nil
	}
	if err != nil {
		return err
	}
	out.Person = &DossierPerson{Person: person}
	if r.AccountID != "" {
		owner, err := records.Account(ctx, r.AccountID)
		if err != nil && problem.CodeOf(err) != problem.Erased {
			return err
		}
		out.Person.Email = owner.Email
	}
	others, err := records.Registrations(ctx, registration.Filter{IDNumber: person.IDNumber, Limit: 50})
	for _, o := range others {
		if o.ID != r.ID {
			out.Others = append(out.Others, DossierOther{o.ID, o.Status, view.RegistrationTexts[o.Status].VI, o.CreatedAt.UTC()})
		}
	}
	return err
}

// addDue adds by when a dossier that is in review should have been decided on. Its last change is when the review began.
func (s *Handler) addDue(body *view.RegistrationBody) {
	if body.Status == registration.StatusInReview {
		body.ReviewDue = kernel.UTC(body.UpdatedAt.Add(cmp.Or(s.Options.Limits.ReviewSLA, workflows.DefaultReviewSLA)))
	}
}

// addQueue adds to a list what officers want to see in it: whose each dossier is, and by when it is due.
func (s *Handler) addQueue(ctx context.Context, list []view.RegistrationBody) error {
	claims, err := s.Records.Claims(ctx, s.Now())
	for i := range list {
		if claim, ok := claims[list[i].ID]; ok {
			list[i].Claim = claimBody(ctx, claim)
		}
		s.addDue(&list[i])
	}
	return err
}

// mayApprove refuses an approval by whoever edited the dossier, under this name or by the hand behind it (four eyes).
func (s *Handler) mayApprove(ctx context.Context, id, officer string) error {
	editors, err := s.Records.Editors(ctx, id)
	if err != nil {
		return err
	}
	makers, err := s.Access.Makers(ctx)
	if err == nil && slices.ContainsFunc(editors, func(editor string) bool { return makers.Same(editor, officer) }) {
		err = problem.New(problem.Denied, "whoever corrected the dossier cannot approve it; another officer has to")
	}
	return err
}

// mayCorrect refuses a correction by whoever approved the dossier: that would be the same two eyes the other way round. The
// administrator is excepted, and audited.
func (s *Handler) mayCorrect(ctx context.Context, id, actor string) error {
	if kernel.IsAdmin(ctx) {
		return nil
	}
	reviews, err := s.Records.Reviews(ctx, id)
	if err != nil {
		return err
	}
	makers, err := s.Access.Makers(ctx)
	if err == nil && slices.ContainsFunc(reviews, func(r registration.Review) bool {
		return r.Decision == registration.DecisionApprove && makers.Same(r.Officer, actor)
	}) {
		err = problem.New(problem.Denied, "whoever approved the dossier cannot correct it; another operator has to")
	}
	return err
}
