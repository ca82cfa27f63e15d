#!/bin/bash
# slurmq help --schema COMMAND: the schema of what COMMAND --json prints; every document that the commands print for jobs
# in every state is valid, and every key of a schema is printed
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
command -v jq >/dev/null || skip_all 'jq is not installed'
fake_start 4

# valid COMMAND ARGUMENT...: runs the command with --json, and checks its documents
valid() {
	run slurmq "$@" --json
	_valid "$@"
}
_valid() {
	[ -e "$1.schema" ] || slurmq help --schema "$1" >"$1.schema"
	isnt "$out" '' "$*: a document"
	is "$(jq -r --slurpfile schema "$1.schema" -L "$TEST_LIB" 'include "schema"; errors($schema[0])' "$out_file" 2>&1)" '' \
		"$*: as the schema of $1"
	cat "$out_file" >>"$1.printed"
}

# Each command with --json has a schema, and its page describes it

printing=()
while read -r name; do
	# the option --json of record reads
	if ! slurmq help --list-options "$name" | grep -qx -- --json || [ "$name" = record ]; then
		run slurmq help --schema "$name"
		is_status 2
		is_out ''
		like_err "^slurmq help: '$name' prints no JSON; the commands with --json are: cancel, .*, why\$"
		continue
	fi
	printing+=("$name")
	run slurmq help --schema "$name"
	is_status 0
	is_err ''
	is "$(jq -r '."$schema", .title' "$out_file")" "http://json-schema.org/draft-07/schema#
slurmq $name --json" "$name: a schema with a title"
	ok "$name: the page has a section for programs" grep -qx '.Sh OUTPUT FOR PROGRAMS' "$TEST_TOP/man/slurmq-$name.1"
done < <(slurmq help --list-commands)
run slurmq help --schema log
is_err "slurmq help: 'log' prints no JSON; the commands with --json are: $(printf '%s\n' "${printing[@]}" | sort | paste -sd, | sed 's/,/, /g')"
run slurmq help --schema lst
is_status 2
like_err "^slurmq help: unknown command 'lst', did you mean 'list'"
run slurmq help --schema list show
is_status 2
is_err "slurmq help: one argument too many: 'show'"
is "$(slurmq help --schema | jq -r .title)" 'slurmq sweep file' 'alone, --schema prints that of a sweep file'

# The folder and its settings

valid init
valid init
is_out "{\"folder\":\"$TEST_TMP/.slurmq\",\"made\":false}"
valid config
valid config sentinel off
is_out '{"setting":"sentinel","value":"off","default":"auto","meaning":"a job that waits in Slurm and restarts the chain"}'
valid config breaker 5
valid config --unset limit
valid config limit
valid status
valid sync
valid doctor

# Jobs in every state

cat >mix.yaml <<'END'
name: mix
params: {opt: [sgd, lamb], n: {from: 1, to: 12, step: 1}}
steps:
  - {name: train, run: 'slurmq record loss=0.{n}; echo "no {opt}"; [ -e fixed ] || case {opt}{n} in lamb* | sgd3) exit 1 ;; esac'}
  - {name: eval, run: 'true'}
END
cat >vary.yaml <<'END'
name: vary
params: {"a.b": ["\"q\"", ""]}
variants: [{name: v}]
run: [./gate, "{a.b}"]
END
cat >gate <<'END'
#!/bin/bash
: >started
while [ -e closed ]; do sleep 0.02; done
END
chmod +x gate
valid expand --dry-run mix.yaml vary.yaml
valid expand --dry-run --list mix.yaml vary.yaml
valid expand mix.yaml vary.yaml
valid expand mix.yaml
valid config limit.mix 4
valid config
valid list
valid show all
valid export
valid why
valid status
valid hold mix n=6
valid priority 5 vary
valid pause
valid submit
valid pause
valid resume --no-submit
valid pause vary
valid resume vary --no-submit
valid cancel n=5 --yes
: >closed
valid submit --try
ok_within 30 'a job runs' test -e started
valid status
valid list -s running
valid show -s running
valid wait --timeout 1s
valid cancel -s running --yes
rm closed
ok 'it ends' fake_quiet 60
: >"$FAKE_SLURM/hold"
valid config limit 10
valid submit
sqlite3 .slurmq/jobs.db "UPDATE attempt SET slurm_reason = 'JobHeldUser' WHERE closed = 0"
valid status
valid list -s queued
valid show -s queued
valid export
valid hold -s queued
valid sync
rm "$FAKE_SLURM/hold"
slurmq config --unset limit >/dev/null
valid release -s user
ok 'jobs run, and some fail' fake_quiet 60
valid status
valid list
valid list --group-by opt
valid list --group-by state,loss
valid show all
valid export
valid why
valid wait --timeout 1s
valid retry --dry-run -s failed
valid retry -s cancelled --no-submit
: >fixed
valid release all --no-submit
valid retry
ok 'jobs run' fake_quiet 60
valid retry
valid resume
ok 'all jobs run' fake_quiet 60
valid show all
valid wait
echo refuse >"$FAKE_SLURM/mode"
valid retry --all 1-2
valid status
valid list -s refused
valid show -s refused
valid cancel all --yes
valid doctor
valid delete vary --yes
valid delete --everything --yes

# Every key of a schema was in a document

cat >keys.jq <<'END'
# the paths of the keys of a schema, and those of a document
def of_schema($at): (.properties // {} | to_entries[] | "\($at).\(.key)" as $p | $p, (.value | of_schema($p))),
	(.items // empty | of_schema("\($at)[]")), (.anyOf // [] | .[] | of_schema($at));
def of_document($at): if type == "object" then to_entries[] | "\($at).\(.key)" as $p | $p, (.value | of_document($p))
	elif type == "array" then .[] | of_document("\($at)[]") else empty end;
END
for name in "${printing[@]}"; do
	is "$(comm -23 <(jq -r "$(cat keys.jq) of_schema(\"\")" "$name.schema" | LC_ALL=C sort -u) \
		<(jq -r "$(cat keys.jq) of_document(\"\")" "$name.printed" | LC_ALL=C sort -u))" '' "$name: every key of the schema was printed"
done

# A parameter with the name of a key

slurmq init >/dev/null
printf 'name: n\nparams: {jobs: [1], counts: [3]}\nrun: [echo, "{jobs}", "{counts}"]\n' >n.yaml
slurmq expand n.yaml >/dev/null
valid list --group-by jobs,counts
like_out '^\{"param\.jobs":"1","param\.counts":"3","jobs":1,"counts":\{"pending":1,'

# The checks see what is wrong

run slurmq list 1
echo '{"jobs":1}' >"$out_file"
is "$(jq -r --slurpfile schema list.schema -L "$TEST_LIB" 'include "schema"; errors($schema[0])' "$out_file")" \
	': is nothing that may stand there' 'a document with a key too few'
echo '{"held":1,"dequeued":0,"more":1}' >"$out_file"
is "$(jq -r --slurpfile schema hold.schema -L "$TEST_LIB" 'include "schema"; errors($schema[0])' "$out_file")" \
	': unknown key more' 'a document with a key too many'

done_testing
