// Package kernel is what the stand-ins of outside parties share: a clock, what falls due, the ledger of effects, faults,
// switches, the request log and the file that keeps the state. It knows no party and no wire. A party describes itself to
// the kernel in one value, Party.
package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// Options configures a Kernel. The zero value is real time, in memory.
type Options struct {
	// Clock is the time of everything. When nil it is the real time, and what falls due happens by itself. With a clock
	// of the caller's own, it happens at the next request of any party or when Settle is called.
	Clock func() time.Time
	// Dir keeps the state in Dir/sandbox.json. Empty means memory only.
	Dir string
	// Logger gets what a person should see; nil discards it.
	Logger *slog.Logger
	// Client posts to kyso; nil means a client with a time-out of five seconds.
	Client *http.Client
	// Seed makes random faults repeatable.
	Seed uint64
}

// Party is what the kernel knows of a party. All but Name, Lock and State may be left out.
type Party struct {
	Name  string      // of its folder; its state is saved under it
	Lock  *sync.Mutex // guards State
	State any         // a pointer to a struct. No map in it, at any depth, may be left out when it is empty: it would come back as one that cannot be written to

	Calls    []Call    // of its wire that recognise a repeated request
	Settings *Switches // for all users
	Knobs    *Switches // for one user

	Wake   func()                   // called once, after the state was loaded
	Settle func(now time.Time) bool // carries out what is due, and reports whether it had anything to look at

	Parties func(*http.ServeMux) // adds what kyso calls
	Phone   func(*http.ServeMux) // adds pages for people
	Control []Verb               // what may be done to it behind the stage
}

// Call is a call of a wire, as Fault.On names it.
type Call struct {
	Name      string
	Truncates bool // a random fault may cut its answers in half
}

// Verb is one call of the control port.
type Verb struct {
	Pattern string // of http.ServeMux
	Help    string // what the list of calls says instead of Pattern
	Do      http.HandlerFunc
}

// Kernel keeps a world together. New makes it, Join adds the parties, Start wakes them.
type Kernel struct {
	Log    *slog.Logger
	Client *http.Client

	opts    Options
	parties []Party // in the order in which their locks are taken; the kernel's own lock is the last
	calls   map[string]owned
	loaded  stored

	switching sync.Mutex // one change of switches at a time; taken before any other lock

	mu        sync.Mutex
	state     state
	requests  []RequestRecord
	random    map[string]*rand.Rand // by party
	dirty     uint64                // counts changes
	saveTimer *time.Timer
	closed    bool

	saveMu sync.Mutex
	saved  uint64 // the change count that is on disk
	posts  sync.WaitGroup
}

// owned is a call with the party whose wire it is of.
type owned struct {
	Call
	party string
}

// state is what the kernel itself keeps.
type state struct {
	Settings FaultSettings         `json:"settings"`
	Knobs    map[string]FaultKnobs `json:"knobs"` // by user id
	Ledger   []Effect              `json:"ledger"`
}

// New makes a kernel, and reads what Options.Dir keeps.
func New(opts Options) (*Kernel, error) {
	k := &Kernel{Log: opts.Logger, Client: opts.Client, opts: opts, calls: map[string]owned{},
		state: state{Knobs: map[string]FaultKnobs{}}, random: map[string]*rand.Rand{}}
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	if k.Client == nil {
		k.Client = &http.Client{Timeout: 5 * time.Second}
	}
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("loading the sandbox: %w", err)
	}
	return k, nil
}

// Join takes the parties of the world, each with its state from the file. A party may call those after it while it
// holds its own lock, and never those before it. The kernel's own state comes last.
func (k *Kernel) Join(parties ...Party) error {
	k.parties = append(k.parties, parties...)
	k.parties = append(k.parties, Party{Name: "kernel", Lock: &k.mu, State: &k.state, Settings: k.faultSettings(),
		Knobs: k.faultKnobs(), Control: k.verbs()})
	for _, p := range k.parties {
		if err := k.loaded.into(p); err != nil {
			return fmt.Errorf("loading the sandbox: %w", err)
		}
		for _, call := range p.Calls {
			k.calls[call.Name] = owned{call, p.Name}
		}
	}
	return nil
}

// Start wakes every party, so that what falls due later happens.
func (k *Kernel) Start() error {
	for _, p := range k.parties {
		if p.Wake != nil {
			p.Wake()
		}
	}
	return k.Flush()
}

// Parties returns what joined, the kernel's own state as the last.
func (k *Kernel) Parties() []Party { return k.parties }

// Close saves the state and waits for what is being posted.
func (k *Kernel) Close() error {
	Locked(&k.mu, func() { k.closed = true })
	k.posts.Wait()
	return k.Flush()
}

// Closed reports whether the world ends; nothing is posted any more.
func (k *Kernel) Closed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closed
}

// Locked runs do with a lock held. The lock is free afterwards whatever do does: a panic in it must not stop the world.
func Locked(mu *sync.Mutex, do func()) {
	mu.Lock()
	defer mu.Unlock()
	do()
}

// Go runs do in the background. Close and Wait wait for it.
func (k *Kernel) Go(do func()) { k.posts.Go(func() { k.guarded(do) }) }

// Wait returns when nothing is being posted.
func (k *Kernel) Wait() { k.posts.Wait() }

// guarded logs a panic: it must not end the program that the world is part of.
func (k *Kernel) guarded(do func()) {
	defer func() {
		if fault := recover(); fault != nil {
			k.Log.Error("the sandbox panicked", "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
	}()
	do()
}

// Now is the time of the world.
func (k *Kernel) Now() time.Time {
	if k.opts.Clock != nil {
		return k.opts.Clock().UTC()
	}
	return time.Now().UTC()
}

// WakeAt calls Settle at t when the clock is the real one.
func (k *Kernel) WakeAt(t time.Time) {
	if k.opts.Clock != nil {
		return
	}
	time.AfterFunc(max(0, time.Until(t))+time.Millisecond, func() { k.guarded(k.Settle) })
}

// Settle carries out what is due by the clock: automatic decisions, expiry, late webhooks and IPNs. It is called by
// itself, except in a world with a clock of the caller's own between two requests.
func (k *Kernel) Settle() {
	if k.Closed() {
		return
	}
	now, open := k.Now(), false
	for _, p := range k.parties {
		if p.Settle != nil && p.Settle(now) {
			open = true
		}
	}
	if !open {
		return
	}
	if err := k.Flush(); err != nil {
		k.Log.Error("saving the sandbox failed", "error", err)
	}
}

// Errors of the phone and control methods.
var (
	ErrNotFound = errors.New("no such thing in the sandbox")
	ErrDecided  = errors.New("the request was decided before, or its time is over")
	ErrInvalid  = errors.New("the sandbox does not understand")
)

// Seconds reads a number of seconds, as switches have them.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
