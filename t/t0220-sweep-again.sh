#!/bin/bash
# a sweep file that is expanded again: which jobs are new, and which existed before
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v jq >/dev/null || skip_all 'jq is not installed'
slurmq init >/dev/null || bail_out 'init'

# expanded FILE ADDED UNCHANGED CHANGED MISSING NAME
expanded() {
	run slurmq expand --json "$1"
	is_status 0 "$6"
	is "$(jq -r '[.added, .unchanged, .changed, .missing] | join(" ")' <<<"$out")" "$2 $3 $4 $5" \
		"$6: added, unchanged, changed, missing"
}

# jobs NAME: prints the parameters of each job, in the order of ids
jobs() {
	slurmq list "$1" --json | jq -c '[.id, .params]' | sort
}

# More random points

cat >rand.yaml <<'END2'
name: rand
params:
  arch: [a, b]
  seed: [1, 2, 3]
  lr: {loguniform: [1e-5, 1e-1]}
  k: {choice: [x, y]}
sample: {n: 20, seed: 821}
run: [train, "{arch}", "{seed}", "{lr}", "{k}"]
END2
expanded rand.yaml 120 0 0 0 'n=20'
jobs rand >before
sed -i 's/n: 20/n: 50/' rand.yaml
expanded rand.yaml 180 120 0 0 'n=50: 30 more in each of 6 cells'
is "$(jobs rand | comm -13 - before)" '' 'no earlier job has changed'
is "$(slurmq list rand --json | jq -r '.params | .arch + .seed' | sort | uniq -c | tr -s ' ' | sort -u | cut -d' ' -f2 | sort -u)" \
	50 '50 in every cell'
expanded rand.yaml 0 300 0 0 'the same file again'
sed -i 's/n: 50/n: 20/' rand.yaml
expanded rand.yaml 0 120 0 180 'n=20 again: the other jobs stay, and are reported'
sed -i 's/n: 20/n: 50/; s/seed: 821/seed: 822/' rand.yaml
expanded rand.yaml 300 0 0 300 'another seed: other jobs'

# Equal draws stay two jobs

cat >dice.yaml <<'END2'
name: dice
params: {x: {randint: [1, 2]}}
sample: {n: 16, seed: 1}
run: [roll, "{x}"]
END2
expanded dice.yaml 16 0 0 0 'sixteen throws of a coin'
is "$(slurmq list dice --json | jq -r .params.x | sort -u | wc -l)" 2 'of two values'

# A new parameter with a default; keys in another order; a new parameter without a default

cat >grid.yaml <<'END2'
name: grid
params:
  lr: [0.1, 0.01]
  seed: [1, 2]
run: [train, "{@args}"]
END2
expanded grid.yaml 4 0 0 0 'a grid'
jobs grid >before
cat >grid.yaml <<'END2'
name: grid
params:
  lr: [0.1, 0.01]
  warmup: {values: [0, 500], default: 0}
  seed: [1, 2]
run: [train, "{@args}"]
END2
run slurmq expand --json grid.yaml
is "$(jq -r '[.jobs, .added, .missing] | join(" ")' <<<"$out")" '8 4 0' 'a new parameter with a default: the old jobs are not new'
is "$(slurmq list grid --json | jq -c 'select(.params.warmup == "0") | [.id, (.params | del(.warmup))]' | sort)" \
	"$(<before)" 'old jobs have its default'
cat >grid.yaml <<'END2'
run: [train, "{@args}"]
params:
  seed: [2, 1]
  warmup: {default: 0, values: [500, 0]}
  lr: [0.01, 0.1]
name: grid
END2
run slurmq expand --json grid.yaml
is "$(jq -r '[.jobs, .added, .missing] | join(" ")' <<<"$out")" '8 0 0' 'keys and values in another order: no job is new'
sed -i 's/default: 0/default: 500/' grid.yaml
before=$(slurmq list grid --json | sha256sum)
run slurmq expand grid.yaml
is_status 2 'a changed default is an error'
like_err "the default of 'warmup' is '500' now, and job [0-9]+ was made with the default '0'"
is "$(slurmq list grid --json | sha256sum)" "$before" 'no job has changed'
sed -i 's/default: 500/default: 0/' grid.yaml
expanded grid.yaml 0 8 0 0 'the default restored'
sed -i 's/^params:/params:\n  opt: [sgd]/' grid.yaml
expanded grid.yaml 8 0 0 8 'a new axis without a default: other jobs'

# Names, resources and computed strings are not part of a job's identity; another text of the same
# number is another value

cat >same.yaml <<'END2'
name: same
params: {a: [1, 2]}
run: [one, "{a}"]
END2
expanded same.yaml 2 0 0 0 'two jobs'
cat >same.yaml <<'END2'
name: same
params: {a: [1, 2]}
let: {b: "{a}-{a}"}
sbatch: {mem: 1G}
title: "{b}"
run: [two, "{b}"]
END2
expanded same.yaml 0 0 2 0 'the same two, with other commands'
sed -i 's/\[1, 2\]/[1.0, 2]/' same.yaml
expanded same.yaml 1 1 0 1 '1.0 is another text than 1'

# Equal jobs of one file

cat >twice.yaml <<'END2'
name: twice
params: {a: [1, 2]}
include: [{a: 2}, {a: 3}]
run: [x, "{a}"]
END2
run slurmq expand twice.yaml
is_status 0
is_out 'twice: 3 jobs added (3 steps), 1 equal to an earlier one; next: slurmq submit'
run slurmq expand --dry-run twice.yaml
like_out '^twice: 3 jobs, 3 steps; 1 equal to an earlier one$'
cat >clash.yaml <<'END2'
name: clash
variants:
  - {name: v, params: {a: [1]}, let: {b: one}}
  - {name: w, params: {a: [1]}, let: {b: two}}
run: [x, "{b}"]
END2
run slurmq expand --dry-run clash.yaml
is_status 2
like_err 'equal parameters and different commands'
run slurmq expand clash.yaml
is_status 2
like_err 'equal parameters and different commands'
is "$(slurmq list clash --json 2>/dev/null)" '' 'no job is added'

# A script: its text counts, its path does not

printf '#!/bin/sh\n#SBATCH --mem=1G\necho one\n' >job.sh
printf 'name: batch\nparams: {a: [1, 2]}\nscript: job.sh\n' >batch.yaml
expanded batch.yaml 2 0 0 0 'a script'
printf '#!/bin/sh\n#SBATCH --mem=1G\necho two\n' >job.sh
expanded batch.yaml 0 0 2 0 'another text of it'
expanded batch.yaml 0 2 0 0 'the same again'
mv job.sh other.sh
sed -i 's/job.sh/other.sh/' batch.yaml
expanded batch.yaml 0 2 0 0 'another name of it'

printf 'name: args\nparams: {a: [1, 2]}\nscript: [other.sh, "{a}"]\n' >args.yaml
expanded args.yaml 2 0 0 0 'a script with arguments'
mv other.sh job.sh
sed -i 's/other.sh/job.sh/' args.yaml
expanded args.yaml 0 2 0 0 'another name of a script with arguments'
sed -i 's/"{a}"/"{a}", x/' args.yaml
expanded args.yaml 0 0 2 0 'another argument'

done_testing
