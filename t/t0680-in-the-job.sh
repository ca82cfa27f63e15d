#!/bin/bash
# the environment of a command in its job: variables of the manual pages, pipefail, conda, module
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

# shellcheck disable=SC2119
fake_start

# job TEXT [VAR=VALUE...]: runs the one job of the sweep file TEXT, submitted with these variables
job() {
	local file=$1
	shift
	rm -rf .slurmq
	fake_clear
	printf 'name: s\n%s\n' "$file" >s.yaml
	slurmq init >/dev/null
	slurmq config sentinel off >/dev/null
	run slurmq expand s.yaml
	is_status 0 "expanded: ${file//$'\n'/; }"
	run env "$@" slurmq submit
	is_status 0
	ok 'the job ends' fake_quiet 30
	run slurmq list --json 1
	state=$(jq -r '"\(.state) \(.exit_code)"' <<<"$out")
	log=$(slurmq log 1)
}

# The variables that slurmq-run(1) and slurmq-sweep(5) document

names='SLURMQ_[A-Za-z_]*[A-Za-z]'
job 'params: {name: 1}
setup: "true"
run: env'
is "$state" 'completed 0' 'the state of the job'
unlike "$log" '^_slurmq_' 'the internal variables of slurmq are unset'
seen=$(grep -oE "^$names=" <<<"$log" | tr -d = | sort -u)
# An example on slurmq-sweep(5) has a parameter `task`
for page in slurmq-run.1 slurmq-sweep.5; do
	is "$(grep -oE "$names" "$TEST_TOP/man/$page" | grep -v '_task$' | sort -u)" "$seen" "$page names the variables of a job"
done
is "$(grep -E '^SLURM_ARRAY_' <<<"$log")" '' 'a job has no SLURM_ARRAY_*'

# A batch script has its arguments, and the name that sbatch would set

printf '#!/bin/sh\necho "$0:$#:$1:$2:$SLURM_JOB_NAME"\n' >job.sh
job 'params: {lr: "x  y"}
script: [job.sh, "{lr}", "-"]'
like "$log" '^/.*:2:x  y:-:job[.]sh$' 'a script with arguments'
job 'script: job.sh'
like "$log" '^/.*:0:::job[.]sh$' 'a script without arguments'
job 'env: {SLURM_JOB_NAME: mine}
script: job.sh'
like "$log" '^/.*:0:::mine$' 'env of the sweep file goes before the name of the script'

# The errors of its shell name it

mkdir -p code
printf '#!/bin/bash\ntrue\nnosuch --lr 1\n' >'code/my fit.sh'
job 'script: "code/my fit.sh"'
is "$state" 'failed 127' 'a script with an error'
like "$log" '^/.*/[.]slurmq/script/1/my fit[.]sh: line 3: nosuch: command not found$' 'names the script and the line'

job 'params: {a.b: "x y"}
steps: [{name: fit, params: {k: [3]}, run: "env"}]'
values=$(grep -E "^$names=" <<<"$log" | sed -E 's,(/running/)[0-9a-f]{16}\.0\.100\,.*,\1*,' | sort)
is "$values" "SLURMQ_ATTEMPT=1
SLURMQ_DIR=$PWD/.slurmq
SLURMQ_JOB_ID=1
SLURMQ_JOURNAL=$PWD/.slurmq/running/*
SLURMQ_PARAMS={\"a.b\":\"x y\",\"k\":\"3\"}
SLURMQ_PARAM_a_b=x y
SLURMQ_PARAM_k=3
SLURMQ_STEP=fit
SLURMQ_SWEEP=s" 'the values of the variables'

# The line numbers in errors of bash are those of the text

job 'run: "if then; fi"'
is "$state" 'failed 2' 'the state of the job'
is "$(grep '^run:' <<<"$log")" "run: -c: line 1: syntax error near unexpected token \`then'" 'line 1 is the first line of the text'

# A pipe fails if one of its commands fails

job 'run: "false | cat"'
is "$state" 'failed 1' 'the state of the job'
unlike "$log" SIGPIPE 'the log does not mention SIGPIPE'
job 'run: "yes | head -n 1 >/dev/null"'
is "$state" 'failed 141' 'the state of the job'
like "$(tail -n 1 <<<"$log")" "==> slurmq: run: exit 141 after [0-9.]+ s: SIGPIPE ended a command .*'set \+o pipefail' in the text allows this <==" \
	'the last line of the log explains it'
job 'setup: set +o pipefail
run: "yes | head -n 1 >/dev/null"'
is "$state" 'completed 0' 'the state of the job'
job 'setup: "false | cat"
run: ["true"]'
is "$state" 'failed 1' 'a pipe in setup fails too'

# A script of the user's own has its own settings

cat >own.sh <<'END'
#!/bin/bash
false | cat
no-such-command
echo "$- ${SHELLOPTS//pipefail/PIPEFAIL}"
END
job 'script: own.sh'
is "$state" 'completed 0' 'the state of the job'
unlike "$log" 'PIPEFAIL' 'without pipefail'
like "$log" 'line 3: no-such-command: command not found' 'the error is the one of bash'

# conda, mamba and module: functions that a shell gets from its startup files

mkdir -p conda/bin conda/etc/profile.d mamba modules/init lmod/lmod/init lmod/lmod/libexec
cat >conda/bin/conda <<'END'
#!/bin/sh
case $1 in
shell.bash)
	echo 'conda() { [ "$1" != activate ] || export ENV="$2"; [ "$2" != broken ]; }; false'
	[ "$CONDA_AUTO_ACTIVATE_BASE" = false ] || echo 'conda activate base'
	;;
*) echo 'your shell is not configured for conda' && exit 1 ;;
esac
END
echo 'mamba() { conda "$1" "mamba-$2"; }' >conda/etc/profile.d/mamba.sh
for name in mamba micromamba; do
	cat >mamba/$name <<-END
		#!/bin/sh
		[ "\$*" = 'shell hook --shell bash' ] && echo '$name() { [ "\$1" != activate ] || export ENV="$name-\$2"; }'
	END
done
for dir in modules lmod/lmod; do
	cat >$dir/init/bash <<-END
		module() { export ENV="$dir \$*"; [ "\$2" != broken ]; }
		ml() { module load "\$@"; }
		false
	END
done
chmod +x conda/bin/conda mamba/*

while IFS='|' read -r text vars want; do
	eval "set -- $vars"
	job "setup: $text
run: |
  echo \"env: \$ENV\"" "$@"
	if [[ $want = *failed* ]]; then
		is "$state" "$want" "$text with $vars"
	else
		is "$state, $(grep '^env:' <<<"$log")" "completed 0, env: $want" "$text with $vars"
	fi
done <<'END'
conda activate x|CONDA_EXE=$PWD/conda/bin/conda|x
conda activate x|PATH=$PWD/conda/bin:$PATH|x
conda activate broken|CONDA_EXE=$PWD/conda/bin/conda|failed 1
ENV=mine; conda list|CONDA_EXE=$PWD/conda/bin/conda|mine
mamba activate x|CONDA_EXE=$PWD/conda/bin/conda|mamba-x
mamba activate x|MAMBA_EXE=$PWD/mamba/mamba|mamba-x
micromamba activate x|MAMBA_EXE=$PWD/mamba/micromamba|micromamba-x
module load gcc|MODULESHOME=$PWD/modules|modules load gcc
module load broken|MODULESHOME=$PWD/modules|failed 1
ml gcc|MODULESHOME=$PWD/modules|modules load gcc
module load gcc|LMOD_PKG=$PWD/lmod/lmod MODULESHOME=$PWD/modules|lmod/lmod load gcc
ml gcc|LMOD_CMD=$PWD/lmod/lmod/libexec/lmod|lmod/lmod load gcc
if command -v module; then exit 9; fi; ENV=none|MODULESHOME=/nowhere|none
micromamba activate x|MAMBA_EXE=$PWD/mamba/mamba|failed 127
conda activate x|CONDA_EXE=/nowhere/conda|failed 127
END

# A sourced file may call these functions, and setup runs before a list of words too

echo 'module load gcc' >site.sh
job 'setup: . ./site.sh
run: [sh, -c, "echo \"env: $ENV, $_slurmq_setup\""]' MODULESHOME="$PWD/modules"
is "$state, $(grep '^env:' <<<"$log")" 'completed 0, env: modules load gcc, ' 'module works in a file that setup sources'

# A command that does not exist

for name in conda module; do
	job "params: {n: [1]}
setup: |
  true
  $name activate x
run: 'echo {n}'"
	is "$state" 'failed 127' 'the state of the job'
	like "$log" "^s.yaml:3: setup: line 2: $name: command not found \\(the environment that slurmq submit stored has no .* slurmq submit --env\\)$" \
		"$name in setup: the log names the line in the sweep file"
done
job "setup: 'true'
run: |
  echo
  conda activate x"
is "$state" 'failed 127' 'the state of the job'
like "$log" '^run: line 3: conda: command not found \(the environment' 'in run: the error has the name of the step and the line'
job "run: |
  if no-such-command; then exit 3; fi
  no-such-command"
is "$state" 'failed 127' 'the state of the job'
like "$log" '^run: line 1: no-such-command: command not found$' 'a condition: the error has the line'
like "$log" '^run: line 2: no-such-command: command not found$' 'any command: the error has the line'

# The real packages

modules=/usr/share/modules
if [ -r $modules/init/bash ]; then
	mkdir -p files
	printf '#%%Module1.0\nsetenv ENV real\n' >files/here
	job 'setup: module load here
run: |
  echo "env: $ENV"' MODULESHOME=$modules MODULEPATH="$PWD/files"
	is "$state, $(grep '^env:' <<<"$log")" 'completed 0, env: real' 'module of Environment Modules works'
else
	skip 1 'environment-modules is not installed'
fi
lmod=/usr/share/lmod/lmod
if [ -r $lmod/init/bash ]; then
	mkdir -p luafiles
	printf 'setenv("ENV", "real")\n' >luafiles/here.lua
	job 'setup: module load here
run: |
  echo "env: $ENV"' LMOD_PKG=$lmod LMOD_CMD=$lmod/libexec/lmod MODULEPATH="$PWD/luafiles"
	is "$state, $(grep '^env:' <<<"$log")" 'completed 0, env: real' 'module of Lmod works'
else
	skip 1 'lmod is not installed'
fi

done_testing
