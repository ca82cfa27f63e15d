# shellcheck shell=bash
#
# Sourced before tap.sh by scripts that run many rounds and simulate no crash of the host: their
# folder is in memory, where syncs cost nothing, if programs may be run there.

if _memory=$(mktemp /dev/shm/slurmq-look.XXXXXX 2>/dev/null); then
	printf '#!/bin/sh\n' >"$_memory"
	chmod 700 "$_memory"
	! "$_memory" 2>/dev/null || export TEST_IN=/dev/shm
	rm -f "$_memory"
fi
unset _memory
