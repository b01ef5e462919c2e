package people

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"kyso/internal/sandbox/kernel"
)

// Citizen is what VNeID knows of a person and hands over with a request, field by field as on the wire. Everything is
// invented from the citizen number: the same number is always the same person.
type Citizen struct {
	IDNumber    string `json:"id_number"`
	FullName    string `json:"full_name"`
	BirthDate   string `json:"birth_date"`
	Sex         string `json:"sex"`
	Nationality string `json:"nationality"`
	Province    string `json:"province"`
	Commune     string `json:"commune"`
	Address     string `json:"address"`
	IDIssuedOn  string `json:"id_issued_on"`
	IDIssuedBy  string `json:"id_issued_by"`
	IDExpiresOn string `json:"id_expires_on"`
	Phone       string `json:"phone"`
}

var streets = []string{"Trần Thái Tông", "Nguyễn Trãi", "Lê Lợi", "Hai Bà Trưng", "Điện Biên Phủ", "Phan Đình Phùng",
	"Lý Thường Kiệt", "Hoàng Hoa Thám"}

// cities are the provinces that are cities under central rule, in the names of the citizen numbers.
var cities = map[string]bool{"HÀ NỘI": true, "HẢI PHÒNG": true, "ĐÀ NẴNG": true, "CẦN THƠ": true}

// CitizenOf returns the person behind a citizen number. No person has a number whose digits say a birth that is still to
// come.
func CitizenOf(idNumber string, now time.Time) (Citizen, error) {
	if !citizenID.MatchString(idNumber) {
		return Citizen{}, fmt.Errorf("%w: a citizen number has 12 digits", kernel.ErrInvalid)
	}
	p, _ := Of(idNumber)
	d := newDice("citizen " + idNumber)
	birth := time.Date(birthYear(idNumber), time.Month(1+d.below(12)), 1+d.below(28), 0, 0, 0, 0, time.UTC)
	if birth.After(now) {
		return Citizen{}, fmt.Errorf("%w: the person of this number is not born yet", kernel.ErrInvalid)
	}
	issued, expires := cardDates(birth, now, d.below(1200))
	c := Citizen{
		IDNumber: idNumber, FullName: properCase(p.Name), BirthDate: birth.Format(time.DateOnly), Sex: "male", Nationality: "VN",
		Province: provinceTitle(p.Province), Commune: properCase(p.Locality),
		Address:    fmt.Sprintf("Số %d đường %s", 1+d.below(200), d.pick(streets)),
		IDIssuedOn: issued.Format(time.DateOnly), IDIssuedBy: "Cục Cảnh sát QLHC về TTXH", Phone: phoneOf(idNumber),
	}
	if idNumber[3]%2 == 1 {
		c.Sex = "female"
	}
	if !issued.Before(time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC)) { // Law 26/2023/QH15
		c.IDIssuedBy = "Bộ Công an"
	}
	if !expires.IsZero() {
		c.IDExpiresOn = expires.Format(time.DateOnly)
	}
	return c, nil
}

// below returns a number from 0 up to and without n.
func (d *dice) below(n int) int {
	d.n = d.n*6364136223846793005 + 1442695040888963407
	return int((d.n >> 33) % uint64(n))
}

// birthYear reads the fourth to sixth digit: century and sex, then the year.
func birthYear(id string) int {
	year, _ := strconv.Atoi(id[4:6]) // the caller checked the digits
	return 1900 + int(id[3]-'0')/2*100 + year
}

// cardDates returns when the card was issued and until when it is valid: up to the birthday of 25, 40 or 60 that is
// more than two years away, and without end after that. A card that ended was renewed. expires is zero when the card
// does not end.
func cardDates(birth, now time.Time, days int) (issued, expires time.Time) {
	issued = time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
	if grown := birth.AddDate(14, 1, 0); issued.Before(grown) {
		issued = grown
	}
	if issued.After(now) {
		issued = birth.AddDate(0, 0, int(now.Sub(birth)/(48*time.Hour)))
	}
	for _, age := range []int{14, 25, 40, 60} {
		end := birth.AddDate(age, 0, 0)
		if !issued.Before(end.AddDate(-2, 0, 0)) {
			continue
		}
		if end.After(now) {
			return issued, end
		}
		issued = end.AddDate(0, 0, -20)
	}
	return issued, time.Time{}
}

// phoneOf makes a mobile number of nine digits after the zero. Numbers that differ in the last eight digits alone have
// different phones.
func phoneOf(id string) string {
	first, _ := strconv.Atoi(id[:4]) // the caller checked the digits
	last, _ := strconv.Atoi(id[4:])
	return fmt.Sprintf("09%08d", (last+first*60013)%100_000_000)
}

// properCase writes an upper-case name as cards do: Nguyễn Văn Minh.
func properCase(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		letters := []rune(strings.ToLower(word))
		letters[0] = unicode.ToUpper(letters[0])
		words[i] = string(letters)
	}
	return strings.Join(words, " ")
}

func provinceTitle(name string) string {
	const city = "THÀNH PHỐ "
	switch {
	case strings.HasPrefix(name, city):
		return "Thành phố " + properCase(strings.TrimPrefix(name, city))
	case cities[name]:
		return "Thành phố " + properCase(name)
	default:
		return "Tỉnh " + properCase(name)
	}
}
