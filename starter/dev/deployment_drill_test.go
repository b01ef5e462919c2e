package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/sandbox"
)

const (
	drillKills = 20
	// What begins before each kill.
	registrationsPerKill = 3
	signingsPerKill      = 4
)

// TestDeploymentSurvivesKills kills API, worker, engine and PostgreSQL in turn, twenty times at random moments, while people
// register and sign. Whatever the API accepted ends as if nothing had happened, and the ledger of the outside world
// shows each effect once.
func TestDeploymentSurvivesKills(t *testing.T) {
	t.Parallel()
	c := startDeployment(t)
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	var load drillLoad
	began := time.Now()
	back := map[string][]time.Duration{}
	for i := range drillKills {
		load.begin(ctx, c, i)
		time.Sleep(time.Duration(rand.Float64() * 4 * float64(time.Second)))
		name, took := c.killAndRestart(ctx, i)
		back[name] = append(back[name], took)
	}
	killed := time.Since(began)
	load.running.Wait()
	t.Logf("%d kills in %.0f s under load; all ended %.0f s after the last", drillKills, killed.Seconds(), (time.Since(began) - killed).Seconds())
	for name, took := range back {
		slices.Sort(took)
		t.Logf("%-10s killed %d times, ready again after %.1f s (median), %.1f s (longest)", name, len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	c.open()
	load.check(t, c)
}

// killAndRestart kills the i-th victim and starts it again.
func (c *deployment) killAndRestart(ctx context.Context, i int) (string, time.Duration) {
	c.t.Helper()
	if i%4 == 3 {
		c.postgres.Kill()
		begin := time.Now()
		do(c.t, c.postgres.Restart())
		return "postgres", time.Since(begin)
	}
	victim := []*part{c.api, c.workers[i/4%2], c.engine}[i%4]
	victim.kill()
	begin := time.Now()
	do(c.t, victim.run(ctx))
	name, _, _ := strings.Cut(victim.name, "-")
	return name, time.Since(begin)
}

// drillLoad is what people do meanwhile.
type drillLoad struct {
	running sync.WaitGroup
	walkers []*walker
	signers []*signer
}

func (l *drillLoad) begin(ctx context.Context, c *deployment, round int) {
	client := newClient(c.world.Addresses)
	for i := range registrationsPerKill {
		k := &walker{client: client, world: c.world, citizen: fmt.Sprintf("001302%06d", 700_000+round*10+i), plan: []string{"PS0", "PS1", "PS1"}[i],
			asked: map[string]time.Time{}}
		l.walkers = append(l.walkers, k)
		l.running.Go(func() { k.run(ctx) })
	}
	for i := range signingsPerKill {
		s := &signer{user: fmt.Sprintf("ICA.0790952%04d%d", round, i), key: fmt.Sprintf("drill-%d-%d", round, i)}
		do(c.t, client.knobs(ctx, s.user, map[string]any{"decision": "approve", "decision_after_s": 3, "window_s": 600}))
		l.signers = append(l.signers, s)
		l.running.Go(func() { s.run(ctx, c.world.Addresses) })
	}
}

// signer asks for one signature, whatever the world answers.
type signer struct {
	user, key string
	upload    string
	id        string
	view      apiclient.Signing
}

func (s *signer) run(ctx context.Context, a Addresses) {
	pdf, err := samplePDF()
	if err != nil {
		panic(err) // the sample is our own
	}
	c := &apiclient.Client{BaseURL: a.API, Key: a.APIKey}
	for ; ctx.Err() == nil && !s.view.Final; time.Sleep(200 * time.Millisecond) {
		if s.id != "" {
			_, _ = c.Get(ctx, "/v1/signings/"+s.id, &s.view) // asked again when it fails
			continue
		}
		uploaded, err := c.Upload(ctx, s.key+"-upload", testFile, int64(len(pdf)), func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(pdf)), nil
		})
		if err != nil {
			continue
		}
		s.upload = uploaded.ID
		var began apiclient.Signing
		if _, err := c.Post(ctx, s.key, "/v1/signings", apiclient.SigningRequest{User: s.user, Level: "B-LT", Reason: testReason, Location: testLocation,
			Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}}, &began); err == nil {
			s.id = began.ID
		}
	}
}

func (l *drillLoad) check(t *testing.T, c *deployment) {
	t.Helper()
	client := newClient(c.world.Addresses)
	for _, k := range l.walkers {
		k.check(t)
	}
	for _, s := range l.signers {
		if s.view.Status != "signed" {
			t.Errorf("signing %s of %s is %s, want signed", s.id, s.user, s.view.Status)
			continue
		}
		checkSigned(t, c.world, client, s.view, 2)
	}
	paid := len(l.walkers) * 2 / registrationsPerKill
	c.settled(paid)
	count := eachOnce(t, c.world)
	if n := len(count["issue"]); n != len(l.walkers) {
		t.Errorf("%d certificates for %d citizens", n, len(l.walkers))
	}
	if kept := len(count["charge"]) - len(count["refund"]); kept != paid {
		t.Errorf("%d charges are kept, want %d", kept, paid)
	}
	if n := len(count["push"]); n != len(l.walkers)+len(l.signers) {
		t.Errorf("%d pushes, want %d", n, len(l.walkers)+len(l.signers))
	}
	t.Logf("ledger of %d registrations and %d signings: %d charges, %d refunds, %d certificates, %d texts, %d pushes, none twice",
		len(l.walkers), len(l.signers), len(count["charge"]), len(count["refund"]), len(count["issue"]), len(count["sms"]), len(count["push"]))
}

// settled waits until nobody's money is kept who has paid twice. People whose page does not answer pay again; the process of the
// second attempt gives that money back, some time after the registration has ended.
func (c *deployment) settled(paid int) {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(time.Second) {
		if c.world.Sandbox.CountEffects(sandbox.EffectCharge, "")-c.world.Sandbox.CountEffects(sandbox.EffectRefund, "") == paid {
			return
		}
	}
}
