#!/usr/bin/env bash
# Fails where English text of this repository says a thing in a word that readers stumbled over, and says which word is meant.
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
exit $code
