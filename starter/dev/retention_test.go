package main

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"kyso/internal/apiclient"
	"kyso/internal/process"
)

// TestRetention deletes a signing that has ended from Temporal, as its retention does after some days. The record and the
// file stay, and neither the provider's webhook nor the repeated request starts anything.
func TestRetention(t *testing.T) {
	t.Parallel()
	c := startDeployment(t)
	c.open()
	ctx := t.Context()
	s := &signer{user: "ICA.079095062001", key: "retention"}
	client := newClient(c.world.Addresses)
	do(t, client.knobs(ctx, s.user, map[string]any{"decision": "approve"}))
	s.run(ctx, c.world.Addresses)
	signed, err := client.signed(ctx, s.view.Documents[0].Content)
	do(t, err)
	before := len(c.world.Sandbox.Ledger())

	id := process.SigningWorkflowID(s.id)
	_, err = c.world.App.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}})
	do(t, err)
	gone := func() bool {
		_, err := c.world.App.Temporal.DescribeWorkflowExecution(ctx, id, "")
		var none *serviceerror.NotFound
		return errors.As(err, &none)
	}
	for end := time.Now().Add(patience); !gone(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatal("Temporal still has the process")
		}
	}

	if again, err := client.signed(ctx, s.view.Documents[0].Content); err != nil || !bytes.Equal(again, signed) {
		t.Errorf("the file is another one: %v", err)
	}
	secrets, err := c.world.folder.secrets()
	do(t, err)
	webhook := c.world.Addresses.API + "/v1/webhooks/" + webhookProvider + "/" + secrets.WebhookToken
	do(t, client.post(ctx, webhook, map[string]any{"transaction_id": "kyso-" + s.id, "status_code": 200}, nil))
	api := &apiclient.Client{BaseURL: c.world.Addresses.API, Key: c.world.Addresses.APIKey}
	var repeated apiclient.Signing
	_, err = api.Post(ctx, s.key, "/v1/signings", apiclient.SigningRequest{User: s.user, Level: "B-LT", Reason: testReason, Location: testLocation,
		Documents: []apiclient.DocumentRequest{{ID: s.upload, Placement: &apiclient.Placement{}}}}, &repeated)
	if err != nil || repeated.ID != s.id {
		t.Errorf("the repeated request is %s, %v; want the signing that was made", repeated.ID, err)
	}
	time.Sleep(15 * time.Second) // and the relay has looked
	if !gone() {
		t.Error("something started the process again")
	}
	if n := len(c.world.Sandbox.Ledger()); n != before {
		t.Errorf("%d effects outside after the deletion", n-before)
	}
	if answer, err := http.Get(c.world.Addresses.API + "/readyz"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("not ready: %v", err)
	}
}
