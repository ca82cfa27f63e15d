#!/bin/bash
# slurmq-install(7): its module files load, and its recipe for Spack is valid Python
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

page=$TEST_TOP/man/slurmq-install.7
version=$(sed -n 's/^VERSION := //p' "$TEST_TOP/Makefile")
is "$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' "$page" | grep -vxF 0.1.7 | sort -u)" "$version" \
	'the page names the version of the Makefile'

# display TEXT: prints the display of the page whose first line starts with TEXT
display() {
	awk -v text="$1" '
		/^\.Bd / { first = 1; next }
		/^\.Ed/ { on = 0 }
		first { on = index($0, text) == 1; first = 0 }
		on' "$page"
}

# The module files, for an installation in this folder

mkdir -p "apps/slurmq/$version"/{bin,share/man/man1} lua/slurmq tcl/slurmq
cp "$SLURMQ" "apps/slurmq/$version/bin/slurmq"
cp "$TEST_TOP/man/slurmq.1" "apps/slurmq/$version/share/man/man1"
display 'help(' | sed "s,/opt/apps,$PWD/apps," >"lua/slurmq/$version.lua"
display '#%Module' | sed "s,/opt/apps,$PWD/apps," >"tcl/slurmq/$version"

# module_run KIND COMMAND: runs COMMAND with Lmod and the module file of that kind
module_run() {
	# shellcheck disable=SC2016
	run env -i HOME="$HOME" PATH=/usr/bin:/bin LC_ALL=C.UTF-8 MODULEPATH="$PWD/$1" \
		bash -c '. /usr/share/lmod/lmod/init/bash; eval "$1"' bash "$2"
	cmd="$1: $2"
}

if [ -r /usr/share/lmod/lmod/init/bash ]; then
	for kind in lua tcl; do
		module_run $kind 'module load slurmq && slurmq --version'
		is_status 0
		is_out "slurmq $version"
		is_err ''
		module_run $kind 'module load slurmq; command -v slurmq; module unload slurmq; command -v slurmq'
		is_out "$PWD/apps/slurmq/$version/bin/slurmq"
		module_run $kind 'module help slurmq'
		like_err '^Keeps a Slurm queue full: see slurmq help$'
		module_run $kind 'module whatis slurmq'
		like_err "^slurmq/$version .*: .*slurmq"
		if command -v man >/dev/null && man -w true >/dev/null 2>&1; then
			module_run $kind 'unset MANPATH; module load slurmq; man -w slurmq'
			is_out "$PWD/apps/slurmq/$version/share/man/man1/slurmq.1" 'man finds the page beside bin'
			module_run $kind 'MANPATH=/usr/share/man: ; export MANPATH; module load slurmq; man -w slurmq'
			is_out "$PWD/apps/slurmq/$version/share/man/man1/slurmq.1" 'also if MANPATH has an empty element'
		else
			skip 2 'no man(1)'
		fi
	done
else
	skip 1 'not installed: lmod'
fi

# The recipe, with a stand-in for the names of Spack that it uses

display 'from spack_repo' >package.py
cat >check.py <<'END'
import sys, types

base = types.ModuleType("spack_repo.builtin.build_systems.makefile")
base.MakefilePackage = type("MakefilePackage", (), {"prefix": "/p"})
names = types.ModuleType("spack.package")
names.version = lambda number, sha256: print("version", number)
names.depends_on = lambda spec, type=None: print("depends_on", spec, type or "link")
for name in ("spack", "spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[base.__name__] = base
sys.modules[names.__name__] = names
import package

print(package.Slurmq.url)
print(*package.Slurmq().install_targets)
END
if command -v python3 >/dev/null; then
	run python3 -B check.py
	is_status 0
	is_err ''
	is_out "version $version
depends_on c build
depends_on gmake build
depends_on pkgconfig build
depends_on sqlite@3.26: link
depends_on libyaml@0.1.7: link
depends_on libmd link
file:///home/u/slurmq-$version.tar.gz
install PREFIX=/p"
else
	skip 1 'python3 is not installed'
fi
is "$(make -s -C "$TEST_TOP" -n dist | grep -o 'slurmq-[0-9.]*\.tar' | head -n 1)" "slurmq-$version.tar" \
	'make dist makes the tarball that it names'

done_testing
