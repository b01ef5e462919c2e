package kernel_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox/kernel"
)

// count is a state that lets a test in while it is being saved.
type count struct {
	N      int
	saving func()
}

func (c *count) MarshalJSON() ([]byte, error) {
	data := []byte(strconv.Itoa(c.N))
	if c.saving != nil {
		c.saving()
	}
	return data, nil
}

// TestPartiesAreSavedAsTheyStandAtOneMoment changes two parties together while the first one is being saved. The file
// holds both before the change, or both after it.
func TestPartiesAreSavedAsTheyStandAtOneMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, err := kernel.New(kernel.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var first, second sync.Mutex
	a, b := &count{}, &count{}
	changed := make(chan struct{})
	if err := k.Join(kernel.Party{Name: "a", Lock: &first, State: a}, kernel.Party{Name: "b", Lock: &second, State: b}); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	a.saving = func() {
		once.Do(func() {
			go func() {
				kernel.Locked(&first, func() {
					kernel.Locked(&second, func() { a.N, b.N = a.N+1, b.N+1 })
				})
				close(changed)
			}()
			select { // the change has to wait for the end of the save; without the locks it comes between a and b
			case <-changed:
			case <-time.After(100 * time.Millisecond):
			}
		})
	}
	k.Changed()
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ A, B int }
	if err := json.Unmarshal(data, &file); err != nil || file.A != file.B {
		t.Errorf("a is at %d and b at %d: %v", file.A, file.B, err)
	}
	<-changed
}

// TestFaultsOfAPartyRepeat: with one seed a party meets the same faults, however often others are called.
func TestFaultsOfAPartyRepeat(t *testing.T) {
	t.Parallel()
	faults := func(between int) []string {
		k, err := kernel.New(kernel.Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Join(kernel.Party{Name: "a", Lock: &sync.Mutex{}, State: &count{}, Calls: []kernel.Call{{Name: "a-call"}}},
			kernel.Party{Name: "b", Lock: &sync.Mutex{}, State: &count{}, Calls: []kernel.Call{{Name: "b-call", Truncates: true}}}); err != nil {
			t.Fatal(err)
		}
		if err := kernel.UpdateSettings(k, func(s *kernel.FaultSettings) { s.FaultRate = 0.5 }); err != nil {
			t.Fatal(err)
		}
		var list []string
		for range 100 {
			list = append(list, k.TakeFault("", "a-call").Do)
			for range between {
				k.TakeFault("", "b-call")
			}
		}
		return list
	}
	alone, among := faults(0), faults(3)
	if !slices.Equal(alone, among) {
		t.Errorf("faults are\n%q alone and\n%q among others", alone, among)
	}
	if slices.Contains(alone, "truncated") || !slices.Contains(alone, "lost") || !slices.Contains(alone, "") {
		t.Errorf("faults are %q", alone)
	}
}
