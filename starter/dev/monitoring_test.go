package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"kyso/internal/telemetry"
)

// metricName matches what a query may name.
var metricName = regexp.MustCompile(`\b(kyso|temporal|process|go)_[a-z_]+`)

// scrape returns the names of all metrics that this process tells.
func scrape(t *testing.T) (map[string]bool, string) {
	t.Helper()
	w := httptest.NewRecorder()
	telemetry.Metrics().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	names := map[string]bool{}
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			name, _, _ := strings.Cut(line, "{")
			name, _, _ = strings.Cut(name, " ")
			names[name] = true
		}
	}
	return names, w.Body.String()
}

// TestDashboardsAndAlerts lets one signing end and one park, and looks whether every metric that a dashboard or an alert
// names is there, and that no metric names a person.
func TestDashboardsAndAlerts(t *testing.T) {
	w, c := sharedWorld(t)
	const user = "ICA.079095030501"
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "awaiting-approval")
	approveOnPhone(t, c, user)
	awaitStatus(t, c, id, "signed")
	parkedSigning(t, w, c, "ICA.079095030502")

	names, text := scrape(t)
	for _, file := range []string{"../../docs/monitoring/alerts.yml", "../../docs/monitoring/grafana.json"} {
		source, err := os.ReadFile(file)
		do(t, err)
		if strings.HasSuffix(file, ".json") && !json.Valid(source) {
			t.Errorf("%s is no JSON", file)
		}
		for _, name := range metricName.FindAllString(string(source), -1) {
			if !names[name] {
				t.Errorf("%s names %s, which nothing tells", file, name)
			}
		}
	}
	for _, runbook := range regexp.MustCompile(`operations\.md#([a-z-]+)`).FindAllStringSubmatch(readFile(t, "../../docs/monitoring/alerts.yml"), -1) {
		heading := strings.ReplaceAll(runbook[1], "-", " ")
		if !strings.Contains(strings.ToLower(readFile(t, "../../docs/operations.md")), "# "+heading) && !strings.Contains(readFile(t, "../../docs/operations.md"), "### "+runbook[1]+"\n") {
			t.Errorf("no chapter %s in docs/operations.md", runbook[1])
		}
	}
	for _, private := range []string{user, "079095030501", "Sông Hồng", testReason, id} {
		if strings.Contains(text, private) {
			t.Errorf("the metrics name %q", private)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	do(t, err)
	return string(text)
}
