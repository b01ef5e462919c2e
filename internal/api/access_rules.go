package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
)

// rule says who may use a route.
type rule struct {
	open   bool           // anybody: the handler proves the sender by a signature, or there is nothing to protect
	own    []access.Scope // one of these reaches what belongs to the caller
	all    []access.Scope // one of these reaches everybody's
	object access.Kind    // what {id} in the path names; empty when the route is about no single thing

	account bool // the session of a citizen who logged in, beside own
	admin   bool // own, and the administrator for everybody's: the audit log names it
}

func (r rule) wanted() string {
	var words []string
	for _, s := range append(append([]access.Scope{}, r.own...), r.all...) {
		words = append(words, string(s))
	}
	return strings.Join(words, " or ")
}

var (
	signings      = []access.Scope{access.Signings}
	registrations = []access.Scope{access.Registrations}
	anybody       = access.Scopes()
	officers      = []access.Scope{access.Officer}
	operators     = []access.Scope{access.Operator}
	keepers       = []access.Scope{access.Keys}
	programs      = []access.Scope{access.Webhooks}
	trustees      = []access.Scope{access.Trust}
	trustReaders  = []access.Scope{access.Trust, access.Operator}
	readers       = []access.Scope{access.Officer, access.Operator}
)

// rules is the whole authorisation: a route that is not in it does not start. Nobody but their owner reads documents
// and signed files, operators included. A route that hands on or uses what a citizen may do has no all: an officer or
// operator with a citizen's reach could approve what it wrote itself.
var rules = map[string]rule{
	"POST /v1/documents":                      {own: signings},
	"GET /v1/documents/{id}":                  {own: signings, object: access.Document},
	"GET /v1/documents/{id}/content":          {own: signings, object: access.Document},
	"GET /v1/documents/{id}/inspection":       {own: signings, object: access.Document},
	"GET /v1/documents/{id}/verification":     {own: signings, object: access.Document},
	"POST /v1/verifications":                  {own: signings},
	"GET /v1/verifications":                   {own: signings},
	"GET /v1/verifications/{id}":              {own: signings, object: access.Verification},
	"GET /v1/verifications/{id}/report":       {own: signings, object: access.Verification},
	"GET /v1/verifications/{id}/evidence":     {own: signings, object: access.Verification},
	"DELETE /v1/verifications/{id}":           {own: signings, object: access.Verification},
	"POST /v1/signings":                       {own: signings},
	"GET /v1/signings":                        {own: signings, all: operators},
	"GET /v1/signings/{id}":                   {own: signings, all: operators, object: access.Signing},
	"GET /v1/signings/{id}/events":            {own: signings, all: operators, object: access.Signing},
	"GET /v1/signings/{id}/certificates":      {own: signings, object: access.Signing},
	"POST /v1/signings/{id}/certificate":      {own: signings, object: access.Signing},
	"GET /v1/signings/{id}/appearance":        {own: signings, object: access.Signing},
	"POST /v1/signings/{id}/placement":        {own: signings, object: access.Signing},
	"POST /v1/signings/{id}/cancel":           {own: signings, all: operators, object: access.Signing},
	"POST /v1/signings/{id}/resume-link":      {own: signings, object: access.Signing},
	"POST /v1/signings/{id}/repair":           {all: operators},
	"GET /v1/incidents":                       {all: operators},
	"GET /v1/incident-groups":                 {all: operators},
	"GET /v1/incidents/{id}":                  {all: operators},
	"POST /v1/incidents/{id}/notes":           {all: operators},
	"POST /v1/incidents/{id}/assign":          {all: operators},
	"POST /v1/incidents/{id}/repair":          {all: operators},
	"POST /v1/reconciliations":                {all: operators},
	"POST /v1/incident-decisions":             {all: operators},
	"GET /v1/audit":                           {all: operators},
	"GET /v1/audit/checkpoints":               {all: operators},
	"GET /v1/audit/exported":                  {all: operators},
	"DELETE /v1/subjects/{id}":                {all: operators},
	"POST /v1/webhooks/{provider}/{token}":    {open: true},
	"POST /v1/vneid/requests":                 {open: true},
	"POST /v1/vneid/tokens":                   {open: true},
	"GET /v1/vnpay/ipn":                       {open: true},
	"GET /v1/vnpay/return":                    {open: true},
	"GET /v1/packages":                        {open: true},
	"POST /v1/hand-off":                       {own: registrations},
	"GET /v1/registrations":                   {own: registrations, all: readers},
	"GET /v1/registrations/{id}":              {own: registrations, all: readers, object: access.Registration},
	"GET /v1/registrations/{id}/events":       {own: registrations, all: readers, object: access.Registration},
	"POST /v1/registrations/{id}/code":        {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/account":     {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/package":     {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/pay":         {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/contract":    {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/correction":  {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/activation":  {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/acceptance":  {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/withdraw":    {own: registrations, object: access.Registration},
	"POST /v1/registrations/{id}/resume-link": {own: registrations, admin: true, object: access.Registration},
	"GET /v1/registrations/{id}/dossier":      {all: officers},
	"POST /v1/registrations/{id}/claim":       {all: officers},
	"DELETE /v1/registrations/{id}/claim":     {all: officers},
	"POST /v1/registrations/{id}/review":      {all: officers},
	"POST /v1/registrations/{id}/repair":      {all: operators},
	"POST /v1/webhook-endpoints":              {own: programs},
	"GET /v1/webhook-endpoints":               {own: programs},
	"DELETE /v1/webhook-endpoints/{id}":       {own: programs, object: access.Endpoint},
	"POST /v1/webhook-endpoints/{id}/rotate":  {own: programs, object: access.Endpoint},
	"POST /v1/webhook-endpoints/{id}/test":    {own: programs, object: access.Endpoint},
	"POST /v1/webhook-endpoints/{id}/replay":  {own: programs, object: access.Endpoint},
	"GET /v1/webhook-endpoints/{id}/messages": {own: programs, object: access.Endpoint},
	"GET /v1/trust":                           {all: trustReaders},
	"POST /v1/trust":                          {all: trustees},
	"DELETE /v1/trust/{fingerprint}":          {all: trustees},
	"GET /v1/keys":                            {all: keepers},
	"POST /v1/keys":                           {all: keepers},
	"DELETE /v1/keys/{id}":                    {all: keepers},
	"POST /v1/session":                        {open: true},
	"GET /v1/session":                         {own: anybody},
	"DELETE /v1/session":                      {own: anybody},
	"POST /v1/resume":                         {own: anybody},
	"POST /v1/login/code":                     {own: registrations},
	"POST /v1/login":                          {own: registrations},
	"POST /v1/password-reset/code":            {own: registrations},
	"POST /v1/password-reset":                 {own: registrations},
	"DELETE /v1/password-reset":               {own: registrations, account: true},
	"GET /v1/me":                              {own: registrations, account: true},
	"POST /v1/me/password":                    {own: registrations, account: true},
	"GET /v1/me/registrations":                {own: registrations, account: true},
	"GET /v1/me/signings":                     {own: registrations, account: true},
	"GET /v1/me/sessions":                     {own: registrations, account: true},
	"DELETE /v1/me/sessions/{session}":        {own: registrations, account: true},

	"GET /v1/registrations/{id}/documents/{name}/content": {own: registrations, all: officers, object: access.Registration},
	"GET /v1/signings/{id}/documents/{n}/content":         {own: signings, object: access.Signing},
	"GET /v1/signings/{id}/documents/{n}/verification":    {own: signings, object: access.Signing},
}

// rulesOf returns the rules of the routes that are served, and panics when one has none.
func rulesOf(openapi *huma.OpenAPI) map[string]rule {
	served := map[string]rule{}
	for path, item := range openapi.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
			http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if op == nil {
				continue
			}
			rule, ok := rules[method+" "+path]
			if !ok {
				panic(fmt.Sprintf("api: nothing says who may use %s %s", method, path))
			}
			served[method+" "+path] = rule
			describeKey(op, method, path)
			if !rule.open {
				op.Security = []map[string][]string{{"key": {}}, {"session": {}}}
			}
		}
	}
	return served
}

// objectID is the part of a path that {id} names.
func objectID(pattern, path string) string { return pathPart(pattern, path, "{id}") }

// pathPart is the part of a path that a wildcard of its pattern names; empty when there is no such wildcard.
func pathPart(pattern, path, wildcard string) string {
	_, pattern, _ = strings.Cut(pattern, " ")
	parts := strings.Split(path, "/")
	for i, name := range strings.Split(pattern, "/") {
		if name == wildcard && i < len(parts) {
			return parts[i]
		}
	}
	return ""
}
