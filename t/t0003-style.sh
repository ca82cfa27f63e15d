#!/bin/bash
# what tools can say about the sources: shellcheck, clang-format, warnings, cppcheck, clang-tidy
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

cd "$TEST_TOP" || bail_out 'no project'

# have TOOL: returns whether TOOL is installed; if not, the check is skipped
have() {
	command -v "$1" >/dev/null && return
	[ -z "${TEST_REQUIRE-}" ] || fail "$1 is not installed"
	[ -n "${TEST_REQUIRE-}" ] || skip 1 "$1 is not installed"
	return 1
}

# Shell: by the first line, or by the name if there is no such line

# The batch scripts in t/data are in the style of their authors
mapfile -t files < <(find t .ci completions man src -type f ! -path 't/data/*' 2>/dev/null | sort)
scripts=()
for f in ${files[@]+"${files[@]}"}; do
	case $f in
	*.sh | *.bash) scripts+=("$f") ;;
	*)
		IFS= read -r line 2>/dev/null <"$f"
		[[ ${line-} != '#!'*sh ]] || scripts+=("$f")
		;;
	esac
done

if have shellcheck; then
	run xargs -0 -n 4 -P 2 shellcheck < <(printf '%s\0' "${scripts[@]}")
	is "$out$err" '' "shellcheck reports nothing in ${#scripts[@]} scripts"
fi
executable() {
	local f
	for f in "${scripts[@]}"; do
		case $f in t/lib/*.sh | *.bash) continue ;; esac
		[ -x "$f" ] || printf '%s\n' "$f"
	done
}
is "$(executable)" '' 'scripts are executable'

# C

shopt -s nullglob
sources=(src/*.c src/*/*.c)
all=(src/*.[ch] src/*/*.[ch] t/unit/*.[ch] t/tool/*.[ch] t/preload/*.[ch] t/fuzz/*.c t/sim/*.[ch])

if have clang-format; then
	run clang-format --dry-run -Werror "${all[@]}"
	is "$(sed -nE 's/^([^: ]+):[0-9]+:[0-9]+: error: .*/\1/p' <<<"$err" | uniq -c)" '' \
		'clang-format would change nothing (make format)'
fi

is "$(grep -nE '[[:blank:]]+$' -r "${all[@]}" "${scripts[@]}" Makefile)" '' 'no line ends in a blank'

compile=$(make -s show-compile)
one() {
	eval "$compile -Werror -c -o /dev/null $(printf '%q ' "$@")"
}
export -f one
export compile
run xargs -0 -n 1 -P 2 bash -c 'one "$@"' one < <(printf '%s\0' "${sources[@]}")
is_status 0 'the compiler prints no warning'

if have cppcheck; then
	run cppcheck -q -j 2 --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppress=ctunullpointer '-DSQL_NEXT_ID(table)=""' '-DSQL_LAST_ID(table)=""' \
		--error-exitcode=1 "${sources[@]}"
	is "$out$err" '' 'cppcheck reports nothing'
fi

if have clang-tidy; then
	# the analyzer takes a minute; without a limit on what it explores of a function, five (the default
	# is 225000 nodes: AnalyzerOptions.def of LLVM 14)
	checks=
	[ -n "${TEST_LONG-}" ] || checks='--checks=-clang-analyzer-*'
	mapfile -t paths < <(grep -oE -- '-Isrc[^ ]*' <<<"$compile")
	# shellcheck disable=SC2016
	run xargs -0 -n 3 -P 2 sh -c 'clang-tidy --quiet $0 "$@" -- -std=c11 -D_GNU_SOURCE \
		-DSLURMQ_VERSION=\"0\" '"${paths[*]}"' -Xclang -analyzer-config -Xclang max-nodes=40000 \
		2>/dev/null' "$checks" < <(printf '%s\0' "${sources[@]}")
	is "$(grep -E ' (warning|error): ' <<<"$out" | sort -u)" '' 'clang-tidy reports nothing'
fi

done_testing
