# bash completion for slurmq(1): asks the binary, and holds no list of its own
# shellcheck shell=bash

_slurmq() {
	local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:0:COMP_CWORD+1}") found=()
	COMPREPLY=()

	# as the shell would read them: ~/study, my\ study
	words=("${words[@]/#\~\//$HOME/}")
	words=("${words[@]//\\/}")

	mapfile -t found < <("${words[0]}" help --complete -- "${words[@]:1}" 2>/dev/null)
	case ${found[0]-} in
	:files | :dirs)
		compopt -o filenames 2>/dev/null
		case ${found[0]} in
		:files) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		:dirs) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
		esac
		;;
	*)
		COMPREPLY=(${found[@]+"${found[@]}"})
		# more may follow: another one after a comma, a value after NAME=
		[[ ${COMPREPLY[0]-} != *[,=]* ]] || compopt -o nospace 2>/dev/null
		;;
	esac
}

# in the order of the binary, where bash is new enough (4.4)
complete -o nosort -F _slurmq slurmq 2>/dev/null || complete -F _slurmq slurmq
