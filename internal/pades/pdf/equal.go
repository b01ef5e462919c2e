package pdf

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
