package party

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Settings is where the room of a party reads its variables. It collects mistakes, and no value stands in them.
type Settings interface {
	// Sandbox is where the stand-ins answer these programs, the default of every address but those that browsers open.
	Sandbox() string
	// Text reads a variable; one that is set but empty counts as not set.
	Text(name, fallback string) string
	// List reads a variable of parts that commas separate.
	List(name, fallback string) []string
	// Key reads a secret, NAME or the file that NAME_FILE names. It has a default in the sandbox only: for another party it has to
	// be given.
	Key(name, fallback string, sandbox bool) string
	// Address checks that a value is an http or https address, and returns it.
	Address(name, value string) string
	// Fail notes a mistake.
	Fail(name, what string)
}

// SandboxURL is where the stand-ins answer on this machine, as a browser reaches them.
const SandboxURL = "http://127.0.0.1:8769"

// Probe is a place where a party answers anything when it is there.
type Probe struct{ Name, Address string }

const probeWait = 5 * time.Second

// Ask asks once: any answer shows that the party is there. Whether it knows our account shows at the first call.
func (p Probe) Ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, p.Address, nil)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errors.Join(errors.New("no answer from "+request.URL.Host), context.Cause(ctx))
	}
	return response.Body.Close()
}
