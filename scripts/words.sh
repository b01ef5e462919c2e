#!/usr/bin/env bash
# Fails where text for Vietnamese readers names a certificate otherwise than chứng thư số (in names: chứng thư chữ ký số), and
# where English text of this repository says a thing in a word that readers stumbled over, and says which word is meant.
# It reads documents, comments, texts of programs and the API's document; not what Vietnamese readers see, and no tests. The Unix user
# nobody keeps its name.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each line: a pattern of whole words | what to write.
words() {
	cat <<-'END'
		told of|notified of, or: that the webhook reported
		word about|message about
		word from|message from
		mend(s|ed|ing)?|fix, correct
		stock|default
		beside|besides, next to
		wants|requires, needs
		good (for|once)|valid for, single use
		the same[.;)]|repeat the noun
		bears|handles, carries
		(made|make|makes|making) good|compensated, compensate
		a word before|a warning
		minds?|notes
		(some|no|every|any)body|the component or the role that acts
	END
}

files=$(git ls-files -co --exclude-standard -- '*.go' '*.md' '*.sh' '*.ts' '*.tsx' '*.mjs' '*.txtar' '*.yml' docs/openapi.json Makefile |
	grep -vE '^(internal/pgtest/server_linux\.go|scripts/words\.sh|README\.vi\.md)$|_test\.go$')
code=0
while IFS='|' read -r rule; do
	pattern=${rule%|*} instead=${rule##*|}
	# shellcheck disable=SC2086 # one argument for each file
	if grep -HnwiE "$pattern" $files; then
		echo "  ^ write: $instead" >&2
		code=1
	fi
done < <(words)
# The texts of papers are older, and change with their next edition only.
texts=$(git ls-files -co --exclude-standard -- '*.go' '*.ts' '*.tsx' '*.html' | grep -v '^internal/forms/')
# shellcheck disable=SC2086 # one argument for each file
if LC_ALL=C.UTF-8 grep -HnP '[Cc]hứng thư(?! số| chữ ký số)' $texts; then
	echo "  ^ write: chứng thư số" >&2
	code=1
fi
exit $code
