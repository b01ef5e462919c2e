package workflows

// The steps of a signing, as they stand in KysoStep and in incidents.
const (
	StepInspect           = "inspect"
	StepFindCertificates  = "find-certificates"
	StepChooseCertificate = "choose-certificate"
	StepPlace             = "place"
	StepPrepare           = "prepare"
	StepRequest           = "request"
	StepAwaitApproval     = "await-approval"
	StepEmbed             = "embed"
	StepTimestamp         = "timestamp"
	StepExtend            = "extend"
	StepDeliver           = "deliver"
	StepDone              = "done"
)
