package apiclient

import (
	"context"
	"net/url"
)

func registrationPath(id string) string { return "/v1/registrations/" + url.PathEscape(id) }

// act posts to one of the acts of a registration.
func (c *Client) act(ctx context.Context, key, id, act string, in, out any) (Raw, error) {
	return c.Post(ctx, key, registrationPath(id)+"/"+act, in, out)
}

func (c *Client) move(ctx context.Context, key, id, act string, in any) (RegistrationMove, Raw, error) {
	var out RegistrationMove
	raw, err := c.act(ctx, key, id, act, in, &out)
	return out, raw, err
}

// Registration shows one registration.
func (c *Client) Registration(ctx context.Context, id string) (Registration, Raw, error) {
	var out Registration
	raw, err := c.Get(ctx, registrationPath(id), &out)
	return out, raw, err
}

// Registrations lists newest first.
func (c *Client) Registrations(ctx context.Context, f Filter) (List[Registration], Raw, error) {
	var out List[Registration]
	raw, err := c.Get(ctx, "/v1/registrations?"+f.query(), &out)
	if err == nil && f.All {
		return EveryPage(ctx, c, out, raw)
	}
	return out, raw, err
}

// HandOff comes from VNeID with a one-time token.
func (c *Client) HandOff(ctx context.Context, key, token string) (Accepted, Raw, error) {
	var out Accepted
	raw, err := c.Post(ctx, key, "/v1/hand-off", HandOffRequest{Token: token}, &out)
	return out, raw, err
}

// SendCode has a one-time code sent; phone only for the purpose account.
func (c *Client) SendCode(ctx context.Context, key, id, purpose, phone string) (Code, Raw, error) {
	var out Code
	raw, err := c.act(ctx, key, id, "code", CodeRequest{Purpose: purpose, Phone: phone}, &out)
	return out, raw, err
}

// OpenAccount proves the phone and opens the account on it, or logs in.
func (c *Client) OpenAccount(ctx context.Context, key, id, code, email, password string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "account", AccountRequest{Code: code, Email: email, Password: password})
}

// ChoosePackage orders a package.
func (c *Client) ChoosePackage(ctx context.Context, key, id, code string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "package", PackageRequest{Code: code})
}

// Pay begins an attempt to pay.
func (c *Client) Pay(ctx context.Context, key, id string) (Pay, Raw, error) {
	var out Pay
	raw, err := c.act(ctx, key, id, "pay", struct{}{}, &out)
	return out, raw, err
}

// Consent agrees to the contract by one-time code.
func (c *Client) Consent(ctx context.Context, key, id, code string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "contract", OTPRequest{Code: code})
}

// Activate activates the key by one-time code.
func (c *Client) Activate(ctx context.Context, key, id, code string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "activation", OTPRequest{Code: code})
}

// SignAcceptance has the phone ask again for the acceptance record.
func (c *Client) SignAcceptance(ctx context.Context, key, id string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "acceptance", struct{}{})
}

// Correct corrects the fields that an officer asked for.
func (c *Client) Correct(ctx context.Context, key, id string, fields map[string]string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "correction", CorrectionRequest{Fields: fields})
}

// Withdraw takes the request back; an empty actor is the citizen.
func (c *Client) Withdraw(ctx context.Context, key, id, actor, reason string) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "withdraw", WithdrawRequest{Actor: actor, Reason: reason})
}

// Review decides on a dossier.
func (c *Client) Review(ctx context.Context, key, id string, in ReviewRequest) (RegistrationMove, Raw, error) {
	return c.move(ctx, key, id, "review", in)
}

// RepairRegistration acts on a parked registration.
func (c *Client) RepairRegistration(ctx context.Context, key, id string, in RegistrationRepairRequest) (RegistrationRepair, Raw, error) {
	var out RegistrationRepair
	raw, err := c.act(ctx, key, id, "repair", in, &out)
	return out, raw, err
}

// Audit reads entries of the audit log with a seq above after, oldest first.
func (c *Client) Audit(ctx context.Context, after int64, limit int) (List[AuditEntry], Raw, error) {
	var out List[AuditEntry]
	raw, err := c.Get(ctx, "/v1/audit"+query(ListAuditParams{After: int(after), Limit: limit}), &out)
	return out, raw, err
}

// Checkpoints reads the page at a path.
func (c *Client) Checkpoints(ctx context.Context, path string) (CheckpointList, error) {
	var out CheckpointList
	_, err := c.Get(ctx, path, &out)
	return out, err
}
