package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/process"
	"kyso/internal/sandbox"
)

// drillMinutes is how long the world goes on under load between the backup and the restore: KYSO_DRILL_MINUTES, else not at all.
func drillMinutes(t *testing.T) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("KYSO_DRILL_MINUTES"), "0"))
	do(t, err)
	return time.Duration(n) * time.Minute
}

// arrival is how often somebody comes while the load runs.
const arrival = 15 * time.Second

// ways are how far those come who arrive, one after the other.
var ways = []struct {
	until string // of a registration; empty for a signing
	then  func(r *restoreDrill, ctx context.Context, e *enrolment) error
}{
	{until: "in-review"},
	{until: "awaiting-payment", then: func(_ *restoreDrill, ctx context.Context, e *enrolment) error { return e.pay(ctx) }},
	{until: ""},
	{until: "active"},
	{until: "in-review", then: func(_ *restoreDrill, ctx context.Context, e *enrolment) error {
		return e.act(ctx, "review", map[string]any{"decision": "refuse", "officer": "officer-1", "reason": "not-eligible"})
	}},
	{until: "activating"},
	{until: "awaiting-payment", then: func(r *restoreDrill, ctx context.Context, e *enrolment) error {
		ref, err := e.beginPayment(ctx)
		if err == nil {
			err = e.act(ctx, "withdraw", map[string]string{"reason": "drill"})
		}
		if err == nil {
			r.pages.Store(ref, true)
		}
		return err
	}},
	{until: "accepting"},
}

// loaded is what came under load.
type loaded struct {
	registrations []*enrolment
	signings      map[string]string // user by signing
}

// load lets people arrive for a time and go as far as their way leads; whoever is not there when it is over stays where he is.
func (r *restoreDrill) load(t *testing.T, long time.Duration) loaded {
	t.Helper()
	l := loaded{signings: map[string]string{}}
	if long == 0 {
		return l
	}
	began := time.Now()
	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()
	var mu sync.Mutex
	var all sync.WaitGroup
	trouble := 0
	for i := 0; ctx.Err() == nil; i++ {
		way := ways[i%len(ways)]
		all.Go(func() {
			if way.until == "" {
				user := fmt.Sprintf("ICA.0790957%05d", i)
				knobs(t, r.w, user, sandbox.Knobs{WindowSeconds: 3600})
				id := startSigning(t, r.d.c, user)
				mu.Lock()
				l.signings[id] = user
				mu.Unlock()
				return
			}
			e := &enrolment{client: r.d.c, world: r.w, citizen: fmt.Sprintf("001302%06d", 720_000+i), plan: "PS1", sayf: func(string, ...any) {}}
			err := r.goes(ctx, e, way.until)
			if err == nil && way.then != nil {
				err = way.then(r, ctx, e)
			}
			mu.Lock()
			defer mu.Unlock()
			if e.id != "" {
				l.registrations = append(l.registrations, e)
			}
			if err != nil && ctx.Err() == nil {
				trouble++
				t.Errorf("on the way to %s: %v", way.until, err)
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(arrival):
		}
	}
	all.Wait()
	t.Logf("%d registrations and %d signings came within %.0f s", len(l.registrations), len(l.signings), time.Since(began).Seconds())
	return l
}

// goes takes a citizen to a status.
func (r *restoreDrill) goes(ctx context.Context, e *enrolment, status string) error {
	if err := e.ask(ctx); err != nil {
		return err
	}
	for _, at := range e.way() {
		if _, err := e.await(ctx, at.status); err != nil {
			return err
		}
		if at.status == status {
			return nil
		}
		if err := at.do(ctx); err != nil {
			return fmt.Errorf("at %s: %w", at.status, err)
		}
	}
	return nil
}

// payLate pays on VNPay's pages that were open when the database was restored: money comes for what is not there any more.
func (r *restoreDrill) payLate(t *testing.T) {
	t.Helper()
	r.pages.Range(func(ref, _ any) bool {
		do(t, r.w.Sandbox.PayOrder(ref.(string), "pay"))
		t.Logf("%s is paid after the restore", ref)
		return true
	})
}

// finishLoad takes what came under load to its end, as far as its record is there.
func (r *restoreDrill) finishLoad(t *testing.T, l loaded) {
	t.Helper()
	for _, e := range l.registrations {
		v, err := e.view(t.Context())
		if err == nil && !v.Final {
			do(t, e.act(t.Context(), "withdraw", map[string]string{"reason": "drill"}))
		}
	}
	for _, e := range l.registrations {
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			v, err := e.view(t.Context())
			if err != nil || v.Final {
				break
			}
			if time.Now().After(end) {
				t.Errorf("%s stays %s", e.id, v.Status)
				break
			}
		}
	}
	for id, user := range l.signings {
		if s, err := r.d.c.signing(t.Context(), id); err == nil && s.Status == "awaiting-approval" {
			approveOnPhone(t, r.d.c, user)
			awaitFinal(t, r.d.c, id)
		}
	}
}

// effectsOf is the ledger of the world outside, by who it belongs to.
type effectsOf struct {
	charged, refunded, pushed map[string]int    // by attempt, or by transaction
	issued, revoked           map[string]int    // by registration, by serial
	serial                    map[string]string // by registration
}

func effectsIn(w *World) effectsOf {
	o := effectsOf{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]string{}}
	for _, e := range w.Sandbox.Ledger() {
		switch e.Kind {
		case sandbox.EffectCharge:
			o.charged[e.Key]++
		case sandbox.EffectRefund:
			o.refunded[e.Key]++
		case sandbox.EffectPush:
			o.pushed[e.Key]++
		case sandbox.EffectIssue:
			id, _, _ := strings.Cut(e.Key, "/")
			o.issued[id]++
			o.serial[id] = e.Detail
		case sandbox.EffectRevoke:
			o.revoked[e.Key]++
		}
	}
	return o
}

// everyCharge holds that each charge was given back once or pays for the one certificate of its registration, and that each
// certificate in force is paid.
func (r *restoreDrill) everyCharge(t *testing.T, people []*enrolment) {
	t.Helper()
	o := effectsIn(r.w)
	back, pays := 0, 0
	for _, e := range people {
		if e.id == "" {
			continue
		}
		inForce := o.issued[e.id] == 1 && o.revoked[o.serial[e.id]] == 0
		paid := 0
		for attempt := 1; o.charged[process.TxnRef(e.id, attempt)] > 0; attempt++ {
			ref := process.TxnRef(e.id, attempt)
			switch {
			case o.charged[ref] != 1 || o.refunded[ref] > 1:
				t.Errorf("%s: charged %d times, given back %d times", ref, o.charged[ref], o.refunded[ref])
			case o.refunded[ref] == 1:
				back++
			default:
				paid++
				pays++
			}
			delete(o.charged, ref)
		}
		if o.issued[e.id] > 1 || paid > 1 || inForce != (paid == 1) {
			t.Errorf("registration %s: %d certificates, in force %v, %d payments kept", e.id, o.issued[e.id], inForce, paid)
		}
	}
	for ref := range o.charged {
		t.Errorf("charge %s belongs to nobody", ref)
	}
	for serial, n := range o.revoked {
		if n != 1 {
			t.Errorf("certificate %s: revoked %d times", serial, n)
		}
	}
	for key, n := range o.pushed {
		if n != 1 {
			t.Errorf("%s: %d prompts on the phone", key, n)
		}
	}
	t.Logf("%d charges given back once, %d pay for a certificate in force; %d certificates, %d revoked, %d prompts, nothing twice", back, pays, len(o.issued), len(o.revoked), len(o.pushed))
}
