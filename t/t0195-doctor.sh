#!/bin/bash
# slurmq doctor: each check, right and wrong, with a fake Slurm
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start
FAULT_SO=$TEST_BUILD/t/fault.so

# says STATE CHECK REGEX [NAME]: the doctor has printed that line
says() {
	like_out "^$1 +$2 +$3" "${4-$2: $1}"
}
# sql TEXT: changes the database without slurmq
sql() {
	sqlite3 -batch -cmd '.timeout 20000' .slurmq/jobs.db "$1"
}

# Without a folder, Slurm is checked nevertheless

run slurmq doctor --job
is_status 1
is_err ''
says error folder "no \.slurmq in '.*' or above it: make one with slurmq init"
says ok slurm 'sbatch 22\.05\.8, slurmctld 22\.05\.8, cluster fake$'
says warning node 'not checked, because of the errors above'
unlike_out 'database'

# All is well. The fake has no accounting

rm .bin/sacct
printf '#!/bin/sh\n' >.bin/sacct
chmod +x .bin/sacct
slurmq init >/dev/null
run slurmq doctor
is_status 0
is_err ''
is "$(awk '{ print $1, $2 }' <<<"$out")" 'ok folder
ok database
ok locks
ok clock
ok space
ok slurm
ok sacct
ok limit
ok chain
ok sentinel' 'every check, in this order'
says ok folder "$TEST_TMP/\.slurmq \([a-z0-9]+ on /.*\)$"
says ok database '0 jobs; the file is sound, and the counters agree with the rows$'
says ok limit '200 jobs in Slurm at once'
says ok chain 'idle, last refill never$'
run slurmq doctor --json
is_status 0
is_err ''
is "$(jq -c '[.ok, (.checks | length), (.checks | map(.state) | unique), (.checks[0] | keys)]' <<<"$out")" \
	'[true,10,["ok"],["check","state","text"]]' '--json: one document'
is "$(slurmq doctor --json | jq -r '.checks[] | select(.check == "database") | .text')" \
	'0 jobs; the file is sound, and the counters agree with the rows' '--json: the text'

# A small job checks a node; it leaves nothing

run slurmq doctor --job
is_status 0
says ok node 'fake1 sees the folder and may submit \(Slurm job [0-9]+, '
fake_quiet
like "$(<"$FAKE_SLURM/log")" 'sbatch .*--time=2 --mem=256M --job-name=slurmq-doctor .*--output=/dev/null' 'a small job'
like "$(<"$FAKE_SLURM/log")" 'sbatch --test-only --wrap=: .*--time=2' 'the node submits nothing'
is "$(cd .slurmq && find . -name '*doctor*')" '' 'no file is left'
touch "$FAKE_SLURM/no-submit"
run slurmq doctor --job
is_status 1
says error node 'fake1 sees the folder, but cannot submit: .*Access/permission denied.*: slurmq config via'
# ... unless another host submits for it
printf '#!/bin/sh\nshift\nexec "$@"\n' >.bin/hop
chmod +x .bin/hop
slurmq config via 'hop login1' >/dev/null
run slurmq doctor --job
is_status 0 'via another host'
says ok node 'fake1 sees the folder and may submit'
printf '#!/bin/sh\necho "hop: connection refused" >&2\nexit 255\n' >.bin/hop
run slurmq doctor --job
is_status 1 'a host that is away'
says error node 'fake1 sees the folder, but cannot submit: .*hop: connection refused'
slurmq config --unset via >/dev/null
rm "$FAKE_SLURM/no-submit"
fake_quiet

echo refuse >"$FAKE_SLURM/mode"
run slurmq doctor --job
is_status 0 'a site that refuses --mem'
rm .bin/sbatch
cat >.bin/sbatch <<-'END'
	#!/bin/sh
	if [ "$1" = --version ]; then
		echo 'slurm 23.11.1'
		exit
	fi
	echo 'sbatch: error: Batch job submission failed: Invalid account' >&2
	exit 1
END
chmod +x .bin/sbatch
run slurmq doctor --job
is_status 1
says ok slurm 'sbatch 23\.11\.1, slurmctld 22\.05\.8'
says error node 'sbatch refused a small job: .*Invalid account.*; slurmq config sentinel\.sbatch'
ln -sf "$TEST_BUILD/t/fakeslurm" .bin/sbatch
echo busy >"$FAKE_SLURM/mode"
run slurmq doctor --job
is_status 0
says warning node 'sbatch accepted no job: .*try again later'

# The clock of this process runs faster, so that its waits are short
fast() {
	CLOCK_SPEED=200 LD_PRELOAD=$FAULT_SO slurmq doctor --job
}
touch "$FAKE_SLURM/hold"
run fast
is_status 0
says warning node 'Slurm job [0-9]+ had not ended after 2m .* was cancelled: nothing is known'
rm "$FAKE_SLURM/hold"
fake_quiet
is "$(grep -c '^CANCELLED' "$FAKE_SLURM"/jobs/* | grep -c ':1$')" 1 'the job was cancelled'
# a node that does not see the folder
cat >"$FAKE_SLURM/jobenv" <<-END
	PATH=$TEST_TMP/elsewhere
END
mkdir elsewhere
printf '#!/bin/sh\nexit 1\n' >elsewhere/mv
chmod +x elsewhere/mv
run fast
is_status 1
says error node "Slurm job [0-9]+ ended and wrote nothing to '$TEST_TMP/\.slurmq': its node does not see this folder"
rm "$FAKE_SLURM/jobenv"
is "$(cd .slurmq && find . -name '*doctor*')" '' 'no file is left'

# Slurm

touch "$FAKE_SLURM/away"
run slurmq doctor
is_status 1
says error slurm 'scontrol failed .*Unable to contact slurm controller.*; Slurm.s own commands must work here first'
unlike_out ' sacct ' 'nothing else is asked'
rm "$FAKE_SLURM/away" .bin/scancel .bin/squeue
run env PATH="$TEST_TMP/.bin:$TEST_TMP/elsewhere" slurmq doctor
is_status 1
says error slurm "not on PATH: squeue, scancel; load Slurm's module"
ln -s "$TEST_BUILD/t/fakeslurm" .bin/squeue
ln -s "$TEST_BUILD/t/fakeslurm" .bin/scancel
rm .bin/sacct
ln -s "$TEST_BUILD/t/fakeslurm" .bin/sacct
run slurmq doctor
is_status 0
says warning sacct 'this cluster has no accounting: if a job ends without a result'
rm .bin/sacct
printf '#!/bin/sh\necho "sacct: error: slurmdbd is away" >&2\nexit 1\n' >.bin/sacct
chmod +x .bin/sacct
run slurmq doctor
is_status 0
says warning sacct 'sacct failed .*slurmdbd is away'
printf '#!/bin/sh\n' >.bin/sacct

# Limit and chain

slurmq config limit 1 >/dev/null 2>&1
run slurmq doctor
is_status 0
says warning limit '1 job in Slurm at once \(slurmq config limit\): .*slurmq help chain'
slurmq config limit 4 >/dev/null 2>&1
run slurmq doctor
says ok limit '4 jobs in Slurm at once \(slurmq config limit\)$'
cat >odd.yaml <<-'END'
	name: odd
	params: {n: {from: 1, to: 6, step: 1}}
	run: [sleep, 30]
END
slurmq expand odd.yaml >/dev/null
run slurmq doctor
says ok chain 'nothing was submitted yet: slurmq submit$'
slurmq config sentinel 15m >/dev/null
slurmq submit >/dev/null
run slurmq doctor
is_status 0
says ok chain 'alive, last refill just now$'
says ok sentinel 'Slurm job [0-9]+, begins in 1[45]m'
slurmq pause >/dev/null
run slurmq doctor
is_status 0
says warning chain 'paused \(slurmq pause by '
says warning chain 'the queue is paused: slurmq resume$' 'the way out'
slurmq resume --no-submit >/dev/null
slurmq config sentinel off >/dev/null
run slurmq doctor
says ok sentinel 'off \(slurmq config sentinel\)$'
slurmq cancel all --yes >/dev/null
fake_quiet 30

# Folder

sql "INSERT INTO setting (key, value) VALUES ('.locks.reach', 'n1 login')"
run slurmq doctor
says ok locks 'between processes, and between the hosts n1 login$'
sql "UPDATE setting SET key = '.locks.local' WHERE key = '.locks.reach'"
run slurmq doctor
is_status 1
says error locks 'file locks do not work between the hosts n1 login: slurmq status'
sql "DELETE FROM setting WHERE key = '.locks.local'"
run env STAMP_SHIFT=90 LD_PRELOAD="$FAULT_SO" slurmq doctor
is_status 0
says warning clock "the file server's clock is 1m [23].s ahead of this host's"
run env CLOCK_SHIFT=86400 LD_PRELOAD="$FAULT_SO" slurmq doctor
is_status 0
says warning clock "the file server's clock is (1d 00h|23h 59m) behind this host's"
run env SLURMQ_FAULT=enospc:1:write SLURMQ_FAULT_UNDER="$TEST_TMP/.slurmq" LD_PRELOAD="$FAULT_SO" slurmq doctor
is_status 1
says error space '.*No space left'
sql 'UPDATE counter SET n = n + 1'
run slurmq doctor
is_status 1
says error database '.*counter'
sql 'UPDATE counter SET n = n - 1'
run slurmq doctor --json
is_status 0
printf x >.slurmq/jobs.db
run slurmq doctor --json
is_status 1
is "$(jq -c '[.ok, (.checks | map(select(.state == "error") | .check))]' <<<"$out")" '[false,["database"]]' \
	'a broken database: the other checks go on'

done_testing
