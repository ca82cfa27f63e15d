#!/bin/bash
# slurmq-tutorial(7): each command is run and its output compared, and each recipe runs to its end,
# with programs that record how they were called
# shellcheck disable=SC2016
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"
. "$TEST_LIB/session.sh"

page=$TEST_TOP/man/slurmq-tutorial.7
fake_start 20

# The literal blocks of the page: a session, before or in RECIPES, or a file with its name in a
# comment at the top

mkdir page files
awk '
	/^\.Sh / { to = /RECIPES/ ? "page/recipes" : "page/tutorial" }
	/^\.Bd -literal/ { on = 1; file = first = ""; next }
	/^\.Ed/ { on = 0; if (file) close(file); next }
	!on { next }
	/^\$ / { file = to }
	!file && /^#!/ { first = $0; next }
	!file && /^# [a-z]+\.[A-Za-z]+$/ { file = "files/" $2; if (first) print first >file }
	file { print >>file }
' "$page"
# a line of output that is too long for the page continues after six blanks
sed -i -E ':a; N; $!ba; s/\n {6}/ /g' page/*
is "$(cd files && echo *)" \
	'after.sh cifar.yaml codes.yaml ddp.yaml fit.R flow.yaml hydra.yaml job.sh large.yaml power.yaml sweep.yaml table.py train.py' \
	'the files of the page'

# Programs of the recipes. Each records its name, its arguments, its folder, its sweep and its attempt.

calls=$TEST_TMP/calls
cat >"$TEST_TMP/.bin/record-call" <<END
#!/bin/bash
name="\${0##*/} "
printf '%s\n' "\${name#record-call }\$* | \${PWD##*/} \$SLURMQ_SWEEP \$SLURMQ_ATTEMPT" >>"$calls"
END
chmod +x "$TEST_TMP/.bin/record-call"
for name in torchrun srun Rscript; do
	ln -s record-call "$TEST_TMP/.bin/$name"
done
# the training takes no time
printf '#!/bin/sh\n[ "$1" = 20 ] || exec %s "$@"\n' "$(command -v sleep)" >"$TEST_TMP/.bin/sleep"
chmod +x "$TEST_TMP/.bin/sleep"

# called SWEEP: prints the calls of the jobs of a sweep, sorted
called() {
	awk -F' [|] ' -v sweep="$1" '{ split($2, w, " ") } w[2] == sweep' "$calls" | LC_ALL=C sort
}

# The tutorial. Jobs wait in Slurm until a command waits for them.

hold_unless_waiting() {
	case $1 in
	'slurmq wait'* | 'bash after.sh') rm -f "$FAKE_SLURM/hold" && fake_quiet 60 ;;
	*) touch "$FAKE_SLURM/hold" ;;
	esac
}

mkdir study
cd study || bail_out 'no folder'
cp ../files/{job.sh,sweep.yaml,after.sh} .
session_run ../page/tutorial hold_unless_waiting
cd ..

# The recipes, in a folder of their own

mkdir recipes
cd recipes || bail_out 'no folder'
cp ../files/* .
slurmq init >/dev/null
slurmq config sentinel off >/dev/null # its options are not those of a recipe

# recipe FILE SWEEP: runs the jobs of a sweep file to their ends
recipe() {
	: >"$FAKE_SLURM/log"
	run slurmq expand --strict "$1"
	is_status 0 || return
	is_err ''
	run slurmq submit
	is_status 0
	ok "$1: the jobs end" fake_quiet 60
	run slurmq wait "$2"
	is_status 0
}
# options NAME|NAME...: prints these arguments of sbatch in the recipe, each once
options() {
	grep -o '^sbatch .*' "$FAKE_SLURM/log" | tr ' ' '\n' | grep -E "^--($1)=" | LC_ALL=C sort -u
}

# PyTorch: python3, if there is one, runs the program of the page; net and torch are replaced. In the
# third epoch of a first attempt, slurmq gets the signal that Slurm sends it before the time limit.

mkdir -p venv/bin modules
echo 'export VIRTUAL_ENV=venv PYTHONPATH=$PWD/modules PYTHONDONTWRITEBYTECODE=1' >venv/bin/activate
cat >modules/net.py <<'END'
import os, signal, sys, time
EPOCHS = 6
def warn_of_the_limit():
    os.kill(os.getppid(), signal.SIGUSR1)
    end = time.time() + 30
    while not sys.modules["__main__"].stop and time.time() < end:
        time.sleep(0.01)
class Numbers:
    def __init__(self): self.n = 0
    def state_dict(self): return self.n
    def load_state_dict(self, n): self.n = n
def make(lr):
    return Numbers(), Numbers()
def train_epoch(model, optimizer):
    with open(os.environ["CALLS"], "a") as f:
        f.write("epoch %d %s | recipes cifar %s\n" % (model.n, sys.argv[3], os.environ["SLURMQ_ATTEMPT"]))
    model.n += 1
    optimizer.n += 1
    if model.n == 3 and os.environ["SLURMQ_ATTEMPT"] == "1":
        warn_of_the_limit()
    return 1 / model.n
END
cat >modules/torch.py <<'END'
import json
def manual_seed(n): pass
def save(what, name):
    with open(name, "w") as f: json.dump(what, f)
def load(name):
    with open(name) as f: return json.load(f)
END
export CALLS=$calls
if command -v python3 >/dev/null; then
	recipe cifar.yaml cifar
	want=$(for run in 0.01-1 0.01-2 0.1-1 0.1-2; do
		for epoch in 0 1 2 3 4 5; do
			echo "epoch $epoch runs/$run | recipes cifar $((epoch / 3 + 1))"
		done
	done | LC_ALL=C sort)
	is "$(called cifar)" "$want" 'each epoch runs once, the last three in a second attempt'
	is "$(echo runs/0.1-2/*)" "$(echo runs/0.1-2/00000{0,1,2,3,4,5}.pt)" 'the checkpoints'
	is "$(slurmq list cifar --json | jq -c '[.state, .tries, .results.epoch]' | sort -u)" '["completed",2,"5"]' \
		'the results'
	is "$(options 'gres|cpus-per-task|mem|time|signal')" '--cpus-per-task=8
--gres=gpu:1
--mem=16G
--signal=B:USR1@300
--time=4:00:00' 'its options'
	# attempts that ended at the time limit, or with the loss of the node, are tried again too
	is "$(slurmq show 1 --json | jq -c '.[0].attempts | length')" 2 'two attempts'
else
	skip 10 'no python3'
fi

# python3 of the other recipes
ln -s record-call "$TEST_TMP/.bin/python3"
hash -r

recipe ddp.yaml ddp
is "$(called ddp)" 'torchrun --standalone --nproc-per-node=4 ddp.py 0.01 runs/ddp-0.01 | recipes ddp 1
torchrun --standalone --nproc-per-node=4 ddp.py 0.1 runs/ddp-0.1 | recipes ddp 1' 'torchrun'
is "$(options 'nodes|gres|cpus-per-task|time')" '--cpus-per-task=32
--gres=gpu:4
--nodes=1
--time=8:00:00' 'its options'

recipe hydra.yaml hydra
is "$(called hydra)" "$(for lr in 0.01 0.1; do
	for model in large small; do
		echo "python3 app.py model=$model lr=$lr hydra.run.dir=outputs/$model-$lr | recipes hydra 1"
	done
done | LC_ALL=C sort)" 'Hydra'


# MPI. srun prints a result, as ./sim would.

rm "$TEST_TMP/.bin/srun"
printf '#!/bin/sh\nrecord-call "srun $*"\necho residual\necho 1e-6\n' >"$TEST_TMP/.bin/srun"
printf '#!/bin/sh\nrecord-call "module $*"\n' >"$TEST_TMP/.bin/module"
chmod +x "$TEST_TMP/.bin/"{srun,module}
unset MODULESHOME LMOD_CMD LMOD_PKG
recipe flow.yaml flow
is "$(called flow | uniq -c | tr -s ' ')" ' 4 module load openmpi | recipes flow 1
 2 srun ./sim --mesh coarse | recipes flow 1
 2 srun ./sim --mesh fine | recipes flow 1' 'MPI'
is "$(options 'ntasks|mem-per-cpu|time')" '--mem-per-cpu=2G
--ntasks=16
--ntasks=4
--time=1:00:00' 'its options'
is "$(slurmq list flow --json | jq -r .results.residual | uniq -c | tr -s ' ')" ' 4 1e-6' 'its results'
is "$(echo sim-*.out)" 'sim-coarse-16.out sim-coarse-4.out sim-fine-16.out sim-fine-4.out' 'its files'

# R: one job runs the program of the page, if there is an R

rm "$TEST_TMP/.bin/Rscript"
hash -r
r=$(command -v Rscript)
cat >"$TEST_TMP/.bin/Rscript" <<END
#!/bin/sh
record-call "Rscript \$*"
[ -z "$r" ] || [ "\$2 \$3" != '50 1' ] || exec "$r" "\$@"
END
chmod +x "$TEST_TMP/.bin/Rscript"
recipe power.yaml power
is "$(called power)" "$(for n in 200 50; do
	for rep in 1 2 3; do echo "Rscript fit.R $n $rep | recipes power 1"; done
done)" 'R'
is "$(options 'mem|time')" '--mem=2G
--time=10:00' 'its options'
if [ -n "$r" ]; then
	like "$(slurmq list power n=50 rep=1 --json | jq -r .results.slope)" '^[01]\.[0-9]+$' 'its result'
else
	skip 1 'no Rscript'
fi

# A limit of the sweep

: >"$FAKE_SLURM/log"
touch "$FAKE_SLURM/hold"
slurmq expand large.yaml >/dev/null
run slurmq submit
like_out '^submitted 2 jobs; 6 pending, 2 in Slurm'
run slurmq config limit.large 4
is_status 0
run slurmq submit
like_out '^submitted 2 jobs; 4 pending, 4 in Slurm'
rm "$FAKE_SLURM/hold"
ok 'large.yaml: the jobs end' fake_quiet 60
is "$(called large)" "$(for layers in 24 32 40 48; do
	for seed in 1 2; do echo "python3 large.py --layers $layers --seed $seed | recipes large 1"; done
done)" 'every job of the sweep with a limit'
is "$(options 'partition|gres|mem|time')" '--gres=gpu:1
--mem=32G
--partition=gpu
--time=8:00:00' 'its options'

# pandas

recipe codes.yaml codes
if /usr/bin/python3 -c 'import pandas' 2>/dev/null; then
	ln -sf /usr/bin/python3 "$TEST_TMP/.bin/python3"
	hash -r
	session_run ../page/recipes
else
	skip 2 'no pandas'
fi

done_testing
