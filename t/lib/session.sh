# shellcheck shell=bash
#
# A session on a page: lines "$ COMMAND", "> " which continues the command, and what it prints.
#
#	session_run FILE [CMD...]   runs the commands of FILE in this shell, as a user types them, and compares
#	                            what they print. Before each, runs CMD with the command as its last argument
#	session_normal              copies stdin to stdout, without what differs between two runs: paths and
#	                            ids of Slurm, times, nodes, how many jobs run at the moment

session_normal() {
	sed -E '
		s#(/[^ ]*)?/build/#.../build/#g
		s#/[^ ]*/(study|tutorial)/#.../\1/#g
		s/Slurm job [0-9]+(_[0-9]+)?/Slurm job N/
		s/ (n|fake)[0-9]+( |:|$)/ NODE\2/g
		s/[0-9]+(\.[0-9])? ?s( |$)/TIME\2/g
		s/last refill (just now|TIME ago)/last refill .../
		s/\[[-#x> ]*\] +[0-9]+(\/[0-9]+)(  [0-9]+ (running|queued|submitting))+(  [0-9]+ pending)?/[bar] N\1  some in Slurm/
		s/(chain alive.*;) [0-9]+ in Slurm/\1 N in Slurm/
		s/  (<1m|[0-9dhm TIME]+) left$//
		s/; sentinel in [0-9hms ]*(TIME)?/; sentinel in .../
		s/limit ([0-9]+)(, | \()(qos|association) [a-z]+\)/limit \1/
		s/ +$//; s/ +/ /g'
}

# _session_type COMMAND WANT [CMD...]
_session_type() {
	local file=$TEST_TMP/.tap/typed command=$1 want=$2
	shift 2
	[ $# = 0 ] || "$@" "$command"
	eval "$command" >"$file" 2>&1 </dev/null
	status=$?
	is "$status $(session_normal <"$file")" "0 $(session_normal <<<"$want")" "\$ ${command%%$'\n'*}"
}

session_run() {
	local line lines command='' want=''
	mapfile -t lines <"$1"
	shift
	for line in ${lines[@]+"${lines[@]}"}; do
		case $line in
		'$ '*)
			[ -z "$command" ] || _session_type "$command" "$want" "$@"
			command=${line#\$ } want=''
			;;
		'> '*) command+=$'\n'${line#> } ;;
		*) want+=${want:+$'\n'}$line ;;
		esac
	done
	[ -z "$command" ] || _session_type "$command" "$want" "$@"
}
