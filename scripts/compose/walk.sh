# The documented commands, as people use them: a citizen, a bank, a phone and an officer. Sourced, with
#   kyso                          the program
#   KYSO_URL, KYSO_API_KEY_FILE   the API, and a key to it
#   CONTROL                       the sandbox's control port
# shellcheck shell=bash disable=SC2154

# json EXPRESSION: a value of the JSON text on the standard input, which is j.
json() { node -e 'const j = JSON.parse(require("fs").readFileSync(0, "utf8")); console.log(eval(process.argv[1]) ?? "")' "$1"; }

control() { curl --silent --show-error --fail "$@"; }

# within SECONDS COMMAND…: repeats a command until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 1
	done
}

# has_come KIND ID STATUS; KIND is registration or signing.
has_come() { [ "$("$kyso" "$1" show "$2" --output json | json j.status)" = "$3" ]; }

# comes KIND ID STATUS: waits for it, and says so.
comes() {
	within 180 has_come "$@" || {
		"$kyso" "$1" show "$2" >&2
		echo "$1 $2 did not come to $3" >&2
		return 1
	}
	echo "  $1 $2: $3"
}

# code PURPOSE: has a one-time code sent, and prints it from the phone's inbox.
code() {
	local before
	before=$(texts)
	if [ "$1" = account ]; then
		"$kyso" register otp "$registration" --phone "$phone" >/dev/null
	else
		"$kyso" register otp "$registration" --purpose "$1" >/dev/null
	fi
	within 60 more_texts "$before"
	control "$CONTROL/sms?phone=$phone" | json 'j.messages.at(-1).text.match(/\b\d{6}\b/)[0]'
}
texts() { control "$CONTROL/sms?phone=$phone" | json j.messages.length; }
more_texts() { [ "$(texts)" -gt "$1" ]; }

# begin_registration CITIZEN: from VNeID to an order that waits for money. Sets registration and phone.
begin_registration() {
	local token password
	token=$(control -X POST "$CONTROL/vneid/$1/request" | json j.token)
	phone=$(control "$CONTROL/vneid/$1" | json j.person.phone)
	registration=$("$kyso" register start --token "$token" --output ids)
	comes registration "$registration" handed-off
	password=$(mktemp)
	echo 'mật khẩu của buổi thử' >"$password"
	"$kyso" register account "$registration" --code "$(code account)" --email "c$1@example.vn" --password-file "$password" >/dev/null
	rm "$password"
	comes registration "$registration" account-ready
	"$kyso" register package "$registration" PS1 >/dev/null
	comes registration "$registration" awaiting-payment
}

# pay_and_agree: opens the bank's page as a browser does and pays there; then the contract.
pay_and_agree() {
	local page
	page=$("$kyso" register pay "$registration" 2>/dev/null)
	control --output /dev/null "$page"
	# shellcheck disable=SC2001 # a group of a pattern is what sed can
	control --output /dev/null -X POST "$CONTROL/payments/$(sed 's/.*\(KS[0-9A-F]\{24\}[0-9][0-9]\).*/\1/' <<<"$page")/pay"
	comes registration "$registration" awaiting-contract
	"$kyso" register contract "$registration" --code "$(code contract)" >/dev/null
	comes registration "$registration" in-review
}

# finish_registration CITIZEN: officer, CA, PIN, activation code and acceptance record.
finish_registration() {
	"$kyso" registration approve "$registration" --checked all >/dev/null
	comes registration "$registration" activating
	within 60 control --output /dev/null -X POST "$CONTROL/users/$1/pin?pin=280594"
	within 60 pin_is_set
	"$kyso" register activate "$registration" --code "$(code activation)" >/dev/null
	comes registration "$registration" accepting
	within 60 approved_on_phone "$1"
	comes registration "$registration" active
}
pin_is_set() { [ -n "$("$kyso" registration show "$registration" --output json | json j.activation?.pin_set_at)" ]; }

# approved_on_phone USER: presses the button of a request that waits.
approved_on_phone() { [ "$(control -X POST "$CONTROL/users/$1/approve" | json j.requests)" -gt 0 ]; }

# begin_signing FILE USER: the phone shows the request. Sets signing.
begin_signing() {
	signing=$("$kyso" sign "$1" --user "$2" --watch=false --output ids 2>/dev/null)
	comes signing "$signing" awaiting-approval
}

# finish_signing USER FILE: approves, fetches the file, and has kyso and Poppler judge it.
finish_signing() {
	within 60 approved_on_phone "$1"
	"$kyso" signing watch "$signing" --out "$2" --force --timeout 3m >/dev/null 2>&1
	comes signing "$signing" signed
	"$kyso" verify "$2" --trust "$trust" --allow-private >/dev/null
	pdfsig "$2" | grep -E 'Signature is Valid|Total document signed' | sort -u | tee "$2.pdfsig" | sed 's/^[ -]*/  pdfsig: /'
	[ "$(wc -l <"$2.pdfsig")" = 2 ]
}

# ledger KIND: how many effects of a kind the world has seen.
ledger() { control "$CONTROL/ledger?kind=$1" | json '(j.effects ?? j).length'; }

# sample FILE: a page to sign.
sample() {
	# shellcheck disable=SC2016 # the text is JavaScript
	node -e '
const parts = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
  "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents 4 0 R>>"];
const page = "BT /F 18 Tf 72 760 Td (A page to sign) Tj ET";
parts.push(`<</Length ${page.length}>>\nstream\n${page}\nendstream`);
let pdf = "%PDF-1.7\n", xref = `xref\n0 ${parts.length + 1}\n0000000000 65535 f \n`;
parts.forEach((part, i) => { xref += String(pdf.length).padStart(10, "0") + " 00000 n \n"; pdf += `${i + 1} 0 obj\n${part}\nendobj\n`; });
process.stdout.write(`${pdf}${xref}trailer\n<</Size ${parts.length + 1}/Root 1 0 R>>\nstartxref\n${pdf.length}\n%%EOF\n`);
' >"$1"
}
