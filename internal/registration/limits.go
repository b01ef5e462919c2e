package registration

import "time"

// Limits are how long each wait may take, and what is done about money. Zero values mean the defaults.
type Limits struct {
	HandOff    time.Duration `json:"hand_off,omitempty"`   // 7 days
	Account    time.Duration `json:"account,omitempty"`    // 7 days
	Order      time.Duration `json:"order,omitempty"`      // 24 hours, package and payment
	Contract   time.Duration `json:"contract,omitempty"`   // 7 days
	Correction time.Duration `json:"correction,omitempty"` // 14 days
	ReviewSLA  time.Duration `json:"review_sla,omitempty"` // 3 days; only reminds
	Activation time.Duration `json:"activation,omitempty"` // 30 days
	Acceptance time.Duration `json:"acceptance,omitempty"` // 30 days
	// KeepMoney says that the price is kept when the citizen never accepts an issued certificate. Default: refunded.
	KeepMoney bool `json:"keep_money,omitempty"`
}
