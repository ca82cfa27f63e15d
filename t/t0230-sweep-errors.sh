#!/bin/bash
# errors in a sweep file, each with line and column, all at once, and the suggested key
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# complains FILE-TEXT COMPLAINT...: checks that exactly these complaints are printed
complains() {
	local text=$1
	shift
	printf '%s\n' "$text" >s.yaml
	run slurmq expand --dry-run s.yaml
	is "$(sed '/^slurmq expand: /d' "$err_file")" "$(printf '%s\n' "$@")" "${text//$'\n'/ | }" || return
	[ "${*/error:/}" = "$*" ] || is "$status:$out" 2: 'exit status 2, and no output'
}

# suggests KEY WORD PREFIX: checks that another tool's KEY gets slurmq's WORD as the suggestion, at
# its
# place
suggests() {
	printf '%b\n' "$3" >s.yaml
	run slurmq expand --dry-run s.yaml
	like_err "^s.yaml:[0-9]+:[0-9]+: error: unknown key '$1', did you mean '$2'\?\$" "$1: $2"
}

run='run: [a, "{@args}"]'

# Several errors at once, in the order of the file

complains 'name: 1x
paramters: {}
params: {a: [], b: {from: 1}, c: {value: [1]}, d: , 9: 1, e: [[1]]}
exclude: [{zz: 1}]
sbatch: {array: 1, p: gpu}
run: ["{q}", "{lrr}"]' \
	"s.yaml:1:7: error: 'name': '1x' must be up to 64 letters, digits, '.', '_' and '-', with a letter first" \
	"s.yaml:2:1: error: unknown key 'paramters', did you mean 'params'?" \
	"s.yaml:3:13: error: parameter 'a' has no values: there would be no jobs" \
	"s.yaml:3:20: error: parameter 'b' needs from, to, and one of step, factor and num" \
	"s.yaml:3:34: error: parameter 'c' needs one of values, file, from and to, uniform, loguniform, randint and choice" \
	"s.yaml:3:35: error: unknown key 'value', did you mean 'values'?" \
	"s.yaml:3:51: error: parameter 'd' has no value; '' is an empty one" \
	"s.yaml:3:53: error: '9' cannot be a parameter's name: letters, digits, _ . and -, with a letter or _ first" \
	"s.yaml:3:63: error: parameter 'e' must be one value, not a list" \
	"s.yaml:4:12: error: there is no parameter 'zz'" \
	"s.yaml:5:10: error: sbatch's 'array' is set by slurmq itself: make its values a parameter, as in params: {task: [0, 1, 2]}" \
	"s.yaml:5:20: error: 'p': write sbatch's long name, 'partition'" \
	"s.yaml:6:8: error: there is no parameter 'q': write {{q}} for the text {q}" \
	"s.yaml:6:15: error: there is no parameter 'lrr': write {{lrr}} for the text {lrr}"

# Columns count characters; lines are counted as in an editor

complains $'name: n\ntitle: "\xc3\xa4\xc3\xb6 {q}"\nrun: [a]' \
	"s.yaml:2:12: error: there is no parameter 'q': write {{q}} for the text {q}"
complains $'\xef\xbb\xbfname: n\r\nrun: |\r\n  a\r\n  b {q}\r' \
	"s.yaml:4:5: error: there is no parameter 'q': write {{q}} for the text {q}"

# Required keys, and keys that exclude each other

complains "$run" "s.yaml:1:1: error: a sweep needs a name, as in name: my-study"
complains 'name: n' "s.yaml:1:1: error: nothing to run: give one of 'run', 'steps' and 'script'"
complains "name: n
$run
script: x" "s.yaml:3:9: error: give one of 'run', 'steps' and 'script', and no other"
for name in all last; do
	complains "name: $name
$run" "s.yaml:1:7: error: '$name' is reserved for slurmq: use another name"
done
complains "name: $(printf 'n%.0s' {1..65})
$run" "s.yaml:1:7: error: 'name': '$(printf 'n%.0s' {1..65})' must be up to 64 letters, digits, '.', '_' and '-', with a letter first"

# Values and YAML

complains "name: n
params: {a: 1, b: 2, a: 3}
$run" "s.yaml:2:22: error: key 'a' is a duplicate, first on line 2"
complains "name: n
params: {a: }
$run" "s.yaml:2:13: error: parameter 'a' has no value; '' is an empty one"
complains "name: n
params: {a: ''}
$run" ''
complains "name: n
params: {a: !!str 1}
$run" "s.yaml:2:13: error: tag 'tag:yaml.org,2002:str': a value is its text as written, tags are not read"
complains "name: n
<<: {}
$run" 's.yaml:2:1: error: merge keys are not supported: write the keys out'
complains "name: n
$run
---
a: 1" 's.yaml:3:1: error: a second document: a file holds one sweep'
complains "name: n
params: {a: \"x\\ty\"}
$run" "s.yaml:2:13: error: parameter 'a' holds a control character or a line break"
complains "name: n
params: {a: \"x\\ny\"}
$run" "s.yaml:2:13: error: parameter 'a' holds a control character or a line break"
complains $'name: n\nparams: {a: [1, 2}\nrun: [a]' \
	"s.yaml:2:18: error: invalid YAML: did not find expected ',' or ']', while parsing a flow sequence"

# Parameters

complains "name: n
params:
  a: {from: 1, to: 1.0000001, num: 5}
  b: {from: 1, to: 9, step: 1, num: 3}
  c: {uniform: [0, 1], values: [1]}
$run" \
	"s.yaml:4:6: error: parameter 'b' needs from, to, and one of step, factor and num" \
	"s.yaml:5:3: error: 'c' is drawn, which needs 'sample: {n: 20, seed: 821}'" \
	"s.yaml:5:6: error: parameter 'c' needs one of values, file, from and to, uniform, loguniform, randint and choice"
complains "name: n
params: {a: {from: 1, to: 1.0000001, num: 5}}
$run" "s.yaml:2:10: error: parameter 'a' has two equal points: use a smaller num"
complains "name: n
params: {a: {uniform: [0, 1]}}
$run" "s.yaml:2:10: error: 'a' is drawn, which needs 'sample: {n: 20, seed: 821}'"
complains "name: n
zip: [{a: [1, 2], b: [1]}, {c: {uniform: [0, 1]}, d: 1}]
sample: {n: 1, seed: 1}
$run" \
	"s.yaml:2:19: error: parameters in one group of 'zip' must have the same length: 'a' has 2 values, 'b' has 1" \
	"s.yaml:2:29: error: a drawn parameter cannot be in 'zip': put 'c' in params"
complains "name: n
params: {x: {file: nowhere}}
zip: [{file: t.csv}]
$run" \
	"s.yaml:2:10: error: cannot open '$PWD/nowhere': No such file or directory" \
	"s.yaml:3:7: error: cannot open '$PWD/t.csv': No such file or directory"
printf 'a,b\n1,"2\n' >t.csv
complains "name: n
zip: [{file: t.csv}]
$run" 't.csv:2:3: error: a quote that is not closed' \
	't.csv:2:5: error: a control character or a line break in a value' \
	"s.yaml:2:7: error: 't.csv' cannot be used: see its errors"

# Conditions

complains "name: n
params: {order: [2, 4]}
exclude: [{ordr: 2}, {order: 5}, {order: 2.0}]
$run" "s.yaml:3:12: error: there is no parameter 'ordr', did you mean 'order'?"
complains "name: n
params: {order: [2, 4]}
exclude: [{order: 5}, {order: 2.0}]
$run" 's.yaml:3:11: warning: this condition matches nothing'

# Placeholders

complains 'name: n
params: {batch_size: 1}
run: [a, "{batchsize}", {batch_size}]' \
	"s.yaml:3:11: error: there is no parameter 'batchsize', did you mean 'batch_size'? Or write {{batchsize}} for the text {batchsize}"
# shellcheck disable=SC2016
complains 'name: n
params: {x: 1}
run: |
  a {x} "${HOME}" {a,b} {1..5} "{{x}}"
  [[ {x} ]]; (( {x} )); b \{x}
  c '"'{x}'" \
	"s.yaml:5:6: error: '{x}' is not allowed within [[ ]], where bash may read a value as a pattern or as arithmetic: use [ ]" \
	"s.yaml:5:17: error: '{x}' is not allowed in arithmetic, where bash would run what a[\$(...)] holds: if you trust its values, write n={...} before and use n" \
	"s.yaml:5:28: error: '{x}' is not allowed after a backslash; {{...}} gives the text {...}" \
	"s.yaml:6:6: error: '{x}' is not replaced within single quotes: use double quotes"
complains 'name: n
params: {x: 1}
run: {x} --more' \
	"s.yaml:3:10: error: invalid YAML: did not find expected key, while parsing a block mapping: quote a value that begins with '{', as in run: \"{x} ...\""
complains 'name: n
run: a b # c' \
	"s.yaml:2:10: warning: the text after ' #' is a YAML comment, not part of the command: quote the command to keep it"

# Options of sbatch that slurmq sets itself

for option in array job-name output error wrap parsable dependency signal input wait test-only hold begin \
	requeue no-requeue open-mode clusters cluster quiet help version; do
	printf 'name: n\nsbatch: {%s: 1}\nrun: [a]\n' "$option" >s.yaml
	run slurmq expand --dry-run s.yaml
	like_err "^s.yaml:2:10: error: sbatch's '$option' is set by slurmq itself: [a-z]+" "sbatch's $option"
done

# Retries, and the growth of options

complains "name: n
sbatch: {time: 8:00:00, mem: 4G}
retry:
  TIMEOUT: {max_time: 9:00:00}
  OUT_OF_MEMORY: {mem: 8G, max_mem: 6G}
  EXIT: {time: x2, max_time: 7:59:00, mem: x2, max_mem: 4095}
  SIGNAL: {max_mem: 9G, delay: 10}
  NODE_FAIL: {delay: 10x}
$run" \
	's.yaml:4:23: error: max_time needs time, which sets how it grows' \
	"s.yaml:5:37: error: max_mem: '6G' is less than mem, '8G'" \
	"s.yaml:6:30: error: max_time: '7:59:00' is less than what jobs have at first, '8:00:00'" \
	"s.yaml:6:57: error: max_mem: '4095' is less than what jobs have at first, '4G'" \
	's.yaml:7:21: error: max_mem needs mem, which sets how it grows' \
	"s.yaml:7:32: error: delay: '10' needs a unit: 10s, 10m, 10h or 10d" \
	's.yaml:8:22: error: delay must be a number with s, m, h or d, as in 10m'
complains "name: n
sbatch: {time: 60, mem: 4G}
retry:
  TIMEOUT: {time: 5}
  OUT_OF_MEMORY: {mem: 4096M}
  EXIT: {time: 1:00:00, mem: 5G}
$run" \
	"s.yaml:4:19: error: time: '5' is not more than what jobs have at first, '60'" \
	"s.yaml:5:24: error: mem: '4096M' is not more than what jobs have at first, '4G'" \
	"s.yaml:6:16: error: time: '1:00:00' is not more than what jobs have at first, '60'"
# an option that grows from a smaller or unknown value is no error
complains "name: n
params: {t: [1, 2]}
sbatch: {time: '{t}:00:00', mem: 8G}
overrides: [{when: {t: 1}, sbatch: {mem: 2G}}]
retry: {TIMEOUT: {time: x2, max_time: 30}, OUT_OF_MEMORY: {mem: x2, max_mem: 4G, delay: 1d}}
$run" ''
complains "name: n
sbatch: {time: 4:00:00, mem: 8G, mem-per-cpu: 16G}
variants: [{name: a, sbatch: {time: 10}}]
retry: {TIMEOUT: {time: 4:00:00, max_time: 4:00:00}, OUT_OF_MEMORY: {mem: x2, max_mem: 4G}}
$run" ''

# Steps

complains 'name: n
steps:
  - {name: train, run: [a]}
  - {name: train, run: [a], needs: [trian], on_fail: ignore}
  - {run: [a]}
  - {name: b}' \
	"s.yaml:4:12: error: step 'train' is already defined on line 3" \
	"s.yaml:4:37: error: needs 'trian', which is not an earlier step, did you mean 'train'?" \
	"s.yaml:4:54: error: on_fail must be stop or continue, not 'ignore'" \
	's.yaml:5:5: error: a step needs a name' \
	"s.yaml:6:5: error: a step needs a 'run'"
complains 'name: n
steps: [{name: s, run: [a], params: {k: {from: 1, to: 10001, step: 1}}}]' ''
like_err '10,000 steps' 'too many steps'

# Keys of other tools

for word in parameters grid matrix space hyperparameters; do
	suggests "$word" params "name: n\n$word: {}\n$run"
done
suggests slurm sbatch "name: n\nslurm: {}\n$run"
suggests resources sbatch "name: n\nresources: {}\n$run"
suggests environment env "name: n\nenvironment: {}\n$run"
suggests command run 'name: n\ncommand: a'
suggests value values "name: n\nparams: {a: {value: [1]}}\n$run"
suggests min from "name: n\nparams: {a: {min: 1}}\n$run"
suggests categorical choice "name: n\nparams: {a: {categorical: [1]}}\n$run"
suggests depends_on needs 'name: n\nsteps: [{name: a, run: b, depends_on: [c]}]'
suggests inclde include "name: n\ninclde: []\n$run"
suggests smaple sample "name: n\nsmaple: {}\n$run"

# Two hundred complaints are printed, and the rest is counted

{
	printf 'name: n\nrun: [a]\nparams: {a: ['
	printf '[],%.0s' {1..5000}
	echo ']}'
} >s.yaml
run slurmq expand --dry-run s.yaml
is_status 2
is "$(wc -l <"$err_file")" 202 'two hundred complaints are printed'
like_err '^s.yaml: \.\.\. and 4800 more$'
like_err '^slurmq expand: s.yaml: 5000 errors'

done_testing
