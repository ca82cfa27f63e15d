#!/bin/bash
# the setting notify: a command that is run for events, by the process that sees them first
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
# shellcheck disable=SC2016
printf 'name: few\nparams: {n: [1, 2, 3]}\nrun: |\n  test ! -e bad.{n}\n' >few.yaml
touch bad.2
slurmq expand few.yaml >/dev/null

# The values that the setting takes

run slurmq config notify
is_out ''
for value in $'a\nb' $'a\tb'; do
	run slurmq config notify "$value"
	is_status 2
	like_err "^slurmq config: setting 'notify' takes a command, such as mail -s slurmq me@example.org, not "
done

# notes: prints what the commands have written since the last call
notes() {
	[ ! -e notes ] || cat notes
	rm -f notes
}
cat >note.sh <<'END'
#!/bin/sh
# several processes may run it at once
{
	echo "$SLURMQ_EVENT ${SLURMQ_SWEEP-} ${SLURMQ_COMPLETED-}/${SLURMQ_JOBS-} ${SLURMQ_FAILED-} ${SLURMQ_CANCELLED-}${SLURMQ_SUBMITTED-}"
	cat
} >note.$$
cat note.$$ >>notes
rm note.$$
END
chmod +x note.sh
run slurmq config notify ./note.sh
is_status 0
is_out 'notify: ./note.sh'
is "$(notes)" '' 'nothing yet'

# A sweep is over: a job runs the command

slurmq submit >/dev/null
ok 'the jobs end' fake_quiet
is "$(notes)" "over few 2/3 1 0
slurmq: sweep few is over: 2 of 3 jobs completed, 1 failed
folder: $PWD
next: slurmq list -s failed few; slurmq retry few" 'once, with the facts'
slurmq status >/dev/null
slurmq sync >/dev/null
is "$(notes)" '' 'not again'
rm bad.2
(cd / && slurmq -C "$TEST_TMP" retry few >/dev/null)
ok 'the job ends' fake_quiet
is "$(notes)" "over few 3/3 0 0
slurmq: sweep few is over: 3 of 3 jobs completed
folder: $PWD" 'again after a retry'

# A command of the user ends a sweep

sed 's/few/more/' few.yaml >more.yaml
slurmq expand more.yaml >/dev/null
run slurmq cancel more --yes
is_status 0
is_out 'cancelled 3 jobs'
is "$(notes | head -n 2)" 'over more 0/3 0 3
slurmq: sweep more is over: 0 of 3 jobs completed, 3 cancelled' 'cancelled'

# The breaker pauses the queue

printf 'name: bad\nparams: {n: [1, 2, 3, 4, 5, 6]}\nrun: "exit 3"\n' >bad.yaml
slurmq expand bad.yaml >/dev/null
slurmq config breaker 3 >/dev/null
slurmq config limit 3 >/dev/null
slurmq submit >/dev/null
ok 'the jobs end' fake_quiet
like "$(notes)" '^slurmq: the queue is paused: [3-6] failures in a row' 'paused'
slurmq status >/dev/null
is "$(notes | grep -c paused)" 0 'once'
slurmq pause >/dev/null
slurmq resume --no-submit >/dev/null
slurmq pause >/dev/null
slurmq status >/dev/null
is "$(notes)" '' 'a pause of the user is no event'
slurmq cancel bad --yes >/dev/null
slurmq resume --no-submit >/dev/null
notes >/dev/null

# A chain without jobs is found by slurmq chain, as cron or the sentinel run it

slurmq config --unset limit >/dev/null
slurmq retry more -s cancelled --no-submit >/dev/null
run slurmq chain
is_status 0
ok 'the jobs end' fake_quiet
is "$(notes | grep -c '^revived ')" 1 'revived'
slurmq retry more --all 4-6 --no-submit >/dev/null
slurmq submit >/dev/null
ok 'the jobs end' fake_quiet
is "$(notes | cut -d' ' -f1 | grep -c revived)" 0 'a submission of the user is no event'

# A command that fails or hangs changes nothing

# broken REGEX COMMAND: the value is reported in the log of the job
broken() {
	local want=$1
	rm -rf .slurmq/logs/*
	slurmq config notify "$2" >/dev/null
	slurmq retry --all 1 >/dev/null
	ok "$2: the job ends" fake_quiet 30
	like "$(cat .slurmq/logs/*/* .slurmq/logs/* 2>/dev/null)" "$want" "$2: reported in its log"
	is "$(slurmq list 1 --json | grep -o '"state":"[a-z]*"')" '"state":"completed"' "$2: the job is completed"
}
broken '^slurmq run: the command of the setting notify failed: exit 3: oops$' 'echo oops >&2; exit 3'
broken '^slurmq run: the command of the setting notify failed: exit 127' no-such-command
broken '^slurmq run: the command of the setting notify was ended by signal 9$' 'kill -9 $$'
broken '^slurmq run: the command of the setting notify did not end within 8 s$' 'sleep 100'

# What was over before the setting is no event

slurmq config --unset notify >/dev/null
slurmq retry --all 1 >/dev/null
ok 'the job ends' fake_quiet
slurmq config notify ./note.sh >/dev/null
slurmq status >/dev/null
is "$(notes)" '' 'nothing'

done_testing
