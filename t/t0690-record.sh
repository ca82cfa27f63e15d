#!/bin/bash
# slurmq record: values that a job records are in the database after its end, whatever is killed
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
FAULT_SO=$TEST_BUILD/t/fault.so

# fresh TEXT: a new store with the sweep file TEXT
fresh() {
	rm -rf .slurmq
	fake_clear
	printf 'name: s\n%s\n' "$1" >s.yaml
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null # the fake Slurm would start it at once
	slurmq expand s.yaml >/dev/null 2>&1
}
# job TEXT: runs the jobs of the sweep file TEXT to their ends
job() {
	fresh "$1"
	slurmq submit >/dev/null
	ok 'the job ends' fake_quiet 30
}
sql() {
	sqlite3 -separator ' ' .slurmq/jobs.db "$1"
}
results_of() {
	slurmq list --json "$1" | jq -c .results
}
# later SECONDS CMD...: runs CMD as if that much later by the file server's clock
later() {
	STAMP_SHIFT=$1 LD_PRELOAD=$FAULT_SO slurmq "${@:2}"
}

# Values, as they were recorded

cat >values <<'END'
#!/bin/bash
slurmq record loss=0.12 n=007 tiny=1e-3 neg=-5 'note=a, "b"  c' --step 40
slurmq record empty= 'equals=a=b' $'lines=one\n two\n' $'tab=a\tb' 'back=\n\\' 'unicode=ü€😀' val/top-1=1
slurmq record --json - <<<'{"f": 1.50, "big": 12345678901234567890, "nan": NaN, "yes": true, "text": "x\ny"}'
echo '{"x": 1}' >x.json
slurmq record --json x.json y=2
slurmq record first=1 second=1
slurmq record second=2 first=2 second=3
END
chmod +x values
job 'run: [./values]'
is "$(results_of 1)" \
	'{"loss":"0.12","n":"007","tiny":"1e-3","neg":"-5","note":"a, \"b\"  c","empty":"","equals":"a=b","lines":"one\n two\n","tab":"a\tb","back":"\\n\\\\","unicode":"ü€😀","val/top-1":"1","f":"1.50","big":"12345678901234567890","nan":"NaN","yes":"true","text":"x\ny","y":"2","x":"1","first":"2","second":"3"}' \
	'each value is stored as it was written; the last one counts'
run slurmq show 1
like_out '^results +loss = 0\.12 \(step 40\)$'
like_out '^ +n = 007 \(step 40\)$'
like_out '^ +val/top-1 = 1$'
like_out '^    one$' 'a value of several lines is indented'
is "$(slurmq show 1 --json | jq -c '.[0].results.loss')" '"0.12"' 'show --json has the results'
is "$(sql "SELECT ifnull(r.step, '-') FROM result r JOIN result_name n ON n.id = r.name WHERE n.name IN ('loss', 'first') ORDER BY n.id" | paste -sd' ')" '40 -' \
	'the step is stored, if there is one'
run slurmq list --columns id,loss,val/top-1 -w 'loss<0.2'
is_out $'id  loss  val/top-1\n 1  0.12  1' 'list has a column for a result'

# Several processes of a job at once, and a job that fails

job 'run: |
  for ((i = 0; i < 30; i++)); do slurmq record "p$i=$i" last="$i" & done
  wait
  exit 3'
is "$(slurmq list --json 1 | jq -r '.state, ([.results | to_entries[] | select(.key != "last" and .key == "p" + .value)] | length)' | paste -sd' ')" \
	'failed 30' 'a failed job has results'

# Results of completed steps stay, those of the step that is run again do not

cat >steps <<'END'
case $1 in
train)
	slurmq record loss=0.5 shared=train
	[ "$SLURMQ_ATTEMPT" != 1 ] || slurmq record once=1
	;;
eval)
	[ "$SLURMQ_ATTEMPT" = 1 ] || exit 0
	slurmq record acc=0.1 shared=eval
	exit 1
	;;
esac
END
job 'steps:
  - {name: train, run: [bash, steps, train]}
  - {name: eval, run: [bash, steps, eval]}'
is "$(results_of 1)" '{"loss":"0.5","shared":"eval","once":"1","acc":"0.1"}' 'the first attempt'
slurmq retry >/dev/null
ok 'the retried job ends' fake_quiet 30
is "$(slurmq list --json 1 | jq -c '[.state, .tries, .results]')" '["completed",2,{"loss":"0.5","once":"1"}]' \
	'the second attempt keeps the results of the completed step'
slurmq retry --all 1 >/dev/null
ok 'the job ends again' fake_quiet 30
is "$(results_of 1)" '{"loss":"0.5","shared":"train"}' 'retry --all keeps no result'

# After the end

job 'run: "echo $SLURMQ_JOURNAL >journal; slurmq record a=1"'
run env SLURMQ_JOURNAL="$(<journal)" slurmq record a=2
is_status 1 'after the end'
is_err 'slurmq record: the attempt has ended: its results are complete, and nothing was recorded'
is "$(results_of 1)" '{"a":"1"}' 'the results are as before'

# Errors

# wrong STATUS STDERR-REGEX ARGUMENT...
wrong() {
	local want=$1 regex=$2
	shift 2
	run slurmq record "$@" </dev/null
	is_status "$want"
	is_out ''
	like_err "^slurmq record: $regex" "record $*"
}
wrong 2 "not inside a job of slurmq: .* slurmq help record\$" a=1
SLURMQ_JOURNAL=$PWD/s.yaml wrong 2 'not inside a job of slurmq' a=1
is "$(tail -n 1 s.yaml)" 'run: "echo $SLURMQ_JOURNAL >journal; slurmq record a=1"' 'another file is not changed'
wrong 2 'nothing to record: name the results, such as slurmq record loss=0\.12$'
wrong 2 "'loss' has no '=': use NAME=VALUE, such as loss=0\\.12$" loss
for name in '' '2x' '/x' 'a b' 'a:b' 'ü' "$(printf 'x%.0s' {1..129})"; do
	wrong 2 "invalid name '$name': use up to 128 letters, digits, " "$name=1"
done
wrong 2 "the value of 'x' has 4097 bytes, and 4096 is the most: write it to a file" "x=$(printf 'y%.0s' {1..4097})"
wrong 2 "byte 2 of the value of 'x' is not UTF-8" $'x=a\xff'
wrong 2 "the value of 'x' holds the control character U\\+000D: only line feeds and tabs" $'x=a\r'
wrong 2 "option '--step' takes a whole number, 0 or more, not '-1'" x=1 --step=-1
wrong 2 "option '--step' takes a whole number, 0 or more, not '1.5'" x=1 --step 1.5
wrong 2 "cannot open 'none.json': no such file|cannot open 'none.json': No such file" --json none.json
wrong 2 'line 1, column 1 of the JSON text: no JSON object' --json -
printf '{"a": {"b": 1}}' >nested.json
wrong 2 "the value of 'a' is an object: record each of its values under a name of its own, such as \\{\"a\\.x\": 1\\}" --json nested.json
printf '{"a b": 1}' >name.json
wrong 2 "invalid name 'a b'" --json name.json
# shellcheck disable=SC2046
wrong 2 '1001 results in one call: 1000 is the most' $(seq -f 'x%g=1' 1001)

# A disk that is full or fails: the value is in the journal, or there is an error

J=$TEST_TMP/.slurmq/running/00000000000000ff.0.100,0,n1,1,0000000000000001
for kind in enospc eio; do
	bad=''
	for ((n = 1; ; n++)); do
		rm -f hit
		printf 'result - old 1\n' >"$J"
		SLURMQ_JOURNAL=$J SLURMQ_FAULT=$kind:$n SLURMQ_FAULT_UNDER=$TEST_TMP/.slurmq SLURMQ_FAULT_HIT=$TEST_TMP/hit \
			LD_PRELOAD=$FAULT_SO run slurmq record new=2
		[ -e hit ] || break
		SLURMQ_JOURNAL=$J slurmq record next=3
		lines=$(tr '\0' '#' <"$J")
		grep -qx 'result - old 1' <<<"$lines" && grep -qx 'result - next 3' <<<"$lines" || bad+="call $n: $lines"$'\n'
		[ "$status" != 0 ] || grep -qx 'result - new 2' <<<"$lines" || bad+="call $n: lost"$'\n'
		[ "$status" = 0 ] || [ -n "$err" ] || bad+="call $n: no message"$'\n'
	done
	is "$bad" '' "$kind at each of $((n - 1)) calls"
	ok "$kind: there are calls" test "$n" -gt 1
done
rm -f "$J"

# Another process holds the lock of the journal

if command -v python3 >/dev/null; then
	: >"$J"
	cat >hold.py <<-'END'
		import fcntl, subprocess, sys
		f = open(sys.argv[1], "r+")
		fcntl.lockf(f, fcntl.LOCK_EX)
		sys.exit(subprocess.call(sys.argv[2:]))
	END
	SLURMQ_JOURNAL=$J LD_PRELOAD=$FAULT_SO CLOCK_SPEED=100 run python3 hold.py "$J" "$SLURMQ" record a=1
	is_status 75 'the lock is held: try again'
	like_err '^slurmq record: cannot lock '
	rm -f "$J"
else
	skip 2 'python3 is not installed'
fi

# Many jobs at one moment, 50 values each; then the supervisors are killed, or the process that
# ingests

JOBS=200
rm "$TEST_TMP/.bin/slurmq"
ln -s "$TEST_BUILD/failpoints/slurmq" "$TEST_TMP/.bin/slurmq"
cat >fifty <<'END'
#!/bin/bash
for ((c = 0; c < 50; c += 10)); do
	pairs=()
	for ((i = c; i < c + 10; i++)); do pairs+=("r$i=$SLURMQ_JOB_ID.$i"); done
	slurmq record "${pairs[@]}" || exit 1
done
END
# no process that jobs start beside their commands ingests before all have ended
cat >until-posted <<'END'
#!/bin/bash
: >held
for ((i = 0; i < 1200; i++)); do
	[ "$(find .slurmq/outbox -name '*,*' -type f | wc -l)" -lt "$1" ] || break
	sleep 0.05
done
cp -a .slurmq/outbox copy
END
chmod +x fifty until-posted
# in_bulk NAME [ENV...]: runs the jobs, with ENV in their environment; then checks the results
in_bulk() {
	local name=$1
	shift
	fresh "params: {n: {from: 1, to: $JOBS, step: 1}}
run: |
  >begun.{n}
  read -r <go || :
  ./fifty"
	rm -f begun.* "$TEST_TMP/died"
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$FAKE_SLURM/jobenv"
	slurmq config limit 1000 >/dev/null
	slurmq submit >/dev/null
	ok_within 60 "$name: $JOBS run" all_begun
	if [ "$name" = 'ends posted' ]; then
		"$TEST_BUILD/t/queue_lock" .slurmq ./until-posted $JOBS &
		ok_within 60 "$name: the queue lock is held" test -e held
	fi
	# jobs that open the FIFO for reading wait for this, and so do those that open it a little later
	: >go
	for _ in 1 2 3; do timeout 1 sh -c ': >go'; done &
	ok "$name: all end" fake_quiet 100
	wait
}
all_begun() {
	local f=(begun.*)
	[ ${#f[@]} = $JOBS ]
}
right() {
	sql "SELECT count(*), count(DISTINCT r.attempt), sum(value = a.job || '.' || substr(n.name, 2)), sum(a.id = j.attempt)
		FROM result r JOIN result_name n ON n.id = r.name JOIN attempt a ON a.id = r.attempt JOIN job j ON j.id = a.job"
}
want="$((JOBS * 50)) $JOBS $((JOBS * 50)) $((JOBS * 50))"
mkfifo go

in_bulk 'many jobs'
is "$(right)" "$want" 'many jobs: all results are there, once'
is "$(sql 'SELECT state, count(*) FROM job GROUP BY state')" "4 $JOBS" 'many jobs: all are completed'
is "$(find .slurmq/outbox .slurmq/running -type f)" '' 'many jobs: no record is left'

# The supervisor is killed before it has recorded the step's end: the journal stays in running/
in_bulk 'supervisors killed' SLURMQ_FAILPOINT=step-ended
is "$(find .slurmq/running -type f | wc -l)" $JOBS 'supervisors killed: the journals stay'
slurmq sync >/dev/null 2>&1
SLURMQ_FAILPOINT=forget-journals later 120 sync >/dev/null 2>&1 # killed after it has ingested them
later 120 sync >/dev/null 2>&1
is "$(right)" "$want" 'supervisors killed: all results are there, once'
is "$(sql 'SELECT state, count(*) FROM job GROUP BY state')" "5 $JOBS" 'supervisors killed: all are failed'
is "$(find .slurmq/running -type f)" '' 'supervisors killed: no journal is left'

# The supervisors are killed when their records are in the outbox, and each record is ingested twice
in_bulk 'ends posted' SLURMQ_FAILPOINT=end-posted
is "$(find copy -name '*,*' -type f | wc -l)" $JOBS 'ends posted: the records are there'
slurmq sync >/dev/null
is "$(right)" "$want" 'ends posted: all results are there, once'
cp -a copy/. .slurmq/outbox
slurmq sync >/dev/null
is "$(find .slurmq/outbox -type f)" '' 'ends posted: all are ingested a second time'
is "$(right)" "$want" 'ends posted: all results are there, once'

# The site starts a job again: its second start closes the attempt, whose results stay

fresh 'run: |
  slurmq record a=1
  echo $PPID $SLURM_JOB_ID >began
  read -r <go || :'
slurmq submit >/dev/null
ok_within 30 'a job runs' test -s began
read -r pid id <began
journal=$(echo .slurmq/running/*)
kill -KILL "$pid"
IFS=., read -r manifest task _ <<<"${journal##*/}"
ok 'Slurm shows that it is gone' fake_quiet
SLURM_JOB_ID=$id SLURM_RESTART_COUNT=1 SLURM_ARRAY_TASK_ID=$task SLURMD_NODENAME=fake1 .slurmq/bin/1 run "$manifest" >/dev/null 2>&1
ok 'its next attempt, which the chain submitted, ends' fake_quiet 1 || : >go
is "$(slurmq show 1 --json | jq -r '.[0].attempts[0].reason') $(sql 'SELECT value FROM result WHERE attempt = 1')" 'PREEMPTED 1' \
	'the attempt is preempted, and has its result'

done_testing
