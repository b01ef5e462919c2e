package main

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/internal/sandbox"
	"kyso/workflows"
)

// situations are what a process may have gone through when a new release takes it over. Each walks there on the real
// server and returns the workflow id.
var situations = map[string]func(t *testing.T, w *World, c *client) string{
	"signing-signed": func(t *testing.T, _ *World, c *client) string {
		id := startSigning(t, c, "ICA.079095040001")
		awaitStatus(t, c, id, "awaiting-approval")
		approveOnPhone(t, c, "ICA.079095040001")
		awaitStatus(t, c, id, "signed")
		return process.SigningWorkflowID(id)
	},
	"signing-signed-and-archived": func(t *testing.T, w *World, c *client) string {
		return process.SigningWorkflowID(archivedSigning(t, w, c, "ICA.079095040012"))
	},
	"archive-waiting": func(t *testing.T, w *World, c *client) string {
		return process.ArchiveWorkflowID(archivedSigning(t, w, c, "ICA.079095040013"))
	},
	"signing-awaiting-approval": func(t *testing.T, _ *World, c *client) string {
		id := startSigning(t, c, "ICA.079095040002")
		awaitStatus(t, c, id, "awaiting-approval")
		return process.SigningWorkflowID(id)
	},
	"signing-chosen-and-placed": func(t *testing.T, w *World, c *client) string {
		const user = "ICA.079095040003"
		knobs(t, w, user, sandbox.Knobs{Certificates: []string{"valid", "valid+p256"}})
		id := startUnplaced(t, c, user)
		awaitStatus(t, c, id, "awaiting-certificate")
		var list struct {
			Items []struct {
				Serial string `json:"serial"`
			} `json:"items"`
		}
		do(t, c.do(t.Context(), http.MethodGet, c.api+"/v1/signings/"+id+"/certificates", "", nil, &list))
		do(t, c.post(t.Context(), c.api+"/v1/signings/"+id+"/certificate", map[string]string{"serial": list.Items[1].Serial}, nil))
		awaitStatus(t, c, id, "awaiting-placement")
		do(t, c.post(t.Context(), c.api+"/v1/signings/"+id+"/placement", map[string]any{"placements": []apiclient.Placement{{Page: 1, X: 50, Y: 50, Width: 200, Height: 64}}}, nil))
		awaitStatus(t, c, id, "awaiting-approval")
		approveOnPhone(t, c, user)
		awaitStatus(t, c, id, "signed")
		return process.SigningWorkflowID(id)
	},
	"signing-awaiting-certificate": func(t *testing.T, w *World, c *client) string {
		const user = "ICA.079095040004"
		knobs(t, w, user, sandbox.Knobs{Certificates: []string{"valid", "valid+p256"}})
		id := startUnplaced(t, c, user)
		awaitStatus(t, c, id, "awaiting-certificate")
		return process.SigningWorkflowID(id)
	},
	"signing-declined": func(t *testing.T, w *World, c *client) string {
		return endOf(t, w, c, "ICA.079095040005", "declined", sandbox.Knobs{Decision: "decline"})
	},
	"signing-expired": func(t *testing.T, w *World, c *client) string {
		return endOf(t, w, c, "ICA.079095040006", "expired", sandbox.Knobs{Decision: "never", WindowSeconds: 2})
	},
	"signing-refused": func(t *testing.T, w *World, c *client) string {
		return endOf(t, w, c, "ICA.079095040007", "refused", sandbox.Knobs{Certificates: []string{"revoked"}})
	},
	"signing-cancelled": func(t *testing.T, _ *World, c *client) string {
		id := startSigning(t, c, "ICA.079095040008")
		awaitStatus(t, c, id, "awaiting-approval")
		do(t, c.post(t.Context(), c.api+"/v1/signings/"+id+"/cancel", map[string]string{"reason": "recorded"}, nil))
		awaitStatus(t, c, id, "cancelled")
		return process.SigningWorkflowID(id)
	},
	"signing-parked": func(t *testing.T, w *World, c *client) string {
		return process.SigningWorkflowID(parkedSigning(t, w, c, "ICA.079095040009"))
	},
	"signing-parked-and-retried": func(t *testing.T, w *World, c *client) string {
		id := parkedSigning(t, w, c, "ICA.079095040010")
		repairSigning(t, c, id, "retry") // fails again: the value stays wrong
		return process.SigningWorkflowID(id)
	},
	"signing-parked-and-given-up": func(t *testing.T, w *World, c *client) string {
		id := parkedSigning(t, w, c, "ICA.079095040011")
		repairSigning(t, c, id, "cancel")
		awaitFinal(t, c, id)
		return process.SigningWorkflowID(id)
	},
	"registration-active-free": func(t *testing.T, w *World, c *client) string {
		return process.RegistrationWorkflowID(register(t, w, c, "001302041001", "PS0").id)
	},
	"registration-active-paid": func(t *testing.T, w *World, c *client) string {
		return process.RegistrationWorkflowID(register(t, w, c, "001302041002", "PS1").id)
	},
	"registration-awaiting-payment": func(t *testing.T, w *World, c *client) string {
		return process.RegistrationWorkflowID(until(t, w, c, "001302041003", "awaiting-payment").id)
	},
	"registration-in-review": func(t *testing.T, w *World, c *client) string {
		return process.RegistrationWorkflowID(until(t, w, c, "001302041004", "in-review").id)
	},
	"registration-corrected-then-refused": func(t *testing.T, w *World, c *client) string {
		e := until(t, w, c, "001302041005", "in-review")
		do(t, e.act(t.Context(), "review", map[string]any{"decision": "ask", "officer": "officer-1", "reason": "address-unclear", "fields": []string{"address"}}))
		awaitRegistration(t, e, "needs-more")
		do(t, e.act(t.Context(), "correction", map[string]any{"fields": map[string]string{"address": "Số 9 ngõ 34"}}))
		awaitRegistration(t, e, "awaiting-contract")
		afterTheGap(t, func() error { return e.withCode(t.Context(), "contract", "contract") })
		awaitRegistration(t, e, "in-review")
		do(t, e.act(t.Context(), "review", map[string]any{"decision": "refuse", "officer": "officer-1", "reason": "not-eligible"}))
		awaitRegistration(t, e, "refused") // and the money goes back
		return process.RegistrationWorkflowID(e.id)
	},
	"registration-activating": func(t *testing.T, w *World, c *client) string {
		e := until(t, w, c, "001302041006", "in-review")
		do(t, e.act(t.Context(), "review", approval()))
		awaitRegistration(t, e, "activating")
		return process.RegistrationWorkflowID(e.id)
	},
	"registration-parked-and-retried": func(t *testing.T, w *World, c *client) string {
		const citizen = "001302041008"
		e := until(t, w, c, citizen, "in-review")
		knobs(t, w, citizen, sandbox.Knobs{IssueFails: "refused"})
		do(t, e.act(t.Context(), "review", approval()))
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			r, err := e.view(t.Context())
			do(t, err)
			if r.Attention != nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("not parked but %s", r.Status)
			}
		}
		again := map[string]string{"action": "retry", "reason": "recorded", "actor": "op-1"}
		do(t, e.act(t.Context(), "repair", again)) // fails again
		knobs(t, w, citizen, sandbox.Knobs{})
		do(t, e.act(t.Context(), "repair", again))
		awaitRegistration(t, e, "activating")
		return process.RegistrationWorkflowID(e.id)
	},
	"registration-withdrawn-after-issuance": func(t *testing.T, w *World, c *client) string {
		e := until(t, w, c, "001302041007", "in-review")
		do(t, e.act(t.Context(), "review", approval()))
		awaitRegistration(t, e, "activating")
		do(t, e.act(t.Context(), "withdraw", map[string]string{"reason": "recorded"}))
		awaitRegistration(t, e, "withdrawn") // revoked and refunded
		return process.RegistrationWorkflowID(e.id)
	},
}

// minSituations guards against a list that shrinks.
const minSituations = 21

// TestHistoriesReplay walks into every situation on the real server and replays what is there with the code of today. A
// program that asked for everything has been told of every type of event then.
// KYSO_RECORD=../../workflows/testdata/histories/NAME keeps the histories, for releases to come: do it when a release is
// made, never later, so that they are those of the released code.
func TestHistoriesReplay(t *testing.T) {
	t.Parallel()
	if len(situations) < minSituations {
		t.Fatalf("%d situations, there were %d", len(situations), minSituations)
	}
	w, c := sharedWorld(t)
	told := subscribe(t, c)
	t.Run("situations", func(t *testing.T) { // returns when all have ended
		for name, walk := range situations {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := &historypb.History{Events: history(t, w, walk(t, w, c))}
				if folder := os.Getenv("KYSO_RECORD"); folder != "" {
					do(t, keepHistory(filepath.Join(folder, name+".json.gz"), h))
				}
				replayer := worker.NewWorkflowReplayer()
				workflows.Register(replayer)
				if err := replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h); err != nil {
					t.Error(err)
				}
			})
		}
	})
	told.everyType(t)
}

func keepHistory(path string, h *historypb.History) error {
	text, err := protojson.Marshal(h)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	packed, _ := gzip.NewWriterLevel(file, gzip.BestCompression) // a valid level
	if _, err = packed.Write(text); err == nil {
		err = packed.Close()
	}
	return errors.Join(err, file.Close())
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func knobs(t *testing.T, w *World, user string, k sandbox.Knobs) {
	t.Helper()
	do(t, w.Sandbox.SetKnobs(user, k))
}

// startUnplaced asks for a signature whose certificate and box are chosen later.
func startUnplaced(t *testing.T, c *client, user string) string {
	t.Helper()
	file, err := os.Open(sampleFiles(t, "hai.pdf")[0])
	do(t, err)
	defer file.Close()
	uploaded, err := c.upload(t.Context(), "hai.pdf", io.Reader(file))
	do(t, err)
	s, err := c.sign(t.Context(), apiclient.SigningRequest{User: user, Documents: []apiclient.DocumentRequest{{ID: uploaded.ID}}})
	do(t, err)
	return s.ID
}

// endOf signs with a provider that behaves so, to an end that is not the good one.
func endOf(t *testing.T, w *World, c *client, user, status string, k sandbox.Knobs) string {
	t.Helper()
	knobs(t, w, user, k)
	id := startSigning(t, c, user)
	if s := awaitFinal(t, c, id); s.Status != status {
		t.Fatalf("ended %s, want %s", s.Status, status)
	}
	return process.SigningWorkflowID(id)
}

func awaitFinal(t *testing.T, c *client, id string) apiclient.Signing {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		s, err := c.signing(t.Context(), id)
		do(t, err)
		if s.Final {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("still %s", s.Status)
		}
	}
}

// parkedSigning is one whose value was made with the key of somebody else.
func parkedSigning(t *testing.T, w *World, c *client, user string) string {
	t.Helper()
	knobs(t, w, user, sandbox.Knobs{Decision: "approve", WrongKey: true})
	id := startSigning(t, c, user)
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		s, err := c.signing(t.Context(), id)
		do(t, err)
		if s.Attention != nil {
			return id
		}
		if s.Final || time.Now().After(end) {
			t.Fatalf("not parked but %s", s.Status)
		}
	}
}

func repairSigning(t *testing.T, c *client, id, action string) {
	t.Helper()
	do(t, c.post(t.Context(), c.api+"/v1/signings/"+id+"/repair", map[string]string{"action": action, "reason": "recorded", "actor": "op-1"}, nil))
}

// until walks a citizen to a status.
func until(t *testing.T, w *World, c *client, citizen, status string) *enrolment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e := &enrolment{client: c, world: w, citizen: citizen, plan: "PS1", sayf: func(string, ...any) {}}
	do(t, e.ask(ctx))
	for _, at := range []struct {
		status string
		do     func(context.Context) error
	}{
		{"handed-off", e.openAccount},
		{"account-ready", func(ctx context.Context) error { return e.act(ctx, "package", map[string]string{"code": e.plan}) }},
		{"awaiting-payment", e.pay},
		{"awaiting-contract", func(ctx context.Context) error { return e.withCode(ctx, "contract", "contract") }},
	} {
		_, err := e.await(ctx, at.status)
		do(t, err)
		if at.status == status {
			return e
		}
		do(t, at.do(ctx))
	}
	_, err := e.await(ctx, status)
	do(t, err)
	return e
}

// awaitRegistration waits for a status, also one that it had before.
// afterTheGap asks for a second code of one purpose, which has to be a minute from the first.
func afterTheGap(t *testing.T, ask func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		if err := ask(); err == nil || time.Now().After(deadline) {
			do(t, err)
			return
		}
	}
}

func awaitRegistration(t *testing.T, e *enrolment, status string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r, err := e.view(t.Context())
		do(t, err)
		if r.Status == status {
			return
		}
		if r.Final || time.Now().After(end) {
			t.Fatalf("%s, want %s", r.Status, status)
		}
	}
}
