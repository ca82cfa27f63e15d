#!/bin/bash
# a sweep file or a batch script that is edited after expand: the commands that submit report that the stored copy runs
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

fake_start 20
mkdir -p study/sub && cd study || exit
slurmq init >/dev/null || bail_out 'init'
printf 'name: fit\nparams: {n: [1, 2, 3]}\nscript: [job.sh, "{n}"]\n' >sweep.yaml
printf '#!/bin/bash\necho "old $1" >>%s/ledger\n[ $1 != 2 ]\n' "$TEST_TMP" >job.sh
: >"$TEST_TMP/ledger"
slurmq expand sweep.yaml >/dev/null || bail_out 'no jobs'
ledger() {
	sort "$TEST_TMP/ledger" | paste -sd,
}

# changed COMMAND FILE [MORE]: the line about a file of fit that changed
changed() {
	echo "slurmq $1: $2 has changed, but jobs of fit run the copy that was stored AGO; to store the new one: slurmq expand ${3:-sweep.yaml}${4:-}"
}
# says NAME LINE...: the last command printed these lines to stderr
says() {
	local name=$1
	shift
	is "$(sed -E 's/(just now|[0-9]+s ago)/AGO/' "$err_file")" "$(printf '%s\n' "$@")" "$name"
}

run slurmq submit --dry-run
is_err '' 'nothing has changed'
touch sweep.yaml job.sh
run slurmq submit --dry-run
is_err '' 'only the times of the files have changed'

# The script, the sweep file, both

sed -i 's/old/new/' job.sh
run slurmq submit --dry-run
is_status 0
says 'an edited script, a dry run' "$(changed submit job.sh)"
echo '# a comment' >>sweep.yaml
mv job.sh job.away
run slurmq submit --dry-run
says 'an edited sweep file; a script that is away is not reported' "$(changed submit sweep.yaml)"
mv job.away job.sh
run slurmq submit -n 1 --json
is_status 0
says 'both' "$(changed submit sweep.yaml)" "$(changed submit job.sh)"
is "$(jq .submitted <<<"$out")" 1 'the job is submitted, and stdout is one document'
ok 'the jobs end' fake_quiet
is "$(ledger)" 'old 1,old 2,old 3' 'with the stored script'
run slurmq submit
is_err '' 'no job is pending: no report'

# retry and release, with and without submitting, from another folder

cd sub || exit
run slurmq retry --no-submit
also=' (with --rerun-changed completed jobs run again)'
up=$TEST_TMP/study
says 'retry --no-submit, from another folder' "$(changed retry "$up/sweep.yaml" "$up/sweep.yaml" "$also")" \
	"$(changed retry "$up/job.sh" "$up/sweep.yaml" "$also")"
cd ..
slurmq hold 2 >/dev/null
run slurmq submit
is_err '' 'a held job: no report'
run slurmq release 2 --no-submit
says 'release --no-submit' "$(changed release sweep.yaml sweep.yaml "$also")" "$(changed release job.sh sweep.yaml "$also")"
slurmq hold 2 >/dev/null
run slurmq release 2
says 'release' "$(changed release sweep.yaml sweep.yaml "$also")" "$(changed release job.sh sweep.yaml "$also")"
ok 'it ends' fake_quiet
is "$(ledger)" 'old 1,old 2,old 2,old 3' 'with the stored script'
run slurmq retry
says 'retry' "$(changed retry sweep.yaml sweep.yaml "$also")" "$(changed retry job.sh sweep.yaml "$also")"
ok 'it ends again' fake_quiet

# expand stores the new text

: >"$TEST_TMP/ledger"
run slurmq expand sweep.yaml
is_status 0
run slurmq retry
is_err '' 'after expand: no report'
ok 'the job ends' fake_quiet
is "$(ledger)" 'new 2' 'with the new script'

# A file that is another sweep's now

sed -i 's/fit/other/' sweep.yaml
run slurmq retry --no-submit
is_err '' 'a sweep file with another name: it would not change these jobs'
slurmq expand sweep.yaml >/dev/null
run slurmq submit --dry-run
is_err '' 'nor after it is expanded'
sed -i 's/new/newer/' job.sh
run slurmq submit --dry-run
says 'a script of two sweeps' \
	"slurmq submit: job.sh has changed, but jobs of fit run the copy that was stored AGO; sweep.yaml has another 'name' now, and no longer changes them" \
	"slurmq submit: job.sh has changed, but jobs of other run the copy that was stored AGO; to store the new one: slurmq expand sweep.yaml"

# A sweep file that cannot be read, or that is no sweep file any more

: >sweep.yaml
run slurmq submit --dry-run
like_err '^slurmq submit: sweep.yaml has changed, but jobs of other run the copy' 'an empty sweep file'
rm sweep.yaml job.sh
mkfifo sweep.yaml
run slurmq submit --dry-run
is_err '' 'a pipe in its place'

done_testing
