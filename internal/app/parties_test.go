package app

import (
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"kyso/internal/audit"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
)

// The audit log names a provider or a payment party that tells something, so no key's owner has such a name.
func TestPartiesNamesAreReserved(t *testing.T) {
	for _, name := range []string{"intrustca", "neac", "vnpt", "vnpay"} {
		if !slices.Contains(parties(), name) {
			t.Errorf("%s is not reserved", name)
		}
	}
}

// Every payment party of the registry can be used together with all others, against the sandbox and without a variable of its own:
// its doors are routes of the API, and what nobody signed gets through none of them.
func TestAllGatewaysServeTogether(t *testing.T) {
	names := slices.Sorted(maps.Keys(registry.Gateways))
	cfg, err := FromEnvironment([]string{"TEMPORAL_CONFIG_FILE=" + os.DevNull, "KYSO_GATEWAYS=" + strings.Join(names, ",")})
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := store.Open(t.Context(), storetest.SQLite(t), key)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	api := (&App{Config: cfg, Log: slog.New(slog.DiscardHandler), Store: records, Temporal: lazy,
		Recorder: &audit.Recorder{Log: records.AuditLog(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}}).API()
	doors := cfg.Registration.Doors()
	for _, name := range names {
		door := doors[name]
		for _, route := range []registration.Route{door.Notice, door.Return} {
			if notice, err := route.Open(registration.Call{}); problem.CodeOf(err) != problem.SignatureInvalid {
				t.Errorf("%s takes what nobody signed: %+v, %v", name, notice, err)
			}
			if route.Path == "" {
				continue
			}
			answer := httptest.NewRecorder()
			api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), route.Method, "http://localhost"+route.Path, http.NoBody))
			if answer.Code == http.StatusNotFound || answer.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s: %s %s is no route: %d", name, route.Method, route.Path, answer.Code)
			}
		}
		for _, receipt := range []registration.Receipt{registration.ReceiptRecorded, registration.ReceiptDecided, registration.ReceiptUnknown,
			registration.ReceiptAmount, registration.ReceiptForged, registration.ReceiptFault} {
			if status, _ := door.Answer(receipt); status < http.StatusOK {
				t.Errorf("%s answers %q with %d", name, receipt, status)
			}
		}
	}
	for _, one := range cfg.Registration.Gateways {
		if probe := one.Party.Probe(); probe.Name == "" || probe.Address == "" {
			t.Errorf("%s has no probe", one.Name)
		}
	}
}
