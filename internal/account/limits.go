package account

import (
	"context"
	"time"

	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// reserve is what codes for a phone count for. A stranger can ask for codes to any phone, so what strangers use up must
// not be what the owner of the phone needs: each has a reserve of their own.
type reserve string

const (
	// ofOwner are codes that the owner's own registration asks for, or a browser in a network from which the owner logged
	// in before.
	ofOwner reserve = "owner"
	// ofStrangers are all others.
	ofStrangers reserve = "strangers"
)

// Limits of strangers' codes besides those of the phone. A network may be that of a whole ward (CGNAT), so it has many;
// what one network uses up for one phone leaves half of the strangers' reserve.
const (
	networkPerHour  = 60
	sitePerHour     = 4 * networkPerHour
	networkAndPhone = 5 // a day
)

// codeLimits bound the codes for a phone.
func (s *Service) codeLimits(ctx context.Context, whose reserve, purpose registration.Purpose, phone string) []limit.Limit {
	limits := []limit.Limit{
		{Name: "codes-" + string(purpose) + "-" + string(whose), Key: phone, Most: s.PerQuarter, Per: 15 * time.Minute, Slides: true},
		{Name: "codes-" + string(whose), Key: phone, Most: s.PerDay, Per: 24 * time.Hour, Slides: true},
	}
	limits = append(limits, s.Budget.Of(string(whose))...)
	if whose == ofOwner {
		return limits
	}
	address := limit.AddressOf(ctx)
	network := limit.Network(address)
	return append(limits,
		limit.Limit{Name: "codes-of-network-to-phone", Key: network + "\n" + phone, Most: networkAndPhone, Per: 24 * time.Hour, Slides: true},
		limit.Limit{Name: "codes-of-network", Key: network, Most: networkPerHour, Per: time.Hour, Slides: true},
		limit.Limit{Name: "codes-of-site", Key: limit.Site(address), Most: sitePerHour, Per: time.Hour, Slides: true})
}

// whose finds out for whom a registration asks for a code: the phone that VNeID knows for the person, and the phone of
// the person's account, are the owner's.
func (s *Service) whose(ctx context.Context, registrationID string, purpose registration.Purpose, phone string) (reserve, error) {
	if purpose != registration.PurposeAccount { // goes to the phone of the registration's account
		return ofOwner, nil
	}
	person, err := s.Records.Person(ctx, registrationID)
	if err == nil && person.Phone == phone {
		return ofOwner, nil
	}
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		return "", err
	}
	acc, err := s.Records.AccountByPhone(ctx, phone)
	if problem.CodeOf(err) == problem.NotFound {
		return ofStrangers, nil
	}
	if err != nil {
		return "", err
	}
	record, err := s.Records.Registration(ctx, registrationID)
	if err == nil && record.SubjectID == acc.SubjectID {
		return ofOwner, nil
	}
	return ofStrangers, err
}

// whoLogsIn finds out whether a person logged in to the account of a phone from this network before. It does the same for
// a phone without an account.
func (s *Service) whoLogsIn(ctx context.Context, phone string, now time.Time) (reserve, error) {
	before, err := s.Counter.Used(ctx, now, logIns(phone, limit.Network(limit.AddressOf(ctx))))
	if err != nil || before == 0 {
		return ofStrangers, err
	}
	return ofOwner, nil
}

// logIns counts, and bounds nothing: a network with one in the last 45 to 90 days is known for the phone.
func logIns(phone, network string) limit.Limit {
	return limit.Limit{Name: "log-ins", Key: phone + "\n" + network, Most: 1 << 30, Per: 45 * 24 * time.Hour, Slides: true}
}
