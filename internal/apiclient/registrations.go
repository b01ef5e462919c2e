package apiclient

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Registration is a registration of a certificate as the API shows it.
type Registration struct {
	ID          string       `json:"id"`
	RequestID   string       `json:"request_id"`
	Issuer      string       `json:"issuer"`
	Status      string       `json:"status"`
	Title       string       `json:"title"`
	TitleEN     string       `json:"title_en"`
	Final       bool         `json:"final"`
	CreatedAt   time.Time    `json:"created_at"`
	Deadline    time.Time    `json:"deadline"`
	Attention   *Attention   `json:"attention"`
	Outcome     *Outcome     `json:"outcome"`
	Package     string       `json:"package"`
	PriceVND    int64        `json:"price_vnd"`
	Months      int          `json:"months"`
	PaidRef     string       `json:"paid_ref"`
	Review      *Review      `json:"review"`
	Certificate *Issued      `json:"certificate"`
	SigningID   string       `json:"signing_id"`
	Documents   []Paper      `json:"documents"`
	Person      *Person      `json:"person"`
	Warnings    []string     `json:"warnings"`
	Packages    []Package    `json:"packages"`
	Payments    []Payment    `json:"payments"`
	Transitions []Transition `json:"transitions"`
}

// Review is an officer's decision.
type Review struct {
	Decision   string   `json:"decision"`
	Reason     string   `json:"reason"`
	ReasonText string   `json:"reason_text"`
	Fields     []string `json:"fields"`
	Officer    string   `json:"officer"`
	PublicNote string   `json:"public_note"`
}

// Issued is the certificate of a registration.
type Issued struct {
	KeyID    string    `json:"key_id"`
	Serial   string    `json:"serial"`
	NotAfter time.Time `json:"not_after"`
}

// Paper is a PDF of a registration.
type Paper struct {
	Name    string `json:"name"`
	Number  string `json:"number"`
	SHA256  string `json:"sha256"`
	Content string `json:"content"` // path
}

// Person is who registers, with masked numbers.
type Person struct {
	IDNumber  string `json:"id_number"`
	FullName  string `json:"full_name"`
	BirthDate string `json:"birth_date"`
	Province  string `json:"province"`
	Commune   string `json:"commune"`
	Address   string `json:"address"`
	Phone     string `json:"phone"`
}

// Package is what can be bought.
type Package struct {
	Code     string `json:"code"`
	NameVI   string `json:"name_vi"`
	NameEN   string `json:"name_en"`
	PriceVND int64  `json:"price_vnd"`
	Months   int    `json:"months"`
}

// Payment is one attempt to pay.
type Payment struct {
	TxnRef    string    `json:"txn_ref"`
	AmountVND int64     `json:"amount_vnd"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
}

// Accepted names a registration and where it stands.
type Accepted struct {
	RegistrationID string `json:"registration_id"`
	Status         string `json:"status"`
}

// CodeSent says when a one-time code ends.
type CodeSent struct {
	ResendAfter time.Time `json:"resend_after"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// PayLink is where to pay.
type PayLink struct {
	TxnRef    string    `json:"txn_ref"`
	PayURL    string    `json:"pay_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Decision is what an officer decides: approve, ask or refuse.
type Decision struct {
	Decision     string   `json:"decision"`
	Reason       string   `json:"reason,omitempty"`
	Fields       []string `json:"fields,omitempty"`
	PublicNote   string   `json:"public_note,omitempty"`
	InternalNote string   `json:"internal_note,omitempty"`
	Checks       []string `json:"checks,omitempty"`  // for approve
	Officer      string   `json:"officer,omitempty"` // only the administrator names one
}

// RegistrationRepair acts on a parked registration.
type RegistrationRepair struct {
	Action string            `json:"action"` // retry, fix, skip or cancel
	Actor  string            `json:"actor"`
	Reason string            `json:"reason"`
	Fields map[string]string `json:"fields,omitempty"` // for fix
}

// RegistrationRepaired says what became of a repair.
type RegistrationRepaired struct {
	Outcome      string `json:"outcome"` // recovered, failed-again, skipped, given-up or still-waiting
	Registration Status `json:"registration"`
	Changes      []struct {
		Field string `json:"field"`
		Old   string `json:"old"` // both masked
		New   string `json:"new"`
	} `json:"changes"`
}

// AuditEntry is one link of the audit chain.
type AuditEntry struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Object string    `json:"object"`
	Actor  string    `json:"actor"`
	Detail string    `json:"detail"`
	Prev   string    `json:"prev"`
	Hash   string    `json:"hash"`
}

func registrationPath(id string) string { return "/v1/registrations/" + url.PathEscape(id) }

// act posts to one of the acts of a registration.
func (c *Client) act(ctx context.Context, key, id, act string, in, out any) (Raw, error) {
	return c.Post(ctx, key, registrationPath(id)+"/"+act, in, out)
}

func (c *Client) move(ctx context.Context, key, id, act string, in any) (Status, Raw, error) {
	var out Status
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
	raw, err := c.Post(ctx, key, "/v1/hand-off", map[string]string{"token": token}, &out)
	return out, raw, err
}

// SendCode has a one-time code sent; phone only for the purpose account.
func (c *Client) SendCode(ctx context.Context, key, id, purpose, phone string) (CodeSent, Raw, error) {
	in := map[string]string{"purpose": purpose}
	if phone != "" {
		in["phone"] = phone
	}
	var out CodeSent
	raw, err := c.act(ctx, key, id, "code", in, &out)
	return out, raw, err
}

// OpenAccount proves the phone and opens the account on it, or logs in.
func (c *Client) OpenAccount(ctx context.Context, key, id, code, email, password string) (Status, Raw, error) {
	return c.move(ctx, key, id, "account", map[string]string{"code": code, "email": email, "password": password})
}

// ChoosePackage orders a package.
func (c *Client) ChoosePackage(ctx context.Context, key, id, code string) (Status, Raw, error) {
	return c.move(ctx, key, id, "package", map[string]string{"code": code})
}

// Pay begins an attempt to pay.
func (c *Client) Pay(ctx context.Context, key, id string) (PayLink, Raw, error) {
	var out PayLink
	raw, err := c.act(ctx, key, id, "pay", struct{}{}, &out)
	return out, raw, err
}

// Consent agrees to the contract by one-time code.
func (c *Client) Consent(ctx context.Context, key, id, code string) (Status, Raw, error) {
	return c.move(ctx, key, id, "contract", map[string]string{"code": code})
}

// Activate activates the key by one-time code.
func (c *Client) Activate(ctx context.Context, key, id, code string) (Status, Raw, error) {
	return c.move(ctx, key, id, "activation", map[string]string{"code": code})
}

// SignAcceptance has the phone ask again for the acceptance record.
func (c *Client) SignAcceptance(ctx context.Context, key, id string) (Status, Raw, error) {
	return c.move(ctx, key, id, "acceptance", struct{}{})
}

// Correct corrects the fields that an officer asked for.
func (c *Client) Correct(ctx context.Context, key, id string, fields map[string]string) (Status, Raw, error) {
	return c.move(ctx, key, id, "correction", map[string]any{"fields": fields})
}

// Withdraw takes the request back; an empty actor is the citizen.
func (c *Client) Withdraw(ctx context.Context, key, id, actor, reason string) (Status, Raw, error) {
	return c.move(ctx, key, id, "withdraw", map[string]string{"actor": actor, "reason": reason})
}

// Review decides on a dossier.
func (c *Client) Review(ctx context.Context, key, id string, in Decision) (Status, Raw, error) {
	return c.move(ctx, key, id, "review", in)
}

// RepairRegistration acts on a parked registration.
func (c *Client) RepairRegistration(ctx context.Context, key, id string, in RegistrationRepair) (RegistrationRepaired, Raw, error) {
	var out RegistrationRepaired
	raw, err := c.act(ctx, key, id, "repair", in, &out)
	return out, raw, err
}

// Audit reads entries of the audit log with a seq above after, oldest first.
func (c *Client) Audit(ctx context.Context, after int64, limit int) (List[AuditEntry], Raw, error) {
	var out List[AuditEntry]
	raw, err := c.Get(ctx, "/v1/audit?after="+strconv.FormatInt(after, 10)+"&limit="+strconv.Itoa(limit), &out)
	return out, raw, err
}

// Checkpoint is a signed statement of what the audit log ended with.
type Checkpoint struct {
	Number    int64     `json:"number"`
	Seq       int64     `json:"seq"`
	Hash      string    `json:"hash"`
	At        time.Time `json:"at"`
	Previous  string    `json:"previous"`
	Key       string    `json:"key"`
	Signature []byte    `json:"signature"`
}

// Checkpoints is a page of them, with what the server says about its log.
type Checkpoints struct {
	Items []Checkpoint `json:"items"`
	Next  string       `json:"next"`
	Head  struct {
		Seq  int64  `json:"seq"`
		Hash string `json:"hash"`
	} `json:"head"`
	PublicKey string `json:"public_key"`
	Exported  bool   `json:"exported"`

	Heads []Checkpoint `json:"heads"` // of the exported ones only
}

// Checkpoints reads the page at a path.
func (c *Client) Checkpoints(ctx context.Context, path string) (Checkpoints, error) {
	var out Checkpoints
	_, err := c.Get(ctx, path, &out)
	return out, err
}
