package api

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
	start := func(r route) (what any) {
		defer func() { what = recover() }()
		serve(humago.New(http.NewServeMux(), huma.DefaultConfig("t", "1")), []route{on(quiet, r)})
		return nil
	}
	if what := start(route{id: "a", at: "GET /v1/a", access: rule{open: true}}); what != nil {
		t.Errorf("a route that is open: %v", what)
	}
	if start(route{id: "a", at: "GET /v1/a"}) == nil {
		t.Error("a route that says nothing of who may use it starts")
	}
}
