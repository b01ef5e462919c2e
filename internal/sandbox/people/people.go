// Package people are those who live in the world of the sandbox. Each is invented from the digits of the number,
// always in the same way, so all parties know the same person without telling each other.
package people

import (
	"hash/fnv"
	"regexp"
	"strings"
)

// Person is who a user id belongs to.
type Person struct {
	Name         string // upper case, NFC
	UID          string // value of the UID attribute, such as CCCD:079095012345
	Province     string
	Locality     string
	Organisation bool
}

// GatewayPrefix marks users of the base64 gateway.
const GatewayPrefix = "ICA."

// BareID is the user id without the gateway's prefix.
func BareID(userID string) string { return strings.TrimPrefix(userID, GatewayPrefix) }

// IsCitizen reports whether an id has the form of a citizen number.
func IsCitizen(id string) bool { return citizenID.MatchString(id) }

var (
	citizenID  = regexp.MustCompile(`^[0-9]{12}$`)
	oldCardID  = regexp.MustCompile(`^[0-9]{9}$`)
	passportID = regexp.MustCompile(`^[A-Z][0-9]{7}$`)
	taxID      = regexp.MustCompile(`^[0-9]{10}(-[0-9]{3})?$`)
)

// Of returns the person behind a user id, and false when it is the id of no person.
func Of(userID string) (Person, bool) {
	id := BareID(userID)
	var scheme string
	switch {
	case citizenID.MatchString(id):
		scheme = "CCCD"
	case oldCardID.MatchString(id):
		scheme = "CMND"
	case passportID.MatchString(id):
		scheme = "HC"
	case taxID.MatchString(id):
		scheme = "MST"
	default:
		return Person{}, false
	}
	d := newDice(id)
	p := Person{UID: scheme + ":" + id, Province: provinceOf(id), Locality: d.pick(localities)}
	switch {
	case scheme == "MST":
		p.Organisation = true
		p.Name = "CÔNG TY TNHH " + d.pick(companyFirst) + " " + d.pick(companySecond)
	case id == "079095012345":
		p.Name = "NGUYỄN VĂN MINH"
	case scheme == "CCCD" && id[3]%2 == 1: // the fourth digit is century and sex: odd is female
		p.Name = d.pick(surnames) + " " + d.pick(middleFemale) + " " + d.pick(givenFemale)
	default:
		p.Name = d.pick(surnames) + " " + d.pick(middleMale) + " " + d.pick(givenMale)
	}
	return p, true
}

// dice picks from lists, always the same for the same seed.
type dice struct{ n uint64 }

func newDice(seed string) *dice {
	h := fnv.New64a()
	h.Write([]byte(seed))
	return &dice{h.Sum64()}
}

func (d *dice) pick(list []string) string {
	d.n = d.n*6364136223846793005 + 1442695040888963407 // Knuth's MMIX generator
	return list[(d.n>>33)%uint64(len(list))]
}

// provinceOf reads the first three digits of a citizen number: the province where the birth was registered.
func provinceOf(id string) string {
	if citizenID.MatchString(id) {
		if name, ok := provinces[id[:3]]; ok {
			return name
		}
	}
	return "HÀ NỘI"
}

// The lists together hold every Vietnamese tone and special letter (Ă Â Đ Ê Ô Ơ Ư).
var (
	surnames = []string{"NGUYỄN", "TRẦN", "LÊ", "PHẠM", "HOÀNG", "HUỲNH", "PHAN", "VŨ", "VÕ", "ĐẶNG", "BÙI", "ĐỖ", "HỒ",
		"NGÔ", "DƯƠNG", "LÝ", "ĐOÀN", "TRỊNH", "ĐINH", "LƯƠNG", "QUÁCH", "TẠ", "THÂN", "NGHIÊM", "GIÁP", "TÔ", "KHỔNG"}
	middleMale   = []string{"VĂN", "HỮU", "ĐỨC", "QUỐC", "MINH", "XUÂN", "CÔNG", "ĐÌNH", "THẾ", "TRỌNG", "BẢO", "VIỆT", "GIA", "TUẤN"}
	givenMale    = []string{"MINH", "DŨNG", "HƯNG", "KHÁNH", "LÂM", "NGHĨA", "PHƯỚC", "QUÂN", "SƠN", "THẮNG", "TIẾN", "TÙNG", "VƯỢNG", "ĐẠT", "HẢI", "KIỆT", "BẰNG", "CƯỜNG", "THỤY", "DUỆ"}
	middleFemale = []string{"THỊ", "NGỌC", "THU", "MỸ", "KIM", "HỒNG", "PHƯƠNG", "BÍCH", "DIỄM", "THÙY", "QUỲNH", "TƯỜNG"}
	givenFemale  = []string{"HƯƠNG", "LAN", "YẾN", "NGUYỆT", "THẢO", "TRÂM", "UYÊN", "VY", "DUYÊN", "HẰNG", "HUỆ", "MẪN", "NGÂN", "NHƯ", "OANH", "PHỤNG", "TUYẾT", "XUYẾN", "ÁI", "ĐÀO"}

	companyFirst  = []string{"ÁNH DƯƠNG", "SÔNG HỒNG", "ĐẠI PHÁT", "HƯNG THỊNH", "TÂN VIỆT", "CỬU LONG", "BÌNH MINH"}
	companySecond = []string{"THƯƠNG MẠI", "XÂY DỰNG", "VẬN TẢI", "THỦY SẢN", "CƠ KHÍ", "PHẦN MỀM", "DỆT MAY"}

	localities = []string{"PHƯỜNG TÂN AN", "PHƯỜNG HÒA BÌNH", "XÃ PHÚ LỘC", "PHƯỜNG VĨNH PHƯỚC", "XÃ ĐÔNG THẠNH",
		"PHƯỜNG AN KHÁNH", "XÃ MỸ ĐỨC", "PHƯỜNG QUANG TRUNG"}

	// provinces are the codes of Circular 59/2021, with the names before the merger of 2025: they stand in
	// certificates and numbers for years to come.
	provinces = map[string]string{
		"001": "HÀ NỘI", "002": "HÀ GIANG", "004": "CAO BẰNG", "006": "BẮC KẠN", "008": "TUYÊN QUANG", "010": "LÀO CAI",
		"011": "ĐIỆN BIÊN", "012": "LAI CHÂU", "014": "SƠN LA", "015": "YÊN BÁI", "017": "HÒA BÌNH", "019": "THÁI NGUYÊN",
		"020": "LẠNG SƠN", "022": "QUẢNG NINH", "024": "BẮC GIANG", "025": "PHÚ THỌ", "026": "VĨNH PHÚC", "027": "BẮC NINH",
		"030": "HẢI DƯƠNG", "031": "HẢI PHÒNG", "033": "HƯNG YÊN", "034": "THÁI BÌNH", "035": "HÀ NAM", "036": "NAM ĐỊNH",
		"037": "NINH BÌNH", "038": "THANH HÓA", "040": "NGHỆ AN", "042": "HÀ TĨNH", "044": "QUẢNG BÌNH", "045": "QUẢNG TRỊ",
		"046": "THỪA THIÊN HUẾ", "048": "ĐÀ NẴNG", "049": "QUẢNG NAM", "051": "QUẢNG NGÃI", "052": "BÌNH ĐỊNH", "054": "PHÚ YÊN",
		"056": "KHÁNH HÒA", "058": "NINH THUẬN", "060": "BÌNH THUẬN", "062": "KON TUM", "064": "GIA LAI", "066": "ĐẮK LẮK",
		"067": "ĐẮK NÔNG", "068": "LÂM ĐỒNG", "070": "BÌNH PHƯỚC", "072": "TÂY NINH", "074": "BÌNH DƯƠNG", "075": "ĐỒNG NAI",
		"077": "BÀ RỊA - VŨNG TÀU", "079": "THÀNH PHỐ HỒ CHÍ MINH", "080": "LONG AN", "082": "TIỀN GIANG", "083": "BẾN TRE",
		"084": "TRÀ VINH", "086": "VĨNH LONG", "087": "ĐỒNG THÁP", "089": "AN GIANG", "091": "KIÊN GIANG", "092": "CẦN THƠ",
		"093": "HẬU GIANG", "094": "SÓC TRĂNG", "095": "BẠC LIÊU", "096": "CÀ MAU",
	}
)
