package registrations

import (
	"context"
	"slices"

	"kyso/internal/api/kernel"
	"kyso/internal/registration"
)

// changesSomething refuses a correction that leaves everything as it is: the officer asked because something is wrong. One that
// comes again, because its process did not hear of it, finds its own values.
func (s *Handler) changesSomething(ctx context.Context, id string, person registration.Person, fields map[string]string) error {
	old := places(&person)
	for name, value := range fields {
		if place, ok := old[name]; ok && *place != value {
			return nil
		}
	}
	records := s.Records
	record, err := records.Registration(ctx, id)
	if err != nil {
		return err
	}
	if email, ok := fields["email"]; ok {
		owner, err := records.Account(ctx, record.AccountID)
		if err != nil || owner.Email != email {
			return err
		}
	}
	since := record.Attention.Since
	if record.Status == registration.StatusNeedsMore && record.Review != nil {
		since = record.Review.At
	}
	made, err := records.Corrections(ctx, id)
	if err != nil || slices.ContainsFunc(made, func(c registration.Correction) bool { return !c.At.Before(since) }) {
		return err
	}
	return kernel.FieldErrors{{Location: "body.fields", Message: "must change something: the values are those of the dossier", MessageVI: "Thông tin chưa có gì thay đổi"}}
}
