package kernel

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// FaultSettings are the faults of all users.
type FaultSettings struct {
	// FaultRate is the share of requests to the signing provider, the CA, VNeID, the payment gateway's API and eSMS, between 0 and 1,
	// that meet a random fault: an answer lost after the effect, 500, junk or 429. OCSP, CRL and time-stamp requests
	// meet 500, junk and 429, always before any effect.
	FaultRate float64 `json:"fault_rate,omitempty"`
	// Faults befall requests of any user.
	Faults []Fault `json:"faults,omitempty"`
}

// FaultKnobs are the faults of one user.
type FaultKnobs struct {
	// Faults befall requests of this user, before those of FaultSettings are looked at.
	Faults []Fault `json:"faults,omitempty"`
}

// Fault is one misbehaviour of a wire that recognises repeated requests.
type Fault struct {
	// On is the call: certificates, sign, status, a call of the CA (ca-search, ca-key, …), vneid-report, sms,
	// a call of a payment gateway (its name with -query or -refund), or any when empty.
	On string `json:"on,omitempty"`
	// Do is what happens. Without effect: 500, 429. After the effect: 500-after, lost (the connection is cut),
	// junk, truncated, huge (10 MB). slow answers rightly after DelayMS.
	Do string `json:"do"`
	// Times is how often; zero means every time.
	Times int `json:"times,omitempty"`
	// DelayMS is how long a slow answer takes, in real milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// RetryAfterSeconds is the Retry-After of 429; zero means one second.
	RetryAfterSeconds int `json:"retry_after_s,omitempty"`
}

var faultKinds = []string{"500", "429", "500-after", "lost", "junk", "truncated", "huge", "slow"}

// BeforeEffect reports whether the request is refused before it does anything.
func (f Fault) BeforeEffect() bool { return f.Do == "500" || f.Do == "429" }

func (k *Kernel) checkFaults(faults []Fault) error {
	for _, f := range faults {
		if _, known := k.calls[f.On]; (!known && f.On != "") || !slices.Contains(faultKinds, f.Do) || f.Times < 0 {
			return fmt.Errorf("%w: fault %+v", ErrInvalid, f)
		}
	}
	return nil
}

func (k *Kernel) faultSettings() *Switches {
	return SettingsAt(&k.state.Settings, func(s FaultSettings) error {
		if s.FaultRate < 0 || s.FaultRate > 1 {
			return fmt.Errorf("%w: fault_rate %v", ErrInvalid, s.FaultRate)
		}
		return k.checkFaults(s.Faults)
	})
}

func (k *Kernel) faultKnobs() *Switches {
	return NewSwitches(func(user string) FaultKnobs { return k.state.Knobs[user] }, func(user string, v *FaultKnobs) { Put(k.state.Knobs, user, v) },
		func(v FaultKnobs) error { return k.checkFaults(v.Faults) })
}

// TakeFault returns the fault that befalls the next request of a user, and counts it. Its Do is empty when there
// is none.
func (k *Kernel) TakeFault(userID, call string) Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if knobs, ok := k.state.Knobs[userID]; ok {
		if f, rest := nextFault(knobs.Faults, call); f.Do != "" {
			k.state.Knobs[userID] = FaultKnobs{Faults: rest}
			k.changed()
			return f
		}
	}
	f, rest := nextFault(k.state.Settings.Faults, call)
	if f.Do != "" {
		k.state.Settings.Faults = rest
		k.changed()
		return f
	}
	owner := k.calls[call]
	random := k.randomOf(owner.party)
	if random.Float64() < k.state.Settings.FaultRate {
		kinds := []string{"lost", "500", "junk", "429"}
		if owner.Truncates {
			kinds = append(kinds, "truncated")
		}
		return Fault{Do: kinds[random.IntN(len(kinds))]}
	}
	return Fault{}
}

// randomOf is a party's own sequence: how often others are called makes no difference to it. The caller holds k.mu.
func (k *Kernel) randomOf(party string) *rand.Rand {
	r := k.random[party]
	if r == nil {
		h := fnv.New64a()
		h.Write([]byte(party))
		r = rand.New(rand.NewPCG(k.opts.Seed, h.Sum64())) //nolint:gosec // faults that can be repeated, no secret
		k.random[party] = r
	}
	return r
}

// nextFault returns the first fault for a call, and the list after it was used once.
func nextFault(faults []Fault, call string) (Fault, []Fault) {
	for i, f := range faults {
		if f.On != "" && f.On != call {
			continue
		}
		rest := slices.Clone(faults)
		switch f.Times {
		case 0: // every time
		case 1:
			rest = slices.Delete(rest, i, i+1)
		default:
			rest[i].Times--
		}
		return f, rest
	}
	return Fault{}, faults
}

// AnswerFault misbehaves. body is the answer that should have been given; it is not written, only mutilated.
func AnswerFault(rw http.ResponseWriter, r *http.Request, f Fault, body []byte) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch f.Do {
	case "500", "500-after":
		Failed(http.StatusInternalServerError, "internal", "the sandbox was told to fail").Write(rw)
	case "429":
		rw.Header().Set("Retry-After", strconv.Itoa(max(1, f.RetryAfterSeconds)))
		rw.Header().Set("Content-Type", "text/plain")
		rw.WriteHeader(http.StatusTooManyRequests)
	case "lost":
		panic(http.ErrAbortHandler) // cuts the connection without a word
	case "junk":
		rw.Header().Set("Content-Type", "text/html")
		_, _ = rw.Write([]byte("<html><body>Hệ thống đang bảo trì</body></html>"))
	case "truncated":
		_, _ = rw.Write(body[:len(body)/2])
	case "huge":
		_, _ = rw.Write([]byte(`{"status_code":200,"message":"`))
		_, _ = rw.Write(bytes.Repeat([]byte("A"), 10<<20))
		_, _ = rw.Write([]byte(`"}`))
	case "slow":
		select {
		case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
		case <-r.Context().Done():
		}
	}
}

// FailsBefore misbehaves as FaultSettings.FaultRate says, for a party that cannot recognise a repeated request: always
// before any effect. It reports whether it answered.
func (k *Kernel) FailsBefore(party string, rw http.ResponseWriter, r *http.Request) bool {
	var hit bool
	var kind string
	Locked(&k.mu, func() {
		random := k.randomOf(party)
		hit = random.Float64() < k.state.Settings.FaultRate
		kind = []string{"500", "junk", "429"}[random.IntN(3)]
	})
	if hit {
		AnswerFault(rw, r, Fault{Do: kind}, nil)
	}
	return hit
}
