#!/bin/bash
# errors on a terminal: wrapped at words, painted, and for a sweep file with the line and a mark
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v script >/dev/null || skip_all 'no script(1)'

# seen COLUMNS COMMAND: runs it on a terminal of that width; $out is its output without colours, $raw with them
seen() {
	script -qec "stty cols $1 rows 24; TERM=xterm LC_ALL=C.UTF-8 $2" /dev/null </dev/null >"$out_file"
	cmd=$2
	raw=$(tr -d '\r' <"$out_file")
	out=$(tr -d '\r' <"$out_file" | sed $'s/\e\\[[0-9;]*m//g')
}
fits() {
	is "$(LC_ALL=C.UTF-8 awk -v n="$1" 'length > n' <<<"$out")" '' "$cmd fits $1 columns"
}

# An error

for columns in 40 80; do
	seen $columns 'slurmq show 7'
	fits $columns
	is "$(tr -s ' \n' '  ' <<<"$out" | sed 's/ $//')" \
		"slurmq show: no .slurmq in '$TEST_TMP' or above it: make one with slurmq init, or go to the folder that has it (-C DIR)" \
		'all words are there'
done
is "$(tail -n +2 <<<"$out" | grep -vc '^    [^ ]')" 0 'lines that continue are indented'
like "$raw" $'^\e\\[31mslurmq show: \e\\[0mno' 'the command is red'
seen 80 'env NO_COLOR=1 slurmq show 7'
is "$raw" "$out" 'NO_COLOR: no colours'
run slurmq show 7
is "$(wc -l <"$err_file")" 1 'a line for a pipe'
unlike_err $'\e'

# A sweep file: the line, and a mark under the column

# marked FILE: expands FILE on a terminal of 80 columns
marked() {
	seen 80 "slurmq expand --dry-run $1"
	fits 80
}
cat >a.yaml <<'END'
name: a
params: {lr: [1]}
parms: {seed: [1, 2]}
run: [echo, "{lr}"]
END
marked a.yaml
is "$(sed -n 1,3p <<<"$out")" "a.yaml:3:1: error: unknown key 'parms', did you mean 'params'?
    3 | parms: {seed: [1, 2]}
      | ^" 'an error'
like "$raw" $'^a\\.yaml:3:1: \e\\[31merror:\e\\[0m unknown' 'error: is red'
run slurmq expand --dry-run a.yaml
like_err "^a\\.yaml:3:1: error: unknown key 'parms', did you mean 'params'\\?$"
is "$(wc -l <"$err_file")" 2 'a pipe gets no line of the file'

# the byte order mark, tabs and characters of several bytes count as on the screen
printf '\xef\xbb\xbfname: ä ü\nparams: {"é": [1], ü: [2]}\nrun: [echo, "{lr}"]\n' >b.yaml
marked b.yaml
is "$(grep -A1 '^ *1 | ' <<<"$out")" "    1 | name: ä ü
      |       ^" 'line 1'
printf 'name: b\nparams: {lr: ["\xe4\xb8\xad\xe6\x96\x87", "a\tb"]}\nrun: [echo, "{lr}"]\n' >wide.yaml
marked wide.yaml
is "$(sed -n 2,3p <<<"$out")" "$(printf '    2 | params: {lr: ["\xe4\xb8\xad\xe6\x96\x87", "a b"]}\n      |                       ^')" \
	'wide characters'
# a long line is cut, and the mark stays in sight
printf 'name: c\nparams: {lr: [%s, [1], %s]}\nrun: [echo, "{lr}"]\n' "$(seq -s ', ' 100)" "$(seq -s ', ' 100)" >long.yaml
marked long.yaml
is "$(grep -A1 '^ *2 | ' <<<"$out" | awk 'NR == 1 { line = $0 } NR == 2 { print substr(line, index($0, "^"), 3) }')" '[1]' \
	'a long line'
# warnings, and a file that the sweep file names
printf '#!/bin/bash\n#SBATCH --signal=USR1@60\necho\n' >job.sh
printf 'name: d\nparams: {lr: [1], seed: 1 2}\nscript: [job.sh, "{lr}"]\n' >d.yaml
marked d.yaml
like_out '^d\.yaml:2:25: warning: '
like "$raw" $'\e\\[33mwarning:\e\\[0m' 'warning: is yellow'
is "$(grep -A1 '^ *2 | params' <<<"$out" | sed -n 2p | head -n 1)" "      |                         ^" 'a warning'
like_out '^    2 \| #SBATCH --signal=USR1@60$'

# Control characters reach no terminal

printf 'name: e\nparams: {lr: [1]}\nrun: [echo, "\e[31m{nothing}"]\n' >e.yaml
marked e.yaml
unlike "$raw" $'\e\\[31m\\{' 'no control character of the file'
seen 80 $'slurmq "fr\e[31mob"'
like_out "unknown command 'fr\\?\\[31mob'"

done_testing
