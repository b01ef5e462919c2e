package verification

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/forms"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/vn"
)

// PDF writes a verification as a report of pages. It walks over the JSON, so that all that it says stands in the report,
// also what a later release adds.
func PDF(v signing.Verification) ([]byte, error) {
	r := &reportWriter{}
	r.begin("Tệp / File")
	r.add("name", v.Name)
	r.add("size", strconv.FormatInt(v.Size, 10))
	r.add("sha256", v.SHA256)
	if v.ID != "" {
		r.add("id", v.ID)
	}
	r.begin("Kết luận / Conclusion")
	if err := r.read(json.NewDecoder(bytes.NewReader(v.Report)), "", ""); err != nil {
		return nil, fmt.Errorf("reading a verification: %w", err)
	}
	r.begin("Danh sách tin cậy khi kiểm tra (SHA-256) / Trusted then (SHA-256)")
	for i, fingerprint := range v.Trust {
		r.line(strconv.Itoa(i+1), fingerprint)
	}
	return forms.VerificationReport(v.Name, v.CreatedAt, r.sections)
}

// File is the report of a verification on this machine, in the form of a file name's ending: .pdf or .json.
func File(ending string, found *pades.Verification, trust signing.Trust, name string, file io.Reader, at time.Time) ([]byte, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	report, err := json.Marshal(found)
	if err != nil {
		return nil, err
	}
	v := signing.Verification{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil)), CreatedAt: at.UTC(), Report: report}
	for _, c := range slices.Concat(trust.Roots, trust.Intermediates) {
		v.Trust = append(v.Trust, signing.Fingerprint(c.Raw))
	}
	switch strings.ToLower(ending) {
	case ".pdf":
		return PDF(v)
	case ".json":
		return json.MarshalIndent(map[string]any{"name": v.Name, "size": v.Size, "sha256": v.SHA256, "created_at": v.CreatedAt, "trust": v.Trust, "report": v.Report}, "", "  ")
	}
	return nil, problem.New(problem.Invalid, "a report is written to a name that ends with .pdf or .json")
}

// reportWriter turns JSON into the sections of a report.
type reportWriter struct {
	sections []forms.ReportSection
	of       string // whose the lines are
}

// owners are objects whose lines say whose they are.
var owners = map[string]string{"subject": "Người ký · Signer: ", "issuer": "Đơn vị cấp · Issuer: ", "time": "Thời gian ký · Time: "}

func (r *reportWriter) begin(heading string) {
	r.sections = append(r.sections, forms.ReportSection{Heading: heading})
}

func (r *reportWriter) line(label, value string) {
	last := &r.sections[len(r.sections)-1]
	last.Lines = append(last.Lines, [2]string{r.of + label, value})
}

// add writes a value under the label of its name.
func (r *reportWriter) add(name, value string) {
	if value != "" {
		r.line(labelOf(name), wordsOf(value))
	}
}

// read walks over one value. Objects of a list are sections of their own when they are signatures.
func (r *reportWriter) read(d *json.Decoder, name, label string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return r.readMany(d, t, name)
	case bool:
		r.line(labelOf(name)+label, map[bool]string{true: "có / yes", false: "KHÔNG / NO"}[t])
	case float64:
		r.line(labelOf(name)+label, strconv.FormatFloat(t, 'f', -1, 64))
	case string:
		if t != "" {
			r.line(labelOf(name)+label, wordsOf(t))
		}
	}
	return nil
}

func (r *reportWriter) readMany(d *json.Decoder, open json.Delim, name string) error {
	if of := owners[name]; open == '{' && of != "" {
		r.of = of
		defer func() { r.of = "" }()
	}
	for n := 1; d.More(); n++ {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			inner, _ := key.(string)
			if err := r.read(d, inner, ""); err != nil {
				return err
			}
			continue
		}
		if name == "signatures" {
			r.begin(fmt.Sprintf("Chữ ký %d / Signature %d", n, n))
		}
		if err := r.read(d, name, " "+strconv.Itoa(n)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if open == '[' && name == "signatures" {
		r.begin("Về tệp / About the file")
	}
	return err
}

// labels are what the names of the JSON mean. A name that is not here stands as it is.
var labels = map[string]string{
	"name": "Tên / Name", "size": "Dung lượng (byte) / Size (bytes)", "sha256": "SHA-256", "id": "Mã / ID",
	"verdict": "Kết luận / Verdict", "field": "Ô chữ ký / Field", "kind": "Loại / Kind", "sub_indication": "Chỉ báo phụ / Sub-indication", "why_vi": "Vì sao", "why_en": "Why",
	"level": "Mức chữ ký / Level", "signer": "Người ký / Signer", "issuer": "Đơn vị cấp chứng thư số / Issuer", "serial": "Số sê-ri / Serial number",
	"fingerprint": "Dấu vân tay SHA-256 / Fingerprint SHA-256", "certificate_end": "Chứng thư số hết hạn / Certificate ends", "certificate_start": "Chứng thư số bắt đầu / Certificate begins",
	"algorithm": "Thuật toán / Algorithm", "reason": "Lý do / Reason", "location": "Nơi ký / Location", "byte_range": "Khoảng byte được ký / Byte range", "certifies": "Chứng thực tài liệu (P) / Certification (P)",
	"claimed_time": "Thời gian theo lời người ký / Time by the signer's word", "timestamp_time": "Thời gian theo dấu thời gian / Time by time-stamp",
	"intact": "Toàn vẹn / Intact", "covers_all": "Phủ toàn bộ tài liệu / Covers the whole document", "later_changes": "Thay đổi sau khi ký / Later changes",
	"chain_trusted": "Dẫn tới gốc tin cậy / Leads to a trusted root", "certificate_then": "Chứng thư số lúc ký / Certificate then", "certificate_now": "Chứng thư số hiện tại / Certificate now",
	"status_made": "Trạng thái được công bố lúc / Status published at", "problems": "Chi tiết kỹ thuật / Finding", "warnings": "Lưu ý / Note", "code": "Mã phát hiện / Finding",
	"common_name": "Tên / Name", "identifiers": "Mã định danh / Identifier", "organizations": "Tổ chức / Organisation", "units": "Đơn vị quản lý / Managing unit", "titles": "Chức danh / Title",
	"not_before": "Có hiệu lực từ / Valid from", "not_after": "Có hiệu lực đến / Valid until", "at": "Lúc / At", "by": "Theo / By", "authority": "Tổ chức cấp dấu thời gian / Time-stamp authority", "stamp": "Dấu thời gian / Time-stamp",
	"cause": "Nguyên nhân / Cause", "page": "Trang / Page", "share": "Phần bị che / Share covered", "vi": "Nội dung", "en": "Text", "findings": "Phát hiện / Findings", "signatures": "Chữ ký / Signatures", "material": "Bằng chứng / Material",
}

func labelOf(name string) string {
	if label, ok := labels[name]; ok {
		return label
	}
	return name
}

// values are what fixed words of the JSON mean.
var values = map[string]string{
	string(pades.TotalPassed): "HỢP LỆ / VALID", string(pades.TotalFailed): "KHÔNG HỢP LỆ / INVALID", string(pades.Indeterminate): "CHƯA ĐỦ CĂN CỨ / CANNOT BE DETERMINED",
	string(pades.CertificateGood): "còn hiệu lực / valid", string(pades.CertificateRevoked): "đã bị thu hồi / revoked", string(pades.CertificateOnHold): "đang tạm dừng / suspended",
	string(pades.CertificateExpired): "đã hết hạn / expired", string(pades.CertificateNotYetValid): "chưa có hiệu lực / not yet valid", string(pades.CertificateUnknown): "không rõ / unknown",
	"timestamp": "dấu thời gian / time-stamp", "claim": "lời người ký / the signer's word", "none": "không có / none", "not-judged": "chưa kết luận / not judged", "invalid": "không hợp lệ / invalid",
	"signature": "chữ ký / signature", "document-timestamp": "dấu thời gian tài liệu / document time-stamp",
}

// wordsOf says what a value means, with the value as it stands in the JSON.
func wordsOf(value string) string {
	if words, ok := values[value]; ok {
		return words + " (" + value + ")"
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil && strings.Contains(value, "T") {
		return at.In(vn.Zone).Format("15:04:05 02/01/2006 (GMT+7)") + " (" + value + ")"
	}
	return value
}
