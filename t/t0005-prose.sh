#!/bin/bash
# the English of the comments in src/: few pronouns without a noun, few sentences without a subject.
# Where is for places; a condition is introduced by if, when or unless
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

cd "$TEST_TOP/src" || bail_out 'no src'
shopt -s nullglob globstar
files=(**/*.[ch])
[ ${#files[@]} -gt 0 ] || bail_out 'no sources in src'

# Print a line for each word of a comment: FILE:LINE, whether it opens a sentence (1 or 0), the word.
words_of_comments() {
	awk '
	function words(text,    n, i, v, w) {
		n = split(text, v, /[ \t]+/)
		for (i = 1; i <= n; i++) {
			w = v[i]
			gsub(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/, "", w)
			if (w == "")
				continue
			print FILENAME ":" FNR, opens, w
			opens = v[i] ~ /[.:?!][)"\x27]*$/
		}
	}
	FNR == 1 { inside = 0 }
	{
		line = $0
		while (line != "") {
			if (inside) {
				at = index(line, "*/")
				text = at ? substr(line, 1, at - 1) : line
				sub(/^[ \t]*\*/, "", text)
				words(text)
				inside = !at
				line = at ? substr(line, at + 2) : ""
				continue
			}
			# a comment, or a literal in which there is none
			if (!match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\x27([^\x27\\]|\\.)*\x27/))
				break
			found = substr(line, RSTART, 2)
			line = substr(line, RSTART + (found ~ /^\/[*\/]/ ? 2 : RLENGTH))
			if (found == "/*") {
				inside = opens = 1
			} else if (found == "//") {
				opens = 1
				words(line)
				break
			}
		}
	}' "$@"
}

# at_most N NAME CONDITION: at most N of 1,000 words meet CONDITION, which awk evaluates; a failure
# prints their places. $2: the word opens a sentence; $3: the word
at_most() {
	local places n
	places=$(awk "$3 { print \$1 \": \" \$3 }" words)
	n=$(grep -c . <<<"$places")
	set -- "$1" "$2: $n in $total words, at most $1 of 1,000"
	if ((n * 1000 <= $1 * total)); then
		pass "$2"
	else
		fail "$2" "$places"
	fi
}

words_of_comments "${files[@]}" >"$TEST_TMP/words"
cd "$TEST_TMP" || bail_out 'no folder'
total=$(wc -l <words)
ok 'there are comments' test "$total" -gt 1000
# shellcheck disable=SC2016
{
	at_most 1 'who, whoever, nobody, somebody' '$3 ~ /^([Ww]ho|[Ww]hoever|[Nn]obody|[Ss]omebody)$/'
	at_most 1 'sentences that open with What, Who, Where or Of' '$2 && $3 ~ /^(What|Who|Where|Of)$/'
	at_most 3 'where' '$3 ~ /^[Ww]here$/'
}

done_testing
