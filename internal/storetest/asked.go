package storetest

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Statement is what a store asked of its database, in one text.
type Statement struct {
	Text string
	Args [][]driver.NamedValue // of some askings
	Site string                // the line in the store that asked, such as accounts/codes.go:34
}

// Everything is what counted stores of this process ask.
var Everything Asked

// Asked keeps the statements that stores ask, for tests that judge each of them.
type Asked struct {
	mu sync.Mutex
	by map[string]*Statement // by engine, site and text
}

// argsKept is how many askings of one text are kept.
const argsKept = 3

// Of are the statements that databases of an engine were asked, sqlite or postgres.
func (a *Asked) Of(engine string) []Statement {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Statement
	for _, key := range slices.Sorted(maps.Keys(a.by)) {
		if strings.HasPrefix(key, engine) {
			list = append(list, *a.by[key])
		}
	}
	return list
}

func (a *Asked) note(engine, text string, args []driver.NamedValue) {
	site := askingSite()
	if site == "" { // the driver, or a migration
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]*Statement{}
	}
	key := engine + " " + site + " " + text
	if a.by[key] == nil {
		a.by[key] = &Statement{Text: text, Site: site}
	}
	if one := a.by[key]; len(one.Args) < argsKept {
		one.Args = append(one.Args, slices.Clone(args))
	}
}

// askingSite is the innermost line of a room of the store.
func askingSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		frame, more := frames.Next()
		if _, place, ours := strings.Cut(frame.File, "internal/store/"); ours && strings.Contains(place, "/") {
			return fmt.Sprintf("%s:%d", place, frame.Line)
		}
		if !more {
			return ""
		}
	}
}
