#!/bin/bash
# the floors of src/: a file includes its own header first, and else headers of lower floors alone
# (a command has none: cmd.h is the first of the project's)
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# A line is a step; a file may include headers of its own line and of those below. The number is the floor
# as src/README.md has it. NAME stands for NAME.c, NAME.h, NAME_*.c and NAME_internal.h, which are
# one module; cmd_* for the commands, each of which is one, and none may know another.
floors='
5	main
4	cmd_*
4	complete
4	cmd
4	view
3	chain
3	sentinel cancel queue reconcile supervise expand
3	hosts
3	drain select
3	outcome
3	brake loader
3	store
2	ticket
2	db slurm spool sweepfile fs
1	policy
1	sweep setting
1	template csv doc env opt proc journal table
1	amount sbatch
1	job json guess number complaint cgroup
0	err buf clock utf8 failpoint
'

# What only some files may use: a regular expression, and shell patterns of the files
headers='
sqlite3\.h	db*.c db_internal.h
yaml\.h	sweepfile*.c
'
calls='
(v?fork|clone3?|posix_spawnp?|exec(l|lp|le|v|vp|ve|vpe)|fexecve|system|popen)	proc.c
(wait|wait3|wait4|waitpid|waitid)	proc.c
(fsync|fdatasync|syncfs|rename|renameat|renameat2)	spool*.c db*.c
(exit|quick_exit|atexit)	main.c
_exit|_Exit	proc.c
(printf|puts|putchar|perror|err|errx|warn|warnx|vwarn|vwarnx)	main.c cmd*.c
'
words='
stderr	main.c cmd*.c
'

cd "$TEST_TOP/src" || bail_out 'no src'
shopt -s nullglob
files=(*.c *.h)
[ ${#files[@]} -gt 0 ] || bail_out 'no sources in src'

# The table

declare -A step floor
n=0
while read -r no names; do
	[ -n "$no" ] || continue
	n=$((n + 1))
	set -f
	for name in $names; do
		step[$name]=$n floor[$name]=$no
	done
	set +f
done < <(tac <<<"$floors")

# module FILE: the row that it belongs to, in $REPLY
module() {
	local name=${1%.[ch]}
	name=${name%_internal}
	until [ -n "${step[$name]-}" ]; do
		if [[ $name == cmd_* ]]; then
			name='cmd_*'
		elif [[ $name == *_* ]]; then
			name=${name%_*}
		else
			return 1
		fi
	done
	REPLY=$name
}

# own_header FILE.c MODULE: the one that it has to include first, in $REPLY
own_header() {
	local name=${1%.c}
	if [ "$1" = main.c ]; then
		REPLY=''
	elif [ -e "$name.h" ]; then
		REPLY=$name.h
	elif [ "$2" = 'cmd_*' ]; then
		REPLY=cmd.h
	elif [ "$2" != "$name" ] && [ -e "$2_internal.h" ]; then
		REPLY=$2_internal.h
	else
		REPLY=$2.h
	fi
}

# Sources without comments, and those without what stands between quotes

mkdir "$TEST_TMP/src" "$TEST_TMP/bare"
for f in "${files[@]}"; do
	cc -x c -fpreprocessed -dD -E -P "$f" >"$TEST_TMP/src/$f" 2>/dev/null || bail_out "cannot read $f"
	sed -E "s/\"([^\"\\\\]|\\\\.)*\"/\"\"/g; s/'([^'\\\\]|\\\\.)*'/''/g" "$TEST_TMP/src/$f" >"$TEST_TMP/bare/$f"
done

includes() {
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/\1/p' "$TEST_TMP/src/$1"
}

# breaches FILE: a line each
breaches() {
	local f=$1 mod own inc h first=1 hmod
	module "$f" || {
		printf 'no floor is known for %s: add it to the table in t/%s, and to src/README.md\n' "$f" "$TEST_NAME"
		return
	}
	mod=$REPLY own=''
	if [[ $f == *.c ]]; then
		own_header "$f" "$mod"
		own=$REPLY
	fi
	while read -r inc; do
		h=${inc:1:-1}
		[ "$mod:${inc::1}" != 'cmd_*:<' ] || continue
		if [ -n "$first" ] && [ -n "$own" ] && [ "$inc" != "\"$own\"" ]; then
			printf 'includes %s first, and not "%s"\n' "$inc" "$own"
		fi
		first=''
		[[ $inc == \"* ]] || continue
		[ "$h" != "$own" ] || continue
		module "$h" || {
			printf 'includes %s, which is on no floor\n' "$inc"
			continue
		}
		hmod=$REPLY
		if [[ $h == *_internal.h ]] && [ "$hmod" != "$mod" ] && [ "$mod" != cancel ]; then
			printf 'includes %s, which is for %s.c and %s_*.c alone\n' "$inc" "$hmod" "$hmod"
		elif [ "$mod" = "$hmod" ] && [ "$mod" != 'cmd_*' ]; then
			continue
		elif [ "${step[$hmod]}" -gt "${step[$mod]}" ]; then
			printf 'floor %s includes %s of floor %s, which is not below it\n' \
				"${floor[$mod]}" "$inc" "${floor[$hmod]}"
		fi
	done < <(includes "$f")
}

for f in "${files[@]}"; do
	is "$(breaches "$f")" '' "$f includes what is below it"
done

# allowed FILE PATTERN...
allowed() {
	local f=$1 pattern
	shift
	for pattern; do
		# shellcheck disable=SC2053
		[[ $f != $pattern ]] || return 0
	done
	return 1
}

# users FOLDER REGEX PATTERN...: lines that match, of files that may not
users() {
	local dir=$1 regex=$2 f
	shift 2
	for f in "${files[@]}"; do
		allowed "$f" "$@" || grep -HnE -e "$regex" "$TEST_TMP/$dir/$f" | sed 's,.*/,,; s/:[0-9]*:/: /'
	done
}

set -f
while IFS=$'\t' read -r what where; do
	[ -n "$what" ] || continue
	# shellcheck disable=SC2086
	is "$(users src "#[[:space:]]*include[[:space:]]*[<\"]$what" $where)" '' \
		"${what/\\/} is for $where"
done <<<"$headers"
while IFS=$'\t' read -r what where; do
	[ -n "$what" ] || continue
	# shellcheck disable=SC2086
	is "$(users bare "(^|[^[:alnum:]_.>])($what)[[:space:]]*\\(" $where)" '' \
		"$what() is for $where"
done <<<"$calls"
while IFS=$'\t' read -r what where; do
	[ -n "$what" ] || continue
	# shellcheck disable=SC2086
	is "$(users bare "(^|[^[:alnum:]_.>])($what)([^[:alnum:]_]|\$)" $where)" '' "$what is for $where"
done <<<"$words"
set +f

done_testing
