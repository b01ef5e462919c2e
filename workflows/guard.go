package workflows

import (
	"context"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"kyso/activities"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// Temporal lets every program that reaches it schedule an activity on a task queue: alone, or by a workflow of their own. A worker of kyso
// runs an activity for the process of the record that the activity names, and for nothing else. What a process may do is checked
// by the activities themselves, against the store.

// asker is the run that asks for an activity.
type asker struct {
	kind string // the name of its function
	id   string // its workflow id
}

// mayAsk says for each activity which run may ask for it, by the activity's argument.
var mayAsk = map[string]func(by asker, arg any) bool{
	"BeginSigning":        ofSigning(func(in activities.Begin) string { return in.ID }),
	"CancelDecided":       ofSigning(itself),
	"InspectDocuments":    ofSigning(itself),
	"FindCertificates":    ofSigning(itself),
	"RecordChoice":        ofSigning(func(in activities.ChoiceInput) string { return in.SigningID }),
	"RecordPlacements":    ofSigning(func(in activities.PlacementsInput) string { return in.SigningID }),
	"RecordTransition":    ofSigning(func(in activities.TransitionInput) string { return in.SigningID }),
	"InspectAndFind":      ofSigning(work),
	"PrepareDocuments":    ofSigning(work),
	"RequestApproval":     ofSigning(work),
	"CompleteSigning":     ofSigning(work),
	"PollApproval":        ofSigning(func(in activities.PollInput) string { return in.SigningID }),
	"ReadApproval":        ofSigning(itself),
	"CollectLate":         ofSigning(itself),
	"EmbedSignatures":     ofSigning(itself),
	"TimestampSignatures": ofSigning(itself),
	"ExtendSignatures":    ofSigning(itself),
	"ArchiveDocuments":    ofSigning(itself),
	"DeliverDocuments":    ofSigning(itself),
	"ArchiveDue":          ofArchive(itself),
	"RenewArchive":        ofArchive(func(in activities.RenewInput) string { return in.SigningID }),
	"ContractDue":         only(contractArchiveOf, itself),
	"ArchiveContract":     only(contractArchiveOf, func(in activities.ContractInput) string { return in.RegistrationID }),
	"RecordIncident": func(by asker, arg any) bool {
		in, ok := arg.(process.Incident)
		return ok && (by == signingOf(in.ProcessID) || by == archiveOf(in.ProcessID))
	},

	"BeginRegistration":      ofRegistration(func(in activities.Begin) string { return in.ID }),
	"RecordRegistrationMove": ofRegistration(func(in activities.MoveInput) string { return in.RegistrationID }),
	"RecordRegistrationIncident": func(by asker, arg any) bool { // that of a refund names the attempt, and the activity looks it up
		in, ok := arg.(process.Incident)
		return ok && (by == registrationOf(in.ProcessID) || by == contractArchiveOf(in.ProcessID) || by.kind == "Refund")
	},
	"RecordAct":          ofRegistration(func(in activities.ActInput) string { return in.Take.Object }),
	"RecordHandOff":      ofRegistration(itself),
	"RecordAccount":      ofRegistration(func(in activities.AccountInput) string { return in.RegistrationID }),
	"RecordPackage":      ofRegistration(func(in activities.PackageInput) string { return in.RegistrationID }),
	"RecordCodeUse":      ofRegistration(func(in activities.CodeCheck) string { return in.RegistrationID }),
	"RecordReview":       ofRegistration(func(in activities.ReviewInput) string { return in.RegistrationID }),
	"OpenPayment":        ofRegistration(func(in activities.OpenPaymentInput) string { return in.RegistrationID }),
	"Remind":             ofRegistration(func(in activities.RemindInput) string { return in.RegistrationID }),
	"CheckHolder":        ofRegistration(itself),
	"WritePapers":        ofRegistration(itself),
	"RewritePapers":      ofRegistration(itself),
	"SealContract":       ofRegistration(itself),
	"CreateKey":          ofRegistration(itself),
	"IssueCertificate":   ofRegistration(itself),
	"InstallCertificate": ofRegistration(itself),
	"ObtainCertificate":  ofRegistration(func(in activities.CertificateWork) string { return in.RegistrationID }),
	"HandOver":           ofRegistration(func(in activities.CertificateWork) string { return in.RegistrationID }),
	"AwaitPIN":           ofRegistration(itself),
	"ReadPIN":            ofRegistration(itself),
	"ActivateKey":        ofRegistration(itself),
	"RevokeCertificate":  ofRegistration(itself),
	"WriteAcceptance":    ofRegistration(itself),
	"RequestAcceptance":  ofRegistration(func(in activities.AcceptanceInput) string { return in.RegistrationID }),
	"AwaitAcceptance":    ofRegistration(func(in activities.AcceptanceInput) string { return in.RegistrationID }),
	"ReadAcceptance":     ofRegistration(func(in activities.AcceptanceInput) string { return in.RegistrationID }),
	"RecordAcceptance":   ofRegistration(func(in activities.AcceptanceInput) string { return in.RegistrationID }),
	"KeepMoney":          ofRegistration(itself),
	"LookAtPayments":     ofRegistration(itself),
	"ReadPayments":       ofRegistration(itself),
	"ReportStatus":       ofRegistration(func(in activities.ReportInput) string { return in.RegistrationID }),
	"SendCode": func(by asker, arg any) bool { // the store knows whose code it is, and sends it once
		return by.kind == "Registration" || by == asker{"Text", process.TextWorkflowID(text(arg))}
	},
	"QueryPayment":  ofPayment,
	"AskPayment":    ofPayment,
	"RefundPayment": ofPayment,

	"SendLoginCode": func(by asker, arg any) bool { return by == asker{"Text", process.TextWorkflowID(text(arg))} },
	"SendNotice": func(by asker, arg any) bool {
		in, ok := arg.(activities.NoticeInput)
		return ok && by == asker{"Text", process.TextWorkflowID(in.ID)}
	},

	"DeliverWebhook": ofDelivery,
	"GiveUpWebhook":  ofDelivery,

	"TakeDecision": func(by asker, arg any) bool {
		in, ok := arg.(decision.Take)
		askers := map[process.Kind][]asker{
			process.Signing:      {signingOf(in.Object), archiveOf(in.Object)},
			process.Registration: {registrationOf(in.Object), contractArchiveOf(in.Object), {"Refund", process.RefundWorkflowID(in.Object)}},
		}
		return ok && slices.Contains(askers[in.Process], by)
	},
}

func work(in activities.Work) string { return in.SigningID }

// itself is the argument of an activity that takes only the id of a record.
func itself(id string) string { return id }

func text(arg any) string {
	s, _ := arg.(string)
	return s
}

func signingOf(id string) asker { return asker{"Signing", process.SigningWorkflowID(id)} }
func archiveOf(id string) asker { return asker{"Archive", process.ArchiveWorkflowID(id)} }
func contractArchiveOf(id string) asker {
	return asker{"Archive", process.ContractArchiveWorkflowID(id)}
}
func registrationOf(id string) asker {
	return asker{"Registration", process.RegistrationWorkflowID(id)}
}

func ofSigning[In any](id func(In) string) func(asker, any) bool { return only(signingOf, id) }
func ofArchive[In any](id func(In) string) func(asker, any) bool { return only(archiveOf, id) }
func ofRegistration[In any](id func(In) string) func(asker, any) bool {
	return only(registrationOf, id)
}

// only lets the one run of the record ask that the argument names.
func only[In any](process func(string) asker, id func(In) string) func(asker, any) bool {
	return func(by asker, arg any) bool {
		in, ok := arg.(In)
		return ok && by == process(id(in))
	}
}

// ofPayment lets the refund of an attempt to pay ask, and the registration that the attempt was made for.
func ofPayment(by asker, arg any) bool {
	ref := text(arg)
	if by == (asker{"Refund", process.RefundWorkflowID(ref)}) {
		return true
	}
	id, ok := strings.CutPrefix(by.id, process.RegistrationWorkflowID(""))
	return ok && by.kind == "Registration" && process.TxnRef(id, process.AttemptOf(ref)) == ref
}

func ofDelivery(by asker, arg any) bool {
	in, ok := arg.(activities.Delivery)
	return ok && by == asker{"Delivery", process.DeliveryWorkflowID(in.EndpointID, in.MessageID, in.Round)}
}

// Guard keeps a worker from running activities that no process of the record asked for. Error: problem.Denied.
func Guard() interceptor.WorkerInterceptor { return &guard{} }

type guard struct {
	interceptor.WorkerInterceptorBase
}

func (*guard) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &guarded{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type guarded struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (g *guarded) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if !info.IsWorkflowActivity() || info.WorkflowType == nil {
		return nil, refuse(problem.Denied, "an activity runs for a process of kyso only")
	}
	by := asker{info.WorkflowType.Name, info.WorkflowExecution.ID}
	if may := mayAsk[info.ActivityType.Name]; may == nil || len(in.Args) != 1 || !may(by, in.Args[0]) {
		return nil, refuse(problem.Denied, "the workflow that asked is not the process of this record")
	}
	return g.Next.ExecuteActivity(ctx, in)
}
