#!/bin/bash
# the static binary in an empty root, which has only slurmq and sbatch
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

PATH=$PATH:/usr/sbin:/sbin
enter=(chroot root)
if [ "$(id -u)" != 0 ]; then enter=(unshare -r "${enter[@]}"); fi
mkdir -p root/bin root/study
cat >sh.c <<'END'
int main(void) { return 0; }
END
cc -static -o root/bin/true sh.c 2>/dev/null || skip_all 'static linking does not work here'
"${enter[@]}" /bin/true 2>/dev/null || skip_all 'not root, and no user namespaces: chroot is impossible'
rm root/bin/true

run make -s -C "$TEST_TOP" static
is_status 0
is_err ''
binary=$TEST_TOP/build/slurmq-static
ok 'the binary is under 4 MiB' test "$(stat -c %s "$binary")" -lt 4194304
run ldd "$binary"
like "$out$err" 'not a dynamic executable' 'the binary needs no library'

cp "$binary" root/bin/slurmq
cc -static -o root/bin/sbatch "$TEST_TOP/t/tool/sbatch.c" || bail_out 'no sbatch'
cat >root/study/sweep.yaml <<'END'
name: fit
params: {lr: [0.1, 0.01, 0.001]}
sbatch: {time: "0:10:00"}
run: [./train, "{lr}"]
END
is "$(cd root && find . -type f | sort | paste -sd' ')" './bin/sbatch ./bin/slurmq ./study/sweep.yaml' \
	'the root has both and a sweep file, no /proc, no /dev, no id(1)'

# there COMMAND...: runs it in that root
there() {
	run env -i PATH=/bin:"$PATH" "${enter[@]}" /bin/slurmq -C /study "$@"
	cmd="slurmq $*"
}

there --version
is_status 0
there help
is_status 0
like_out '^Getting started +init'
there submit
is_status 2
like_err 'slurmq init'
there init
is_status 0
is_out 'made /study/.slurmq; next: slurmq expand FILE'
is_err ''
there expand sweep.yaml
is_status 0
is_out 'fit: 3 jobs added (3 steps); next: slurmq submit'
is_err ''
there status
is_status 0
like_out '^fit .* 0/3  3 pending$'
is_err ''
there submit
is_status 0
like_out '^submitted 3 jobs; 0 pending, 3 in Slurm \(limit 200'
is_err ''
ok 'jobs get a copy of the binary' cmp -s "$binary" root/study/.slurmq/bin/1
there status
is_status 0
like_out '^fit .* 0/3  3 queued$'
like_out '^chain alive'
is_err ''
there show 1
is_status 0
like_out "attempt 1: in Slurm's queue, Slurm job 4711_0"
there list --json
is_status 0
is "$(grep -c '"slurm_job":"4711_[0-2]"' <<<"$out")" 3 'all three have their Slurm id'

# missing programs are reported, and nothing breaks

there log 1
is_status 1
is_err "slurmq log: job 1 has no log yet: it waits in Slurm's queue; slurmq log 1 -f waits for it"
there sync
is_status 1
like_err '^slurmq sync: .*squeue is not on PATH'
for page in "$TEST_TOP"/man/*.[157]; do
	page=${page##*/slurmq-} page=${page##*/}
	there help "${page%.*}"
	is_status 0
	is_err ''
	like_out '^NAME$' "help ${page%.*}: without man(1) the binary formats its own pages"
done
there help sweep
like_out '^     A sweep file is YAML that slurmq-expand\(1\) turns into jobs\.'
there list -s queued
is "$(grep -c ' queued ' <<<"$out")" 3 'no job counts as lost'

done_testing
