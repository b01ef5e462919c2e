package access

import (
	"slices"
	"strings"
)

// Names and beginnings of names by which the audit log says who acts when no key does. A key's owner with one of them
// would appear there as another actor.
var (
	reservedNames    = []string{"admin", "citizen", "guest", "kyso", "vneid"}
	reservedPrefixes = []string{"account:", "guest:"}
)

// Reserved reports whether an owner of keys must not have a name, in any case. Outside parties act by their names.
func Reserved(owner string, parties []string) bool {
	owner = strings.ToLower(owner)
	return slices.Contains(reservedNames, owner) || slices.Contains(parties, owner) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(owner, prefix) })
}

// ReservedNames lists them for people.
func ReservedNames(parties []string) string {
	return strings.Join(append(slices.Clip(reservedNames), parties...), ", ") + "; nor begin with " + strings.Join(reservedPrefixes, " or ")
}
