#!/bin/bash
# manual pages: their examples, run unchanged, in a folder whose sweep has run
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/slurm.sh"
. "$TEST_LIB/examples.sh"

man=$TEST_TOP/man
examples_pages || skip_all 'no man(1)'
# shellcheck disable=SC2119
slurm_start

all_ended() {
	slurmq status --json | grep -q '"pending":0,"submitting":0,"queued":0,"running":0,.*"limit"'
}

# 24 jobs, of which four fail; job 17 in its second step

examples_folder || bail_out 'no folder'
{ slurmq init && slurmq expand sweep.yaml; } >/dev/null || bail_out 'no jobs'
examples_run "$man/slurmq-submit.1"
examples_run "$man/slurmq-run.1"
ok_within 60 'the sweep ends' all_ended
is "$(slurmq list -s failed --json | sed -E 's/.*"id":([0-9]+),.*/\1/' | paste -sd' ')" '4 12 17 20' \
	'four jobs have failed'

for page in "$man"/slurmq-{status,doctor,list,show,log,sync,chain,hold,pause,resume,release}.1 \
	"$man/slurmq.1" "$man/slurmq-storage.7"; do
	examples_run "$page"
	ok_within 60 'the other jobs end' all_ended
done
slurmq retry 17 --no-submit >/dev/null
slurmq cancel 17 >/dev/null
examples_run "$man/slurmq-retry.1"
ok_within 60 'the other jobs end' all_ended
examples_run "$man/slurmq-cancel.1"

done_testing
