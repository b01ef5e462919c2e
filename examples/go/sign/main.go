// Command sign signs a PDF over kyso's API with the standard library only:
//
//	go run ./examples/go/sign contract.pdf ICA.079095012345 >signed.pdf
//
// KYSO_URL and KYSO_API_KEY say where and as whom; "make dev" writes both into .kyso/addresses.json (api, api_key).
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// signing is what this client reads of a signing. Answers may grow.
type signing struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Final     bool   `json:"final"`
	Title     string `json:"title"` // the status in Vietnamese
	ShortCode string `json:"short_code"`
	Documents []struct {
		Content string `json:"content"` // path of the signed file
	} `json:"documents"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sign FILE USER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := sign(ctx, os.Args[1], os.Args[2], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sign(ctx context.Context, file, user string, out io.Writer) error {
	pdf, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	var stored struct {
		ID string `json:"id"`
	}
	if err := call(ctx, http.MethodPost, "/v1/documents?name="+url.QueryEscape(filepath.Base(file)), "application/pdf", pdf, &stored); err != nil {
		return err
	}
	order, err := json.Marshal(map[string]any{"user": user, "level": "B-LT", "documents": []any{map[string]any{
		"id": stored.ID, "placement": map[string]any{"page": 1, "x": 340, "y": 60, "width": 200, "height": 64},
	}}})
	if err != nil {
		return fmt.Errorf("writing the order: %w", err)
	}
	var s signing
	if err := call(ctx, http.MethodPost, "/v1/signings", "application/json", order, &s); err != nil {
		return err
	}
	if s, err = wait(ctx, s); err != nil {
		return err
	}
	var signed bytes.Buffer
	if err := call(ctx, http.MethodGet, s.Documents[0].Content, "", nil, &signed); err != nil {
		return err
	}
	_, err = signed.WriteTo(out)
	return err
}

// wait follows a signing until it has ended, and says each status once.
func wait(ctx context.Context, s signing) (signing, error) {
	said := ""
	for !s.Final {
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(time.Second):
		}
		if err := call(ctx, http.MethodGet, "/v1/signings/"+s.ID, "", nil, &s); err != nil {
			return s, err
		}
		if s.Status != said {
			fmt.Fprintln(os.Stderr, s.Title, s.ShortCode)
		}
		said = s.Status
	}
	if s.Status != "signed" {
		return s, fmt.Errorf("the signing ended as %s", s.Status)
	}
	return s, nil
}

// call reads an answer into out: a *bytes.Buffer as it is, anything else from JSON. Problems (RFC 9457) become errors.
func call(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, os.Getenv("KYSO_URL")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("KYSO_API_KEY"))
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Idempotency-Key", rand.Text())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end
	if answer.StatusCode >= http.StatusBadRequest {
		var problem struct {
			Code   string `json:"code"`
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		_ = json.NewDecoder(answer.Body).Decode(&problem) // a body that is no problem leaves the status
		return fmt.Errorf("%s: %s %s %s", answer.Status, problem.Code, problem.Title, problem.Detail)
	}
	if buffer, ok := out.(*bytes.Buffer); ok {
		_, err = buffer.ReadFrom(answer.Body)
	} else {
		err = json.NewDecoder(answer.Body).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
