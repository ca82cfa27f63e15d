#!/bin/bash
# manual pages, usage and completion agree
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

man=$TEST_TOP/man
run slurmq help --list-commands
is_status 0
mapfile -t commands <<<"$out"
ok 'there are commands' test "${#commands[@]}" -gt 10

# options PAGE: prints every option that the page explains, sorted
options() {
	awk '/^\.Sh /{ in_options = /^\.Sh OPTIONS/ } in_options && /^\.It Fl/' "$1" |
		sed 's/^\.It //; s/Fl Fl /--/g; s/Fl \([a-zA-Z]\) /-\1 /g; s/Fl \([a-zA-Z]\)$/-\1/' |
		grep -oE -- '(^|[ ,])(--[a-z-]+|-[a-zA-Z])( |$)' | tr -d ' ,' | sort
}

for name in "${commands[@]}"; do
	page=$man/slurmq-$name.1
	ok "$name has a manual page" test -s "$page" || continue
	is "$(options "$page")" "$(slurmq help --list-options "$name" | sort)" \
		"$name: the page has exactly the command's options"
	is "$(sed -n 's/^\.Nd //p' "$page")" "$(slurmq "$name" -h | sed -n 3p)" \
		"$name: the page's name line is that of -h"
	ok "$name is in slurmq(1)" grep -qx "\.It Xr slurmq-$name 1" "$man/slurmq.1"
done
for page in "$man"/slurmq-*.1; do
	name=${page##*/slurmq-}
	like "$(printf '%s\n' "${commands[@]}")" "^${name%.1}\$" "${page##*/} is the page of a command"
done
is "$(options "$man/slurmq.1")" "$(printf '%s\n' -C --directory --color -V --version -h --help | sort)" \
	'slurmq(1) has the options before a command'

if command -v mandoc >/dev/null; then
	# examples stand before the options, which is not the order of mdoc(7)
	for page in "$man"/*.1; do
		is "$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'sections out of conventional order')" '' \
			"${page##*/}: mandoc reports nothing"
	done
else
	skip "$(find "$man" -name '*.1' | wc -l)" 'mandoc is not installed'
fi

# Completion, as bash does it

# complete WORD...: prints the candidates for the last word
complete_words() {
	# shellcheck disable=SC2016
	bash -c '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _slurmq; printf "%s\n" "${COMPREPLY[@]}"' \
		"$TEST_TOP/completions/slurmq.bash" slurmq "$@" | sort
}

is "$(complete_words '')" "$(printf '%s\n' "${commands[@]}" | sort)" 'completion offers every command'
is "$(complete_words sta)" status 'commands with that prefix'
topics() {
	local page
	for page in "$man"/slurmq-*.[57]; do
		page=${page##*/slurmq-}
		printf '%s\n' "${page%.*}"
	done
}
is "$(complete_words help '')" "$({ printf '%s\n' "${commands[@]}" && topics; } | sort)" 'commands and topics after help'
is "$(complete_words -C . --color never sub)" submit 'after options with values'
is "$(complete_words --color '')" $'always\nauto\nnever' 'colours'
for name in "${commands[@]}"; do
	is "$(complete_words "$name" -)" "$(slurmq help --list-options "$name" | sort)" \
		"completion offers the options of $name"
done
mkdir files
touch files/sweep.yaml
is "$(complete_words expand files/sw)" files/sweep.yaml 'files for expand'
is "$(complete_words nonsense -)" '' 'nothing for an unknown command'
holds_no_list() {
	local name
	for name in "${commands[@]}"; do
		case $name in help | expand | init) continue ;; esac
		! grep -v '^#' "$TEST_TOP/completions/slurmq.bash" | grep -qE "(^|[^-a-z])$name([^-a-z]|\$)" ||
			printf '%s\n' "$name"
	done
}
is "$(holds_no_list)" '' 'the completion holds no list of commands'

done_testing
