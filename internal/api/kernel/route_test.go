package kernel

import (
	"context"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// TestARouteSaysWhoMayUseIt: one that does not is a mistake of the program, and it does not start.
func TestARouteSaysWhoMayUseIt(t *testing.T) {
	quiet := func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }
	start := func(r Route) (what any) {
		defer func() { what = recover() }()
		Serve(humago.New(http.NewServeMux(), huma.DefaultConfig("t", "1")), []Route{On(quiet, r)})
		return nil
	}
	if what := start(Route{ID: "a", At: "GET /v1/a", Access: Rule{Open: true}}); what != nil {
		t.Errorf("a route that is open: %v", what)
	}
	if start(Route{ID: "a", At: "GET /v1/a"}) == nil {
		t.Error("a route that says nothing of who may use it starts")
	}
}
