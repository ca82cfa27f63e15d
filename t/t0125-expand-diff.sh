#!/bin/bash
# slurmq expand --dry-run and --diff in a folder with .slurmq: the file compared with the store
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
unset SLURMQ_DIR

printf 'name: grid\nparams: {a: [1, 2], b: [x, y]}\nrun: [echo, "{a}", "{b}"]\n' >grid.yaml
slurmq init >/dev/null

# compares WANT: checks the counts of a dry run, and that an expand would have the same
compares() {
	run slurmq expand --dry-run grid.yaml --json
	is_status 0
	is_out "$1" "--dry-run: $2"
	run slurmq expand --diff grid.yaml --json
	is_out "$1" "--diff: $2"
}
dump() {
	sqlite3 .slurmq/jobs.db .dump | sha256sum
}

run slurmq expand --dry-run grid.yaml
is_status 0
like_out '^grid: 4 jobs, 4 steps$'
is "$(tail -n 2 "$out_file")" 'grid, compared with the store:
  4 new' 'a new sweep'
run slurmq expand --diff grid.yaml
is_status 1 '--diff of a new sweep: there is a difference'
is_out 'grid, compared with the store:
  4 new'
slurmq expand grid.yaml >/dev/null
run slurmq expand --diff grid.yaml
is_status 0 '--diff of an unchanged file: no difference'
is_out 'grid, compared with the store:
  4 unchanged'
is_err ''

# The file has other jobs and another command; one job is completed, one runs

sqlite3 .slurmq/jobs.db "
	INSERT INTO submission(id, version, first, ntasks, created) VALUES(77, 1, 1, 2, 1);
	INSERT INTO attempt(id, job, prev, submission, closed, completed) VALUES(1, 3, 0, 77, 3, 1), (2, 4, 0, 77, 0, 0);
	UPDATE job SET state = 4, attempt = 1, tries = 1 WHERE id = 3;
	UPDATE job SET state = 3, attempt = 2, tries = 1 WHERE id = 4"
printf 'name: grid\nparams: {a: [2, 3], b: [x, y, z]}\nrun: [printf, "{a}", "{b}"]\n' >grid.yaml
before=$(dump)
run slurmq expand --diff grid.yaml
is_status 1
is_out '--- grid.yaml (stored)
+++ grid.yaml
@@ -1,3 +1,3 @@
 name: grid
-params: {a: [1, 2], b: [x, y]}
-run: [echo, "{a}", "{b}"]
+params: {a: [2, 3], b: [x, y, z]}
+run: [printf, "{a}", "{b}"]
grid, compared with the store:
  4 new
    a=2 b=z
    a=3 b=x
    a=3 b=y
    ...
  2 running or completed with other commands or resources
    job 3: a=2 b=x
    job 4: a=2 b=y
  2 no longer in the file
    job 1: a=1 b=x
    job 2: a=1 b=y'
is_err ''
run slurmq expand --dry-run grid.yaml
is_status 0 '--dry-run: exit status 0 whatever differs'
like_out '^  4 new$'
unlike_out '^\+run'
compares '{"sweep":"grid","jobs":6,"steps":6,"added":4,"unchanged":0,"changed":0,"missing":2,"kept":2}' 'the counts'
run slurmq expand --dry-run --list grid.yaml
is_status 0
is "$(wc -l <"$out_file")" 6 '--list is not compared'
is "$(dump)" "$before" 'nothing was changed'

# An expand that died has added hidden jobs: they are new

SLURMQ_FAILPOINT=expand-slice run "$TEST_BUILD/failpoints/slurmq" expand grid.yaml 2>/dev/null
is_status 137
compares '{"sweep":"grid","jobs":6,"steps":6,"added":4,"unchanged":0,"changed":0,"missing":2,"kept":2}' 'jobs of an interrupted expand are new'

run slurmq expand grid.yaml --json
is_out '{"sweep":"grid","jobs":6,"steps":6,"added":4,"unchanged":0,"changed":0,"missing":2,"kept":2}' 'the expand does what was shown'
run slurmq expand --diff grid.yaml
is_status 0 'after it there is no difference, although jobs are missing in the file'
sed -i 's/printf/echo/' grid.yaml
compares '{"sweep":"grid","jobs":6,"steps":6,"added":0,"unchanged":2,"changed":4,"missing":2,"kept":0}' 'other commands'
sed -i 's/$/ /' grid.yaml
sed -i 's/echo/printf/' grid.yaml
run slurmq expand --diff grid.yaml
is_status 1 'only blanks differ: the stored text would change'
like_out '^  4 unchanged$'

# The batch script

mkdir other
printf '#!/bin/bash\n#SBATCH --mem=1G\necho one\n' >other/job.sh
printf 'name: batch\nparams: {n: [1, 2]}\nscript: [other/job.sh, "{n}"]\n' >batch.yaml
slurmq expand batch.yaml >/dev/null
sed -i 's/one/two/' other/job.sh
run slurmq expand --diff batch.yaml grid.yaml
is_status 1
like_out "^--- $PWD/other/job\.sh \(stored\)\$"
like_out '^-echo one$'
like_out '^\+echo two$'
like_out '^batch, compared with the store:$'
like_out '^grid, compared with the store:$'
like_out '^  2 with new commands or resources$'

# Without diff(1), without a store, and a file that is wrong

mkdir bin
ln -s "$SLURMQ" bin/slurmq
run env PATH="$PWD/bin" slurmq expand --diff batch.yaml
is_status 1
like_out "^'$PWD/other/job.sh' differs from its stored text \(diff, which shows how, is not installed\)\$"
run slurmq expand --diff --dry-run --list grid.yaml
is_status 2
is_err 'slurmq expand: --list needs --dry-run, without --diff'
run slurmq -C / expand --diff "$PWD/grid.yaml"
is_status 2
like_err 'no \.slurmq in'
run slurmq -C / expand --dry-run "$PWD/grid.yaml"
is_status 0
unlike_out compared
printf 'name: grid\nparamters: {}\nrun: [x]\n' >wrong.yaml
run slurmq expand --diff wrong.yaml
is_status 2
printf 'broken' >.slurmq/jobs.db
run slurmq expand --dry-run grid.yaml
is_status 0 'a dry run does not need a store that works'
like_err '^slurmq expand: not compared with the store: '

done_testing
