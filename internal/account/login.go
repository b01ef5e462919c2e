package account

import (
	"context"
	"crypto/rand"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/vn"
)

// Begin records a challenge for a phone; sending its code is a process's part. It answers the same, and does the same
// work, whether the phone has an account or not. owner is the session's that asks. Errors: RateLimited with RetryAfter.
func (s *Service) Begin(ctx context.Context, purpose registration.Purpose, owner, phone string) (registration.Challenge, error) {
	digits, err := drawDigits()
	if err != nil {
		return registration.Challenge{}, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	whose, err := s.whoLogsIn(ctx, phone, now)
	if err != nil {
		return registration.Challenge{}, err
	}
	c := registration.Challenge{ID: "login-" + rand.Text(), Purpose: purpose, Owner: owner, CreatedAt: now, ExpiresAt: now.Add(s.CodeLife)}
	return c, s.Logins.OpenChallenge(ctx, c, phone, digits, []registration.Window{{Within: s.ResendGap, Most: 1}},
		s.codeLimits(ctx, whose, purpose, phone)...)
}

// LogIn takes the code of a challenge and the password of the account. The code comes first: without the phone nothing
// can be learnt about the account, and no password is tried out. Digits may be left out for a while after they were
// accepted. Errors: NotFound for another session's challenge, OTPWrong, OTPExpired, OTPLocked, Denied for a wrong
// password, RateLimited while the account is locked or too many log in at once.
func (s *Service) LogIn(ctx context.Context, owner, challengeID, digits, password string) (registration.Account, error) {
	c, err := s.prove(ctx, registration.PurposeLogin, owner, challengeID, digits)
	if err != nil {
		return registration.Account{}, err
	}
	acc, err := s.Records.Account(ctx, c.AccountID)
	if err != nil {
		return acc, err
	}
	if err := s.enter(ctx, acc, password); err != nil {
		return acc, err
	}
	return acc, s.Logins.CloseChallenge(ctx, c.ID, s.Now())
}

// prove accepts the digits of a challenge of a purpose.
func (s *Service) prove(ctx context.Context, purpose registration.Purpose, owner, id, digits string) (registration.Challenge, error) {
	if digits != "" && !sixDigits(digits) {
		return registration.Challenge{}, invalid("code", "a code has six digits", "Mã có 6 chữ số")
	}
	now := s.Now()
	return s.Logins.ProveChallenge(ctx, purpose, id, owner, digits, now, now.Add(-s.ProofLife))
}

// enter checks a password. A reset whose cooling time is over comes into force first.
func (s *Service) enter(ctx context.Context, acc registration.Account, password string) error {
	reset, err := s.Passwords.Reset(ctx, acc.ID)
	switch {
	case problem.CodeOf(err) == problem.NotFound, err == nil && s.Now().Before(reset.EffectiveAt):
		return s.login(ctx, acc, password)
	case err != nil:
		return err
	}
	// From now on the one before opens nothing, and neither do the sessions that it opened.
	if err := s.Passwords.SetPassword(ctx, acc.ID, reset.PasswordHash, "reset in force", "", s.Now()); err != nil {
		return err
	}
	if acc, err = s.Records.Account(ctx, acc.ID); err != nil {
		return err
	}
	return s.login(ctx, acc, password)
}

// ChangePassword sets another password for whoever knows the one before. keep is the session that goes on; all others
// end. Errors: Denied for a wrong password, RateLimited, Invalid for one that will not do.
func (s *Service) ChangePassword(ctx context.Context, accountID, before, after, keep string) error {
	acc, err := s.Records.Account(ctx, accountID)
	if err != nil {
		return err
	}
	if err := s.enter(ctx, acc, before); err != nil {
		return err
	}
	if err := passwordIn("after", after, acc.Phone, acc.Email); err != nil {
		return err
	}
	hash, err := s.hash(ctx, after)
	if err != nil {
		return err
	}
	return s.Passwords.SetPassword(ctx, accountID, hash, "changed", keep, s.Now())
}

// ResetPassword takes the code of a challenge and keeps a new password, which is in force after the cooling time: until
// then the one before is, and whoever is logged in can drop the reset. A thief of the SIM card gains nothing at once.
// Errors: as LogIn, and Invalid for a password that will not do.
func (s *Service) ResetPassword(ctx context.Context, owner, challengeID, digits, password string) (registration.Reset, error) {
	c, err := s.prove(ctx, registration.PurposeReset, owner, challengeID, digits)
	if err != nil {
		return registration.Reset{}, err
	}
	acc, err := s.Records.Account(ctx, c.AccountID)
	if err != nil {
		return registration.Reset{}, err
	}
	if err := Password(password, acc.Phone, acc.Email); err != nil {
		return registration.Reset{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return registration.Reset{}, err
	}
	if err := s.Logins.CloseChallenge(ctx, c.ID, s.Now()); err != nil {
		return registration.Reset{}, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	reset := registration.Reset{AccountID: acc.ID, PasswordHash: hash, RequestedAt: now, EffectiveAt: now.Add(s.Cooling)}
	return reset, s.Passwords.SaveReset(ctx, reset)
}

// DropReset forgets a reset that is not in force yet.
func (s *Service) DropReset(ctx context.Context, accountID string) error {
	return s.Passwords.DropReset(ctx, accountID, "reset dropped", s.Now())
}

// PendingReset returns when a reset comes into force; the zero time when there is none.
func (s *Service) PendingReset(ctx context.Context, accountID string) (time.Time, error) {
	reset, err := s.Passwords.Reset(ctx, accountID)
	if problem.CodeOf(err) == problem.NotFound {
		return time.Time{}, nil
	}
	return reset.EffectiveAt, err
}

// NoticeText is the text message about what became of an account: ASCII, without personal data.
func (s *Service) NoticeText(kind registration.NoticeKind, at time.Time) string {
	when := at.In(vn.Zone).Format("15:04 02/01/2006")
	switch kind {
	case registration.NoticeReset:
		return "Mat khau tai khoan duoc yeu cau dat lai, hieu luc tu " + when + ". Neu khong phai quy khach, hay dang nhap va huy yeu cau nay."
	case registration.NoticeChanged:
		return "Mat khau tai khoan da duoc doi luc " + when + ". Neu khong phai quy khach, hay dat lai mat khau ngay."
	}
	return ""
}
