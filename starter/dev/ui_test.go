package main

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kyso/internal/process"
)

// TestOperatorsScreen opens Temporal's own UI as an operator does: the list of what is parked, and why one of them is. It
// is there for the pictures (KYSO_SHOTS).
func TestOperatorsScreen(t *testing.T) {
	w, c := sharedWorld(t)
	id := parkedSigning(t, w, c, "ICA.079095030701")
	b := newBrowser(t, screens[1])
	b.open(w.Addresses.TemporalUI + `/namespaces/` + namespace + `/workflows?query=KysoAttention%3Dtrue`)
	b.sees("signing-" + id)
	b.run(chromedp.Sleep(time.Second))
	b.shot("temporal-list")
	process := process.SigningWorkflowID(id)
	b.open(w.Addresses.TemporalUI + `/namespaces/` + namespace + `/workflows/` + process + `/` + firstRun(t, w, process) + `/user-metadata`)
	b.sees("Current Details") // what stands there is in a frame of the UI's own; journeys test the words
	b.run(chromedp.Sleep(time.Second))
	b.shot("temporal-detail")
}
