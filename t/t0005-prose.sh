#!/bin/bash
# the English of comments in src/ and t/, and of titles of checks in t/: few pronouns without a
# noun,
# few sentences without a subject. "Where" is for places; a condition starts with if, when or unless
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

cd "$TEST_TOP" || bail_out 'no project'
shopt -s nullglob globstar

# awk: words(TEXT) prints a line for each word: FILE:LINE, whether it opens a sentence (1 or 0), the
# word
# shellcheck disable=SC2016
words='
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
	}'

# words_of_c FILE...: the words of comments
words_of_c() {
	awk "$words"'
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

# words_of_shell FILE...: the words of comments, and of titles of checks
words_of_shell() {
	awk "$words"'
	/^[ \t]*#/ {
		opens = before != FNR - 1 || $0 ~ /^[ \t]*#\t/ || opens
		before = FNR
		words($0)
		next
	}
	{ opens = 1 }
	match($0, /^[ \t]*(ok|nok|pass|fail|ok_within [^ ]+) ("[^"]*"|\x27[^\x27]*\x27)/) {
		text = substr($0, RSTART, RLENGTH)
		sub(/^[^"\x27]*/, "", text)
		words(text)
		next
	}
	/^[ \t]*(is|isnt|like|unlike|(is|like|unlike)_[a-z]+|["\x27]).* ?("[^"]*"|\x27[^\x27]*\x27)$/ {
		if (match($0, /("[^"$]*"|\x27[^\x27^$]*\x27)$/))
			words(substr($0, RSTART))
	}' "$@"
}

# at_most N NAME CONDITION: at most N of 1,000 words meet CONDITION, which awk evaluates; a failure
# prints their places. $2: the word opens a sentence; $3: the word
at_most() {
	local places n
	places=$(awk "$3 { print \$1 \": \" \$3 }" words)
	n=$(grep -c . <<<"$places")
	set -- "$1" "$folder: $2: $n in $total words, at most $1 of 1,000"
	if ((n * 1000 <= $1 * total)); then
		pass "$2"
	else
		fail "$2" "$places"
	fi
}

for folder in src t; do
	c=("$folder"/**/*.[ch])
	[ ${#c[@]} -gt 0 ] || bail_out "no sources in $folder"
	words_of_c "${c[@]}" >"$TEST_TMP/words"
	# this script names the words that it counts
	mapfile -t shell < <(grep -lrsE '^#!/bin/bash|^# shellcheck shell' "$folder" | grep -v t0005)
	[ ${#shell[@]} = 0 ] || words_of_shell "${shell[@]}" >>"$TEST_TMP/words"
	cd "$TEST_TMP" || bail_out 'no folder'
	total=$(wc -l <words)
	ok "$folder: there are comments" test "$total" -gt 1000
	# shellcheck disable=SC2016
	{
		at_most 1 'who, whoever, nobody, somebody' '$3 ~ /^([Ww]ho|[Ww]hoever|[Nn]obody|[Ss]omebody)$/'
		at_most 1 'sentences that open with What, Who, Where or Of' '$2 && $3 ~ /^(What|Who|Where|Of)$/'
		at_most 3 'where' '$3 ~ /^[Ww]here$/'
	}
	cd "$TEST_TOP" || bail_out 'no project'
done

done_testing
