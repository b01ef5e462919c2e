package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Switches change how one party behaves, for all users or for one. On the control port the switches of all parties are
// one flat JSON object: each party reads its own fields of it and leaves the others alone.
type Switches struct {
	fields []string
	show   func(user string) any
	read   func(doc []byte) (any, error) // its fields, checked
	take   func(user string, v any)
	reset  func(user string)
}

// NewSwitches makes the switches of a party. get and set are called with the party's lock held; set gets nil for the
// knobs of a user who goes back to the start. check refuses what means nothing, so that a test with a typing mistake
// does not pass for no reason.
func NewSwitches[T any](get func(user string) T, set func(user string, v *T), check func(T) error) *Switches {
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	return &Switches{
		fields: fields,
		show:   func(user string) any { return get(user) },
		read: func(doc []byte) (any, error) {
			var v T
			if err := json.Unmarshal(doc, &v); err != nil {
				return nil, err
			}
			return v, check(v)
		},
		take: func(user string, v any) {
			if v, ok := v.(T); ok {
				set(user, &v)
			}
		},
		reset: func(user string) { set(user, nil) },
	}
}

// SettingsAt makes the switches of a party that lie in its state.
func SettingsAt[T any](at *T, check func(T) error) *Switches {
	return NewSwitches(func(string) T { return *at }, func(_ string, v *T) { *at = *v }, check)
}

// Fields names what the party reads of the one object.
func (s *Switches) Fields() []string { return s.fields }

// Put stores what a user's knobs became; nil takes them away.
func Put[T any](all map[string]T, user string, v *T) {
	if v == nil {
		delete(all, user)
		return
	}
	all[user] = *v
}

// bent is a party's switches with its lock.
type bent struct {
	*Switches
	lock *sync.Mutex
}

// shown are the switches as JSON.
func (b bent) shown(user string) (doc []byte, err error) {
	Locked(b.lock, func() { doc, err = json.Marshal(b.show(user)) })
	return doc, err
}

// switchesOf lists the settings of all parties or, of a user, the knobs.
func (k *Kernel) switchesOf(knobs bool) []bent {
	var all []bent
	for _, p := range k.parties {
		s := p.Settings
		if knobs {
			s = p.Knobs
		}
		if s != nil {
			all = append(all, bent{s, p.Lock})
		}
	}
	return all
}

// ShowSettings reads the settings of all parties into one value, which has a field for each.
func ShowSettings(k *Kernel, into any) error { return show(k.switchesOf(false), "", into) }

// ShowKnobs reads the knobs of a user at all parties.
func ShowKnobs(k *Kernel, user string, into any) error { return show(k.switchesOf(true), user, into) }

// UpdateSettings lets change have the settings of all parties as one value. Either every party takes what change made
// of it, or none.
func UpdateSettings[T any](k *Kernel, change func(*T)) error {
	return update(k, k.switchesOf(false), "", change)
}

// UpdateKnobs is UpdateSettings for the knobs of a user.
func UpdateKnobs[T any](k *Kernel, user string, change func(*T)) error {
	return update(k, k.switchesOf(true), user, change)
}

// ResetKnobs gives a user the knobs back that they had at the start.
func (k *Kernel) ResetKnobs(user string) error {
	k.switching.Lock()
	defer k.switching.Unlock()
	for _, s := range k.switchesOf(true) {
		Locked(s.lock, func() { s.reset(user) })
	}
	k.Changed()
	return k.Flush()
}

func show(all []bent, user string, into any) error {
	for _, s := range all {
		doc, err := s.shown(user)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(doc, into); err != nil {
			return err
		}
	}
	return nil
}

func update[T any](k *Kernel, all []bent, user string, change func(*T)) error {
	k.switching.Lock()
	defer k.switching.Unlock()
	var whole T
	if err := show(all, user, &whole); err != nil {
		return err
	}
	change(&whole)
	doc, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	values := make([]any, len(all))
	for i, s := range all {
		if values[i], err = s.read(doc); err != nil {
			return err
		}
	}
	for i, s := range all {
		if err := s.become(user, values[i]); err != nil {
			return err
		}
	}
	k.Changed()
	return k.Flush()
}

// become sets switches that differ; others may have been counted down meanwhile, as faults are.
func (b bent) become(user string, v any) (err error) {
	wanted, err := json.Marshal(v)
	if err != nil {
		return err
	}
	Locked(b.lock, func() {
		var now []byte
		if now, err = json.Marshal(b.show(user)); err == nil && !bytes.Equal(now, wanted) {
			b.take(user, v)
		}
	})
	return err
}

// OneOf refuses a value that is none of those allowed. Empty always is.
func OneOf(name, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%w: %s %q", ErrInvalid, name, value)
}
