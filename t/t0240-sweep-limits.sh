#!/bin/bash
# files that are made to fill the memory, or to take forever: an error names the limit
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# 64 MiB of address space, with all libraries: the sanitizers need more than that
limit=65536
(ulimit -v $limit && exec slurmq --version) >/dev/null 2>&1 || limit=unlimited
[ $limit != unlimited ] || note 'no limit on memory: this binary does not start within it'

# refused FILE REGEX NAME
refused() {
	# shellcheck disable=SC2016
	run timeout 20 bash -c 'ulimit -v "$1" && exec slurmq expand --dry-run "$2"' bash $limit "$1"
	is_status 2 "$3"
	is_out '' "$3: nothing is printed"
	like_err "$2" "$3: the reason"
	unlike_err 'no job is left' "$3: not another reason"
}

# times N TEXT
times() {
	local i text=$2
	for ((i = 1; i * 2 <= $1; i *= 2)); do text=$text$text; done
	printf '%s' "$text"
	[ "$i" -ge "$1" ] || times $(($1 - i)) "$2"
}

run=$'name: n\nrun: [a]\n'

# Aliases

{
	printf '%s' "$run"
	echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
	for i in {1..9}; do
		p="*a$((i - 1))"
		echo "a$i: &a$i [$p, $p, $p, $p, $p, $p, $p, $p, $p, $p]"
	done
} >bomb.yaml
refused bomb.yaml '^bomb.yaml:[0-9]+:[0-9]+: error: more than 200,000 nodes, aliases followed$' 'an alias bomb'
printf '%sparams: &p {a: *p}\n' "$run" >circle.yaml
refused circle.yaml '^circle.yaml:3:16: error: an alias to what it stands in$' 'a circle of aliases'
{
	printf '%sparams: {a: [' "$run"
	for i in {1..20000}; do printf '&a%d 1,' "$i"; done
	times 60000 '*a1,'
	echo ']}'
} >anchors.yaml
refused anchors.yaml 'more than 1,000 anchors' 'very many anchors'

# Products

hundred=$(seq -s, 100)
{
	printf '%sparams:\n' "$run"
	for i in {0..9}; do echo "  p$i: [$hundred]"; done
} >product.yaml
refused product.yaml 'far too large: its product has more jobs than can be counted' 'ten axes of a hundred values'
sed '7,$d' product.yaml >product3.yaml
echo "  q: [1, 2, 3, 4, 5, 6]" >>product3.yaml
refused product3.yaml "sweep 'n' has 6000000 jobs, and the limit is 5000000: make it smaller, or raise --max-jobs" \
	'more jobs than the limit'
{
	printf '%sparams:\n' "$run"
	for i in {0..40}; do echo "  p$i: {from: 1, to: 5000000, step: 1}"; done
} >ranges.yaml
refused ranges.yaml 'far too large' 'ranges are counted before they are made'
printf '%sparams: {a: {from: 1, to: 1e12, step: 1}}\n' "$run" >range.yaml
refused range.yaml '^range.yaml:3:13: error: .*too many values' 'a range of 10^12'
printf '%sparams: {a: {from: 1, to: 3000000, step: 1}, b: {uniform: [0, 1]}}\nsample: {n: 2, seed: 1}\n' "$run" >sample.yaml
refused sample.yaml '6000000 jobs' 'samples count'
printf 'name: n\nsteps:\n- {name: a, run: b, params: {%s}, exclude: [{p0: {ge: 0}}]}\n' \
	"$(for i in {0..8}; do printf 'p%d: {from: 1, to: 1000, step: 1},' "$i"; done)" >steps.yaml
refused steps.yaml '^steps.yaml:3:10: error: more than 100,000 steps in a job' 'steps whose product is too large'
{
	printf 'name: n\nrun: ["{l30}"]\nlet:\n  l0: aaaaaaaa\n'
	for i in {1..30}; do echo "  l$i: \"{l$((i - 1))}{l$((i - 1))}\""; done
} >let.yaml
refused let.yaml '128 KiB' 'a text that doubles'

# Depth and length

printf '%stitle: %s%s\n' "$run" "$(times 5000 '[')" "$(times 5000 ']')" >deep.yaml
refused deep.yaml '^deep.yaml:3:[0-9]+: error: nested more than 32 deep$' 'five thousand deep'
printf '%stitle: %s\n' "$run" "$(times 5000 '{a: ')" >deepmap.yaml
refused deepmap.yaml 'nested more than 32 deep' 'maps, too'
times 800000 '- ' >dashes.yaml
refused dashes.yaml 'nested more than 32 deep' 'dashes'
{
	printf '%stitle: ' "$run"
	head -c 100000000 /dev/zero | tr '\0' x
} >hundred.yaml
refused hundred.yaml "'hundred.yaml' is larger than 4 MiB" '100 MB of text'
rm hundred.yaml
{
	printf '%sparams: {a: [' "$run"
	times 1900000 'x,'
	echo ']}'
} >nodes.yaml
refused nodes.yaml 'more than 200,000 nodes' 'very many nodes'
{
	printf 'name: n\nparams: {x: 1}\nrun: |\n  a '
	times 900000 '{x} '
} >long.yaml
refused long.yaml '^long.yaml:3:6: error: the command is too long' 'a very long command'
{
	printf 'name: n\nsteps:\n'
	times 2001 $'- {name: a, run: b}\n'
} >manysteps.yaml
refused manysteps.yaml 'more than 2000 steps' 'very many steps'
printf '%szip: [%s]\n' "$run" "$(times 60000 '{a: 1},')" >zips.yaml
refused zips.yaml "more than 2000 groups in 'zip'" 'very many groups'
printf '%svariants: [%s]\n' "$run" "$(times 40000 '{name: v},')" >variants.yaml
refused variants.yaml 'more than 2000 variants' 'very many variants'
printf '%sparams: {a: [%s]}\n' "$run" "$(times 190000 '[],')" >lists.yaml
refused lists.yaml 'slurmq expand: lists.yaml: 190000 errors' 'very many errors'

# Bytes that are not text

printf 'name: n\0\nrun: [a]\n' >nul.yaml
refused nul.yaml '^nul.yaml:1:8: error: NUL byte$' 'a NUL byte'
head -c 4000000 /dev/zero >zeros.yaml
refused zeros.yaml '^zeros.yaml:1:1: error: NUL byte$' 'only NUL bytes'
printf 'name: n\nrun: [a]\ntitle: \xc3\xa4\xc3\x28\n' >utf8.yaml
refused utf8.yaml '^utf8.yaml:3:9: error: byte 0xc3 is not UTF-8$' 'text that is not UTF-8'
printf 'name: n\nrun: [a]\ntitle: \xed\xa0\x80\n' >surrogate.yaml
refused surrogate.yaml '^surrogate.yaml:3:8: error: byte 0xed is not UTF-8$' 'a surrogate'
head -c 4000000 /dev/zero | tr '\0' '\377' >ff.yaml
refused ff.yaml '^ff.yaml:1:1: error: byte 0xff is not UTF-8$' 'only 0xff'

# Files that are not regular: slurmq does not wait for them

mkfifo fifo.yaml
mkdir folder.yaml
refused fifo.yaml "'fifo.yaml' is a pipe: give a file" 'a FIFO'
refused folder.yaml "'folder.yaml' is a directory: give a file" 'a folder'
refused /dev/zero "'/dev/zero' is not a regular file: give a file" 'a device'
for file in fifo.yaml folder.yaml /dev/zero; do
	printf '%sparams: {x: {file: %s}}\n' "$run" "$file" >axis.yaml
	refused axis.yaml "^axis.yaml:3:10: error: '.*${file##*/}' is .*: give a file" "$file for an axis"
	printf '%szip: {file: %s}\n' "$run" "$file" >table.yaml
	refused table.yaml "^table.yaml:3:6: error: '.*${file##*/}' is .*: give a file" "$file for a table"
	printf 'name: n\nscript: %s\n' "$file" >script.yaml
	refused script.yaml "^script.yaml:2:9: error: '.*${file##*/}' is .*: give a file" "$file for a script"
done
head -c 5000000 /dev/zero | tr '\0' '\n' >large
printf '%sparams: {x: {file: large}}\n' "$run" >axis.yaml
refused axis.yaml "'.*large' is larger than 4 MiB" 'a large file for an axis'
head -c 4000000 /dev/zero | tr '\0' '\n' >large
refused axis.yaml '^large:1:1: error: an empty line$' 'only empty lines'
head -c 4000000 /dev/zero | tr '\0' ',' >large
printf '%szip: {file: large}\n' "$run" >table.yaml
refused table.yaml '^large:1:2001: error: more than 2000 fields in a row$' 'only commas'

done_testing
