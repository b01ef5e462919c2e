package workflows_test

import (
	"compress/gzip"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"kyso/workflows"
)

// minHistories guards against histories that get lost: every release adds its own and none goes.
const minHistories = 63

// TestHistoriesOfReleases replays what processes of earlier releases went through with the code of today. A failure
// means that processes in flight would block after an upgrade: keep the old way behind workflow.GetVersion.
// starter/dev/record_test.go says how histories are recorded.
func TestHistoriesOfReleases(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*/*.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < minHistories {
		t.Fatalf("%d histories, there were %d", len(files), minHistories)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/histories/"), ".json.gz"), func(t *testing.T) {
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			packed, err := gzip.NewReader(file)
			if err != nil {
				t.Fatal(err)
			}
			history, err := client.HistoryFromJSON(packed, client.HistoryJSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history); err != nil {
				t.Error(err)
			}
		})
	}
}
