package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/pades"
	"kyso/internal/registration"
)

// demoCitizen asks for a certificate in the sandbox's VNeID: born in Hà Nội in 2002, without one so far.
const demoCitizen = "001302004567"

// registrationWords are the statuses for people.
var registrationWords = map[string]string{
	"requested":         "Đã nhận yêu cầu từ VNeID · VNeID's request is recorded",
	"handed-off":        "Công dân đã vào, tạo tài khoản · the citizen came over; account",
	"account-ready":     "Tài khoản sẵn sàng, chọn gói · account ready; choose a package",
	"awaiting-payment":  "Chờ thanh toán · waiting for the payment",
	"awaiting-contract": "Đã thanh toán, chờ ký hợp đồng · paid; the contract waits for the citizen's code",
	"in-review":         "Hợp đồng đã ký, hồ sơ được thẩm định · contract signed and sealed; in review",
	"issuing":           "Được duyệt, tạo khóa và cấp chứng thư số · approved; key and certificate",
	"activating":        "Đã cấp, chờ kích hoạt (PIN, OTP) · issued; PIN on the phone, then a code",
	"accepting":         "Đã kích hoạt, chờ ký biên bản nghiệm thu · active key; the acceptance record is on the phone",
	"active":            "Chứng thư số đang hoạt động · the certificate is active",
}

// enrolment is one citizen's way to a certificate, through the API and the sandbox's screens.
type enrolment struct {
	*client
	world   *World
	citizen string
	plan    string
	phone   string
	id      string
	sayf    func(format string, args ...any)
	seen    int
}

// register takes the demo's citizen from VNeID to an active certificate and returns the registration.
func (d *demonstration) register(ctx context.Context) (*enrolment, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	e := &enrolment{client: d.client, world: d.world, citizen: demoCitizen, plan: d.plan, sayf: d.sayf}
	if err := e.ask(ctx); err != nil {
		return nil, fmt.Errorf("asking in VNeID: %w", err)
	}
	return e, e.walk(ctx)
}

// ask makes the request in VNeID, which posts it to kyso, and follows its one-time link.
func (e *enrolment) ask(ctx context.Context) error {
	requestID, token, err := e.world.Sandbox.SubmitRequest(e.citizen)
	if err != nil {
		return err
	}
	e.phone = e.world.Sandbox.PhoneOf(e.citizen)
	e.sayf("Yêu cầu trên VNeID · request %s, two consents", requestID)
	var came struct {
		ID string `json:"registration_id"`
	}
	if err := e.post(ctx, e.api+"/v1/hand-off", map[string]string{"token": token}, &came); err != nil {
		return err
	}
	e.id = came.ID
	return nil
}

// stage is a status, and what a citizen, the gateway's page, the phone or an officer does there.
type stage struct {
	status string
	do     func(context.Context) error
}

// way is all of it, in order.
func (e *enrolment) way() []stage {
	return []stage{
		{"handed-off", e.openAccount},
		{"account-ready", func(ctx context.Context) error { return e.act(ctx, "package", map[string]string{"code": e.plan}) }},
		{"awaiting-payment", e.pay},
		{"awaiting-contract", func(ctx context.Context) error { return e.withCode(ctx, "contract", "contract") }},
		{"in-review", func(ctx context.Context) error { return e.act(ctx, "review", approval()) }},
		{"activating", e.activate},
		{"accepting", e.accept},
		{"active", func(context.Context) error { return nil }},
	}
}

// walk does at each status what is to be done there.
func (e *enrolment) walk(ctx context.Context) error {
	for _, at := range e.way() {
		r, err := e.await(ctx, at.status)
		if err != nil {
			return err
		}
		if r.Status != at.status { // a free package passes by the payment
			continue
		}
		if err := at.do(ctx); err != nil {
			return fmt.Errorf("at %s: %w", at.status, err)
		}
	}
	return nil
}

// await waits until the registration has come to a status, or past it.
func (e *enrolment) await(ctx context.Context, status string) (apiclient.Registration, error) {
	for {
		r, err := e.view(ctx)
		if err != nil {
			return r, err
		}
		e.show(r)
		for _, t := range r.Transitions {
			if t.Status == status {
				return r, nil
			}
		}
		switch {
		case r.Status == status, status == "awaiting-payment" && e.plan == "PS0":
			return r, nil
		case r.Attention != nil:
			return r, fmt.Errorf("the registration is parked at step %s: %s: %s", r.Attention.Step, r.Attention.Code, r.Attention.Message)
		case r.Final:
			return r, fmt.Errorf("the registration ended %s: %s", r.Status, r.Title)
		}
		if err := pause(ctx); err != nil {
			return r, fmt.Errorf("waiting for %s at %s: %w", status, r.Status, err)
		}
	}
}

func (e *enrolment) view(ctx context.Context) (apiclient.Registration, error) {
	var r apiclient.Registration
	return r, e.do(ctx, http.MethodGet, e.api+"/v1/registrations/"+e.id, "", nil, &r)
}

func (e *enrolment) show(r apiclient.Registration) {
	for _, t := range r.Transitions {
		if t.Seq > e.seen {
			e.seen = t.Seq
			text, ok := registrationWords[t.Status]
			if !ok {
				text = t.Status
			}
			e.sayf("  %s", text)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

func (e *enrolment) act(ctx context.Context, act string, in any) error {
	return e.post(ctx, e.api+"/v1/registrations/"+e.id+"/"+act, in, nil)
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code asks for a one-time code and reads it in the phone's inbox.
func (e *enrolment) code(ctx context.Context, purpose string) (string, error) {
	before := len(e.world.Sandbox.Messages(e.phone))
	in := map[string]string{"purpose": purpose}
	if purpose == "account" {
		in["phone"] = e.phone
	}
	if err := e.act(ctx, "code", in); err != nil {
		return "", err
	}
	for {
		if inbox := e.world.Sandbox.Messages(e.phone); len(inbox) > before {
			return sixDigits.FindString(inbox[len(inbox)-1].Text), nil
		}
		if err := pause(ctx); err != nil {
			return "", fmt.Errorf("waiting for the SMS: %w", err)
		}
	}
}

// withCode asks for a code and hands it in.
func (e *enrolment) withCode(ctx context.Context, purpose, act string) error {
	digits, err := e.code(ctx, purpose)
	if err != nil {
		return err
	}
	return e.act(ctx, act, map[string]string{"code": digits})
}

func (e *enrolment) openAccount(ctx context.Context) error {
	digits, err := e.code(ctx, "account")
	if err != nil {
		return err
	}
	return e.act(ctx, "account", map[string]string{"code": digits, "email": "ngoc.anh@example.vn", "password": "mật khẩu của buổi thử"}) //nolint:gosec // of a person who does not exist
}

// pay opens the gateway's page in the sandbox and pays there. The browser's return is left out: the IPN decides.
func (e *enrolment) pay(ctx context.Context) error {
	ref, err := e.beginPayment(ctx)
	if err != nil {
		return err
	}
	return e.world.Sandbox.PayOrder(ref, "pay")
}

// beginPayment opens the gateway's page and returns the order's number.
func (e *enrolment) beginPayment(ctx context.Context) (string, error) {
	var attempt apiclient.Pay
	if err := e.post(ctx, e.api+"/v1/registrations/"+e.id+"/pay", map[string]string{}, &attempt); err != nil {
		return "", err
	}
	if _, err := e.world.Sandbox.OpenPayURL(attempt.PayURL); err != nil {
		return "", err
	}
	e.sayf("  Trang thanh toán · the page to pay, order %s", attempt.TxnRef)
	return attempt.TxnRef, nil
}

func (e *enrolment) activate(ctx context.Context) error {
	if err := e.world.Sandbox.SetPIN(e.citizen, "270519"); err != nil {
		return err
	}
	e.sayf("  PIN đặt trên điện thoại · PIN set on the phone, nowhere else")
	if err := e.awaitPIN(ctx); err != nil {
		return err
	}
	digits, err := e.code(ctx, "activation")
	if err != nil {
		return err
	}
	return e.act(ctx, "activation", map[string]string{"code": digits})
}

// awaitPIN waits until the process has learnt of the PIN, which it asks the key service for every few seconds.
func (e *enrolment) awaitPIN(ctx context.Context) error {
	for {
		r, err := e.view(ctx)
		if err != nil || r.Activation != nil && !r.Activation.PinSetAt.IsZero() {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for the PIN: %w", err)
		}
	}
}

func (e *enrolment) accept(ctx context.Context) error {
	for {
		waiting, err := e.waiting(ctx, e.citizen)
		if err != nil {
			return err
		}
		if len(waiting) > 0 {
			e.sayf("  Điện thoại · the phone shows %q", waiting[0].Description)
			return e.approve(ctx, waiting[0].ID)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waiting for the phone: %w", err)
		}
	}
}

// papers leaves what the citizen has got in the output folder.
func (d *demonstration) papers(ctx context.Context, e *enrolment) error {
	var errs []error
	for name, file := range map[string]string{"request": "phieu-yeu-cau.pdf", "contract": "hop-dong-dich-vu.pdf", "acceptance": "bien-ban-nghiem-thu.pdf"} {
		pdf, err := d.client.signed(ctx, "/v1/registrations/"+e.id+"/documents/"+name+"/content")
		if err != nil {
			return err
		}
		path := filepath.Join(d.outDir, file)
		if err := os.WriteFile(path, pdf, 0o600); err != nil {
			return err
		}
		if name != "request" { // which is not signed
			errs = append(errs, d.judgePaper(ctx, path, pdf))
		}
	}
	return errors.Join(append(errs, d.keepCertificate(ctx, e))...)
}

// keepCertificate writes the new certificate as PEM.
func (d *demonstration) keepCertificate(ctx context.Context, e *enrolment) error {
	r, err := d.world.App.Store.Registrations().Registration(ctx, e.id)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.outDir, "certificate.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Issued.Certificate}), 0o600)
}

// judgePaper has a signed paper judged by kyso's own verifier and by foreign tools.
func (d *demonstration) judgePaper(ctx context.Context, path string, pdf []byte) error {
	v, err := d.verify(ctx, pdf)
	if err != nil {
		return err
	}
	var errs []error
	var kinds []string
	for _, s := range v.Signatures {
		kinds = append(kinds, s.Kind)
		if s.Verdict != pades.TotalPassed {
			errs = append(errs, fmt.Errorf("%s: %s is %s %s", path, s.Field, s.Verdict, s.SubIndication))
		}
	}
	if !slices.Equal(kinds, []string{"signature", "document-timestamp"}) { // B-LTA
		errs = append(errs, fmt.Errorf("%s has %v", path, kinds))
	}
	for _, check := range []struct{ args, want []string }{
		{[]string{"pdfsig", "-nocert", path}, []string{"Signature is Valid", "Total document signed"}},
		{[]string{"qpdf", "--check", path}, []string{"No syntax or stream encoding errors found"}},
	} {
		result, err := runTool(ctx, check.args, check.want)
		errs = append(errs, err)
		tellf(d.out, "  %s\n      → %s\n", check.args[0]+" "+path, result)
	}
	return errors.Join(errs...)
}

// approval is what an officer says who went through the whole list.
func approval() map[string]any {
	var checks []string
	for _, c := range registration.Checks() {
		checks = append(checks, c.Code)
	}
	return map[string]any{"decision": "approve", "officer": "officer-1", "checks": checks}
}
