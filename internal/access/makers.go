package access

// Makers says who made the keys of each owner. The administrator is left out: every first key comes from there.
type Makers map[string][]string

// Same reports whether two names may be one person's: they are equal, or one person made keys of both, directly or through
// makers of makers. Who made a key has seen its secret.
func (m Makers) Same(a, b string) bool {
	hands := m.hands(a)
	for other := range m.hands(b) {
		if hands[other] {
			return true
		}
	}
	return false
}

// hands are all who may hold a key of an owner: the owner, the makers of its keys, and theirs.
func (m Makers) hands(owner string) map[string]bool {
	found := map[string]bool{owner: true}
	for queue := []string{owner}; len(queue) > 0; queue = queue[1:] {
		for _, maker := range m[queue[0]] {
			if !found[maker] {
				found[maker] = true
				queue = append(queue, maker)
			}
		}
	}
	return found
}
