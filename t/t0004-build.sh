#!/bin/bash
# the Makefile: a silent build, a build of its own for each set of flags, installation, the static
# binary
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

# a copy without history and without build results
mkdir copy
(cd "$TEST_TOP" && tar cf - Makefile src man completions 2>/dev/null) | tar xf - -C copy
cd copy || bail_out 'no copy'
[ -e src/main.c ] || skip_all 'no main.c'

run make -s -j2 CFLAGS=-O0 FORTIFY=
is_status 0
is_out ''
is_err ''
ok 'build/slurmq exists' test -x build/slurmq

version=$(sed -n 's/^VERSION := //p' Makefile)
run build/slurmq --version
is_status 0
like_out "(^| )${version//./\\.}\$" 'its version is that of the Makefile'

run make CFLAGS=-O0 FORTIFY=
is_status 0
is_out '' 'nothing is built twice'

run make -n CFLAGS='-O0 -DANYTHING' FORTIFY=
like_out 'err\.o' 'with other flags, everything is built again'

touch "$(find src -name err.h)"
run make -n CFLAGS=-O0 FORTIFY=
like_out 'err\.o' 'after a change of a header, its users are built again'
like_out 'src/main\.o'

run make -s install DESTDIR="$TEST_TMP/root" PREFIX=/usr CFLAGS=-O0 FORTIFY=
is_status 0
is_err ''
ok 'the binary is installed' test -x "$TEST_TMP/root/usr/bin/slurmq"
pages() {
	find man -name '*.[157]' -printf '%f\n' 2>/dev/null | sort
}
installed() {
	find "$TEST_TMP/root/usr/share/man" -type f -printf '%f\n' 2>/dev/null | sort
}
is "$(installed)" "$(pages)" 'the man pages are installed'
if [ -e completions/slurmq.bash ]; then
	ok 'the completion is installed' test -f "$TEST_TMP/root/usr/share/bash-completion/completions/slurmq"
fi

# In the user's own folder: man(1) and the loader of bash-completion find the files beside bin

run make -s install PREFIX="$HOME/.local" CFLAGS=-O0 FORTIFY=
is_status 0
is_err ''
found=$(env -u MANPATH PATH="$HOME/.local/bin:$PATH" man -w slurmq-storage 2>/dev/null)
if ! command -v man >/dev/null || ! man -w true >/dev/null 2>&1; then
	skip 1 'no man(1)'
else
	is "${found#"$HOME/"}" .local/share/man/man7/slurmq-storage.7 'man finds the pages'
fi
if [ -r /usr/share/bash-completion/bash_completion ]; then
	# shellcheck disable=SC2016
	run bash --norc -c '. /usr/share/bash-completion/bash_completion; _completion_loader slurmq; complete -p slurmq' </dev/null
	like_out '-F _slurmq slurmq$' 'bash-completion finds the completion'
else
	skip 1 'bash-completion is not installed'
fi
run make -s uninstall PREFIX="$HOME/.local"
is "$(find "$HOME/.local" -type f)" '' 'uninstall removes it again'

run make -s uninstall DESTDIR="$TEST_TMP/root" PREFIX=/usr
is_status 0
is "$(find "$TEST_TMP/root" -type f)" '' 'uninstall leaves no file'

run make -s -j2 static
is_status 0
is_err ''
run ldd build/slurmq-static
like "$out$err" 'not a dynamic executable' 'the static binary needs no library'
run build/slurmq-static --version
is_status 0
ok 'it is under 4 MiB' test "$(stat -c %s build/slurmq-static)" -lt 4194304

run make -s clean
ok 'clean leaves nothing' test ! -e build

done_testing
