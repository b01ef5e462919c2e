package workflows_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/pades"
	"kyso/internal/pades/padestest"
	"kyso/internal/pades/pdf"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

// harming is an engine whose increments change the page that was signed before, and whose own signatures hold.
type harming struct{ activities.PDF }

func (harming) Prepare(_ context.Context, src pades.Source, opt pades.PrepareOptions) (*pades.Prepared, error) {
	data, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	if err != nil {
		return nil, err
	}
	f, err := pdf.Open(bytes.NewReader(data), int64(len(data)), pdf.Limits{})
	if err != nil {
		return nil, err
	}
	page, err := f.Page(1)
	if err != nil {
		return nil, err
	}
	changed := page.Dict.Clone()
	changed.Set("MediaBox", pdf.Array{int64(0), int64(0), int64(400), int64(400)})
	update := pdf.NewUpdate(f)
	update.Set(page.Ref, changed)
	harm, err := update.Bytes()
	if err != nil {
		return nil, err
	}
	opt.HashState = nil // of the file before
	prepared, err := pades.Prepare(bytes.NewReader(append(data, harm...)), opt)
	if err != nil {
		return nil, err
	}
	prepared.Increment = append(harm, prepared.Increment...)
	prepared.HoleOffset += int64(len(harm))
	return prepared, nil
}

// TestDeliverySparesEarlierSignatures: our signature holds, and what was prepared for it ruins the one before. The result is not
// delivered: the process parks, trying again changes nothing, and giving up ends it without a signed file.
func TestDeliverySparesEarlierSignatures(t *testing.T) {
	j := newJourney(t)
	engine := j.acts.PDF
	j.acts.PDF = func() activities.PDF { return harming{engine()} }
	j.request(signing.Signing{Level: signing.LevelB}, padestest.Signed(t, page("x"), nil))
	j.at(10*time.Second, j.approve(user))
	j.at(time.Hour, func() {
		j.parked(workflows.StepDeliver, "verification-failed")
		if a := j.status().Attention; a != nil && (!slices.Equal(a.Actions, []string{process.RepairRetry, process.RepairCancel}) || !strings.Contains(a.Message, "harms an earlier one")) {
			t.Errorf("%v may be done about %q", a.Actions, a.Message)
		}
	})
	j.at(2*time.Hour, j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairFailedAgain) }))
	j.at(3*time.Hour, j.update(workflows.UpdateRepair, giveUp(), func(result any, err error) { j.wantRepair(result, err, process.RepairGivenUp) }))
	s := j.run(signing.StatusCancelled)
	if s.Documents[0].SignedID != "" {
		t.Error("the file was delivered")
	}
}
