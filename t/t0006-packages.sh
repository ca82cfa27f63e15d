#!/bin/bash
# the tarball of the sources, and the Debian package of it
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v git >/dev/null || skip_all 'git is not installed'

# a clone whose last commit is this tree
mkdir clone
(cd "$TEST_TOP" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C clone
cd clone || bail_out 'no clone'
export GIT_AUTHOR_NAME=author GIT_AUTHOR_EMAIL=author@example.org
export GIT_COMMITTER_NAME=author GIT_COMMITTER_EMAIL=author@example.org
{ git init -q && git add -A && git commit -qm tree; } || bail_out 'no commit'
version=$(sed -n 's/^VERSION := //p' Makefile)
tarball=$PWD/build/slurmq-$version.tar.gz

run make -s dist
is_status 0
is_out ''
is_err ''
first=$(sha256sum <"$tarball")
find . -path ./.git -prune -o -type f -exec touch {} +
# shellcheck disable=SC2016
run env TZ=Asia/Tokyo bash -c 'umask 077; make -s dist'
is_status 0
is "$(sha256sum <"$tarball")" "$first" 'the tarball is the same, byte for byte'
is "$(tar tzf "$tarball" | grep -v '/$' | sort)" "$(git ls-files | sed "s,^,slurmq-$version/," | sort)" \
	'it has the files of the commit, below one folder'
echo '# change' >>Makefile
run make -s dist
is_status 2
like_err '^cannot pack the last commit: this is no clone, or it has changes that are not committed$'
git checkout -q Makefile

# Without git: the sources are complete

mkdir ../unpacked
cd ../unpacked || bail_out 'no folder'
tar xzf "$tarball" --strip-components=1
run make -s -j2 CFLAGS=-O0 FORTIFY=
is_status 0
is_out ''
is_err ''
run build/slurmq --version
is_out "slurmq $version"
run env -u SLURMQ -u TEST_BUILD -u TEST_LIB -u TEST_TOP t/run t0110-init.sh
is_status 0 'a test passes in the unpacked tarball'
run make -s dist
is_status 2
like_err '^cannot pack the last commit: this is no clone'

# The Debian package

cd ../clone || bail_out 'no clone'
missing=''
for package in debhelper dpkg-dev lintian; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' $package 2>/dev/null)" = installed ] || missing+=" $package"
done
if [ -n "$missing" ]; then
	skip 1 "not installed:$missing"
	done_testing
	exit
fi
run make -s deb
is_status 2 'a package needs a maintainer'
like_err '^no maintainer of the package: set DEBFULLNAME and DEBEMAIL$'

run env DEBFULLNAME='A U Thor' DEBEMAIL=author@debian.org make -s deb
is_status 0
is_out ''
is_err ''
package=$(echo build/deb/slurmq_"$version"-1_*.deb)
run lintian --allow-root --fail-on error,warning "${package%.deb}.changes"
is_status 0
is_out '' 'lintian reports neither an error nor a warning'
run dpkg-deb -f "$package" Depends
for library in libsqlite3-0 libyaml-0-2 libmd0; do
	like_out "(^| )$library( |,|\$)" "the package depends on $library"
done
dpkg-deb -x "$package" root
is "$(cd root && find . -type f | sort)" "$({
	echo ./usr/bin/slurmq
	echo ./usr/share/bash-completion/completions/slurmq
	echo ./usr/share/fish/vendor_completions.d/slurmq.fish
	echo ./usr/share/zsh/vendor-completions/_slurmq
	echo ./usr/share/lintian/overrides/slurmq
	printf './usr/share/doc/slurmq/%s\n' README.md.gz changelog.Debian.gz changelog.gz copyright
	for page in man/*.[157]; do echo "./usr/share/man/man${page##*.}/${page#man/}.gz"; done
} | sort)" 'it has the program, its pages, completions, changelog and copyright'
run root/usr/bin/slurmq --version
is_out "slurmq $version"

done_testing
