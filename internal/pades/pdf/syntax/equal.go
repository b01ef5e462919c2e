package syntax

// Equal compares values as readers do: 595.0 is 595, null is as good as absent, and a string is the same in parentheses and in
// digits. References are equal when they name the same object; streams never are.
func Equal(a, b Object) bool {
	switch a := a.(type) {
	case Array:
		b, ok := b.(Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Dict:
		b, ok := b.(*Dict)
		return ok && equalDicts(a, b)
	case *Stream, *Slot:
		return false
	}
	switch b.(type) {
	case Array, *Dict, *Stream, *Slot: // would not be comparable
		return false
	}
	if x, ok := Number(a); ok {
		y, ok := Number(b)
		return ok && (a == b || x == y && !bothInt(a, b))
	}
	return a == b
}

// bothInt keeps integers that a float64 cannot tell apart different.
func bothInt(a, b Object) bool {
	_, ok1 := a.(int64)
	_, ok2 := b.(int64)
	return ok1 && ok2
}

func equalDicts(a, b *Dict) bool {
	if a.HasDuplicates() || b.HasDuplicates() {
		return false
	}
	for _, key := range a.Keys() {
		if !Equal(a.Get(key), b.Get(key)) {
			return false
		}
	}
	for _, key := range b.Keys() {
		if b.Get(key) != nil && a.Get(key) == nil {
			return false
		}
	}
	return true
}

// MapStrings copies an object with its strings changed. The /Contents of a signature is not encrypted (7.6.2).
func MapStrings(o Object, change func(String) (String, error)) (Object, error) {
	switch v := o.(type) {
	case String:
		return change(v)
	case Array:
		out := make(Array, len(v))
		for i := range v {
			var err error
			if out[i], err = MapStrings(v[i], change); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *Dict:
		return mapDict(v, change)
	case *Stream:
		dict, err := mapDict(v.Dict, change)
		if err != nil {
			return nil, err
		}
		out := *v
		out.Dict = dict
		return &out, nil
	}
	return o, nil
}

func mapDict(d *Dict, change func(String) (String, error)) (*Dict, error) {
	if d == nil {
		return nil, nil
	}
	out := d.Clone() // with the places of the values
	signature := d.Get("ByteRange") != nil
	for i := range out.entries {
		e := &out.entries[i]
		if signature && e.key == "Contents" {
			continue
		}
		var err error
		if e.value, err = MapStrings(e.value, change); err != nil {
			return nil, err
		}
	}
	return out, nil
}
