package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

// TestExtend takes a B-T file to B-LTA with the command line and archives it once more. What was there stays, byte by byte.
func TestExtend(t *testing.T) {
	w, c := sharedWorld(t)
	const user = "ICA.079095063001"
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve"}))
	id := startSigningAt(t, c, user, "B-T")
	s := awaitStatus(t, c, id, "signed")
	signed, err := c.signed(t.Context(), s.Documents[0].Content)
	do(t, err)
	starter, folder := program(t, "kyso"), t.TempDir()
	file := filepath.Join(folder, "hợp đồng.pdf")
	do(t, os.WriteFile(file, signed, 0o600))
	before := signed
	for round, want := range []int{2, 3} {
		cmd := exec.CommandContext(t.Context(), starter, "extend", file, "--level", "B-LTA", "--allow-private", "--force", "--out", file)
		cmd.Env = append(os.Environ(), "KYSO_TRUST="+w.Addresses.Trust, "KYSO_TSA="+w.Addresses.Parties+"/tsa", "KYSO_LANG=en")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("kyso extend: %v: %s", err, out)
		}
		extended, err := os.ReadFile(file)
		do(t, err)
		if !bytes.HasPrefix(extended, before) {
			t.Error("the extended file does not begin with the signed one")
		}
		v, err := w.App.Verify(t.Context(), bytes.NewReader(extended))
		do(t, err)
		if v.Verdict != pades.TotalPassed || len(v.Signatures) != want || v.Signatures[0].Level != "B-LTA" {
			t.Errorf("round %d: %s, %+v", round+1, v.Verdict, v.Signatures)
		}
		for tool, said := range map[string]string{"pdfsig -nocert": "Signature is Valid", "qpdf --check": "No syntax or stream encoding errors found"} {
			args := append(strings.Fields(tool), file)
			if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil || !strings.Contains(string(out), said) {
				t.Errorf("%s: %v: %s", tool, err, out)
			}
		}
		t.Logf("round %d: %d bytes appended", round+1, len(extended)-len(before))
		before = extended
	}
}

// archivedSigning signs at B-LTA and returns when the process that keeps the file archived waits.
func archivedSigning(t *testing.T, w *World, c *client, user string) string {
	t.Helper()
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve"}))
	id := startSigningAt(t, c, user, "B-LTA")
	awaitStatus(t, c, id, "signed")
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		status, err := archiveStatus(t, w, id)
		if err == nil && status.Step == workflows.StepAwaitRenewal {
			return id
		}
		if time.Now().After(until) {
			t.Fatalf("the archive is at %q: %v", status.Step, err)
		}
	}
}

func archiveStatus(t *testing.T, w *World, id string) (status workflows.SigningStatus, err error) {
	t.Helper()
	value, err := w.App.Temporal.QueryWorkflow(t.Context(), process.ArchiveWorkflowID(id), "", workflows.QueryStatus)
	if err == nil {
		err = value.Get(&status)
	}
	return status, err
}

// TestArchiveWaits: a signing at B-LTA leaves a process behind that waits for years, and a repair finds it under the signing's id.
func TestArchiveWaits(t *testing.T) {
	w, c := sharedWorld(t)
	id := archivedSigning(t, w, c, "ICA.079095063005")
	status, err := archiveStatus(t, w, id)
	do(t, err)
	const year = 365 * 24 * time.Hour
	if wait := time.Until(status.Deadline); wait < 4*year || wait > 5*year || status.SigningID != id {
		t.Errorf("it waits until %s: %+v", status.Deadline, status)
	}
	client := &workflows.Client{Temporal: w.App.Temporal}
	_, err = client.Repair(t.Context(), id, "dec-none", process.Repair{Action: process.RepairRetry, Actor: "ops-1", Reason: "nothing is wrong"})
	if problem.CodeOf(err) != problem.Conflict || !strings.Contains(err.Error(), "not waiting for a repair") {
		t.Errorf("a repair of what is well: %v", err)
	}
}
