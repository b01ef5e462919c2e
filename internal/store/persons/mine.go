package persons

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store/accounts"
	"kyso/internal/store/kernel"
	"kyso/internal/store/registrations"
	"kyso/internal/store/signings"
)

// Mine is the part of the store that finds what belongs to the person of an account, whichever browser began it.
type Mine struct{ *kernel.Base }

// phonesKnown is of how many registrations the phone that VNeID knew is compared, the newest first.
const phonesKnown = 20

// Holder returns the person of an account; problem.Erased once the person was.
func (m Mine) Holder(ctx context.Context, accountID string) (registration.Holder, error) {
	var h registration.Holder
	err := m.ReadSealed(ctx, "reading whose account it is", func(tx *sql.Tx, _ *kernel.Keys) error {
		a, err := (accounts.Records{Base: m.Base}).AccountWhere(ctx, tx, ` WHERE id = $1`, accountID)
		if err != nil {
			return err
		}
		h = registration.Holder{AccountID: a.ID, SubjectID: a.SubjectID, Phone: a.Phone, Email: a.Email}
		s, err := m.SubjectKey(ctx, tx, a.SubjectID)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, person FROM registrations WHERE subject_id = $1 ORDER BY created_at DESC LIMIT $2`, a.SubjectID, phonesKnown)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			p, err := registrations.ScanPerson(rows, s)
			if h.IDNumber == "" {
				h.FullName, h.IDNumber = p.FullName, p.IDNumber
			}
			h.Proven = h.Proven || p.Phone == a.Phone
			return err
		})
	})
	return h, err
}

// RegistrationsOf lists the registrations of a holder, newest first, from a place on: those of the account, and when the
// holder is proven every one of the person.
func (m Mine) RegistrationsOf(ctx context.Context, h registration.Holder, after registration.Cursor, limit int) ([]registration.Registration, error) {
	if h.SubjectID == "" || h.AccountID == "" {
		return nil, problem.New(problem.Invalid, "a holder has an account and a subject")
	}
	tail, args := ` WHERE r.subject_id = $1`, []any{h.SubjectID}
	if !h.Proven { // facts are JSON of our own, and an account's id occurs in it in one place only
		args = append(args, `%"account_id":"`+h.AccountID+`"%`)
		tail += fmt.Sprintf(` AND r.facts LIKE $%d`, len(args))
	}
	tail, args = kernel.PageFrom(tail, args, "r", page.Cursor(after), limit)
	var list []registration.Registration
	err := m.ReadSealed(ctx, "listing the registrations of a person", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, registrations.RegistrationQuery+tail, args...)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			one, _, err := registrations.ScanRegistration(rows)
			list = append(list, one)
			return err
		})
	})
	return list, err
}

// ofGuest is the condition that a guest's browser began a signing. What a program asked for belongs to the program.
const ofGuest = `EXISTS (SELECT 1 FROM grants g WHERE g.kind = 'signing' AND g.object = s.id AND g.owner LIKE 'guest:%')`

// SigningsOf lists signings newest first, from a place on: those that an owner began, and those that guests began for one
// of the signers' user ids, as lists show them but with the names of documents. Those of acceptance records belong to their registrations and are left out.
func (m Mine) SigningsOf(ctx context.Context, owner string, userIDs []string, after registration.Cursor, limit int) ([]signing.Signing, error) {
	var list []signing.Signing
	err := m.ReadSealed(ctx, "listing the signings of a person", func(tx *sql.Tx, k *kernel.Keys) (err error) {
		args, place := []any{owner, kernel.LimitOf(limit)}, ""
		if !after.At.IsZero() {
			args, place = append(args, kernel.At(after.At), after.ID), ` AND (%s, %s) < ($3, $4)`
		}
		behind := func(at, id string) string {
			if place == "" {
				return ""
			}
			return fmt.Sprintf(place, at, id)
		}
		// A page of each, read in its order, has the page of both in it.
		mine := []string{`SELECT id FROM (SELECT g.object AS id FROM grants g WHERE g.kind = 'signing' AND g.owner = $1 AND g.object_at IS NOT NULL` + behind(kernel.OwnedAt, kernel.OwnedID) +
			` ORDER BY g.object_at DESC, g.object DESC LIMIT $2) AS owned`}
		for i, id := range userIDs {
			args = append(args, signings.UserLookup(k, id))
			mine = append(mine, fmt.Sprintf(`SELECT id FROM (SELECT s.id FROM signings s WHERE s.user_lookup = $%d AND `, len(args))+ofGuest+behind(`s.created_at`, `s.id`)+
				fmt.Sprintf(` ORDER BY s.created_at DESC, s.id DESC LIMIT $2) AS guest_%d`, i))
		}
		records := signings.Records{Base: m.Base}
		list, err = records.List(ctx, tx, signings.All, ` WHERE s.id IN (`+strings.Join(mine, ` UNION `)+`) ORDER BY s.created_at DESC, s.id DESC LIMIT $2`, args)
		if err == nil {
			err = records.NameDocuments(ctx, tx, k, list)
		}
		return err
	})
	return list, err
}

// OfGuest reports whether a guest's browser began the signing.
func (m Mine) OfGuest(ctx context.Context, signingID string) (bool, error) {
	var n int
	err := m.ReadSealed(ctx, "asking who began a signing", func(tx *sql.Tx, _ *kernel.Keys) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM signings s WHERE s.id = $1 AND `+ofGuest, signingID).Scan(&n)
	})
	return n > 0, err
}

// SessionsOf lists the sessions of an account, the last used first.
func (m Mine) SessionsOf(ctx context.Context, accountID string) ([]access.Session, error) {
	var list []access.Session
	err := m.ReadSealed(ctx, "listing sessions", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, accounts.SessionColumns+` WHERE account_id = $1 AND account_id <> '' ORDER BY seen_at DESC, id`, accountID)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			one, err := accounts.ScanSession(rows)
			list = append(list, one)
			return err
		})
	})
	return list, err
}
