package api

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limit is a class of requests that are counted together.
type limit struct {
	name  string
	share int // the whole rate is divided by it
}

// What a request costs us decides its class. Entering is where secrets could be tried out.
var (
	limitRead  = limit{"read", 1}
	limitWrite = limit{"write", 5}
	limitHeavy = limit{"heavy", 10}
	limitEnter = limit{"enter", 20}
	unlimited  = limit{}
)

// heavy are the routes that read whole PDF files.
var heavy = map[string]bool{
	"POST /v1/documents": true, "POST " + verificationPath: true, "GET /v1/documents/{id}/inspection": true,
	"GET /v1/documents/{id}/verification": true, "GET /v1/signings/{id}/appearance": true,
	"GET /v1/signings/{id}/documents/{n}/verification": true,
}

// entries are the routes at which a stranger becomes somebody.
var entries = map[string]bool{"POST /v1/session": true, "POST /v1/resume": true, "POST /v1/hand-off": true, "POST /v1/login": true,
	"POST /v1/login/code": true, "POST /v1/password-reset": true, "POST /v1/password-reset/code": true, "POST /v1/me/password": true}

func limitOf(pattern, method string) limit {
	switch {
	case entries[pattern]:
		return limitEnter
	case rules[pattern].open:
		return unlimited // signed by outside parties, who may come in crowds
	case heavy[pattern]:
		return limitHeavy
	case method == http.MethodGet || method == http.MethodHead:
		return limitRead
	}
	return limitWrite
}

// limiter counts the requests of each caller in fixed windows of a minute, in this process. Several processes behind
// one name admit as many times more.
type limiter struct {
	rate int // reads in a window; none means no limit

	mu     sync.Mutex
	window time.Time
	counts map[string]int
}

const limitWindow = time.Minute

// admit counts a request and tells the caller what is left, as the IETF's draft on RateLimit header fields says.
func (l *limiter) admit(w http.ResponseWriter, class limit, who string, now time.Time) bool {
	if l.rate <= 0 || class == unlimited || who == adminOwner {
		return true
	}
	quota := max(1, l.rate/class.share)
	left := quota - l.count(class.name+"\n"+who, now)
	w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", class.name, quota, int(limitWindow.Seconds())))
	w.Header().Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%s", class.name, max(0, left), strconv.Itoa(int(l.pause(now).Seconds()))))
	return left >= 0
}

func (l *limiter) count(key string, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if window := now.Truncate(limitWindow); !window.Equal(l.window) || l.counts == nil {
		l.window, l.counts = window, map[string]int{}
	}
	l.counts[key]++
	return l.counts[key]
}

// pause is how long the window still lasts, in whole seconds.
func (l *limiter) pause(now time.Time) time.Duration {
	return (now.Truncate(limitWindow).Add(limitWindow).Sub(now) + time.Second - 1).Truncate(time.Second)
}
