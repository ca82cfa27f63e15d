# bash completion for slurmq(1): asks the binary, and holds no list of its own
# shellcheck shell=bash

_slurmq() {
	local cur=${COMP_WORDS[COMP_CWORD]} slurmq=${COMP_WORDS[0]} cmd='' i
	COMPREPLY=()

	# the command is the first word that is no option, nor the value of one
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C | --directory | --color) i=$((i + 1)) ;;
		-*) ;;
		*)
			cmd=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	local IFS=$'\n'
	case $cmd:${COMP_WORDS[COMP_CWORD - 1]}:$cur in
	:-C:* | :--directory:*)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	*:--color:*)
		mapfile -t COMPREPLY < <(compgen -W $'auto\nalways\nnever' -- "$cur")
		;;
	::-*)
		mapfile -t COMPREPLY < <(compgen -W $'-C\n--color\n--version\n--help\n-h' -- "$cur")
		;;
	:*)
		mapfile -t COMPREPLY < <(compgen -W "$("$slurmq" help --list-commands 2>/dev/null)" -- "$cur")
		;;
	*:*:-*)
		mapfile -t COMPREPLY < <(compgen -W "$("$slurmq" help --list-options "$cmd" 2>/dev/null)" -- "$cur")
		;;
	help:*)
		mapfile -t COMPREPLY < <(compgen -W "$("$slurmq" help --list-commands 2>/dev/null)" -- "$cur")
		;;
	expand:* | init:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}

complete -o filenames -F _slurmq slurmq
