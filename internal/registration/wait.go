package registration

import (
	"cmp"
	"time"

	"kyso/internal/process"
)

// PaymentGrace is how long after the window of an attempt its gateway is first asked: what it tells by itself is usually there by then.
const PaymentGrace = 5 * time.Minute

// paymentWatch is how long after its window an attempt is asked about; comparing the books asks afterwards.
const paymentWatch = 24 * time.Hour

// PINWait is the wait of a registration for the PIN on the phone, which begins with StatusActivating. ca is the code of its CA.
func PINWait(id, ca string, began, ends time.Time) process.Wait {
	pause := process.PauseAt(0, 0)
	return process.Wait{Kind: process.WaitPIN, Record: id, Party: process.CAParty(ca), Workflow: process.RegistrationWorkflowID(id),
		BeganAt: began, EndsAt: ends, NextAt: began.Add(pause), Pause: pause}
}

// PaymentWait is the wait of a registration for the gateway's word on an attempt to pay.
func PaymentWait(p Payment) process.Wait {
	return process.Wait{Kind: process.WaitPayment, Record: p.TxnRef, Party: process.GatewayParty(cmp.Or(p.Gateway, FirstGateway)),
		Workflow: process.RegistrationWorkflowID(p.RegistrationID), BeganAt: p.CreatedAt, EndsAt: p.ExpiresAt.Add(paymentWatch),
		NextAt: p.ExpiresAt.Add(PaymentGrace), Pause: process.PausePayment}
}

// AcceptanceWait is the wait of a registration for the end of the signing of its acceptance record. The store makes it due when that ends.
func AcceptanceWait(id, signingID string, began time.Time) process.Wait {
	pause := process.PauseAt(0, 0)
	return process.Wait{Kind: process.WaitAcceptance, Record: signingID, Party: process.OwnParty, Workflow: process.RegistrationWorkflowID(id),
		BeganAt: began, NextAt: began.Add(pause), Pause: pause}
}
