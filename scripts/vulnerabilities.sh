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

db=$(database)
found=$(mktemp)
trap 'rm -f "$found"' EXIT
for program in "$@"; do
	code=0
	"$go" run "$govulncheck" -db "file://$db" -mode binary "$program" >"$found" 2>&1 || code=$?
	[ "$code" = 0 ] || grep -q '^Vulnerability #' "$found" || { cat "$found" >&2; exit 1; }
	library=$(sed -n 's/^ *Fixed in: .*@\(go[0-9.]*\)$/\1/p' "$found" | sort -Vu | tail -1)
	[ -z "$library" ] || echo "$program: Go's library has vulnerabilities that $library fixes; build releases with it" >&2
	if grep -q '^ *Module: ' "$found"; then
		grep -B1 -A9 '^ *Module: ' "$found" >&2
		exit 1
	fi
	echo "$program: no module with a known vulnerability is called"
done
