#!/bin/bash
# slurmq-sweep(5): mandoc reports nothing, the page has every key, and its examples give the number
# of jobs and steps that it states
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/page.sh"

page=$TEST_TOP/man/slurmq-sweep.5

if command -v mandoc >/dev/null; then
	# the page does not depend on other installed pages
	is "$(mandoc -T lint "$page" 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db')" '' \
		'mandoc reports nothing'
	is "$(mandoc -T utf8 -O width=80 "$page" | col -bx | awk 'length > 80')" '' 'it fits 80 columns'
else
	skip 2 'mandoc is not installed'
fi

# Examples give the number of jobs and steps that the page states

page_examples "$page" ex
ok 'there are examples' test "$(find ex -name '*.yaml' | wc -l)" -ge 14
for file in ex/*.yaml; do
	says=$(<"${file%.yaml}.says")
	[[ $says =~ ^([0-9,]+)\ jobs?(,\ ([0-9,]+)\ steps)? ]] || {
		fail "$file: the page states the number of jobs" "$says"
		continue
	}
	jobs=${BASH_REMATCH[1]//,/} steps=${BASH_REMATCH[3]//,/}
	run slurmq expand --dry-run --json "$file"
	is_status 0 || note "$(<"$file")"
	is_err ''
	is_out "{\"sweep\":\"$(sed -n 's/^name: //p' "$file")\",\"jobs\":$jobs,\"steps\":${steps:-$jobs},\"added\":$jobs,\"unchanged\":0,\"changed\":0,\"missing\":0,\"kept\":0}" \
		"$file: $says"
done

# The examples of values on the page are true

cat >values.yaml <<'END2'
name: n
params:
  a: {from: 0.1, to: 0.5, step: 0.1}
  b: {from: 0.10, to: 0.2, step: 0.05}
  c: {from: 16, to: 128, factor: 2}
run: ["true"]
END2
run slurmq expand --dry-run values.yaml
like_out '^  a \(5\): 0\.1 0\.2 0\.3 0\.4 0\.5$'
like_out '^  b \(3\): 0\.10 0\.15 0\.20$'
like_out '^  c \(4\): 16 32 64 128$'

# Every key is on the page

if command -v jq >/dev/null; then
	plain=$(sed 's/[[:punct:]]/ /g; s/  */ /g; s/^/ /; s/$/ /' "$page")
	unnamed() {
		local key
		while read -r key; do
			case $plain in *" ${key//_/ } "*) ;; *) printf '%s\n' "$key" ;; esac
		done < <(slurmq help --schema |
			jq -r '[.properties, (.definitions | del(.sbatch)[].properties // {})] | map(keys) | add | unique[]')
	}
	is "$(unnamed)" '' 'every key is on the page'
else
	skip 1 'jq is not installed'
fi

done_testing
