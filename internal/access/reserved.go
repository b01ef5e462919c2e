package access

import (
	"slices"
	"strings"
)

// Names and beginnings of names by which the audit log says who acts when no key does. A key's owner with one of them
// would appear there as another actor.
var (
	reservedNames    = []string{"admin", "citizen", "guest", "intrustca", "kyso", "neac", "vneid", "vnpay", "vnpt"}
	reservedPrefixes = []string{"account:", "guest:"}
)

// Reserved reports whether an owner of keys must not have a name, in any case.
func Reserved(owner string) bool {
	owner = strings.ToLower(owner)
	return slices.Contains(reservedNames, owner) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(owner, prefix) })
}

// ReservedNames lists them for people.
func ReservedNames() string {
	return strings.Join(reservedNames, ", ") + "; nor begin with " + strings.Join(reservedPrefixes, " or ")
}
