#!/bin/bash
# the fuzz targets build, read their corpus, and find nothing in a few seconds; make fuzz runs them
# for long
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

cc=${FUZZ_CC:-clang}
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' >try.c
if ! "$cc" -fsanitize=fuzzer,address,undefined -o try try.c 2>/dev/null; then
	[ -z "${TEST_REQUIRE-}" ] || fail "$cc has libFuzzer"
	[ -n "${TEST_REQUIRE-}" ] || skip_all "no clang with libFuzzer"
	done_testing
	exit
fi

seconds=5
[ -z "${TEST_LONG-}" ] || seconds=20

cd "$TEST_TOP" || bail_out 'no project'
run make -s -j2 fuzzers B="$TEST_TOP/build/fuzz" CC="$cc" CFLAGS='-O1 -g' SANITIZE=fuzzer-no-link,address,undefined
is_status 0 'the targets build'
for name in sweepfile template; do
	ok "$name: the corpus has inputs" test "$(find "t/fuzz/corpus-$name" -type f | wc -l)" -ge 8
	run "build/fuzz/t/fuzz_$name" -runs=0 -rss_limit_mb=1024 "t/fuzz/corpus-$name"
	is_status 0 "$name: the corpus is read"
	run t/fuzz/run -s "$seconds" -b build/fuzz -o "$TEST_TMP/fuzz" "$name"
	is_status 0 "$name: no finding in $seconds s"
	like_out 'number_of_executed_units: [0-9]{4,}' "$name: it ran"
done

done_testing
