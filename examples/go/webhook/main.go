// Command webhook receives kyso's webhooks on 127.0.0.1:8700 (or the address in LISTEN), verifies them as Standard Webhooks says,
// and prints the type and subject of each:
//
//	go run ./examples/go/webhook whsec_…
//
// The secret comes with the answer to POST /v1/webhook-endpoints.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// maxMessage bounds what is read of a message; kyso's have less than a kilobyte.
const maxMessage = 64 << 10

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: webhook SECRET")
		os.Exit(2)
	}
	verifier, err := standardwebhooks.NewWebhook(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	server := &http.Server{
		Addr:              cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8700"),
		Handler:           &receiver{verifier: verifier, seen: map[string]bool{}, out: os.Stdout},
		ReadHeaderTimeout: 5 * time.Second,
	}
	fmt.Fprintln(os.Stderr, "listening on", server.Addr)
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// receiver answers 204 to what it has taken. A program that must not lose a message writes it down before that.
type receiver struct {
	verifier *standardwebhooks.Webhook
	mu       sync.Mutex
	seen     map[string]bool // by webhook-id: a message may come again
	out      io.Writer
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil || h.verifier.Verify(body, r.Header) != nil {
		http.Error(w, "not signed with this secret", http.StatusUnauthorized)
		return
	}
	var message struct {
		Type string `json:"type"`
		Data struct {
			Self string `json:"self"` // ask the API for more
			Seq  int    `json:"seq"`  // messages may overtake each other
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if id := r.Header.Get(standardwebhooks.HeaderWebhookID); !h.seen[id] {
		h.seen[id] = true
		_, _ = fmt.Fprintln(h.out, message.Type, message.Data.Self, message.Data.Seq) // a closed stdout ends the example
	}
	w.WriteHeader(http.StatusNoContent)
}
