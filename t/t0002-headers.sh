#!/bin/bash
# every header compiles alone, and twice
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

cd "$TEST_TOP" || bail_out 'no project'
compile=$(make -s show-compile) || bail_out 'make show-compile'

mapfile -t headers < <(find src -name "*.h" | sort)
[ -e "${headers[0]}" ] || skip_all 'no headers'

for h in "${headers[@]}"; do
	name=${h#src/}
	printf '#include "%s"\n#include "%s"\n' "$name" "$name" >"$TEST_TMP/twice.c"
	run eval "$compile -Werror -Wno-unused -Isrc -fsyntax-only $(printf %q "$TEST_TMP/twice.c")"
	is "$err" '' "$h compiles"
done

for h in "${headers[@]}"; do
	name=${h##*/} guard=${h##*/}
	guard=SLURMQ_${guard^^}
	guard=${guard//[!A-Z0-9]/_}
	is "$(grep -o '#ifndef .*' "$h" | head -n 1)" "#ifndef $guard" "$h is guarded by $guard"
done

done_testing
