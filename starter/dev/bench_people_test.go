package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/workflows"
)

// benchPatience is how long a flow may take: only one that is stuck takes that long.
const benchPatience = 5 * time.Minute

// uploads stores a file, however often the API is busy.
func (w *World) uploads(ctx context.Context, name string, pdf []byte) (apiclient.Document, error) {
	c := &apiclient.Client{BaseURL: w.Addresses.API, Key: w.Addresses.APIKey}
	for key := apiclient.NewKey(); ; {
		uploaded, err := c.Upload(ctx, key, name, int64(len(pdf)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pdf)), nil })
		if err == nil || ctx.Err() != nil || pause(ctx) != nil {
			return uploaded, err
		}
	}
}

// signsHeadless signs the sample at level B-LT for a user whose phone approves by itself, and returns the id when the process has ended.
func (w *World) signsHeadless(b testing.TB, c *client, user string) string {
	ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
	defer cancel()
	pdf, err := samplePDF()
	must(b, err)
	uploaded, err := w.uploads(ctx, testFile, pdf)
	must(b, err)
	s, err := c.sign(ctx, apiclient.SigningRequest{User: user, Level: "B-LT", Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
	must(b, err)
	// A client that asks again and again would be most of the load. A program that signs many waits for its webhook.
	var result workflows.SigningResult
	must(b, w.App.Temporal.GetWorkflow(ctx, process.SigningWorkflowID(s.ID), "").Get(ctx, &result))
	if result.Status != "signed" {
		b.Errorf("a signing is %s", result.Status)
	}
	return s.ID
}

// benchCitizen is a citizen, with an officer, who acts once the page says that it is time: it follows the registration as the page does.
type benchCitizen struct {
	b      testing.TB
	w      *World
	api    *apiclient.Client
	number string
	plan   string
	id     string
	phone  string
}

// registers takes a citizen from VNeID to an active certificate and returns the registration.
func (w *World) registers(b testing.TB, number, plan string) string {
	ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
	defer cancel()
	k := &benchCitizen{b: b, w: w, number: number, plan: plan, api: &apiclient.Client{BaseURL: w.Addresses.API, Key: w.Addresses.APIKey}}
	if err := k.run(ctx); err != nil {
		b.Errorf("citizen %s, registration %s: %v", number, k.id, err)
	}
	return k.id
}

func (k *benchCitizen) run(ctx context.Context) error {
	_, token, err := k.w.Sandbox.SubmitRequest(k.number)
	if err != nil {
		return err
	}
	k.phone = k.w.Sandbox.PhoneOf(k.number)
	came, _, err := k.api.HandOff(ctx, apiclient.NewKey(), token)
	if err != nil {
		return err
	}
	k.id = came.RegistrationID
	acts := make(chan string, 32)
	ended := make(chan error, 1)
	go func() {
		ended <- k.api.FollowRegistration(ctx, k.id, 0, func(e apiclient.Event) error {
			if e.Transition != nil {
				acts <- e.Transition.Status
			}
			return nil
		})
		close(acts)
	}()
	last := ""
	for last = range acts {
		if err := k.act(ctx, last); err != nil {
			return fmt.Errorf("at %s: %w", last, err)
		}
	}
	if err := <-ended; err != nil || last != "active" {
		return fmt.Errorf("it is %s: %w", last, err)
	}
	return nil
}

// act does what there is to do at a status.
func (k *benchCitizen) act(ctx context.Context, status string) error {
	switch status {
	case "handed-off":
		return k.withCode(ctx, "account", func(code string) error {
			_, _, err := k.api.OpenAccount(ctx, apiclient.NewKey(), k.id, code, walkerEmail, walkerPassword)
			return err
		})
	case "account-ready":
		return k.again(ctx, func() error { _, _, err := k.api.ChoosePackage(ctx, apiclient.NewKey(), k.id, k.plan); return err })
	case "awaiting-payment":
		return k.again(ctx, func() error { return k.pays(ctx) })
	case "awaiting-contract":
		return k.withCode(ctx, "contract", func(code string) error { _, _, err := k.api.Consent(ctx, apiclient.NewKey(), k.id, code); return err })
	case "in-review":
		return k.again(ctx, func() error {
			return newClient(k.w.Addresses).do(ctx, http.MethodPost, k.api.BaseURL+"/v1/registrations/"+k.id+"/review", "application/json",
				bytes.NewReader(encoded(approval())), nil, "Idempotency-Key", apiclient.NewKey())
		})
	case "activating":
		return k.activates(ctx)
	case "accepting":
		return k.again(ctx, func() error {
			n, err := k.w.Sandbox.Approve(k.number)
			if err == nil && n == 0 {
				err = fmt.Errorf("the phone shows nothing")
			}
			return err
		})
	}
	return nil
}

// again tries what may be too early, every 100 ms for a minute.
func (k *benchCitizen) again(ctx context.Context, try func() error) error {
	for end := time.Now().Add(time.Minute); ; {
		err := try()
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (k *benchCitizen) pays(ctx context.Context) error {
	attempt, _, err := k.api.Pay(ctx, apiclient.NewKey(), k.id)
	if err != nil {
		return err
	}
	if _, err := k.w.Sandbox.OpenPayURL(attempt.PayURL); err != nil {
		return err
	}
	return k.w.Sandbox.PayOrder(attempt.TxnRef, "pay")
}

// activates sets the PIN on the phone, waits until the page says that it is set, and hands in the code.
func (k *benchCitizen) activates(ctx context.Context) error {
	if err := k.again(ctx, func() error { return k.w.Sandbox.SetPIN(k.number, walkerPIN) }); err != nil {
		return err
	}
	err := k.again(ctx, func() error {
		r, _, err := k.api.Registration(ctx, k.id)
		if err == nil && (r.Activation == nil || r.Activation.PinSetAt.IsZero()) {
			err = fmt.Errorf("the PIN is not known to be set")
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.withCode(ctx, "activation", func(code string) error { _, _, err := k.api.Activate(ctx, apiclient.NewKey(), k.id, code); return err })
}

// withCode has a code sent, and hands it in.
func (k *benchCitizen) withCode(ctx context.Context, purpose string, handIn func(code string) error) error {
	before := len(k.w.Sandbox.Messages(k.phone))
	phone := ""
	if purpose == "account" {
		phone = k.phone
	}
	if err := k.again(ctx, func() error { _, _, err := k.api.SendCode(ctx, apiclient.NewKey(), k.id, purpose, phone); return err }); err != nil {
		return err
	}
	for {
		if inbox := k.w.Sandbox.Messages(k.phone); len(inbox) > before {
			if code := sixDigits.FindString(inbox[len(inbox)-1].Text); code != "" {
				return k.again(ctx, func() error { return handIn(code) })
			}
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
