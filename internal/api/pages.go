package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

var docsTemplate = template.Must(template.New("docs").Parse(docsHTML))

// readyWait bounds a readiness check: an orchestrator asks often and gives up soon.
const readyWait = 3 * time.Second

// pages are what is not part of /v1.
type pages struct {
	options Options
	logger  *slog.Logger
	mux     *http.ServeMux
	spec    func() []byte // the OpenAPI description
}

// register registers what is not part of /v1: health, the OpenAPI description and the two readable pages. They load
// nothing from anywhere else.
func (s *pages) register(openapi *huma.OpenAPI) {
	s.spec = sync.OnceValue(func() []byte {
		spec, err := written(openapi)
		if err != nil {
			panic("api: OpenAPI description: " + err.Error()) // a mistake in a route; the test of this package finds it
		}
		return spec
	})
	s.mux.HandleFunc("GET /healthz", s.health)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("GET /openapi.json", s.openapi)
	s.mux.HandleFunc("GET /problems/{code}", s.problemPage)
	s.mux.Handle("GET /docs", htmlPage("docs", docsPage(openapi)))
	if s.options.Pages == nil {
		s.mux.Handle("GET /{$}", http.RedirectHandler("/docs", http.StatusFound))
	}
	for pattern, page := range s.options.Pages {
		s.mux.Handle(pattern, page)
	}
}

// health says that the process runs. It asks no other system, so that a database outage restarts nothing.
func (s *pages) health(w http.ResponseWriter, _ *http.Request) { answerState(w, http.StatusOK, "ok") }

// ready says whether requests can be served: store, blobs and Temporal answer.
func (s *pages) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	for name, ping := range map[string]func(context.Context) error{"store": s.options.Desk.Ping, "temporal": s.options.Workflows.Ping, "blobs": s.options.PingBlobs} {
		if ping == nil {
			continue
		}
		if err := ping(ctx); err != nil {
			s.logger.WarnContext(ctx, "not ready", "part", name, "error", err.Error())
			answerState(w, http.StatusServiceUnavailable, name+" does not answer")
			return
		}
	}
	answerState(w, http.StatusOK, "ready")
}

func answerState(w http.ResponseWriter, status int, state string) {
	kernel.SendJSON(w, "application/json", status, map[string]string{"status": state})
}

func (s *pages) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(s.spec()) // the peer may be gone
}

// docsData is what the page template shows.
type docsData struct {
	Title    string
	Text     string
	Groups   []docsGroup
	Problems []docsProblem
	CSS      template.CSS
}

type docsGroup struct {
	Tag        string
	Operations []docsOperation
}

type docsOperation struct {
	Method, Path, Summary, ID string
	Parameters                []*huma.Param
	Body                      string
	Statuses                  []string
}

type docsProblem struct {
	Code   problem.Code
	Status int
	problem.Text
}

func docsPage(openapi *huma.OpenAPI) docsData {
	data := docsData{Title: "kyso API " + Version, Text: openapi.Info.Description, CSS: template.CSS(docsCSS)} //nolint:gosec // embedded
	groups := map[string][]docsOperation{}
	for path, item := range openapi.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op != nil {
				groups[op.Tags[0]] = append(groups[op.Tags[0]], docsOf(path, op))
			}
		}
	}
	for _, t := range tags {
		tag := t.Name
		if len(groups[tag]) == 0 {
			continue
		}
		slices.SortFunc(groups[tag], func(a, b docsOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(b.Method, a.Method)) // POST before GET
		})
		data.Groups = append(data.Groups, docsGroup{tag, groups[tag]})
	}
	codes := problem.Codes()
	slices.Sort(codes)
	for _, code := range codes {
		data.Problems = append(data.Problems, docsProblem{code, kernel.Statuses[code], code.Text()})
	}
	return data
}

func docsOf(path string, op *huma.Operation) docsOperation {
	out := docsOperation{Method: op.Method, Path: path, Summary: op.Summary, ID: op.OperationID, Parameters: op.Parameters}
	if op.RequestBody != nil {
		for contentType := range op.RequestBody.Content {
			out.Body = contentType
		}
	}
	for status := range op.Responses {
		out.Statuses = append(out.Statuses, status)
	}
	slices.Sort(out.Statuses)
	return out
}

// problemPage says in both languages what a code means; the type of every problem points here.
func (s *pages) problemPage(w http.ResponseWriter, r *http.Request) {
	code := problem.Code(r.PathValue("code"))
	status, known := kernel.Statuses[code]
	if !known {
		kernel.WriteProblem(w, r, problem.New(problem.NotFound, "no such problem"))
		return
	}
	text := code.Text()
	htmlPage("problem", docsData{Title: text.VI, CSS: template.CSS(docsCSS), //nolint:gosec // embedded
		Problems: []docsProblem{{code, status, text}}}).ServeHTTP(w, r)
}

// page serves one rendering of the template. The policy allows its own style sheet, named by digest, and nothing
// else.
func htmlPage(name string, data docsData) http.Handler {
	var out bytes.Buffer
	if err := docsTemplate.ExecuteTemplate(&out, name, data); err != nil {
		panic("api: page " + name + ": " + err.Error()) // embedded template; a test renders it
	}
	sum := sha256.Sum256([]byte(docsCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(out.Bytes()) // the peer may be gone
	})
}
