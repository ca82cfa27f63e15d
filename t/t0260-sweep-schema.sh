#!/bin/bash
# slurmq help --schema: a JSON Schema with exactly the keys of the reader; it accepts every example,
# and refuses files that the reader refuses
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/page.sh"

command -v jq >/dev/null || skip_all 'jq is not installed'
yaml2json=$TEST_BUILD/t/yaml2json
[ -x "$yaml2json" ] || skip_all 'yaml2json is not built'

run slurmq help --schema
is_status 0
is_err ''
cp "$out_file" schema.json
is "$(jq -r '."$schema"' schema.json)" 'http://json-schema.org/draft-07/schema#' 'it names its draft'
is "$(jq -r '[.. | objects | ."$ref"? // empty | ltrimstr("#/definitions/")] - (.definitions | keys) | .[]' schema.json)" '' \
	'every reference has a definition'
is "$(jq -r '(.definitions | keys) - [.. | objects | ."$ref"? // empty | ltrimstr("#/definitions/")] | .[]' schema.json)" '' \
	'every definition is used'

# complaints FILE: prints the complaints of the schema
complaints() {
	"$yaml2json" "$1" >as.json || return
	jq -r --slurpfile schema schema.json -L "$TEST_LIB" 'include "schema"; errors($schema[0])' as.json
}

# Every example

page_examples "$TEST_TOP/man/slurmq-sweep.5" ex
cp "$TEST_TOP"/t/data/*.yaml ex
for file in "$TEST_TOP"/t/fuzz/corpus-sweepfile/*; do
	name=${file##*/}
	# the files that an example names follow a separator byte
	case $name in errors) ;; [a-z]*) sed '/\x1e/,$d' "$file" >"ex/corpus-$name.yaml" ;; esac
done
for file in ex/*.yaml; do
	is "$(complaints "$file")" '' "$file"
done

# Keys. Each map with fixed keys, and its place in the schema

places='
.	KEY: V
.definitions.axis_map	params: {x: {KEY: V}}
.definitions.sample	sample: {KEY: V}
.definitions.variant	variants: [{KEY: V}]
.definitions.condition_map	exclude: [{x: {KEY: V}}]
.definitions.let_map	let: {y: {KEY: V}}
.definitions.override	overrides: [{KEY: V}]
.definitions.step	steps: [{KEY: V}]
.definitions.retry	retry: {KEY: V}
.definitions.retry_rule_map	retry: {EXIT: {KEY: V}}
'
# with PLACE KEY: writes a file with KEY at PLACE, its name in $file
with() {
	local line=${1//KEY/$2}
	printf '%s\n' "${line//V/[[[]]]}" >key.yaml
	grep -q '^name:' key.yaml || echo 'name: n' >>key.yaml
	grep -qE '^(run|steps|script):' key.yaml || echo 'run: [a]' >>key.yaml
	file=key.yaml
}
while IFS=$'\t' read -r map place; do
	[ -n "$map" ] || continue
	unknown=''
	for key in $(jq -r "$map | .properties | keys[]" schema.json); do
		with "$place" "$key"
		slurmq expand --dry-run "$file" 2>&1 | grep -q "unknown key '$key'" && unknown="$unknown $key"
		slurmq expand --dry-run "$file" >/dev/null 2>&1 && unknown="$unknown $key(not read)"
	done
	is "$unknown" '' "$map: the reader knows every key that the schema has"
	with "$place" nonsense
	like "$(slurmq expand --dry-run "$file" 2>&1)" "error: unknown key 'nonsense'" "$map: and no other key"
	like "$(complaints "$file")" 'nonsense|is nothing that may stand there' "$map: the schema refuses it too"
done <<<"$places"

# keys that the reader looks up by name
reader_keys() {
	find "$TEST_TOP/src" -name "sweep_read*.c" -exec cat {} + | grep -oE 'node_(get|is)\([a-z>-]+, "[A-Za-z_]+"' |
		sed 's/.*, "//; s/"$//' | sort -u
}
is "$(comm -23 <(reader_keys) <(jq -r '[.. | objects | .properties? // empty | keys[]] + [.. | objects | .enum? // empty | .[]]
	+ ["true", "false"] | unique[]' schema.json | LC_ALL=C sort -u))" '' 'the schema has every key that the reader asks for'

# sbatch's options

refused() {
	jq -r '.definitions.sbatch.properties | to_entries[] | select(.value.not) | .key' schema.json
}
{
	printf 'name: n\nrun: [a]\nsbatch:\n'
	refused | sed 's/.*/  &: 1/'
} >options.yaml
slurmq expand --dry-run options.yaml 2>&1 | grep -oE "sbatch's '[a-z-]+' is set by slurmq itself" | cut -d"'" -f3 >told
is "$(sort told)" "$(refused | sort)" "the options that are slurmq's own"

# Files that both refuse

both() {
	printf '%s\n' "$1" >bad.yaml
	run slurmq expand --dry-run bad.yaml
	is_status 2 "${1//$'\n'/ | }: the reader refuses it"
	isnt "$(complaints bad.yaml)" '' "${1//$'\n'/ | }: the schema refuses it"
}
both 'run: [a]'
both 'name: n'
both $'name: all\nrun: [a]'
both $'name: 1n\nrun: [a]'
both $'name: n\nrun: [a]\nscript: x'
both $'name: n\nsetup: a\nscript: x'
both $'name: n\nrun: []'
both $'name: n\nrun: [[a]]'
both $'name: n\nparams: [1]\nrun: [a]'
both $'name: n\nparams: {1x: 1}\nrun: [a]'
both $'name: n\nparams: {x: []}\nrun: [a]'
both $'name: n\nparams: {x: [[1]]}\nrun: [a]'
both $'name: n\nparams: {x: {from: 1, to: 2}}\nrun: [a]'
both $'name: n\nparams: {x: {from: 1, to: 2, step: 1, num: 3}}\nrun: [a]'
both $'name: n\nparams: {x: {from: 1, to: 2, step: 1, scale: log}}\nrun: [a]'
both $'name: n\nparams: {x: {from: a, to: 2, step: 1}}\nrun: [a]'
both $'name: n\nparams: {x: {from: 1, to: 2, num: 1}}\nrun: [a]'
both $'name: n\nparams: {x: {uniform: [1]}}\nsample: {n: 1, seed: 1}\nrun: [a]'
both $'name: n\nparams: {x: {uniform: [0, 1]}}\nsample: {n: 0, seed: 1}\nrun: [a]'
both $'name: n\nparams: {x: {uniform: [0, 1]}}\nsample: {n: 1}\nrun: [a]'
both $'name: n\nparams: {x: {values: [1], file: a}}\nrun: [a]'
both $'name: n\nvariants: []\nrun: [a]'
both $'name: n\nvariants: [{params: {a: 1}}]\nrun: [a]'
both $'name: n\nparams: {a: 1}\nexclude: {a: 1}\nrun: [a]'
both $'name: n\nparams: {a: 1}\nexclude: [{a: {lt: b}}]\nrun: [a]'
both $'name: n\nparams: {a: 1}\nexclude: [{}]\nrun: [a]'
both $'name: n\nparams: {a: 1}\noverrides: [{when: {a: 1}}]\nrun: [a]'
both $'name: n\nlet: {b: {by: a}}\nparams: {a: 1}\nrun: [a]'
both $'name: n\nenv: {A B: 1}\nrun: [a]'
both $'name: n\nenv: {SLURMQ_X: 1}\nrun: [a]'
both $'name: n\nsbatch: {array: 1}\nrun: [a]'
both $'name: n\nsbatch: {Mem: 1}\nrun: [a]'
both $'name: n\nsteps: []'
both $'name: n\nsteps: [{name: a}]'
both $'name: n\nsteps: [{name: a, run: b, on_fail: maybe}]'
both $'name: n\nretry: {max: 1001}\nrun: [a]'
both $'name: n\nretry: {EXIT: maybe}\nrun: [a]'
both $'name: n\nretry: {EXIT: {codes: [0]}}\nrun: [a]'
both $'name: n\nrestartable: 1\nrun: [a]'
both $'name: n\ncheckpoint: KILL\nrun: [a]'

done_testing
