#!/usr/bin/env bash
# Fails when a program that make build leaves in bin/ contains a function with a known vulnerability of a Go module. What is
# known comes with the module golang.org/x/vulndb, so the module proxy is all that has to be reachable; VULNDB=latest asks for
# the newest. A vulnerability of Go's own library is printed and fails nothing: the toolchain of the machine decides it.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
version=${VULNDB:-v0.0.0-20261105234957-e22db6528018}
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kyso

# Vulnerabilities that no version of the module corrects and that kyso does not reach, with the reason. Look again when the list is raised.
accepted=(
	GO-2026-6872 # echo takes X-Forwarded-For for an address: only its rate limiter asks, and Temporal's UI, which kyso dev serves on loopback, has none
	GO-2026-6875 # echo's reverse proxy hands X-Real-IP on: Temporal's UI has no reverse proxy
)

# database makes the index that govulncheck reads, once for each version, and prints where it is.
database() {
	local module=golang.org/x/vulndb described folder made
	described=$(cd / && GOFLAGS='' "$go" mod download -json "$module@$version")
	folder=$(sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<<"$described")
	made=$cache/vulndb-${folder##*@}
	if [ ! -d "$made" ]; then
		rm -rf "$made.part"
		mkdir -p "$cache"
		(cd / && GOFLAGS='' "$go" run "$module/cmd/indexdb@${folder##*@}" -vulns "$folder/data/osv" -out "$made.part") >&2
		mv "$made.part" "$made"
	fi
	echo "$made"
}

# of_modules prints what govulncheck says of modules, without what is accepted.
of_modules() {
	awk -v accepted=" ${accepted[*]} " '
		function end() { if (module && !index(accepted, " " id " ")) printf "%s", text; text = ""; module = 0 }
		/^Vulnerability #/ { end(); id = $3 }
		/^ *Module: / { module = 1 }
		/^Your code is affected by/ { end(); id = "" }
		id { text = text $0 "\n" }
		END { end() }' "$1"
}

db=$(database)
found=$(mktemp)
trap 'rm -f "$found"' EXIT
for program in "$@"; do
	code=0
	"$go" run "$govulncheck" -db "file://$db" -mode binary "$program" >"$found" 2>&1 || code=$?
	[ "$code" = 0 ] || grep -q '^Vulnerability #' "$found" || { cat "$found" >&2; exit 1; }
	library=$(sed -n 's/^ *Fixed in: .*@\(go[0-9.]*\)$/\1/p' "$found" | sort -Vu | tail -1)
	[ -z "$library" ] || echo "$program: Go's library has vulnerabilities that $library fixes; build releases with it" >&2
	modules=$(of_modules "$found")
	if [ -n "$modules" ]; then
		echo "$modules" >&2
		exit 1
	fi
	echo "$program: no module with a known vulnerability is called"
done
