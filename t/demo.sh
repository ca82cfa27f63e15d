#!/bin/bash
# make demo: the first sweep of a new user, on a private Slurm that is removed afterwards.
#
#	t/demo.sh       (make demo builds before)
#
# Everything is in build/demo: slurm/, the cluster, while this runs, and study/, the folder of a
# user with 60 jobs. If that path is too long for a Unix socket, or contains a blank, the cluster is
# in /tmp while it runs. SLURMQ names another binary.
set -u

top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P) || exit 1
: "${SLURMQ:=$top/build/slurmq}"
slurmq=$(realpath -- "$SLURMQ")
demo=$top/build/demo

# only its own cluster, jobs and settings
for name in $(compgen -e); do
	case $name in
	SLURM_* | SLURMD_* | SLURMQ_* | SBATCH_* | SQUEUE_* | SACCT_* | SALLOC_* | SCANCEL_* | SINFO_*) unset "$name" ;;
	esac
done
umask 022
. "${BASH_SOURCE[0]%/*}/lib/slurm.sh"

# a signal may arrive while a function has redirected its output
exec 3>&1 4>&2

# Format: colours on a terminal, unless NO_COLOR is set; 80 columns at most

tty='' width=80 bold='' green='' red='' cyan='' plain='' line='-'
if [ -t 1 ]; then
	case ${TERM:-dumb} in
	dumb) ;;
	*) tty=1 ;;
	esac
	read -r rows columns < <(stty size <&3 2>/dev/null)
	[ "${columns:-0}" -lt 20 ] || [ "$columns" -gt 80 ] || width=$columns
	# the terminal is too small to redraw the table
	[ "${rows:-0}" -ge 12 ] || tty=''
fi
if [ -n "$tty" ] && [ -z "${NO_COLOR-}" ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' cyan=$'\e[36m' plain=$'\e[m'
fi
[ "$(locale charmap 2>/dev/null)" != UTF-8 ] || line='─'

# heading TEXT
steps=6 step=0
heading() {
	local text rule
	step=$((step + 1))
	text="$step/$steps  $1"
	printf -v rule '%*s' $((width - ${#text} - 4)) ''
	printf '\n%s%s %s%s%s %s%s\n' "$cyan" "$line$line" "$bold" "$text" "$plain$cyan" "${rule// /$line}" "$plain"
}

# say TEXT: prints a remark, as a comment in a shell
say() {
	local text
	printf '\n'
	while IFS= read -r text; do
		printf '%s# %s%s\n' "$cyan" "$text" "$plain"
	done < <(fmt -w $((width - 2)) -g $((width - 3)) <<<"$1")
	pause 0.8
}

# type_in COMMAND: shows it, and runs it
type_in() {
	prompt "$1"
	eval "$1"
}

prompt() {
	printf '%s$%s %s%s%s\n' "$green" "$plain" "$bold" "$1" "$plain"
	pause 0.4
}

# pause SECONDS: gives a reader time
pause() {
	[ -z "$tty" ] || sleep "$1"
}

# The end, also after a signal

halt() {
	local pid
	[ -n "${SLURM_BED-}" ] || return 0
	slurm_halt
	# a daemon that was just starting
	if ! grep -qzxF "SLURM_CONF=$SLURM_BED/slurm.conf" "/proc/$$/environ"; then
		for pid in $(_slurm_all); do kill -KILL "$pid" 2>/dev/null; done
	fi
	[ -z "$1" ] || cp -r "$SLURM_BED/log" "$demo/" 2>/dev/null
	rm -rf "$SLURM_BED"
	[ ! -L "$demo/slurm" ] || rm -f "$demo/slurm"
	SLURM_BED=''
}

die() {
	printf '\n%smake demo: %s%s\n' "$red" "$1" "$plain" >&2
	exit 1
}

finish() {
	local rc=$?
	trap - EXIT
	trap '' INT TERM HUP PIPE
	exec >&3 2>&4
	[ -z "$tty" ] || printf '\e[?25h'
	case $rc in
	0) halt '' ;;
	1)
		halt logs
		echo "Everything is stopped. Slurm's logs are in build/demo/log." >&2
		;;
	*)
		printf '\nInterrupted: stopping everything ... '
		halt ''
		printf 'done.\n'
		;;
	esac
	exit "$rc"
}

# Redraws the table until nothing is left to do

counts=''
# counted STATE
counted() {
	[[ $counts =~ \"$1\":([0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

ended() {
	local state
	counts=$(slurmq status --json) || return
	# the counts of all sweeps come last
	counts=${counts##*\"counts\":}
	for state in pending submitting queued running; do
		[ "$(counted $state)" = 0 ] || return
	done
}

# the terminal has fewer than eight lines
frame() {
	printf '\e8'
	printf '\e[J'
	slurmq status
}

watch() {
	local now last='' end=$((SECONDS + 100)) turn=0
	prompt 'slurmq status'
	[ -z "$tty" ] || printf '\e[?25l\n\n\n\n\n\n\n\n\e[8A\e7'
	until ended; do
		[ $SECONDS -lt $end ] || die 'the sweep did not end in time'
		if [ -n "$tty" ]; then
			frame
			sleep 0.4
			continue
		fi
		now=$(slurmq status)
		now=${now%%$'\n'*}
		while [ ${#now} -gt "$width" ]; do now=${now%  *}; done
		if [ $((turn++ % 4)) = 0 ] && [ "$now" != "$last" ]; then
			printf '%s\n' "$now"
			last=$now
		fi
		sleep 1
	done
	if [ -n "$tty" ]; then
		frame
		printf '\e[?25h'
	else
		slurmq status
	fi
}

# ---- requirements ----

if [ ! -x "$slurmq" ]; then
	echo "make demo: there is no '$SLURMQ': make builds it" >&2
	exit 1
fi
missing=$(slurm_missing)
if [ -n "$missing" ]; then
	echo "make demo: not installed: ${missing//$'\n'/ } (make deps installs them)" >&2
	exit 1
fi
mkdir -p "$demo" && exec 9>"$demo/lock" || exit 1
if ! flock -n 9; then
	echo "make demo: another one runs in $demo" >&2
	exit 1
fi

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
begun=$EPOCHREALTIME

rm -rf "${demo:?}/study" "${demo:?}/bin" "${demo:?}/log"
mkdir -p "$demo/study/data" "$demo/study/archive" "$demo/bin" || die "cannot write to $demo"
cp "$top/t/demo/sweep.yaml" "$top/t/demo/train.sh" "$demo/study" || die "cannot write to $demo"
ln -s "$slurmq" "$demo/bin/slurmq"
PATH=$demo/bin:$PATH
cd "$demo/study" || exit 1
for fold in {1..12}; do
	awk -v f="$fold" 'BEGIN { for (i = 0; i < 40; i++) printf "%.3f,%.3f\n", i / 20, i / 10 + 1 + sin(f * i) / 4 }' \
		>"data/fold-$(printf %02d "$fold").csv"
done
# the file that the user forgot
mv data/fold-07.csv archive/

elapsed() {
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f s", b - a }'
}

# ---- the story ----

printf '%s\n' "${bold}slurmq keeps a Slurm queue full.$plain This demo runs a sweep of 60 jobs,
some of which fail, on a private Slurm. It takes 45 seconds and needs no input."

heading 'A private cluster'
say 'A private Slurm boots in build/demo: munge, MariaDB, slurmdbd, slurmctld, and three nodes. It ends with this demo.'
bed=$demo/slurm
# remains of a killed demo without a cluster
[ -e "$bed/bed" ] || rm -rf "$bed"
case $bed in *[!A-Za-z0-9/._+-]*) bed=$(mktemp -d /tmp/slurmq-bed.XXXXXX) || die 'cannot make a folder in /tmp' ;; esac
slurm_boot "$bed" || die 'the private Slurm did not start'
type_in 'sinfo'
say 'Like many clusters it limits the jobs of a user, here to 20. So it refuses 60 at once:'
type_in 'sbatch --array=1-60 ./train.sh' 2>&1 && die 'Slurm should have refused that'

heading 'A sweep of 60 jobs'
say 'A file describes the sweep: parameters, options for sbatch, the command.'
type_in 'cat sweep.yaml'
say 'slurmq keeps the jobs in a folder .slurmq beside it.'
type_in 'slurmq init' || die 'slurmq init failed'
type_in 'slurmq expand sweep.yaml' || die 'slurmq expand failed'

heading 'Submit once'
say 'It fills the free slots. From now on each job that ends submits the next ones: no daemon, no loop in a terminal, no login.'
type_in 'slurmq submit' || die 'slurmq submit failed'
printf '\n'
watch
[ "$(counted failed)" -gt 0 ] || die 'some jobs should have failed'

heading 'Failed jobs, and the reason'
say 'Every job of fold 7 failed, and one job of fold 3.'
type_in 'slurmq list -s failed' || die 'slurmq list failed'
say 'The log of the first job of fold 7:'
id=$(slurmq list -s failed --json | sed -nE 's/^\{"id":([0-9]+),.*"fold":"7".*/\1/p' | head -n 1)
type_in "slurmq log $id" || die 'slurmq log failed'
say 'The log of the job of fold 3:'
id=$(slurmq list -s failed --json | sed -nE 's/^\{"id":([0-9]+),.*"fold":"3".*/\1/p' | head -n 1)
type_in "slurmq log $id" || die 'slurmq log failed'

heading 'Fix it, and retry'
say 'One data file is missing. The other job was killed by chance, and needs only a retry.'
type_in 'cp archive/fold-07.csv data/'
type_in 'slurmq retry' || die 'slurmq retry failed'
printf '\n'
watch
[ "$(counted completed)" = 60 ] || die 'all 60 jobs should be completed'

heading 'Done'
say 'All 60 are completed. The best three:'
type_in 'sort results/*.txt | head -n 3'
halt ''
shown=${SLURMQ#"$top/"}
printf '\n%s\n' "${green}It took $(elapsed "$begun").$plain The private Slurm is stopped. To list the jobs:

  $shown -C build/demo/study list

On a cluster of your own: make install, then slurmq -h."
