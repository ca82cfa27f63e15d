#!/bin/bash
# the static binary for arm64, in an empty root, run by QEMU
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

PATH=$PATH:/usr/sbin:/sbin
enter=(chroot root)
if [ "$(id -u)" != 0 ]; then enter=(unshare -r "${enter[@]}"); fi
qemu=$(command -v qemu-aarch64-static) || skip_all 'not installed: qemu-user-static'

# make names what is missing
run make -s -C "$TEST_TOP" static ARCH=arm64
case $err in *'without these packages'*) skip_all "not installed: ${err#*): }" ;; esac
is_status 0
is_err ''
binary=$TEST_TOP/build/arm64/slurmq-static
# ELF: 64 bits, little-endian; the machine at offset 18 is 183, EM_AARCH64 (elf.h)
is "$(od -An -tx1 -N6 "$binary" | tr -d ' ') $(od -An -tu2 -j18 -N2 "$binary" | tr -d ' ')" \
	'7f454c460201 183' 'it is a program for arm64'
ok 'the binary is under 4 MiB' test "$(stat -c %s "$binary")" -lt 4194304

mkdir -p root/bin root/study
cp "$qemu" root/bin/qemu
cp "$binary" root/bin/slurmq
"${enter[@]}" /bin/qemu /bin/slurmq --version >/dev/null 2>"$TEST_TMP/chroot" ||
	! grep -qE '^(chroot|unshare):' "$TEST_TMP/chroot" ||
	skip_all 'not root, and no user namespaces: chroot is impossible'
cat >root/study/sweep.yaml <<'END'
name: fit
params: {lr: [0.1, 0.01, 0.001]}
sbatch: {time: "0:10:00"}
run: [./train, "{lr}"]
END

# there COMMAND...: runs it in that root, which has no library, no /proc, no /etc
there() {
	run env -i PATH=/bin:"$PATH" "${enter[@]}" /bin/qemu /bin/slurmq -C /study "$@"
	cmd="slurmq $*"
}

there --version
is_status 0
is_out "$(slurmq --version)" 'the same version'
there help
is_status 0
like_out '^Getting started +init'
there init
is_status 0
is_out 'made /study/.slurmq; next: slurmq expand FILE'
is_err ''
there expand sweep.yaml
is_status 0
is_out 'fit: 3 jobs added (3 steps); next: slurmq submit'
is_err ''
there list
is_status 0
like_out '^ *3 +pending .* 0\.001$'
is_err ''
there status
is_status 0
like_out '^fit .* 0/3  3 pending$'
is_err ''
is "$(slurmq -C root/study list --json)" "$(there list --json && echo "$out")" \
	'the binary of this architecture reads the same folder'

run make -s -C "$TEST_TOP" static ARCH=vax
is_status 2
is_err "cannot build for ARCH=vax: use ARCH=arm64
make: *** [Makefile:$(grep -n 'use ARCH=arm64' "$TEST_TOP/Makefile" | cut -d: -f1): static] Error 1"
run env ARCH=vax make -n -s -C "$TEST_TOP" static
is_status 0 'a variable ARCH of the environment counts for nothing'

done_testing
