package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kyso/internal/doctest"
	"kyso/internal/sandbox"
)

// notRun are documented commands that this test resolves only, by how they begin, each with its reason.
var notRun = map[string]string{
	"serve":                                "a server: tests of deployments run it",
	"migrate":                              "needs a database and Temporal of its own: tests of deployments run it",
	"rollout":                              "needs two releases of the worker: TestOldAndNewWorkers runs it",
	"probe http://127.0.0.1:8771/ledger":   "an address of the stack of containers",
	"probe http://127.0.0.1:8690/readyz":   "an address of the stack of containers",
	"extend":                               "asks the time-stamp authority of the settings: TestExtend runs it",
	"sign *.pdf":                           "a part of a command line",
	"doctor":                               "TestDoctor runs it with every environment",
	"trust add":                            "needs a certificate of another authority; TestScripts runs it",
	"trust remove":                         "would take the trust of this world away; TestScripts runs it",
	"audit key":                            "needs the key file of a server's settings; TestScripts runs it",
	"registration repair ID --action fix":  "needs a dossier that is parked for its data: TestDrill and the journeys run it",
	"registration repair ID --action skip": "needs a step that may be skipped: the journeys run it",
	"incident repair ID --action begin-again": "needs a lost process: TestLostProcesses runs it",
	"incident decide":                         "its decision is for Temporal's batch operations: TestDrill runs it",
}

// exitCodes are those of commands that end otherwise than well in this world: what they ask for is refused by the state.
var exitCodes = map[string][]int{
	"signing repair ID --action retry":  {1, 8}, // the value stays wrong
	"incident repair ID --action retry": {1, 8},
	"registration repair ID":            {5}, // it is not parked
	"registration cancel ID":            {5}, // it is active
}

// manual runs the commands of the documentation in their order, with what a reader puts in place of ID, FILE and ….
type manual struct {
	t                    *testing.T
	w                    *World
	c                    *client
	starter, folder      string
	e                    *enrolment
	inbox                int
	parked, given, incID string
	keyID                string
}

// TestDocumentedCommandsRun runs every command line of README and docs against the shared world, with the environment that they
// name: the folder of a development world. The registration of the README goes its whole way by its commands.
func TestDocumentedCommandsRun(t *testing.T) {
	commands, err := doctest.Commands("../..")
	do(t, err)
	m := newManual(t)
	seen, run, resolved, mentions := map[string]bool{}, 0, 0, 0
	for _, command := range commands {
		text := command.String()
		if seen[text] {
			continue
		}
		seen[text] = true
		reason := reasonOf(text)
		switch {
		case mentioned(command) && reason == "":
			mentions++ // the name of a command in a sentence
		case reason != "":
			resolved++
		default:
			m.run(command)
			run++
		}
	}
	if run < 30 {
		t.Errorf("only %d commands were run", run)
	}
	t.Logf("%d commands run, %d resolved only, %d mentions", run, resolved, mentions)
}

// whole are the commands that need no argument; others of one or two words only name a command in a sentence.
var whole = []string{"config", "reconcile", "signing list", "incident group", "key list", "trust list", "audit verify", "audit export"}

// mentioned reports whether a text only names a command, without what it needs.
func mentioned(command doctest.Command) bool {
	return len(command.Args) <= 2 && !strings.HasPrefix(command.String(), "probe ") && !slices.Contains(whole, command.String()) &&
		!slices.ContainsFunc(command.Args, func(arg string) bool { return arg == "ID" || arg == "FILE" || strings.Contains(arg, ".") })
}

func reasonOf(text string) string {
	for begin, reason := range notRun {
		if text == begin || strings.HasPrefix(text, begin+" ") {
			return reason
		}
	}
	return ""
}

func newManual(t *testing.T) *manual {
	w, c := sharedWorld(t)
	m := &manual{t: t, w: w, c: c, starter: program(t, "kyso"), folder: t.TempDir()}
	pdf, err := samplePDF()
	do(t, err)
	do(t, os.WriteFile(filepath.Join(m.folder, "contract.pdf"), pdf, 0o600))
	do(t, os.WriteFile(filepath.Join(m.folder, "pw"), []byte("mật khẩu của sách hướng dẫn\n"), 0o600))
	knobs(t, w, "ICA.079095012345", sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 1})
	m.parked, m.given = parkedSigning(t, w, c, "ICA.079095043001"), parkedSigning(t, w, c, "ICA.079095043002")
	var parked struct {
		Attention struct {
			IncidentID string `json:"incident_id"`
		} `json:"attention"`
	}
	do(t, c.do(t.Context(), http.MethodGet, c.api+"/v1/signings/"+m.parked, "", nil, &parked))
	m.incID = parked.Attention.IncidentID
	m.e = &enrolment{client: c, world: w, citizen: "001302043001", plan: "PS1", sayf: func(string, ...any) {}}
	return m
}

// run runs one command and holds its exit code against what is expected.
func (m *manual) run(command doctest.Command) {
	m.t.Helper()
	text := command.String()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	m.before(ctx, text)
	args := m.filled(command.Args)
	if strings.HasPrefix(text, "register start") || strings.HasPrefix(text, "register pay") || strings.HasPrefix(text, "key create") {
		args = append(args, "-o", "json")
	}
	cmd := exec.CommandContext(ctx, m.starter, args...)
	cmd.Dir = m.folder
	cmd.Env = append(os.Environ(), "KYSO_DATA="+shared.data, "KYSO_LANG=en")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		do(m.t, err)
	}
	want := []int{0}
	for begin, codes := range exitCodes {
		if text == begin || strings.HasPrefix(text, begin+" ") {
			want = codes
		}
	}
	if !slices.Contains(want, code) {
		m.t.Errorf("%s: kyso %s: exit code %d, want %v\n%.600s%.600s", command.File, strings.Join(args, " "), code, want, words.String(), out.String())
		return
	}
	m.after(ctx, text, out.Bytes())
}

// before brings the registration where the command finds it: what the citizen does beside the commands.
func (m *manual) before(ctx context.Context, text string) {
	m.t.Helper()
	for begin, status := range map[string]string{"register otp ID --phone": "handed-off", "register package": "account-ready", "register pay": "awaiting-payment",
		"register otp ID --purpose contract": "awaiting-contract", "registration approve": "in-review", "register otp ID --purpose activation": "activating"} {
		if strings.HasPrefix(text, begin) {
			_, err := m.e.await(ctx, status)
			do(m.t, err)
		}
	}
	switch {
	case strings.HasPrefix(text, "sign "): // it never writes over a file
		do(m.t, os.RemoveAll(filepath.Join(m.folder, "contract-signed.pdf")))
	case strings.HasPrefix(text, "register otp ID --purpose activation"):
		do(m.t, m.w.Sandbox.SetPIN(m.e.citizen, "270519"))
		do(m.t, m.e.awaitPIN(ctx))
	case strings.HasPrefix(text, "registration watch"):
		do(m.t, m.e.accept(ctx))
	}
	if strings.HasPrefix(text, "register otp") {
		m.inbox = len(m.w.Sandbox.Messages(m.e.phone))
	}
}

// after keeps what the commands behind it need.
func (m *manual) after(ctx context.Context, text string, out []byte) {
	m.t.Helper()
	var answer struct {
		ID             string `json:"id"`
		RegistrationID string `json:"registration_id"`
		TxnRef         string `json:"txn_ref"`
		PayURL         string `json:"pay_url"`
	}
	switch {
	case strings.HasPrefix(text, "register start"):
		do(m.t, json.Unmarshal(out, &answer))
		m.e.id = answer.RegistrationID
	case strings.HasPrefix(text, "register pay"):
		do(m.t, json.Unmarshal(out, &answer))
		_, err := m.w.Sandbox.OpenPayURL(answer.PayURL)
		do(m.t, err)
		do(m.t, m.w.Sandbox.PayOrder(answer.TxnRef, "pay"))
	case strings.HasPrefix(text, "key create"):
		do(m.t, json.Unmarshal(out, &answer))
		m.keyID = answer.ID
	case strings.HasPrefix(text, "register otp"):
		for len(m.w.Sandbox.Messages(m.e.phone)) == m.inbox {
			do(m.t, pause(ctx))
		}
	}
}

// filled puts in place what the documentation leaves to the reader.
func (m *manual) filled(args []string) []string {
	m.t.Helper()
	out := slices.Clone(args)
	for i, arg := range out {
		name := ""
		if i > 0 {
			name = out[i-1]
		}
		switch {
		case name == "--token":
			requestID, token, err := m.w.Sandbox.SubmitRequest(m.e.citizen)
			do(m.t, err)
			m.e.phone = m.w.Sandbox.PhoneOf(m.e.citizen)
			m.t.Logf("VNeID request %s", requestID)
			out[i] = token
		case name == "--phone":
			out[i] = m.e.phone
		case name == "--code" && arg == "…":
			inbox := m.w.Sandbox.Messages(m.e.phone)
			if len(inbox) == 0 {
				m.t.Fatal("no code came")
			}
			out[i] = sixDigits.FindString(inbox[len(inbox)-1].Text)
		case arg == "ID" && args[0] == "incident":
			out[i] = m.incID
		case arg == "ID" && args[0] == "signing" && slices.Contains(args, "cancel"):
			out[i] = m.given
		case arg == "ID" && args[0] == "signing":
			out[i] = m.parked
		case arg == "ID":
			out[i] = m.e.id
		case arg == "FILE":
			out[i] = "contract-signed.pdf"
		case arg == "key-…":
			out[i] = m.keyID
		case strings.HasPrefix(arg, "http://127.0.0.1:8680"):
			out[i] = m.w.Addresses.API + strings.TrimPrefix(arg, "http://127.0.0.1:8680")
		}
	}
	return out
}
