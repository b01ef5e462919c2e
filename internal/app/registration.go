package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"kyso/activities"
	"kyso/internal/account"
	"kyso/internal/api"
	"kyso/internal/blob"
	"kyso/internal/eseal"
	"kyso/internal/forms"
	"kyso/internal/limit"
	"kyso/internal/pemfile"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// registration assembles what the activities of a registration need.
func (a *App) registration() (*activities.Registration, error) {
	cfg := a.Config.Registration
	issuers, err := a.issuers()
	if err != nil {
		return nil, err
	}
	return &activities.Registration{
		Archiving:     a.Config.Archiving,
		Records:       a.Store.Registrations(),
		Decisions:     a.Store.Decisions(),
		Waits:         a.Store.Waits(),
		Limits:        cfg.Limits,
		Logins:        a.Store.Registrations(),
		NoticeText:    a.accounts().NoticeText,
		Serials:       a.Store.Registrations(),
		Signings:      a.Store,
		CodeText:      a.accounts().Text,
		VNeID:         cfg.VNeID,
		SMS:           cfg.SMS,
		Gateways:      cfg.PaymentGateways(),
		Gateway:       cfg.Gateways[0].Name,
		Trust:         a.Trust,
		Store:         a.upload,
		Open:          a.source,
		Packages:      cfg.Packages,
		Issuers:       issuers,
		DefaultIssuer: cfg.Issuers[0].Code,
		Now:           time.Now,
		Pace:          &activities.Pace{PerSecond: a.Config.PollsPerSecond},
		Retries:       a.Config.RetryPauses,
	}, nil
}

// registrationDoor is what the API needs to serve registrations.
func (a *App) registrationDoor() *api.RegistrationOptions {
	cfg := a.Config.Registration
	gateways := cfg.PaymentGateways()
	input := account.Input{Unprintable: forms.Unprintable}
	return &api.RegistrationOptions{
		Records:      a.Store.Registrations(),
		Workflows:    a.Workflows(),
		Accounts:     a.accounts(),
		CheckRequest: input.Request,
		Input:        input,
		Phone:        account.Phone,
		Packages:     cfg.Packages,
		Issuers:      cfg.IssuerCodes(),
		Limits:       cfg.Limits,
		Intakes:      []registration.Intake{cfg.VNeID.Intake()},
		Handoffs:     a.Store.Registrations(),
		Doors:        cfg.Doors(),
		AskPayment: func(ctx context.Context, p registration.Payment) (registration.PaymentNotice, error) {
			return gateways.Query(ctx, process.QueryID(p.TxnRef, time.Now()), p)
		},
		Begin: gateways.Begin,
		Erase: a.erase,
	}
}

// peopleDoor is what the API needs to let citizens log in.
func (a *App) peopleDoor() *api.PeopleOptions {
	mine := a.Store.Mine()
	return &api.PeopleOptions{LogIns: a.accounts(), Mine: mine, Texts: a.Workflows(), Phone: account.Phone, UserIDs: userIDs}
}

// userIDs are what a citizen number may be called at a signing provider.
func userIDs(idNumber string) []string {
	ids := []string{}
	for name, wire := range registry.Signers {
		if id := wire.UserOf(name, idNumber); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// accounts makes and checks one-time codes and accounts.
func (a *App) accounts() *account.Service {
	return account.New(a.Store.Registrations(), a.Store.Limits(), time.Now, account.Options{
		Input:  account.Input{Unprintable: forms.Unprintable},
		Budget: limit.Budget{Name: limit.Texts, PerHour: a.Config.TextsPerHour, PerDay: a.Config.TextsPerDay}})
}

// issuers assembles what hangs on the choice of a CA. The keys of seals are read, which only a worker needs.
func (a *App) issuers() (map[string]activities.Issuer, error) {
	all := map[string]activities.Issuer{}
	for _, i := range a.Config.Registration.Issuers {
		key, certificates, err := i.Seal.Open()
		if err != nil {
			return nil, err
		}
		one := activities.Issuer{
			CA:    i.CA,
			Party: i.Party,
			Sealer: &eseal.Sealer{Key: key, RSA: i.Seal.RSA, Certificate: certificates[0], Chain: certificates[1:], TSA: a.Config.TSA,
				Revocation: a.revocation(), Trust: a.Trust, Now: time.Now},
			SigningProvider: i.AcceptanceProvider, UserOf: func(idNumber string) string {
				return registry.Signers[i.AcceptanceProvider].UserOf(i.AcceptanceProvider, idNumber)
			},
		}
		if i.AuthoritiesFile != "" {
			if one.Authorities, err = pemfile.Certificates(i.AuthoritiesFile); err != nil {
				return nil, fmt.Errorf("reading the authorities of %s: %w", i.Code, err)
			}
		}
		all[i.Code] = one
	}
	return all, nil
}

// upload stores a file of bounded size.
func (a *App) upload(ctx context.Context, name string, r io.Reader) (signing.Upload, error) {
	return blob.Upload(ctx, a.Blobs, name, r, a.Config.Policy.MaxSize, a.Config.SealDocuments)
}
