package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/apiclient"
)

// TestNobodyReadsTheCitizenInTheFiles registers and signs, and looks for the person in every file of the world that kyso or
// Temporal writes, blobs, write-ahead logs and temporary files included: as they lie on disk while it runs, and after the person was
// erased. Another person's documents still open then.
func TestNobodyReadsTheCitizenInTheFiles(t *testing.T) {
	w, c := sharedWorld(t)
	ctx := t.Context()
	const citizen, other = "001302000104", "ICA.001095100077"
	theirs := startSigning(t, c, other)
	walk := register(t, w, c, citizen, "PS0")
	person, err := w.Sandbox.Citizen(citizen)
	do(t, err)
	mine := startSigning(t, c, "ICA."+citizen)
	for id, user := range map[string]string{theirs: other, mine: "ICA." + citizen} {
		awaitStatus(t, c, id, "awaiting-approval")
		approveOnPhone(t, c, user)
		awaitStatus(t, c, id, "signed")
	}
	canaries := map[string][]byte{"citizen number": []byte(citizen), "name": []byte(person.FullName), "phone": []byte(walk.phone[len(walk.phone)-9:]),
		"address": []byte(person.Address), "e-mail": []byte(walkerEmail), "reason": []byte(testReason), "file name": []byte(testFile), "a PDF": []byte("%PDF-1.")}
	filesHoldNone(t, "while it runs", canaries)

	api := &apiclient.Client{BaseURL: w.Addresses.API, Key: w.Addresses.APIKey}
	do(t, api.Delete(ctx, "/v1/subjects/"+mine))
	filesHoldNone(t, "after the erasure", canaries)
	one, err := w.App.Store.Signing(ctx, mine)
	do(t, err)
	if one.ErasedAt.IsZero() || one.UserID != "" {
		t.Errorf("the signing of an erased person: %+v", one)
	}
	view, err := c.signing(ctx, theirs)
	do(t, err)
	if signed, err := c.signed(ctx, view.Documents[0].Content); err != nil || !bytes.HasPrefix(signed, []byte("%PDF-")) {
		t.Errorf("another person's file: %v", err)
	}
}

// filesHoldNone looks for canaries in every file that kyso and Temporal write. The stand-ins of outside parties keep people of
// their own.
func filesHoldNone(t *testing.T, when string, canaries map[string][]byte) {
	t.Helper()
	files, blobs := 0, 0
	err := filepath.WalkDir(shared.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.IsDir() && strings.HasPrefix(entry.Name(), "sandbox") {
				return fs.SkipDir
			}
			return err
		}
		if strings.Contains(entry.Name(), "sandbox") {
			return nil
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // a temporary file
			return nil
		}
		files++
		if strings.Contains(path, "/blobs/") {
			blobs++
		}
		for canary, value := range canaries {
			for spelling, needle := range spellings(value) {
				if bytes.Contains(data, needle) {
					t.Errorf("%s: %s holds the %s (%s)", when, path, canary, spelling)
				}
			}
		}
		return err
	})
	do(t, err)
	if files < 8 || blobs < 3 {
		t.Errorf("%s: only %d files and %d blobs were looked at", when, files, blobs)
	}
}
