#!/bin/bash
# make demo: from its first line to its last, and the files that it leaves, also if it is
# interrupted
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"

missing=$(slurm_missing)
if [ -n "$missing" ]; then
	[ -z "${TEST_REQUIRE-}" ] || bail_out "not installed: ${missing//$'\n'/ }"
	skip_all "not installed: ${missing//$'\n'/ }"
fi

# a copy of the project: the demo writes to its build/
mkdir -p copy/t here
cp -r "$TEST_TOP/t/demo.sh" "$TEST_TOP/t/demo" "$TEST_TOP/t/lib" copy/t
demo=$TEST_TMP/copy/build/demo

# prints all files outside of build/, with their times
outside() {
	find "$TEST_TMP" -path "$TEST_TMP/copy/build" -prune -o -path "$TEST_TMP/.tap" -prune -o \
		-path "$TEST_TMP/log" -prune -o -type f -printf '%P %T@ %s\n' -o -printf '%P\n' | sort
}
# prints processes that have the demo's folder in their environment: daemons, jobs, and their
# children
left() {
	grep -lzF "$demo/" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}
none_left() {
	[ -z "$(left)" ]
}
some_left() {
	! none_left
}
# a failed demo may leave processes
# shellcheck disable=SC2016
at_exit eval 'for pid in $(left); do kill -KILL "$pid"; done'
mkdir log
outside=$(outside)

# from start to end, with output to a file

cd here || bail_out 'no folder'
spawn timeout -k 20 150 ../copy/t/demo.sh </dev/null >../log/out 2>../log/err
ok_within 60 'daemons and jobs run' some_left
reap 180 "$spawned"
cd ..
out=$(<log/out) err=$(<log/err)
is_status 0 'the demo works'
is_err ''
while IFS= read -r line; do
	ok "it shows $line" grep -qxF -e "$line" log/out
done <<'END'
$ sinfo
$ sbatch --array=1-60 ./train.sh
$ cat sweep.yaml
$ slurmq init
$ slurmq expand sweep.yaml
$ slurmq submit
$ slurmq status
$ slurmq list -s failed
$ cp archive/fold-07.csv data/
$ slurmq retry
END
like_out '^sbatch: error: QOSMaxSubmitJobPerUserLimit' 'Slurm refuses 60 jobs at once'
like_out '^fit: 60 jobs added' 'slurmq accepts them'
is "$(grep -cE '^ *[0-9]+ +failed (EXIT|SIGNAL) ' log/out)" 6 'six jobs fail'
is "$(grep -cE '^\$ slurmq log [0-9]+$' log/out)" 2 'two logs are shown'
like_out '^train.sh: cannot read data/fold-07.csv' 'one shows the reason'
like_out 'killed by signal 9' 'the other shows its reason'
like_out '^fit .* 60/60$' 'at the end all are completed'
like_out '^It took [0-9]+ s' 'the end is reported'
unlike_out $'\e' 'no colour without a terminal'
is "$(grep -vE '^(sbatch: error: |made |! |    )' log/out | awk 'length > 80')" '' 'it fits 80 columns'
like_out '^  \S+ -C build/demo/study list$' 'the command to list the jobs is printed'

run slurmq -C copy/build/demo/study list --json
is "$(grep -c '"state":"completed"' <<<"$out")" 60 'the store has the same result'
is "$(grep -c '"tries":2' <<<"$out")" 6 'six had a second try'
is "$(find copy/build/demo/study/results -type f | wc -l)" 60 'there are 60 results'
is "$(left)" '' 'no process is left'
nok 'the cluster is gone' test -e copy/build/demo/slurm
is "$(outside)" "$outside" 'nothing was made or changed outside of build/'

# on a terminal, and interrupted there

command -v script >/dev/null || {
	done_testing
	exit
}
mkfifo log/keys && : >log/tty
# a background process ignores SIGINT otherwise
# shellcheck disable=SC2016
spawn bash -c 'exec script -qefc "$1" /dev/null <>log/keys >log/tty 2>&1' bash \
	'stty rows 24 cols 80; TERM=xterm exec env --default-signal=INT,QUIT copy/t/demo.sh'
redrawn() {
	[ "$(grep -c $'\e8\e\\[J' log/tty)" -ge "$1" ]
}
ok_within 60 'on a terminal the table is redrawn' redrawn 5
like "$(<log/tty)" $'\e\\[1mslurmq submit\e\\[m' 'the commands are in colour'
nok 'jobs run' none_left
printf '\003' >log/keys
reap 60 "$spawned"
out=$(tail -n 5 log/tty) err=''
is_status 130 'Ctrl-C ends it'
like "$(<log/tty)" '^Interrupted: .* done' 'the interruption is reported'
is "$(left)" '' 'no process is left'
nok 'the cluster is gone' test -e copy/build/demo/slurm
is "$(outside)" "$outside" 'nothing was made or changed outside of build/'

# errors of a demo that cannot work

run env SLURMQ=/nonexistent copy/t/demo.sh
is_status 1
like_err "^make demo: there is no '/nonexistent'"
exec 9>copy/build/demo/lock
flock 9
run copy/t/demo.sh
is_status 1 'a second demo at the same time'
like_err 'another one runs' 'is refused'

done_testing
