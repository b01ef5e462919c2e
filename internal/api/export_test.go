package api

// For the tests of the package from outside.
var (
	NextOfRegistration = nextOfRegistration
	NextOfSigning      = nextOfSigning
)
