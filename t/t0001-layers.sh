#!/bin/bash
# the layers of src/: a file includes its own header first, then only headers of its own folder and
# of folders below it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# The folders of src/, highest first. A file may include headers of its own folder and of those in
# later lines; src/README.md describes each folder.
layers='cmd chain store sweep slurm lib'

# Functions and headers that only some files may use: a regular expression, and shell patterns of
# the files below src/. The functions for no file load libraries or tables of glibc at run time
# (name service, locales, character sets), which a static binary does not bring along
headers='
sqlite3\.h	store/db*.[ch]
yaml\.h	sweep/sweepfile*.c
'
calls='
(v?fork|clone3?|posix_spawnp?|exec(l|lp|le|v|vp|ve|vpe)|fexecve|system|popen)	lib/proc*.c
(wait|wait3|wait4|waitpid|waitid)	lib/proc*.c
(fsync|fdatasync|syncfs|rename|renameat|renameat2)	store/folder*.c store/db*.c lib/output.c
(exit|quick_exit|atexit)	main.c
_exit|_Exit	lib/proc*.c
(printf|puts|putchar|perror|err|errx|warn|warnx|vwarn|vwarnx)	main.c cmd/*.c
((get|set|end)(pw|gr|host|serv|proto|net)(ent|by[a-z]+|nam|uid|gid)(_r)?|getaddrinfo|getnameinfo|getlogin_r|iconv_open|(new|set)locale|dlopen)	none
'
words='
stderr	main.c cmd/*.c
'

cd "$TEST_TOP/src" || bail_out 'no src'
shopt -s nullglob globstar
files=(**/*.[ch])
[ ${#files[@]} -gt 0 ] || bail_out 'no sources in src'

# layer FOLDER: sets $REPLY to its place in the list, lowest highest; main.c is above all
layer() {
	local n=1 name
	if [ "$1" = . ]; then
		REPLY=0
		return
	fi
	for name in $layers; do
		REPLY=$n
		[ "$name" != "$1" ] || return 0
		n=$((n + 1))
	done
	return 1
}

folder() {
	case $1 in
	*/*) REPLY=${1%/*} ;;
	*) REPLY=. ;;
	esac
}

# own_headers FILE.c: sets $REPLY to the headers that it may include first, with a space around
# each: its own header, or the header of its module, or, for a command, cmd.h; none: any header
own_headers() {
	local name=${1%.c} found=''
	if [ -e "$name.h" ]; then
		REPLY=" $name.h "
		return
	fi
	while [[ ${name##*/} == *_* ]]; do
		name=${name%_*}
		for REPLY in "${name}_internal.h" "$name.h"; do
			[ ! -e "$REPLY" ] || found="$found $REPLY "
		done
	done
	[[ $1 != cmd/* ]] || found="$found cmd/cmd.h "
	REPLY=$found
}

# Sources without comments, and sources without comments and strings

for f in "${files[@]}"; do
	mkdir -p "$TEST_TMP/src/${f%/*}" "$TEST_TMP/bare/${f%/*}" 2>/dev/null
done
rm -rf "$TEST_TMP"/{src,bare}/main.c
for f in "${files[@]}"; do
	cc -x c -fpreprocessed -dD -E -P "$f" >"$TEST_TMP/src/$f" 2>/dev/null || bail_out "cannot read $f"
	sed -E "s/\"([^\"\\\\]|\\\\.)*\"/\"\"/g; s/'([^'\\\\]|\\\\.)*'/''/g" "$TEST_TMP/src/$f" >"$TEST_TMP/bare/$f"
done

includes() {
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/\1/p' "$TEST_TMP/src/$1"
}

# breaches FILE: prints each include that breaks a layer, a line each
breaches() {
	local f=$1 mine own inc h first=1
	folder "$f"
	layer "$REPLY" || {
		printf 'src/%s is in no known folder: %s\n' "$f" "$layers"
		return
	}
	mine=$REPLY own=''
	if [[ $f == *.c ]]; then
		own_headers "$f"
		own=$REPLY
	fi
	while read -r inc; do
		h=${inc:1:-1}
		if [ -n "$first" ] && [ -n "$own" ] && [[ $own != *" $h "* ]]; then
			[[ $f == cmd/* && $inc == \<* ]] || printf 'includes %s first, and none of%s\n' "$inc" "$own"
		fi
		[[ $f == cmd/* && $inc == \<* ]] || first=''
		[[ $inc == \"* ]] || continue
		[ -e "$h" ] || {
			printf 'includes "%s", which is no path below src/\n' "$h"
			continue
		}
		folder "$h"
		layer "$REPLY"
		if [ "$REPLY" -lt "$mine" ]; then
			printf 'includes "%s" of a higher layer\n' "$h"
		elif [[ $h == *_internal.h && ${h%/*}/$(basename "$f") != ${h%_internal.h}* ]]; then
			printf 'includes "%s", which is for %s*.c alone\n' "$h" "${h%_internal.h}"
		fi
	done < <(includes "$f")
}

for f in "${files[@]}"; do
	is "$(breaches "$f")" '' "$f includes its own header first, and none of a higher layer"
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

# users FOLDER REGEX PATTERN...: prints matching lines of files that match no PATTERN
users() {
	local dir=$1 regex=$2 f
	shift 2
	for f in "${files[@]}"; do
		allowed "$f" "$@" || grep -nE -e "$regex" "$TEST_TMP/$dir/$f" | sed "s,^[0-9]*:,$f: ,"
	done
}

set -f
while IFS=$'\t' read -r item owners; do
	[ -n "$item" ] || continue
	# shellcheck disable=SC2086
	is "$(users src "#[[:space:]]*include[[:space:]]*[<\"]$item" $owners)" '' \
		"${item/\\/} is for $owners"
done <<<"$headers"
while IFS=$'\t' read -r item owners; do
	[ -n "$item" ] || continue
	# shellcheck disable=SC2086
	is "$(users bare "(^|[^[:alnum:]_.>])($item)[[:space:]]*\\(" $owners)" '' \
		"$item() is for $owners"
done <<<"$calls"
while IFS=$'\t' read -r item owners; do
	[ -n "$item" ] || continue
	# shellcheck disable=SC2086
	is "$(users bare "(^|[^[:alnum:]_.>])($item)([^[:alnum:]_]|\$)" $owners)" '' "$item is for $owners"
done <<<"$words"
set +f

done_testing
