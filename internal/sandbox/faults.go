package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (f Fault) beforeEffect() bool { return f.Do == "500" || f.Do == "429" }

// takeFault returns the fault that befalls the next request of a user, and counts it. Its Do is empty when there
// is none.
func (w *World) takeFault(userID, call string) Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k, ok := w.state.Knobs[userID]; ok {
		if f, rest := nextFault(k.Faults, call); f.Do != "" {
			k.Faults = rest
			w.state.Knobs[userID] = k
			w.changed()
			return f
		}
	}
	f, rest := nextFault(w.state.Settings.Faults, call)
	if f.Do != "" {
		w.state.Settings.Faults = rest
		w.changed()
		return f
	}
	if w.random.Float64() < w.state.Settings.FaultRate {
		kinds := []string{"lost", "500", "junk", "429"}
		if strings.HasPrefix(call, "ca-") || call == callReport {
			kinds = append(kinds, "truncated")
		}
		return Fault{Do: kinds[w.random.IntN(len(kinds))]}
	}
	return Fault{}
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

// answerFault misbehaves. body is the answer that should have been given; it is not written, only mutilated.
func (w *World) answerFault(rw http.ResponseWriter, r *http.Request, f Fault, body []byte) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch f.Do {
	case "500", "500-after":
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = rw.Write([]byte(`{"status_code":500,"message":"SERVAR_INTERNAL_ERROR","data":null}`))
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

// pkiFault misbehaves as Settings.FaultRate says, for parties that cannot recognise a repeated request: always
// before any effect. It reports whether it answered.
func (w *World) pkiFault(rw http.ResponseWriter, r *http.Request) bool {
	var hit bool
	var kind string
	w.locked(func() {
		hit = w.random.Float64() < w.state.Settings.FaultRate
		kind = []string{"500", "junk", "429"}[w.random.IntN(3)]
	})
	if hit {
		w.answerFault(rw, r, Fault{Do: kind}, nil)
	}
	return hit
}
