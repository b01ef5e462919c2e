package accounts

import (
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// act is what a status asks of the person; yours when the person has to do it.
type act struct {
	yours bool
	text  problem.Text
}

// registrationActs are what a registration asks of its person by its status. A final one asks for nothing.
var registrationActs = map[registration.Status]act{
	registration.StatusRequested:       {true, problem.Text{VI: "Mở hồ sơ", EN: "Open the registration"}},
	registration.StatusHandedOff:       {true, problem.Text{VI: "Xác nhận điện thoại và tài khoản", EN: "Confirm phone and account"}},
	registration.StatusAccountReady:    {true, problem.Text{VI: "Chọn gói dịch vụ", EN: "Choose a package"}},
	registration.StatusAwaitingPayment: {true, problem.Text{VI: "Thanh toán", EN: "Pay"}},
	registration.StatusAwaitingConsent: {true, problem.Text{VI: "Ký hợp đồng", EN: "Agree to the contract"}},
	registration.StatusInReview:        {false, problem.Text{VI: "Cán bộ đang thẩm định", EN: "An officer reviews it"}},
	registration.StatusNeedsMore:       {true, problem.Text{VI: "Bổ sung thông tin", EN: "Correct what was asked for"}},
	registration.StatusIssuing:         {false, problem.Text{VI: "Đang cấp chứng thư số", EN: "The certificate is being issued"}},
	registration.StatusActivating:      {true, problem.Text{VI: "Đặt mã PIN và kích hoạt", EN: "Set the PIN and activate"}},
	registration.StatusAccepting:       {true, problem.Text{VI: "Ký biên bản nghiệm thu trên điện thoại", EN: "Sign the acceptance record on the phone"}},
	registration.StatusClosing:         {false, problem.Text{VI: "Đang kết thúc", EN: "Closing"}},
}

// signingActs are the same of signings.
var signingActs = map[signing.Status]act{
	signing.StatusCreated:             {false, problem.Text{VI: "Đang tìm chứng thư số", EN: "Looking for the certificate"}},
	signing.StatusAwaitingCertificate: {true, problem.Text{VI: "Chọn chứng thư số", EN: "Choose the certificate"}},
	signing.StatusAwaitingPlacement:   {true, problem.Text{VI: "Đặt khung chữ ký", EN: "Place the signature"}},
	signing.StatusPreparing:           {false, problem.Text{VI: "Đang chuẩn bị", EN: "Preparing"}},
	signing.StatusRequested:           {false, problem.Text{VI: "Đang gửi tới điện thoại", EN: "On its way to the phone"}},
	signing.StatusAwaitingApproval:    {true, problem.Text{VI: "Xác nhận trên điện thoại", EN: "Confirm on the phone"}},
	signing.StatusCompleting:          {false, problem.Text{VI: "Đang hoàn tất", EN: "Completing"}},
	signing.StatusSigned:              {false, problem.Text{VI: "Tải tệp đã ký", EN: "Download the signed file"}},
}

// NextOfRegistration is what a registration asks of its person now.
func NextOfRegistration(r registration.Registration) ActBody {
	return actBody(registrationActs[r.Status], r.Attention.Open(), "/register/"+r.ID)
}

// NextOfSigning is what a signing asks of its person now.
func NextOfSigning(r signing.Signing) ActBody {
	return actBody(signingActs[r.Status], r.Attention.Open(), "/sign/"+r.ID)
}

func actBody(a act, parked bool, page string) ActBody {
	switch {
	case parked:
		a = act{text: view.ParkedText}
	case a.text.VI == "":
		a.text = problem.Text{VI: "Xem lại", EN: "Look at it"}
	}
	return ActBody{Text: a.text.VI, TextEN: a.text.EN, Yours: a.yours, Page: page}
}
