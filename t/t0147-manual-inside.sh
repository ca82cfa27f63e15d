#!/bin/bash
# the manual pages inside the binary: slurmq help prints them without man(1), and through a pager
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

man=$TEST_TOP/man

# A PATH without man(1)

mkdir bin
ln -s "$SLURMQ" bin/slurmq
# inside [NAME=VALUE...] PAGE: prints the page as slurmq itself formats it
inside() {
	run env -i PATH="$PWD/bin" "${@:1:$#-1}" slurmq help "${!#}"
}

# words: prints the words of a page from stdin, one a line, without its head, quotation marks, and the kind of dash and
# bullet
words() {
	sed 1d | tr -s '[:space:]' '\n' | sed "s/^[*o]\$/*/; s/^--*\$/-/; s/[\"'\`]//g; /^\$/d"
}

for page in "$man"/*.[157]; do
	name=${page##*/} name=${name%.*} topic=${name#slurmq-}
	inside "$topic"
	is_status 0
	is_err ''
	upper=${name^^}
	is "${out%%$'\n'*}" "$upper(${page##*.})" "$topic: the head"
	is "$(sed -n 's/^\.Sh //p' "$page")" "$(grep -E '^[A-Z]' <<<"$out" | sed 1d)" "$topic: every section"
	is "$(grep -nE '^ *\.[A-Z][a-z]|\\|\((aq|dq)' <<<"$out" | grep -vF "\\" | head)" '' "$topic: no macro is left"
	if command -v mandoc >/dev/null; then
		is "$(words <<<"$out")" "$(mandoc -T ascii "$page" | col -b | sed '$d' | words)" \
			"$topic: the same words as from mandoc"
	else
		skip 1 'mandoc is not installed'
	fi
	is "$(awk 'length > 80' <<<"$out")" '' "$topic fits 80 columns"
	is "$(grep -nE '[[:blank:]]$' <<<"$out")" '' "$topic: no line ends in a blank"
	is "$(uniq -d <<<"$out" | grep -c '^$')" 0 "$topic: no two empty lines"
done

# Lines are wrapped at the width of the terminal

if command -v script >/dev/null; then
	# at COLUMNS PAGE: prints the page on a terminal of that width
	at() {
		script -qec "stty cols $1 rows 24; env -i PATH='$PWD/bin' TERM=xterm NO_COLOR=1 slurmq help $2" /dev/null \
			</dev/null | tr -d '\r'
	}
	for columns in 60 120; do
		at "$columns" status >wide
		is "$(awk -v n="$columns" 'length > n && !/^ +[{$!"]|:|  /' wide)" '' "text fits $columns columns"
		ok "$columns columns are used" awk -v n="$columns" 'length > n - 10 && length <= n { found = 1 } END { exit !found }' wide
	done
	is "$(words <wide)" "$(at 60 status | words)" 'no word is lost'

	# A pager, on a terminal only. head prints what it was given after a mark: only that passed the pager

	# paged VARIABLE=VALUE...: prints the head of a page on a terminal
	paged() {
		script -qec "env -u PAGER -u SLURMQ_PAGER -u LESS TERM=xterm $* slurmq help pause" /dev/null </dev/null |
			tr -d '\r' | col -b
	}
	like "$(paged "PAGER='sed s/^/P:/'")" '^P:NAME' 'PAGER'
	like "$(paged "PAGER=false SLURMQ_PAGER='sed s/^/S:/'")" '^S:NAME' 'SLURMQ_PAGER is first'
	like "$(paged "PAGER='sed s/^/P:/' SLURMQ_PAGER=")" '^NAME' 'an empty one: none'
	like "$(paged "PAGER=cat")" '^NAME' 'cat: none'
	like "$(paged "PAGER=/no/such/pager")" '^NAME' 'a pager that does not exist: none'
	like "$(paged "PAGER='sed s/^/P:/' TERM=dumb")" '^NAME' 'a dumb terminal: none'
	like "$(paged "PAGER='X=Q:; sed s/^/\$X/'")" '^Q:NAME' 'the shell runs the command'
	like "$(paged "PAGER='echo \$LESS; cat'")" '^FRX' 'LESS is set for less'
	like "$(paged "PAGER='echo \$LESS; cat' LESS=i")" '^i$' 'unless the user has set it'
	cat >bin/less <<-'END'
		#!/bin/sh
		sed 's/^/L:/'
	END
	chmod +x bin/less
	like "$(paged "PATH=$PWD/bin:$PATH")" '^L:NAME' 'less, if no variable is set'
	like "$(paged "PAGER='sed s/^/P:/' sh -c 'slurmq help pause | cat'" | tail -n +2)" '^NAME' 'a pipe: none'
	is "$(paged "PAGER='sleep 0.3; cat >/dev/null; echo last' sh -c 'slurmq help pause; echo status \$?'" | tail -n 2)" \
		$'last\nstatus 0' 'slurmq waits for the pager'
	is "$(paged "PAGER='head -c 1 >/dev/null' sh -c 'slurmq help sweep; echo status \$?'" | tail -n 1)" \
		'status 0' 'a user who leaves the pager early is no error'
else
	skip 18 'no script(1)'
fi
run env PAGER='sed s/^/P:/' slurmq help pause
unlike_out '^P:'

# man(1) formats the page if it reads one from its standard input

cat >bin/man <<-'END'
	#!/bin/sh
	[ "$*" = '-l -' ] || exit 1
	while read -r line; do echo "man $MANWIDTH: $line"; done
END
chmod +x bin/man
inside pause
like_out '^man 80: \.Dt SLURMQ-PAUSE 1' 'man(1) gets the page'
for fault in 'exit 1' 'echo "No manual entry for -"' ':'; do
	printf '#!/bin/sh\n%s\n' "$fault" >bin/man
	inside pause
	is_status 0
	like_out '^NAME$' "a man(1) that does '$fault' is not used"
	is_err ''
done
if command -v man >/dev/null && man -w true >/dev/null 2>&1; then
	run slurmq help pause
	is_status 0
	like_out '^ +slurmq-pause '
	like_out 'SEE ALSO'
else
	skip 3 'no man(1)'
fi

done_testing
