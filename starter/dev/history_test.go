package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/workflows"
)

// history reads all events of a process.
func history(t *testing.T, w *World, workflowID string) []*historypb.HistoryEvent {
	t.Helper()
	var events []*historypb.HistoryEvent
	it := w.App.Temporal.GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	return events
}

func eventBytes(events []*historypb.HistoryEvent) int {
	n := 0
	for _, e := range events {
		n += proto.Size(e)
	}
	return n
}

func eventTypes(events []*historypb.HistoryEvent) string {
	var names []string
	for _, e := range events {
		names = append(names, e.GetEventType().String())
	}
	return strings.Join(names, "\n")
}

func TestSigningFromUploadToFile(t *testing.T) {
	w, c := sharedWorld(t)
	const user = "ICA.079095012345"
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "awaiting-approval")
	approveOnPhone(t, c, user)
	begin := time.Now()
	s := awaitStatus(t, c, id, "signed")
	took := time.Since(begin)
	checkSignedOnce(t, w, c, s)
	awaitClosed(t, w, id)
	events := history(t, w, process.SigningWorkflowID(id))
	t.Logf("one document, B-LT: %d events, %d bytes; signed %.2f s after the approval", len(events), eventBytes(events), took.Seconds())
	if size := eventBytes(events); size > 32<<10 {
		t.Errorf("the history of one signing takes %d bytes, want at most 32 KiB", size)
	}
}

// awaitClosed waits for the end of the process itself, a moment after its record says signed.
func awaitClosed(t *testing.T, w *World, id string) {
	t.Helper()
	var result workflows.SigningResult
	if err := w.App.Temporal.GetWorkflow(t.Context(), process.SigningWorkflowID(id), "").Get(t.Context(), &result); err != nil {
		t.Fatal(err)
	}
}

// TestWaitingCostsNothing compares the histories of two signings that differ in how long the owner of the key takes.
// The longer one waits for several polls, which all happen within one event. KYSO_TEST_WAITS=10,240 takes other
// seconds than 1 and 20; days are for virtual time, see the journeys in workflows.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	w, c := sharedWorld(t)
	wait := func(user string, seconds int) []*historypb.HistoryEvent {
		// Without a webhook both are found by the poll.
		knobs := map[string]any{"decision": "approve", "decision_after_s": seconds, "webhook": "lost"}
		if err := c.knobs(t.Context(), user, knobs); err != nil {
			t.Fatal(err)
		}
		id := startSigning(t, c, user)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second+patience)
		defer cancel()
		_, err := c.await(ctx, id, nil, func(s apiclient.Signing) bool { return s.Status == "signed" })
		do(t, err)
		awaitClosed(t, w, id)
		return history(t, w, process.SigningWorkflowID(id))
	}
	seconds := [2]int{1, 20}
	if waits := os.Getenv("KYSO_TEST_WAITS"); waits != "" {
		if _, err := fmt.Sscanf(waits, "%d,%d", &seconds[0], &seconds[1]); err != nil {
			t.Fatalf("KYSO_TEST_WAITS is two numbers of seconds: %v", err)
		}
	}
	short, long := wait("ICA.001095100001", seconds[0]), wait("ICA.001095100002", seconds[1])
	t.Logf("approved after %d s: %d events, %d bytes; after %d s: %d events, %d bytes",
		seconds[0], len(short), eventBytes(short), seconds[1], len(long), eventBytes(long))
	if a, b := eventTypes(short), eventTypes(long); a != b {
		t.Errorf("a longer wait left other events:\n%s\n--- after %d s ---\n%s", a, seconds[1], b)
	}
}

// canaries are what must never be in Temporal: it keeps histories for a month, shows them to operators, and cannot
// erase a part of one.
func canaries(t *testing.T, pdf []byte) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"name of the signer": []byte("NGUYỄN VĂN MINH"),
		"citizen number":     []byte("079095012345"),
		"reason":             []byte(testReason),
		"location":           []byte(testLocation),
		"file name":          []byte(testFile),
		"bytes of the PDF":   pdf[len(pdf)/2 : len(pdf)/2+24],
		"head of the PDF":    pdf[:16],
		"provider's account": []byte("apps.sandbox.invalid"),
		"provider's secret":  []byte("sandbox-only"),
	}
}

// spellings returns the ways in which a value may be hidden in a stream of bytes.
func spellings(value []byte) map[string][]byte {
	list := map[string][]byte{
		"as it is":     value,
		"hex":          []byte(hex.EncodeToString(value)),
		"HEX":          []byte(strings.ToUpper(hex.EncodeToString(value))),
		"JSON escapes": []byte(strings.Trim(fmt.Sprintf("%+q", value), `"`)),
	}
	var big, little []byte
	for _, unit := range utf16.Encode([]rune(string(value))) {
		big, little = append(big, byte(unit>>8), byte(unit)), append(little, byte(unit), byte(unit>>8))
	}
	list["UTF-16"], list["UTF-16, little-endian"] = big, little
	// Base64 of a value inside something longer depends on where it begins, by three cases. The characters at both
	// ends that mix with the neighbours are left out.
	for shift := range 3 {
		coded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), value...))
		end := len(coded)
		if (shift+len(value))%3 != 0 {
			end--
		}
		list[fmt.Sprintf("base64 at %d", shift)] = []byte(coded[[]int{0, 2, 3}[shift]:end])
	}
	return list
}

// TestTemporalHoldsNoPersonalData signs, and looks for canaries in every event of every process, in what the UI is
// told, and in Temporal's database files and kyso's logs as they lie on disk.
func TestTemporalHoldsNoPersonalData(t *testing.T) {
	w, c := sharedWorld(t)
	const user = "ICA.079095012345"
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "awaiting-approval")
	hay := map[string][]byte{}
	metadata, err := w.App.Temporal.QueryWorkflow(t.Context(), process.SigningWorkflowID(id), "", "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var details sdkpb.WorkflowMetadata
	if err := metadata.Get(&details); err != nil {
		t.Fatal(err)
	}
	hay["what the UI is told"] = []byte(details.String())
	approveOnPhone(t, c, user)
	awaitStatus(t, c, id, "signed")
	awaitClosed(t, w, id)

	pdf, err := samplePDF()
	if err != nil {
		t.Fatal(err)
	}
	holdsNone(t, w, hay, canaries(t, pdf))
}

// holdsNone looks for canaries in every event of every process of the shared world, in its database files and its
// logs as they lie on disk, and in what else is in hay.
func holdsNone(t *testing.T, w *World, hay, canaries map[string][]byte) {
	t.Helper()
	list, err := w.App.Temporal.WorkflowService().ListWorkflowExecutions(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	hay["list of processes"] = []byte(protojson.Format(list))
	for _, execution := range list.GetExecutions() {
		workflowID := execution.GetExecution().GetWorkflowId()
		for _, event := range history(t, w, workflowID) {
			raw, err := proto.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			hay[fmt.Sprintf("event %d of %s", event.GetEventId(), workflowID)] = append(raw, protojson.Format(event)...)
		}
	}
	if len(hay) < 20 {
		t.Fatalf("only %d things to look at; the scan does not see the histories", len(hay))
	}
	for _, name := range []string{"temporal.db", "temporal.db-wal", "kyso.db", "kyso.db-wal", "logs/temporal.log", "logs/kyso.log"} {
		if hay[name], err = os.ReadFile(filepath.Join(shared.data, name)); err != nil {
			t.Fatal(err)
		}
	}
	looked := 0
	for canary, value := range canaries {
		for spelling, needle := range spellings(value) {
			for place, data := range hay {
				looked++
				if bytes.Contains(data, needle) {
					t.Errorf("%s: holds the %s (%s)", place, canary, spelling)
				}
			}
		}
	}
	t.Logf("%d places looked at, %d comparisons", len(hay), looked)
}

// TestScanFindsWhatIsThere keeps the scan honest.
func TestScanFindsWhatIsThere(t *testing.T) {
	secret := []byte("NGUYỄN VĂN MINH")
	for name, hay := range map[string][]byte{
		"plain":      append([]byte("xx"), secret...),
		"base64":     []byte(base64.StdEncoding.EncodeToString([]byte(`{"name":"NGUYỄN VĂN MINH","n":1}`))),
		"hex":        []byte(hex.EncodeToString(secret)),
		"JSON ASCII": []byte(`{"name":"NGUY\u1ec4N V\u0102N MINH"}`),
	} {
		found := false
		for _, needle := range spellings(secret) {
			found = found || bytes.Contains(hay, needle)
		}
		if !found {
			t.Errorf("%s: the canary was not found", name)
		}
	}
}
