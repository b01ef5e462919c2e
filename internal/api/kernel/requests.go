package kernel

import (
	"context"

	"kyso/internal/problem"
)

// RequestInfo is what the log line of a request says besides its route and status.
type RequestInfo struct {
	ID      string
	Pattern string       // of http.ServeMux; empty for an unknown route
	Route   *Served      // nil for pages, their files and health
	Code    problem.Code // of the problem answered, if any
	Cause   error        // of a 5xx answer
	Sent    func() bool  // whether the answer has begun

	Owner  string // of the caller; empty for a stranger
	Passed bool   // the caller was let through
	Object string // what the request made
}

type infoKey struct{}

// WithInfo is a context of a request whose information info collects.
func WithInfo(ctx context.Context, info *RequestInfo) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// InfoOf returns the information of the request that ctx belongs to, and a throw-away one outside of a request.
func InfoOf(ctx context.Context) *RequestInfo {
	if info, ok := ctx.Value(infoKey{}).(*RequestInfo); ok {
		return info
	}
	return &RequestInfo{Sent: func() bool { return false }}
}
