package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"kyso/internal/app"
	"kyso/internal/config"
	"kyso/internal/doctor"
	"kyso/workflows"
)

// findings are the states by part.
func findings(list []doctor.Finding) map[string]doctor.Finding {
	out := map[string]doctor.Finding{}
	for _, f := range list {
		out[f.Part] = f
	}
	return out
}

// TestDoctor examines a world that is well, and then one part after another that is not.
func TestDoctor(t *testing.T) {
	w, _ := sharedWorld(t)
	secrets, err := w.folder.secrets()
	if err != nil {
		t.Fatal(err)
	}
	with := func(change ...string) config.Config {
		t.Helper()
		cfg, err := app.FromEnvironment(append(environment(w.folder.path, w.Addresses, secrets), change...))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	well := doctor.Examine(t.Context(), with(), w.Addresses.API)
	for _, f := range well {
		if f.State != doctor.Healthy && f.Part != "admin key" {
			t.Errorf("%s: %s: %s", f.Part, f.State, f.What)
		}
	}
	for _, part := range []string{"master key", "database", "clock", "waits", "blobs", "temporal", "namespace", "search attributes", "workers", "trust", "seal", "audit file", "VNeID", "VNPay", "CA", "SMS", "TSA 1", "PDF process", "API"} {
		if findings(well)[part].State == "" {
			t.Errorf("nothing is said of %s", part)
		}
	}
	open := filepath.Join(t.TempDir(), "master.key")
	key, err := os.ReadFile(w.folder.file("master.key"))
	if err == nil {
		err = errors.Join(os.WriteFile(open, key, 0o644), os.Chmod(open, 0o644)) // a world sets a umask that closes its files
	}
	if err != nil {
		t.Fatal(err)
	}
	empty := "sqlite:" + filepath.Join(t.TempDir(), "empty.db")
	for change, want := range map[string]doctor.Finding{
		"KYSO_MASTER_KEY_FILE=" + open:             {Part: "master key", State: doctor.Warning},
		"KYSO_MASTER_KEY_FILE=/nowhere/master.key": {Part: "master key", State: doctor.Fault},
		"KYSO_DATABASE=" + empty:                   {Part: "database", State: doctor.Fault},
		"KYSO_DATABASE=postgres://x@127.0.0.1:1/x": {Part: "database", State: doctor.Fault},
		"KYSO_BLOBS=s3://bucket?region=none":       {Part: "blobs", State: doctor.Fault},
		"KYSO_TRUST=/nowhere/trust.pem":            {Part: "trust", State: doctor.Fault},
		"TEMPORAL_ADDRESS=127.0.0.1:1":             {Part: "temporal", State: doctor.Fault},
		"TEMPORAL_NAMESPACE=nobody":                {Part: "namespace", State: doctor.Fault},
		"KYSO_TSA=http://127.0.0.1:1/tsa":          {Part: "TSA 1", State: doctor.Warning},
		"KYSO_PUBLIC_URL=http://kyso.example.vn":   {Part: "public address", State: doctor.Fault},
		"KYSO_PDF_PROGRAM=/nowhere/kyso-pdf":       {Part: "PDF process", State: doctor.Fault},
		"KYSO_AUDIT_FILE=":                         {Part: "audit file", State: doctor.Warning},
	} {
		got := findings(doctor.Examine(t.Context(), with(change), ""))[want.Part]
		if got.State != want.State || got.State == doctor.Fault && got.Remedy == "" {
			t.Errorf("%s: %+v, want %s", change, got, want.State)
		}
	}
}

// A new namespace gets the search attributes once.
func TestSearchAttributesAreMade(t *testing.T) {
	w, _ := sharedWorld(t)
	const name = "fresh"
	_, err := w.App.Temporal.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: name,
		WorkflowExecutionRetentionPeriod: durationpb.New(72 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	client := w.App.Workflows()
	var made []string
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) { // the server learns of a namespace after a while
		if made, err = client.EnsureSearchAttributes(t.Context(), name); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil || len(made) != len(workflows.SearchAttributes()) {
		t.Fatalf("made %v, %v", made, err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		missing, err := client.MissingSearchAttributes(t.Context(), name)
		if err == nil && len(missing) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still missing: %s, %v", strings.Join(missing, ", "), err)
		}
	}
}
