package workflows_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
	"kyso/internal/webhook"
	"kyso/workflows"
)

// receiver is a program that takes a message at its n-th try; n of zero never does.
type receiver struct {
	takes int
	gone  bool
	tries []time.Time
	now   func() time.Time
}

func (r *receiver) Send(context.Context, webhook.Endpoint, webhook.Message) (int, error) {
	r.tries = append(r.tries, r.now())
	switch {
	case r.gone:
		return 410, problem.New(problem.ProviderRefused, "gone")
	case r.takes == 0 || len(r.tries) < r.takes:
		return 500, problem.New(problem.ProviderUnavailable, "answered 500")
	}
	return 200, nil
}

// delivered runs a delivery in virtual time and returns how it ended and what the store says.
func delivered(t *testing.T, r *receiver) (workflows.DeliveryResult, webhook.Message) {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), storetest.SQLite(t), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(patient)
	env.SetStartTime(time.Now().Add(time.Hour))
	r.now = env.Now
	records := s.Webhooks()
	m := webhook.Message{EndpointID: "ep-1", ID: "m-1", Type: "signing.signed", Body: []byte(`{}`), CreatedAt: time.Now()}
	_, err = records.CreateEndpoint(t.Context(), webhook.Endpoint{ID: "ep-1", Owner: "a", URL: "https://a.example", Secret: "whsec_x", CreatedAt: time.Now()})
	if err == nil {
		err = records.SaveMessage(t.Context(), m)
	}
	if err != nil {
		t.Fatal(err)
	}
	workflows.Register(env)
	activities.Register(env, &activities.Signing{}, &activities.Registration{}, &activities.Webhook{Messages: records, Sender: r, Now: env.Now}, &activities.Decisions{})
	in := activities.Delivery{EndpointID: "ep-1", MessageID: "m-1"}
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: process.DeliveryWorkflowID(in.EndpointID, in.MessageID, in.Round)})
	env.ExecuteWorkflow(workflows.Delivery, in)
	var result workflows.DeliveryResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	stored, err := records.Message(t.Context(), "ep-1", "m-1")
	if err != nil {
		t.Fatal(err)
	}
	return result, stored
}

func TestDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		receiver  receiver
		delivered bool
		state     string
		tries     int
	}{
		"at once":             {receiver{takes: 1}, true, "delivered", 1},
		"at the sixth":        {receiver{takes: 6}, true, "delivered", 6},
		"the address is gone": {receiver{gone: true}, false, "failed", 1},
	} {
		t.Run(name, func(t *testing.T) {
			result, m := delivered(t, &c.receiver)
			if result.Delivered != c.delivered || m.State() != c.state || m.Attempts != c.tries {
				t.Errorf("result %+v, message %+v", result, m)
			}
		})
	}
}

// Three days are tried, less and less often, and then the message waits for a replay.
func TestDeliveryThatNobodyTakes(t *testing.T) {
	r := &receiver{}
	result, m := delivered(t, r)
	if result.Delivered || m.State() != "failed" {
		t.Errorf("result %+v, message %+v", result, m)
	}
	first, last := r.tries[0], r.tries[len(r.tries)-1]
	if took := last.Sub(first); took < webhook.Patience-5*time.Hour || took > webhook.Patience || len(r.tries) > 30 {
		t.Errorf("%d tries in %s", len(r.tries), took)
	}
	if gap := r.tries[1].Sub(first); gap > 10*time.Second {
		t.Errorf("the second try came after %s", gap)
	}
}
