# shellcheck shell=bash
#
# A private, real Slurm for the tests: munged, MariaDB, slurmdbd, slurmctld and a few slurmd,
# all under one folder, on their own ports of the loopback interface, as root or as any user.
# Nothing outside the folder is read or written, and only processes that were started here are
# ended.
#
#	. "$TEST_LIB/slurm.sh"
#	slurm_start                        # the suite's cluster, or one of the script's own
#	slurm_start nodes=1 KillWait=2     # always one of the script's own
#
# Options of slurm_start and slurm_boot, any number of them:
#	nodes=3 cpus=32 mem=8000           the nodes (memory in MB)
#	accounting=none                    without MariaDB and slurmdbd
#	limits="MaxJobsPerUser=10 ..."     limits of QOS normal; "": no limits
#	prime=no                           a user without any job yet: Slurm does not show the limits
#	lua=require-account | lua=FILE     job_submit/lua with that script
#	line="PartitionName=..."           one more line of slurm.conf
#	Key=Value                          any parameter of slurm.conf, instead of the default here
#
# Partitions main (default) and extra; accounts lab (default) and lab2; QOS normal and extra.
# Below, BED is the folder: SLURM_BED. Every function that waits has a deadline, and returns
# non-zero with a message on stderr if it has passed.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

SLURM_LIMITS='MaxSubmitJobsPerUser=20 MaxJobsPerUser=10'

_slurm_say() {
	printf '# slurm: %s\n' "$*" >&2
}

# _slurm_wait SECONDS WHAT CMD...: until CMD is true
_slurm_wait() {
	local secs=$1 what=$2 end
	shift 2
	end=$((SECONDS + secs + 1))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			_slurm_say "waited $secs s in vain: $what"
			return 1
		fi
		sleep 0.05
	done
}

_slurm_user() {
	id -un 2>/dev/null || id -u
}

# Prints what is missing on this machine, a word each
slurm_missing() {
	local cmd need="munged slurmctld slurmd sbatch squeue scontrol scancel sacct"
	[ "${1-}" = accounting=none ] || need="$need slurmdbd mariadbd mariadb-install-db mariadb sacctmgr"
	for cmd in $need; do
		command -v "$cmd" >/dev/null || printf '%s\n' "$cmd"
	done
}

# Processes

# _slurm_ours PID: returns whether it was started in this bed
_slurm_ours() {
	grep -qzxF "SLURM_CONF=$SLURM_BED/slurm.conf" "/proc/$1/environ" 2>/dev/null
}

# _slurm_pid NAME: print the pid of a daemon that runs
_slurm_pid() {
	local pid
	{ read -r pid <"$SLURM_BED/run/$1.pid"; } 2>/dev/null || return 1
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	_slurm_ours "$pid" && ! _slurm_gone "$pid" && printf '%s\n' "$pid"
}

# _slurm_gone PID: no such process, or only a zombie is left
_slurm_gone() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	case $stat in Z* | X*) return 0 ;; esac
	return 1
}

# _slurm_daemon NAME CMD...: starts it, apart from the terminal, descriptors and environment of the
# caller
_slurm_daemon() {
	local name=$1 fd
	shift
	(
		for fd in "/proc/$BASHPID/fd/"*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		cd / && umask 022
		exec setsid -f env -i PATH="$PATH" HOME="$SLURM_BED" LC_ALL=C.UTF-8 ${TZ+TZ="$TZ"} \
			SLURM_CONF="$SLURM_BED/slurm.conf" MYSQL_UNIX_PORT="$SLURM_BED/mysql/s" "$@" \
			</dev/null >>"$SLURM_BED/log/$name.out" 2>&1
	)
}

# _slurm_end NAME SIGNAL: sends it, and waits until the daemon is gone
_slurm_end() {
	local pid
	pid=$(_slurm_pid "$1") || return 0
	kill "-$2" "$pid" 2>/dev/null
	_slurm_wait 10 "end of $1 ($pid)" _slurm_gone "$pid" && return
	kill -KILL "$pid" 2>/dev/null
	_slurm_wait 5 "end of $1 ($pid) after KILL" _slurm_gone "$pid"
}

# Prints the pids of the step daemons (of one node): they hold the log of their slurmd open
_slurm_stepds() {
	local p fd
	for p in /proc/[0-9]*; do
		[ "$(cat "$p/comm" 2>/dev/null)" = slurmstepd ] || continue
		for fd in "$p/fd/"*; do
			case $(readlink "$fd" 2>/dev/null) in
			"$SLURM_BED/log/slurmd-${1:-*}.log")
				printf '%s\n' "${p#/proc/}"
				break
				;;
			esac
		done
	done
}

# Prints the pids of all processes with the bed in their environment: daemons, children of jobs, and
# the tests
_slurm_all() {
	# one grep for all of /proc: files of other users' processes cannot be read
	grep -lzxF "SLURM_CONF=$SLURM_BED/slurm.conf" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

# Prints the pids of jobs' processes (on one node), by the environment that slurmd gave them
_slurm_jobprocs() {
	local p node=${1-}
	for p in $(_slurm_all); do
		grep -qz '^SLURM_JOB_ID=' "/proc/$p/environ" 2>/dev/null || continue
		[ -z "$node" ] || grep -qzxF "SLURMD_NODENAME=$node" "/proc/$p/environ" 2>/dev/null || continue
		printf '%s\n' "$p"
	done
}

_slurm_kill_steps() {
	local pid
	# twice: for processes that were forked during the first round
	for _ in 1 2; do
		for pid in $(_slurm_stepds "${1-}") $(_slurm_jobprocs "${1-}"); do
			kill -KILL "$pid" 2>/dev/null
		done
	done
}

# Ports

# Prints N free ports in a row, below the range from which the kernel assigns ports
_slurm_ports() {
	local n=$1 base i used
	used=$(awk 'FNR > 1 { sub(/.*:/, "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	for _ in $(seq 100); do
		base=$((10000 + 16 * (RANDOM % 1300)))
		for ((i = base; i < base + n; i++)); do
			case $'\n'$used$'\n' in *$'\n'"$(printf %04X $i)"$'\n'*) continue 2 ;; esac
		done
		printf '%s\n' "$base"
		return
	done
	_slurm_say "no $n free ports in a row"
	return 1
}

_slurm_listening() {
	local hex
	hex=$(printf %04X "$1")
	awk -v p=":$hex\$" '$4 == "0A" && $2 ~ p { found = 1 } END { exit !found }' \
		/proc/net/tcp /proc/net/tcp6
}

# Configuration

# _slurm_configure OPTION...: write every file of the bed
_slurm_configure() {
	local opt key val port i user nodes=3 cpus=32 mem=8000 accounting=yes lua='' prime=yes limits=$SLURM_LIMITS
	local -A conf=()
	local -a lines=()
	user=$(_slurm_user)

	for opt; do
		key=${opt%%=*} val=${opt#*=}
		case $opt in
		nodes=* | cpus=* | mem=* | accounting=* | prime=* | lua=* | limits=*) printf -v "$key" %s "$val" ;;
		line=*) lines+=("$val") ;;
		[A-Z]*=*) conf[$key]=$val ;;
		*)
			_slurm_say "unknown option '$opt'"
			return 1
			;;
		esac
	done
	port=$(_slurm_ports $((nodes + 2))) || return

	mkdir -p "$SLURM_BED"/{munge,log,run,state} || return
	chmod 755 "$SLURM_BED" "$SLURM_BED/munge"
	[ -s "$SLURM_BED/munge/key" ] ||
		(umask 077 && head -c 1024 /dev/urandom >"$SLURM_BED/munge/key") || return

	# shellcheck disable=SC2054
	local -A base=(
		[ClusterName]=testbed
		[SlurmctldHost]='localhost(127.0.0.1)'
		[SlurmctldPort]=$((port + 1))
		[SlurmUser]=$user
		[SlurmdUser]=$user
		[AuthType]=auth/munge
		[CredType]=cred/munge
		[AuthInfo]=socket=$SLURM_BED/munge/sock
		[CommunicationParameters]=NoCtldInAddrAny,NoInAddrAny
		[StateSaveLocation]=$SLURM_BED/state
		[SlurmdSpoolDir]=$SLURM_BED/spool-%n
		[SlurmctldPidFile]=$SLURM_BED/run/slurmctld.pid
		[SlurmdPidFile]=$SLURM_BED/run/slurmd-%n.pid
		[SlurmctldLogFile]=$SLURM_BED/log/slurmctld.log
		[SlurmdLogFile]=$SLURM_BED/log/slurmd-%n.log
		[MailProg]=/bin/true
		[ProctrackType]=proctrack/linuxproc
		[TaskPlugin]=task/none
		[SwitchType]=switch/none
		[MpiDefault]=none
		[JobAcctGatherType]=jobacct_gather/none
		[SlurmdParameters]=config_overrides
		[GresTypes]=gpu
		[ReturnToService]=2
		[SchedulerParameters]=batch_sched_delay=0,sched_interval=1,bf_interval=1
		[SelectType]=select/cons_tres
		[SelectTypeParameters]=CR_CPU
		[KillWait]=5
		[OverTimeLimit]=0
		[SlurmdTimeout]=10
	)
	if [ "$accounting" = none ]; then
		base[AccountingStorageType]=accounting_storage/none
	else
		base[AccountingStorageType]=accounting_storage/slurmdbd
		base[AccountingStorageHost]=localhost
		base[AccountingStoragePort]=$port
		base[AccountingStoragePass]=$SLURM_BED/munge/sock
		base[AccountingStorageEnforce]=associations,limits,qos
	fi
	case $lua in
	'') ;;
	require-account)
		base[JobSubmitPlugins]=lua
		cat >"$SLURM_BED/job_submit.lua" <<-'END'
			function slurm_job_submit(job, parts, uid)
				if job.account == nil or job.account == '' then
					slurm.log_user("You must name an account: --account=NAME")
					slurm.log_user("See the site's manual")
					return slurm.ERROR
				end
				return slurm.SUCCESS
			end
			function slurm_job_modify(job, rec, parts, uid)
				return slurm.SUCCESS
			end
		END
		;;
	*)
		base[JobSubmitPlugins]=lua
		cp "$lua" "$SLURM_BED/job_submit.lua" || return
		;;
	esac
	for key in "${!conf[@]}"; do base[$key]=${conf[$key]}; done

	{
		for key in "${!base[@]}"; do printf '%s=%s\n' "$key" "${base[$key]}"; done | sort
		for ((i = 1; i <= nodes; i++)); do
			printf 'NodeName=n%d NodeHostname=localhost NodeAddr=127.0.0.1 Port=%d CPUs=%d RealMemory=%d Gres=gpu:8\n' \
				$i $((port + 1 + i)) "$cpus" "$mem"
		done
		printf 'PartitionName=main Default=YES Nodes=ALL MaxTime=INFINITE State=UP\n'
		printf 'PartitionName=extra Nodes=ALL MaxTime=INFINITE State=UP\n'
		[ ${#lines[@]} -eq 0 ] || printf '%s\n' "${lines[@]}"
	} >"$SLURM_BED/slurm.conf"
	# any file can be a GPU
	mkdir -p "$SLURM_BED/dev" && touch "$SLURM_BED"/dev/gpu{0..7}
	printf 'Name=gpu File=%s/dev/gpu[0-7]\n' "$SLURM_BED" >"$SLURM_BED/gres.conf"
	: >"$SLURM_BED/plugstack.conf"

	(umask 077 && cat >"$SLURM_BED/slurmdbd.conf") <<-END
		AuthType=auth/munge
		AuthInfo=socket=$SLURM_BED/munge/sock
		DbdHost=localhost
		DbdAddr=127.0.0.1
		DbdPort=$port
		SlurmUser=$user
		PidFile=$SLURM_BED/run/slurmdbd.pid
		LogFile=$SLURM_BED/log/slurmdbd.log
		StorageType=accounting_storage/mysql
		StorageHost=localhost
		StorageUser=slurm
		StoragePass=slurm
		StorageLoc=slurm_acct_db
	END

	# settings for the other functions and for other processes
	{
		printf '_slurm_nodes=%d\n_slurm_port=%d\n' "$nodes" "$port"
		printf '_slurm_accounting=%s\n_slurm_prime=%s\n' "$accounting" "$prime"
		printf '_slurm_limits=%q\n' "$limits"
	} >"$SLURM_BED/bed"
	_slurm_load
}

_slurm_load() {
	_slurm_nodes=0 _slurm_port=0 _slurm_accounting='' _slurm_prime='' _slurm_limits=''
	[ -r "$SLURM_BED/bed" ] || return
	# shellcheck disable=SC1091
	. "$SLURM_BED/bed"
	export SLURM_CONF=$SLURM_BED/slurm.conf
}

_slurm_node_names() {
	seq -f n%g "$_slurm_nodes"
}

# Daemons, one by one; each function returns when its daemon answers

_slurm_munge_start() {
	_slurm_pid munged >/dev/null && return
	_slurm_daemon munged munged --force --num-threads=2 --key-file="$SLURM_BED/munge/key" \
		--socket="$SLURM_BED/munge/sock" --pid-file="$SLURM_BED/run/munged.pid" \
		--log-file="$SLURM_BED/log/munged.log" --seed-file="$SLURM_BED/munge/seed" || return
	_slurm_wait 10 'munged' munge -n -S "$SLURM_BED/munge/sock" -o /dev/null
}

_slurm_mysql() {
	mariadb --no-defaults -S "$SLURM_BED/mysql/s" -u root "$@"
}

_slurm_install_db() {
	rm -rf "$SLURM_BED/mysql"
	(umask 077 && mkdir -p "$SLURM_BED/mysql")
	mariadb-install-db --no-defaults "$@" --datadir="$SLURM_BED/mysql" --skip-test-db \
		--skip-name-resolve --innodb-log-file-size=16M --auth-root-authentication-method=normal \
		</dev/null >>"$SLURM_BED/log/mariadb-install-db.out" 2>&1
}

_slurm_mysql_start() {
	local -a as=()
	_slurm_pid mariadbd >/dev/null && return
	[ "$(id -u)" != 0 ] || as=(--user=root)
	if [ ! -d "$SLURM_BED/mysql/mysql" ]; then
		# on a busy machine the server may fail to start
		_slurm_install_db "${as[@]}" || _slurm_install_db "${as[@]}" || return
	fi
	_slurm_daemon mariadbd mariadbd --no-defaults "${as[@]}" --datadir="$SLURM_BED/mysql" \
		--socket="$SLURM_BED/mysql/s" --skip-networking --pid-file="$SLURM_BED/run/mariadbd.pid" \
		--innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-log-file-size=16M \
		--innodb-flush-log-at-trx-commit=0 --skip-name-resolve --tmpdir="$SLURM_BED/mysql" || return
	_slurm_wait 30 'mariadbd' _slurm_mysql -e 'select 1' || return
	_slurm_mysql -e "create database if not exists slurm_acct_db;
		create user if not exists slurm@localhost identified by 'slurm';
		grant all on slurm_acct_db.* to slurm@localhost"
}

slurm_dbd_start() {
	_slurm_pid slurmdbd >/dev/null && return
	_slurm_daemon slurmdbd slurmdbd || return
	_slurm_wait 30 'slurmdbd' _slurm_listening "$_slurm_port" &&
		_slurm_wait 20 'sacctmgr' sacctmgr -nQ show cluster || return
	# slurmctld connects to it again by itself
	if _slurm_pid slurmctld >/dev/null; then
		_slurm_wait 60 'slurmctld to find slurmdbd' _slurm_dbd_known
	fi
}

_slurm_dbd_known() {
	[ -n "$(sacctmgr -nQP show cluster format=controlhost 2>/dev/null)" ]
}

# slurm_dbd_stop, slurm_dbd_start: stop and start accounting
slurm_dbd_stop() {
	_slurm_end slurmdbd TERM
}

# slurm_ctld_stop, slurm_ctld_kill (at once, as by a crash), slurm_ctld_start
slurm_ctld_stop() {
	_slurm_end slurmctld TERM
}

slurm_ctld_kill() {
	_slurm_end slurmctld KILL
}

slurm_ctld_start() {
	local -a in=()
	_slurm_pid slurmctld >/dev/null && return
	# 20.11.4 reads job_submit.lua only from /etc/slurm: its slurmctld gets the bed mounted
	# there (as root)
	# shellcheck disable=SC2016
	if [ -e "$SLURM_BED/job_submit.lua" ] && [[ $(slurmctld -V) = *' 20.'* ]]; then
		in=(unshare --mount sh -c 'mount --bind "$0" /etc/slurm && exec "$@"' "$SLURM_BED")
	fi
	_slurm_daemon slurmctld ${in[@]+"${in[@]}"} slurmctld -f "$SLURM_BED/slurm.conf" || return
	_slurm_wait 30 'slurmctld' _slurm_ctld_up
}

_slurm_ctld_up() {
	_slurm_pid slurmctld >/dev/null &&
		_slurm_listening $((_slurm_port + 1)) && scontrol ping | grep -q 'is UP'
}

_slurm_slurmd() {
	_slurm_pid "slurmd-$1" >/dev/null || _slurm_daemon "slurmd-$1" slurmd -N "$1"
}

# _slurm_node_is NODE REGEX: its state in sinfo (idle, mixed, down*, ...)
_slurm_node_is() {
	sinfo -h -n "$1" -p main -o %T | grep -Eqx "$2"
}

_slurm_node_up() {
	_slurm_node_is "$1" 'idle|mixed|allocated|completing' && return
	# drained or down for a reason that an operator has to clear
	case $(sinfo -h -n "$1" -p main -o %T) in
	drain* | down*) _slurm_pid "slurmd-$1" >/dev/null && scontrol update nodename="$1" state=resume ;;
	esac
	return 1
}

# slurm_node_start NODE...: starts them, and waits until Slurm would use them
slurm_node_start() {
	local n
	for n; do _slurm_slurmd "$n" || return; done
	for n; do _slurm_wait 30 "node $n" _slurm_node_up "$n" || return; done
}

# slurm_node_kill NODE...: a power cut. Slurm notices by itself: NODE_FAIL after half a minute (15 s
# in a cluster with SlurmdTimeout=6 MessageTimeout=4)
slurm_node_kill() {
	local n
	for n; do
		_slurm_end "slurmd-$n" KILL
		_slurm_kill_steps "$n"
	done
}

# slurm_node_fail NODE...: the same, and Slurm is informed at once
slurm_node_fail() {
	local n
	slurm_node_kill "$@"
	for n; do
		scontrol update nodename="$n" state=down reason=test || return
		_slurm_wait 20 "node $n to be down" _slurm_node_is "$n" 'down\*?' || return
	done
}

# Limits

# slurm_limits QOS: prints the limits that slurmctld has now. It shows the limits of a user or an
# account only after their first job
slurm_limits() {
	scontrol -o show assoc_mgr qos="$1" flags=qos | tr '{ ' '\n' |
		sed -nE 's/^((GrpJobs|GrpSubmitJobs|MaxJobsP[AU]|MaxSubmitJobsP[AU])=[^(]*)\(.*/\1/p' | sort -u
}

# _slurm_limits_seen QOS Key=Value...
_slurm_limits_seen() {
	local qos=$1 kv key val now
	shift
	now=$(slurm_limits "$qos") || return
	for kv; do
		key=${kv%%=*} val=${kv#*=}
		case $key in
		Max*PerUser) key=${key%PerUser}PU ;;
		Max*PerAccount) key=${key%PerAccount}PA ;;
		esac
		[ "$val" != -1 ] || val=N
		case $'\n'$now$'\n' in
		*$'\n'"$key=$val"$'\n'*) ;;
		*$'\n'"$key="*) return 1 ;;
		esac
	done
}

# slurm_set_limits [qos=NAME] Key=Value...: in the syntax of sacctmgr; -1 removes a limit. Returns
# when slurmctld shows them, if it shows them at all
slurm_set_limits() {
	local qos=normal
	case ${1-} in qos=*) qos=${1#qos=} && shift ;; esac
	[ $# -gt 0 ] || return 0
	# status 1 with "Nothing modified" if they are set already
	sacctmgr -iQ modify qos where name="$qos" set "$@" >"$SLURM_BED/log/sacctmgr.out" 2>&1 ||
		grep -q 'Nothing modified' "$SLURM_BED/log/sacctmgr.out" || {
		_slurm_say "sacctmgr modify qos $qos set $*: $(cat "$SLURM_BED/log/sacctmgr.out")"
		return 1
	}
	_slurm_wait 20 "slurmctld to take $*" _slurm_limits_seen "$qos" "$@"
}

# Jobs

# slurm_cancel_all: cancels every job of this cluster; returns at once
slurm_cancel_all() {
	scancel --quiet --user="$(_slurm_user)" >/dev/null 2>&1
	return 0
}

_slurm_no_jobs() {
	local out
	out=$(env -u SQUEUE_STATES squeue -h -a 2>/dev/null) && [ -z "$out" ]
}

# slurm_quiet [SECONDS]: waits until squeue shows no job (60)
slurm_quiet() {
	_slurm_wait "${1:-60}" 'squeue to be empty' _slurm_no_jobs && return
	squeue -a | sed 's/^/# /' >&2
	return 1
}

# Return how many jobs slurmctld counts, and whether it shows a user's limits: not before the first
# job since its start
_slurm_none_counted() {
	! scontrol -o show assoc_mgr qos=normal flags=qos | grep -Eq 'SubmitJobsPU=[^ (]*\([1-9]'
}
_slurm_limits_shown() {
	slurm_limits normal | grep -q PU=
}
_slurm_prime_user() {
	[ "$_slurm_prime" = no ] ||
		{ scancel "$(sbatch --parsable --hold -A lab -J prime -o /dev/null --wrap true)" && slurm_quiet; }
}

# slurm_clean: every daemon runs, all jobs are gone, the limits are the default
slurm_clean() {
	local i
	_slurm_munge_start || return
	if [ "$_slurm_accounting" != none ]; then
		{ _slurm_mysql_start && slurm_dbd_start; } || return
	fi
	slurm_ctld_start || return
	slurm_cancel_all
	# shellcheck disable=SC2046
	slurm_node_start $(_slurm_node_names) || return
	for i in 1 2 3 4 5 6 7 8 9 10; do
		_slurm_wait 2 '' _slurm_no_jobs 2>/dev/null && break
		# jobs that catch SIGTERM, or that ending jobs submitted
		slurm_cancel_all
		[ "$i" -lt 2 ] || scancel --quiet --full --signal=KILL --user="$(_slurm_user)" 2>/dev/null
	done
	slurm_quiet 30 || return
	[ "$_slurm_accounting" = none ] && return
	# a job that is cancelled during its requeue counts until slurmctld counts again (22.05.8)
	if ! _slurm_wait 2 '' _slurm_none_counted 2>/dev/null; then
		slurm_ctld_stop
		# shellcheck disable=SC2046
		slurm_ctld_start && slurm_node_start $(_slurm_node_names) || return
	fi
	_slurm_limits_shown || _slurm_prime_user || return
	[ "$(slurm_limits normal)" = "$(cat "$SLURM_BED/limits")" ] && return
	# shellcheck disable=SC2086
	slurm_set_limits GrpJobs=-1 GrpSubmitJobs=-1 MaxJobsPerAccount=-1 MaxSubmitJobsPerAccount=-1 \
		MaxJobsPerUser=-1 MaxSubmitJobsPerUser=-1 && slurm_set_limits $_slurm_limits
}

# The whole cluster

_slurm_accounts() {
	local user
	user=$(_slurm_user)
	# shellcheck disable=SC2086
	{
		sacctmgr -iQ add cluster testbed &&
			sacctmgr -iQ add account lab,lab2 &&
			sacctmgr -iQ add qos extra &&
			sacctmgr -iQ add user "$user" account=lab,lab2 &&
			sacctmgr -iQ modify user where name="$user" set defaultaccount=lab qos=normal,extra defaultqos=normal &&
			{ [ -z "$_slurm_limits" ] || sacctmgr -iQ modify qos where name=normal set $_slurm_limits; }
	} >"$SLURM_BED/log/accounts.out" 2>&1 && return
	sed 's/^/# /' "$SLURM_BED/log/accounts.out" >&2
	return 1
}

_slurm_bring_up() {
	_slurm_munge_start || return
	if [ "$_slurm_accounting" != none ]; then
		{ _slurm_mysql_start && slurm_dbd_start && _slurm_accounts; } || return
	fi
	slurm_ctld_start || return
	# shellcheck disable=SC2046
	slurm_node_start $(_slurm_node_names) || return
	[ "$_slurm_accounting" = none ] && return
	_slurm_prime_user || return
	slurm_limits normal >"$SLURM_BED/limits"
}

# slurm_boot DIR [OPTION...]: starts a cluster in DIR, which is made, or made anew if it was a
# cluster. If DIR is too long for the name of a Unix socket, it becomes a link to a folder in /tmp
slurm_boot() {
	local dir=$1 try
	shift
	if [ -e "$dir" ] && [ ! -e "$dir/bed" ] && [ -n "$(ls -A "$dir")" ]; then
		_slurm_say "$dir is in use by something else"
		return 1
	fi
	if [ -e "$dir/bed" ]; then
		SLURM_BED=$(cd "$dir" && pwd -P) && _slurm_load && slurm_halt || return
		rm -rf "${SLURM_BED:?}"/* || return
	else
		mkdir -p "$dir" && SLURM_BED=$(cd "$dir" && pwd -P) || return
		case ${#SLURM_BED}:$SLURM_BED in
		[1-7][0-9]:* | [0-9]:*) ;;
		*)
			rmdir "$dir" && SLURM_BED=$(mktemp -d "/tmp/slurmq-bed.XXXXXX") &&
				ln -s "$SLURM_BED" "$dir" || return
			;;
		esac
	fi
	for try in 1 2 3; do
		_slurm_configure "$@" || return
		_slurm_bring_up && return
		# another process may have taken a port in between
		grep -qs 'Address already in use' "$SLURM_BED"/log/* || break
		slurm_halt
		rm -rf "${SLURM_BED:?}"/*
		_slurm_say "a port was taken, try $((try + 1))"
	done
	tail -n 15 "$SLURM_BED"/log/* | sed 's/^/# /' >&2
	slurm_halt
	return 1
}

# slurm_halt: ends all daemons and jobs of the bed; its folder stays
slurm_halt() {
	local name pid
	[ -d "$SLURM_BED/run" ] || return 0
	for name in $(_slurm_node_names); do _slurm_end "slurmd-$name" KILL; done
	_slurm_kill_steps
	for name in slurmctld slurmdbd mariadbd munged; do _slurm_end $name KILL; done
	# and their remaining processes
	for pid in $(_slurm_all); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		slurmctld | slurmscriptd | slurmd | slurmstepd | slurmdbd | mariadbd | munged)
			kill -KILL "$pid" 2>/dev/null
			;;
		esac
	done
	return 0
}

# slurm_start [OPTION...]: without options, the suite's cluster if there is one, cleaned; otherwise
# a cluster for this script, which ends with it
slurm_start() {
	local missing
	if [ $# -eq 0 ] && [ -n "${TEST_BED-}" ]; then
		SLURM_BED=$TEST_BED _slurm_own=
		{ _slurm_load && slurm_clean; } || bail_out 'the cluster of the suite does not work'
		return
	fi
	missing=$(slurm_missing "$@")
	if [ -n "$missing" ]; then
		[ -z "${TEST_REQUIRE-}" ] || bail_out "not installed: ${missing//$'\n'/ }"
		skip_all "not installed: ${missing//$'\n'/ }"
	fi
	slurm_stop
	SLURM_BED=$(mktemp -d /tmp/slurmq-bed.XXXXXX) || bail_out 'no folder in /tmp'
	_slurm_own=1
	# if this script is killed, the runner ends the cluster
	[ -z "${TEST_BEDS-}" ] || printf '%s\n' "$SLURM_BED" >>"$TEST_BEDS"
	at_exit slurm_stop
	slurm_boot "$SLURM_BED" "$@" || bail_out 'Slurm did not start'
}

# slurm_stop: ends a cluster of this script, and removes its folder (not with KEEP=1)
slurm_stop() {
	[ -n "${_slurm_own-}" ] || return 0
	slurm_halt
	_slurm_own=
	[ -n "${KEEP-}" ] || rm -rf "$SLURM_BED"
	unset SLURM_CONF
}
