/* Warnings about what is accepted and probably is a mistake, and near misses without one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sweep/sweepfile.h"
#include "scratch.h"

/* The complaints about a sweep file; "": none. */
struct said {
	const char *text, *expected;
};

#define HEAD "name: n\n"
#define RUN "run: [a, \"{@args}\"]\n"
#define SBATCH "s:2:16: warning: sbatch's "

#define NOTICE(s) \
	"is not longer than the " s \
	" s before it at which 'checkpoint' sends the signal: the command gets it at its start\n"

static const struct said forms[] = {
	{HEAD "sbatch: {time: 4:00:00, mem: 16GB, nodes: 2, gres: gpu:1, exclusive: user}\n" RUN,
	 ""},
	{HEAD "sbatch: {time: 4h}\n" RUN, SBATCH "'time': sbatch refuses '4h': write 4:00:00\n"},
	{HEAD "sbatch: {mem:   16 GB}\n" RUN,
	 "s:2:17: warning: sbatch's 'mem': sbatch refuses '16 GB': write 16G\n"},
	{HEAD "sbatch: {gres:  2}\n" RUN,
	 "s:2:17: warning: sbatch's 'gres': sbatch refuses '2': write gpu:2, or another name of a "
	 "resource\n"},
	{HEAD "sbatch: {cpus: 4}\n" RUN,
	 "s:2:10: warning: slurmq knows no option 'cpus' of sbatch, did you mean "
	 "'cpus-per-task'?\n"},
	/* a value that comes from parameters */
	{HEAD "sbatch: {time: \"{h}:00:00\"}\nparams: {h: [4, 8]}\n" RUN, ""},
	{HEAD "sbatch: {time: \"{h}:00:00\"}\nparams: {h: [4, 4h]}\n" RUN,
	 SBATCH "'time': sbatch refuses '4h:00:00' (h=4h): a time is minutes, min:sec, h:m:s, d-h, "
		"d-h:m or d-h:m:s\n"},
	{HEAD "sbatch: {time: \"{t}\"}\nlet: {t: {by: h, map: {a: 4h, b: 5h}}}\n"
	      "params: {h: [a, b]}\n" RUN,
	 SBATCH "'time': sbatch refuses '4h' (h=a): write 4:00:00\n"},
	{HEAD "sbatch: {time: \"{t}\"}\nlet: {t: \"{u}\", u: \"{h}{x}\"}\n"
	      "params: {x: [0, h], h: [1, 2], y: [1, 2]}\n" RUN,
	 SBATCH "'time': sbatch refuses '1h' (x=h, h=1): write 1:00:00\n"},
	{HEAD "sbatch: {mem:  \"{n}{u}\"}\nzip: [{n: [1, 1024], u: [G, M]}]\n" RUN, ""},
	{HEAD "sbatch: {mem:  \"{n}{u}\"}\nzip: [{n: [1, 1024], u: [G, MiB]}]\n" RUN,
	 SBATCH "'mem': sbatch refuses '1024MiB' (n=1024, u=MiB): write 1G\n"},
	{HEAD
	 "sbatch: {mem:  \"{n}G\"}\nparams: {n: {randint: [1, 9]}}\nsample: {n: 9, seed: 1}\n" RUN,
	 ""},
	{HEAD
	 "sbatch: {mem:  \"{n}G\"}\nparams: {n: {uniform: [1, 9]}}\nsample: {n: 9, seed: 1}\n" RUN,
	 NULL},
	{HEAD "sbatch: {mem:  \"{n?}\"}\nparams: {n: ['', 1G]}\n" RUN, ""},
	{HEAD "sbatch: {mem:  \"{n}\"}\nparams: {n: ['', 1G]}\n" RUN, NULL},
	/* the signal of checkpoint */
	{HEAD "sbatch: {time:  10}\ncheckpoint: {signal: USR1, before: 599s}\n" RUN, ""},
	{HEAD "sbatch: {time:  10}\ncheckpoint: {signal: USR1, before: 10m}\n" RUN,
	 "s:2:17: warning: the time limit '10' " NOTICE("600")},
	{HEAD "sbatch: {time:  1}\ncheckpoint: USR1\n" RUN,
	 "s:2:17: warning: the time limit '1' " NOTICE("60")},
	{HEAD "sbatch: {time:  UNLIMITED}\ncheckpoint: USR1\n" RUN, ""},
	{HEAD "sbatch: {time:  1}\n" RUN, ""},
	{HEAD "sbatch: {time:  \"{t}\"}\ncheckpoint: {signal: USR1, before: 1h}\n"
	      "params: {t: [2:00:00, 0-1]}\n" RUN,
	 "s:2:17: warning: the time limit '0-1' " NOTICE("3600")},
	{HEAD "checkpoint: {signal: USR1, before: 1h}\nscript: hour.sh\n",
	 "hour.sh:2:9: warning: the time limit '60' " NOTICE("3600")},
	{HEAD "checkpoint: {signal: USR1, before: 1h}\nsbatch: {time: 61}\nscript: hour.sh\n", ""},
	/* a value that no job has */
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, 4h]}\nexclude: [{h: 4h}]\n" RUN, ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, long]}\n"
	      "overrides: [{when: {h: long}, sbatch: {time: 1-0}}]\n" RUN,
	 ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, long], g: [1, 2]}\n"
	      "overrides: [{when: {h: long, g: 1}, sbatch: {time: 1-0}}]\n" RUN,
	 NULL},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4, 5]}\n"
	      "overrides: [{when: {h: 4}, sbatch: {time: \"{h}h\"}}]\n" RUN,
	 "s:4:43: warning: sbatch's 'time': sbatch refuses '4h' (h=4): write 4:00:00\n"},
	{HEAD "params: {h: [4h, 5]}\n"
	      "overrides: [{when: {h: 5}, sbatch: {time: \"{h}\"}}]\n" RUN,
	 ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: 4h}\n"
	      "variants: [{name: a, params: {h: 4}}, {name: b, sbatch: {time: 5}}]\n" RUN,
	 ""},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: 4h}\n"
	      "variants: [{name: a, params: {h: 4}}, {name: b}]\n" RUN,
	 SBATCH "'time': sbatch refuses '4h' (h=4h): write 4:00:00\n"},
	{HEAD "sbatch: {time: \"{h}\"}\nparams: {h: [4]}\ninclude: [{h: 5h}]\n" RUN,
	 SBATCH "'time': sbatch refuses '5h' (h=5h): write 5:00:00\n"},
};

#define CANNOT(name) "s:2:7: error: '" name "' cannot be used: see its errors\n"
#define COLUMNS "for columns use 'zip' and a table with commas\n"
#define ADVICE "save the file as UTF-8 (iconv(1) converts it)\n"

/* Files in other forms than slurmq reads: see make_folder(). */
static const struct said files[] = {
	{HEAD "script: unix.sh\n", ""},
	{HEAD "script: dos.sh\n",
	 "dos.sh:1:1: error: the lines end with CR LF, as on Windows, which sbatch refuses: remove "
	 "the CR, as in sed -i 's/\\r$//' FILE\n"
	 "s:2:9: error: 'dos.sh' cannot be used: see its errors\n"},
	{HEAD "script: utf16.csv\n", "utf16.csv:1:1: error: this is UTF-16: " ADVICE
				     "s:2:9: error: 'utf16.csv' cannot be used: see its errors\n"},
	{HEAD "script: form.sh\n",
	 "form.sh:2:9: warning: sbatch refuses '--time=4h': write 4:00:00\n"
	 "form.sh:3:18: warning: sbatch refuses '--cpus-per-task=x': give a whole number above 0\n"},
	{HEAD "zip: [{file: commas.csv}]\n" RUN, ""},
	{HEAD "zip: [{file: one.csv}]\n" RUN, ""},
	{HEAD "zip: [{file: quoted.csv}]\n" RUN, NULL},
	{HEAD "zip: [{file: utf16.csv}]\n" RUN,
	 "utf16.csv:1:1: error: this is UTF-16: " ADVICE CANNOT("utf16.csv")},
	{HEAD "zip: [{file: latin1.csv}]\n" RUN,
	 "latin1.csv:2:1: error: a byte that is not UTF-8: " ADVICE CANNOT("latin1.csv")},
	{HEAD "zip: [{file: tabs.csv}]\n" RUN,
	 "tabs.csv:1:1: error: columns are separated by commas (RFC 4180), not by tabs\n" CANNOT(
		 "tabs.csv")},
	{HEAD "zip: [{file: semicolons.csv}]\n" RUN,
	 "semicolons.csv:1:1: error: columns are separated by commas (RFC 4180), not by "
	 "semicolons\n" CANNOT("semicolons.csv")},
	{HEAD "zip: [{file: blanks.csv}]\n" RUN,
	 "blanks.csv:1:1: error: columns are separated by commas (RFC 4180), not by blanks\n" CANNOT(
		 "blanks.csv")},
	{HEAD "params:\n  x: {file: tabs.csv}\n" RUN,
	 "tabs.csv:1:1: error: a tab, but each line is one value: " COLUMNS
	 "s:3:3: error: 'tabs.csv' cannot be used: see its errors\n"},
	{HEAD "params:\n  x: {file: utf16.csv}\n" RUN,
	 "utf16.csv:1:1: error: this is UTF-16: " ADVICE
	 "s:3:3: error: 'utf16.csv' cannot be used: see its errors\n"},
	{HEAD "title: gr\xfc\xdf\xe4\n" RUN, "s:2:10: error: byte 0xfc is not UTF-8: " ADVICE},
};

#define ONE(what) "s:3:6: warning: parameter 'x' has one value, the text '" what "': for a "
#define QUOTES ", for the text put it in quotes\n"
#define RANGE_1_5 "range write {from: 1, to: 5, step: 1}" QUOTES
#define RANGE_ANY "range write {from: A, to: B, step: C} or {from: A, to: B, num: N}" QUOTES
#define X(value) HEAD "params:\n  x: " value "\n" RUN

/* One value that is probably meant as several. */
static const struct said single[] = {
	{X("1-5"), ONE("1-5") RANGE_1_5},
	{X("1..5"), ONE("1..5") RANGE_1_5},
	{X("[1-5]"),
	 "s:3:7: warning: parameter 'x' has one value, the text '1-5': for a " RANGE_1_5},
	{X("{values: [1-5]}"), NULL},
	{X("{1..5}"), "s:3:6: error: parameter 'x': for a range write {from: 1, to: 5, step: 1}\n"},
	{X("{a, b}"), "s:3:6: error: parameter 'x': for a list write [...], not {...}\n"},
	{X("0.1, 0.2"), ONE("0.1, 0.2") "list write [0.1, 0.2]" QUOTES},
	{X("1e-3, 2, -3"), ONE("1e-3, 2, -3") "list write [1e-3, 2, -3]" QUOTES},
	{X("0.1 0.01 1e-3"), ONE("0.1 0.01 1e-3") "list write [0.1, 0.01, 1e-3]" QUOTES},
	{X("[1 2]"), "s:3:7: warning: parameter 'x' has one value, the text '1 2': for a list "
		     "write [1, 2]" QUOTES},
	{X("$(seq 1 5)"), ONE("$(seq 1 5)") RANGE_ANY},
	{X("range(1, 6)"), ONE("range(1, 6)") RANGE_ANY},
	{X("np.linspace(0, 1, 5)"), ONE("np.linspace(0, 1, 5)") RANGE_ANY},
	{HEAD "steps:\n  - {name: a, run: [a, \"{x}\"], params: {x: 1-5}}\n",
	 "s:3:44: warning: parameter 'x' has one value, the text '1-5': for a " RANGE_1_5},
	{HEAD "zip: {x: 1-5, y: 1}\n" RUN, NULL},
	{X("'1-5'"), ""},
	{X("['1-5']"), ""},
	{X("[1-5, 2-3]"), ""},
	{X("5-1"), ""},
	{X("5-5"), ""},
	{X("01-05"), ""},
	{X("2024-01-15"), ""},
	{X("1-5x"), ""},
	{X("n1-5"), ""},
	{X("-5"), ""},
	{X("1:5"), ""},
	{X("64,32"), ""},
	{X("4 4 4"), ""},
	{X("16 16 32"), ""},
	{X("1, 2 3"), ""},
	{X("1  2"), ""},
	{X("sgd adam"), ONE("sgd adam") "list write [sgd, adam]" QUOTES},
	{X("adam, sgd"), ONE("adam, sgd") "list write [adam, sgd]" QUOTES},
	{X("[sgd adamw_8bit]"), NULL},
	{X("sgd  adam"), ""},
	{X("sgd adam, lamb"), ""},
	{X("sgd 2"), ""},
	{X("--a b"), ""},
	{X("a/b c"), ""},
	{X("'sgd adam'"), ""},
	{X("[sgd adam, lamb]"), ""},
	{X("1, x"), ""},
	{X("range"), ""},
	{X("\"0.1, 0.2\""), ""},
};

#define LIST_OF_ONE \
	" is the name of a program: take the brackets off, or write each word as an element\n"
#define OPTION(pos) "s:" pos ": warning: bash would run '--lr' as a command of its own: "
#define FOLDED \
	"in a text with '>', a line keeps its line break after an empty line or if it is indented " \
	"more, so indent all lines alike\n"
#define BACKSLASH "end the line before with a backslash\n"
#define NO_SHELL "warning: no shell reads the words of a list, so the command gets '"

/* Commands. HOME is /home/u, S is set, NO is not. */
static const struct said commands[] = {
	{HEAD "run: [python, a b, --lr]\n", ""},
	{HEAD "run: [python train.py, --lr]\n",
	 "s:2:7: warning: the first word, 'python train.py', is the name of a program: write each "
	 "word as an element, as in [python, ...]\n"},
	{HEAD "run: |\n  #!/bin/bash\n  #SBATCH --mem=1G\n  a\n",
	 "s:3:3: warning: the #SBATCH lines of a text have no effect: write their options in "
	 "'sbatch', or the name of a file with the text in 'script'\n"},
	{HEAD "run: |\n  cat >job.sh <<'END'\n  #SBATCH --mem=1G\n  END\n", ""},
	{HEAD "run:\n  - module load x\n  - python train.py --n 1\n",
	 "s:3:5: warning: the list is one command, and 'module load x' the name of its program: for "
	 "several commands write a text, run: |, with a line for each\n"},
	{HEAD "run: [\"python train.py --lr\"]\n",
	 "s:2:7: warning: the command is a list of one word, so 'python train.py --lr'" LIST_OF_ONE},
	{HEAD "steps: [{name: a, run: [python a.py]}]\n",
	 "s:2:25: warning: the command is a list of one word, so 'python a.py'" LIST_OF_ONE},
	{HEAD "run: [a blank.sh, b]\n", ""},
	{HEAD "params: {x: ['a b']}\nrun: [\"{x}\", b]\n", ""},
	{HEAD "run: >\n  python train.py\n    --lr 1\n    --n 2\n", OPTION("4:5") FOLDED},
	{HEAD "run: >\n  python train.py\n\n  --lr 1\n", OPTION("5:3") FOLDED},
	{HEAD "run: >\n  python train.py\n  --lr 1\n  --n 2\n", ""},
	{HEAD "run: >-\n  python train.py \\\n    --lr 1\n", ""},
	{HEAD "run: |\n  python train.py\n    --lr 1\n    --n 2\n", OPTION("4:5") BACKSLASH},
	{HEAD "run: |\n  python train.py \\\n    --lr 1 \\\n    --n 2\n", ""},
	{HEAD "run: |\n  x=$(python train.py\n    --lr 1)\n", OPTION("4:5") BACKSLASH},
	{HEAD "setup: |\n  module load a\n  --lr 1\n" RUN, OPTION("4:3") BACKSLASH},
	{HEAD "run: |\n  cat <<END\n  - a\n  END\n", ""},
	{HEAD "run: |\n  echo \"a\n  --lr\"\n", ""},
	{HEAD "run: |\n  a=(\n    --lr 1\n  )\n", ""},
	{HEAD "run: |\n  case $1 in\n  -a) b ;;\n  --lr | -l) c ;;\n  esac\n", ""},
	{HEAD "run: |\n  command -v python\n  exec -a b python\n", ""},
	{HEAD "run: |\n  # a\n  # -b\n", ""},
	{HEAD "run: [python, $HOME/a.py]\n",
	 "s:2:15: " NO_SHELL "$HOME/a.py' as it is: write /home/u/a.py, or write the command as a "
	 "text\n"},
	{HEAD "run: [python, ~/a.py, \"--out=${S}/x\"]\n",
	 "s:2:15: " NO_SHELL
	 "~/a.py' as it is: write /home/u/a.py, or write the command as a text\n"
	 "s:2:23: " NO_SHELL "--out=${S}/x' as it is: write --out=s/x, or write the command as a "
	 "text\n"},
	{HEAD "run: [a, $SLURM_JOB_ID]\n",
	 "s:2:10: " NO_SHELL "$SLURM_JOB_ID' as it is: write the command as a text\n"},
	{HEAD
	 "run: [a, $NO, $1, 5$, \"$\", a~/b, ~u/x, \"~\", \"$$S\", \"\\\\$S\", \"${S:-1}\", \"${x.y}\"]\n",
	 ""},
	{HEAD "run: [bash, -c, \"$HOME/a $S\"]\n", ""},
	{HEAD "run: [srun, /bin/sh, -c, \"$HOME/a $S\"]\n", ""},
	{HEAD "run: $HOME/a.sh ~/b\n", ""},
	/* arguments of a script */
	{HEAD "script: [unix.sh, $HOME, a b]\n",
	 "s:2:19: warning: no shell reads the words of a list, so the script gets '$HOME' as it is: "
	 "write /home/u, or use it in the script\n"},
	{HEAD "script: [unix.sh, $SLURM_JOB_ID]\n",
	 "s:2:19: warning: no shell reads the words of a list, so the script gets '$SLURM_JOB_ID' as "
	 "it is: use it in the script\n"},
	{HEAD "script: [unix.sh, a b]\n", ""},
};

#define ENV "s:2:10: warning: variable 'A' is set to the text '"

/* Values that no shell reads. */
static const struct said unread[] = {
	{HEAD "env: {A: $HOME/d}\n" RUN,
	 ENV "$HOME/d', which no shell reads: write /home/u/d, or in 'setup': export A=$HOME/d\n"},
	{HEAD "env: {A: ~/d}\n" RUN,
	 ENV "~/d', which no shell reads: write /home/u/d, or in 'setup': export A=~/d\n"},
	{HEAD "env: {A: \"a:${S}/{x}\"}\nparams: {x: 1}\n" RUN, ENV
	 "a:${S}/{x}', which no shell reads: write a:s/{x}, or in 'setup': export A=a:${S}/{x}\n"},
	{HEAD "env: {A: $NO/d}\n" RUN,
	 ENV "$NO/d', which no shell reads: write in 'setup': export A=$NO/d\n"},
	{HEAD "env: {A: /t/$SLURM_JOB_ID}\n" RUN,
	 ENV "/t/$SLURM_JOB_ID', which no shell reads: write in 'setup': export "
	     "A=/t/$SLURM_JOB_ID\n"},
	{HEAD "env: {A: $MY_TOKEN}\n" RUN,
	 ENV "$MY_TOKEN', which no shell reads: write in 'setup': export A=$MY_TOKEN\n"},
	{HEAD "env: {NO: \"src:$NO\"}\n" RUN,
	 "s:2:11: warning: variable 'NO' is set to the text 'src:$NO', which no shell reads: write "
	 "in 'setup': export NO=src:$NO\n"},
	{HEAD "env: {A: $A}\n" RUN,
	 ENV "$A', which no shell reads: remove it, since jobs get the environment of 'slurmq "
	     "submit'\n"},
	{HEAD "env: {A: $HOME/d}\nscript: unix.sh\n", ENV
	 "$HOME/d', which no shell reads: write /home/u/d, or in the script: export A=$HOME/d\n"},
	{HEAD
	 "env: {A: \"~\", B: a$NO, C: $1, D: \"5$\", E: ~u/x, F: a~/b, G: \"$(date)\", H: \"$$S\"}\n" RUN,
	 ""},
	{HEAD "variants: [{name: v, env: {A: $HOME}}]\n" RUN, NULL},
	{HEAD "params: {x: 1}\noverrides: [{when: {x: 1}, env: {A: $HOME}}]\n" RUN, NULL},
	{HEAD "sbatch: {account: $S}\n" RUN,
	 "s:2:19: warning: sbatch's 'account' is the text '$S', which no shell reads: write s\n"},
	{HEAD "sbatch: {account: $NO}\n" RUN,
	 "s:2:19: warning: sbatch's 'account' is the text '$NO', which no shell reads: write the "
	 "value of the variable\n"},
	{HEAD "sbatch: {comment: 5$, mail-user: a$NO, reboot: true}\n" RUN, ""},
	{HEAD "sbatch: {chdir: $HOME/a}\n" RUN, ""},
	{HEAD "sbatch: {chdir: ~/a}\n" RUN, ""},
	{HEAD "sbatch: {chdir: $HOME/$S}\n" RUN,
	 "s:2:17: warning: sbatch's 'chdir' is the text '$HOME/$S', which no shell reads: write $HOME/s\n"},
	{HEAD "sbatch: {chdir: $S/a}\n" RUN,
	 "s:2:17: warning: sbatch's 'chdir' is the text '$S/a', which no shell reads: write s/a\n"},
};

#define UNUSED(pos, name) \
	"s:" pos ": warning: nothing uses parameter '" name "': write {" name \
	"} in the command; if the program reads $SLURMQ_PARAM_" name " itself, write {" name \
	"} in 'title'\n"
#define UNREAD(pos, name, script) \
	"s:" pos ": warning: nothing uses parameter '" name "': use $SLURMQ_PARAM_" name \
	" in the script, or an argument, as in script: [" script ", \"{" name \
	"}\"]; if a program reads the variable itself, write {" name "} in 'title'\n"
#define PARAMS HEAD "params: {lr: [1, 2], seed: [1, 2]}\n"

/* Parameters and lets that nothing uses. */
static const struct said unused[] = {
	{PARAMS "run: [a, \"{lr}\", \"{seed}\"]\n", ""},
	{PARAMS "run: [a, \"{lr}\"]\n", UNUSED("2:22", "seed")},
	{PARAMS "run: [a]\n", UNUSED("2:10", "lr") UNUSED("2:22", "seed")},
	{HEAD "params: {a.b-c: 1}\nrun: [a]\n",
	 "s:2:10: warning: nothing uses parameter 'a.b-c': write {a.b-c} in the command; if the "
	 "program reads $SLURMQ_PARAM_a_b_c itself, write {a.b-c} in 'title'\n"},
	/* uses */
	{PARAMS "run: [a, \"{@args}\"]\n", ""},
	{PARAMS "run: a {@kv}\n", ""},
	{PARAMS "run: [a]\ntitle: \"{lr} {seed}\"\n", ""},
	{PARAMS "run: [a]\nenv: {A: \"{lr}\"}\nsbatch: {comment: \"{seed}\"}\n", ""},
	{PARAMS "setup: b {seed}\nlet: {t: \"{lr}\"}\nrun: [a, \"{t}\"]\n", ""},
	{PARAMS "let: {t: {by: lr, map: {1: \"{seed}\", 2: x}}}\nrun: [a, \"{t}\"]\n", ""},
	{PARAMS "run: [a, \"{seed}\"]\noverrides: [{when: {lr: 1}, env: {A: b}}]\n", ""},
	{PARAMS
	 "steps: [{name: a, run: [a, \"{seed}\"]}, {name: b, run: [b], exclude: [{lr: 1}]}]\n",
	 ""},
	{PARAMS "exclude: [{lr: 2}]\nrun: [a, \"{seed}\"]\n", UNUSED("2:10", "lr")},
	{PARAMS "run: a $SLURMQ_PARAM_lr \"${SLURMQ_PARAM_seed}\"\n", ""},
	{PARAMS "run: 'a {lr} $SLURMQ_PARAMS'\n", ""},
	{PARAMS "run: 'a {lr} {seed} $SLURMQ_PARAM_typo'\n",
	 "s:3:22: warning: no parameter has the variable SLURMQ_PARAM_typo, which is empty\n"},
	{PARAMS "run: 'a {lr} {seed} $((SLURMQ_PARAM_typo - 1))'\n",
	 "s:3:24: warning: no parameter has the variable SLURMQ_PARAM_typo, which is empty\n"},
	{PARAMS "run: 'SLURMQ_PARAM_b={lr}; a {seed} $SLURMQ_PARAM_b'\n", ""},
	{PARAMS "run: 'a $SLURMQ_PARAM_lr ${SLURMQ_PARAM_seed}'\n", ""},
	{PARAMS "run: [a, \"{lr}\", \"{seed}\", $SLURMQ_PARAM_lr]\n",
	 "s:3:28: warning: no shell reads the words of a list, so the command gets "
	 "'$SLURMQ_PARAM_lr' as it is: write the command as a text\n"},
	{PARAMS "run: env | grep SLURMQ_PARAM\n", ""},
	{PARAMS "run: a $SLURMQ_PARAM_lr\n", UNUSED("2:22", "seed")},
	{HEAD "params: {a.b: 1, c-d: 2}\nrun: a $SLURMQ_PARAM_a_b $SLURMQ_PARAM_c_d\n", ""},
	{PARAMS "script: params.sh\n", ""},
	{PARAMS "run: ./one.sh\n", ""},
	{PARAMS "run: [bash, one.sh]\n", ""},
	{PARAMS "run: ./set.sh\n", UNUSED("2:10", "lr") UNUSED("2:22", "seed")},
	{PARAMS "script: one.sh\n", UNREAD("2:22", "seed", "one.sh")},
	{PARAMS "script: [one.sh, x]\n", UNREAD("2:22", "seed", "one.sh")},
	{PARAMS "script: unix.sh\n",
	 UNREAD("2:10", "lr", "unix.sh") UNREAD("2:22", "seed", "unix.sh")},
	/* steps, variants, tables, repetitions */
	{HEAD "steps: [{name: a, run: [a, \"{s}\"], params: {s: [1, 2]}}]\n", ""},
	{HEAD "steps: [{name: a, run: [a, \"{@args}\"], params: {s: [1, 2]}}]\n", ""},
	{HEAD "steps: [{name: a, run: [a], params: {s: [1, 2]}}]\n", UNUSED("2:38", "s")},
	{HEAD
	 "steps: [{name: b, run: [b, \"{@args}\"]}, {name: a, run: [a], params: {s: [1, 2]}}]\n",
	 NULL},
	{HEAD "variants: [{name: v, params: {a: 1}}, {name: w, params: {a: 2, b: 1}}]\n"
	      "run: [r, \"{a}\"]\n",
	 UNUSED("2:64", "b")},
	{HEAD "zip: [{file: commas.csv}]\nrun: [a, \"{mesh}\"]\n", ""},
	{HEAD "zip: {a: [1, 2], b: [3, 4]}\nrun: [a, \"{a}\"]\n", UNUSED("2:18", "b")},
	{HEAD "params: {rep: [1, 2, 3]}\nrun: [a]\n", ""},
	{HEAD "params: {i: {from: 0, to: 9, step: 1}}\nrun: [a]\n", ""},
	{HEAD "params: {n: [100, 1000]}\nrun: [a]\n", UNUSED("2:10", "n")},
	{HEAD "params: {seed: [1, 2, 3]}\nrun: [a]\n", UNUSED("2:10", "seed")},
	{HEAD "let: {t: a}\n" RUN, "s:2:7: warning: nothing uses let 't': write {t}\n"},
	{PARAMS "let: {t: \"{lr}\", u: \"{t}\"}\nrun: [a, \"{u}\", \"{seed}\"]\n", ""},
};

#define SHELL(pos, name) \
	"s:" pos ": warning: '$" name "' is a variable of the shell, which is not set here: " \
	"write {" name "} for the parameter\n"
#define LITERAL(pos, text, name) \
	"s:" pos ": warning: '" text "' is not replaced by the parameter: write {" name "}\n"
#define FORM(pos, text, name) "s:" pos ": warning: '" text "' is no placeholder: write {" name "}"
#define LIST_VALUES ", and list the values in the form that you need\n"
#define SEED HEAD "params: {seed: [1, 2]}\n"
#define SEEDED SEED "title: \"{seed}\"\n"

/* Names of parameters that are no placeholders. */
static const struct said names[] = {
	/* variables of the shell: also if the parameter is used elsewhere */
	{SEED "run: a $seed\n", SHELL("3:8", "seed")},
	{SEED "run: a --seed=${seed}\n", SHELL("3:15", "seed")},
	{SEEDED "run: a \"b/$seed/c\"\n", SHELL("4:11", "seed")},
	{SEEDED "run: |\n  a `b $seed`\n  c $(d $seed)\n  cat <<END\n  $seed ${seed}\n  END\n",
	 SHELL("5:8", "seed") SHELL("6:9", "seed") SHELL("8:3", "seed") SHELL("8:9", "seed")},
	{SEEDED "setup: a $seed\n" RUN, SHELL("4:10", "seed")},
	{SEEDED "run: a $((seed + 1))\n",
	 "s:4:11: warning: 'seed' is a variable of the shell here, which is not set and counts as 0: "
	 "write seed={seed} on a line before\n"},
	{HEAD "let: {t: a}\nrun: a $t\n", SHELL("3:8", "t")},
	{SEEDED "run: a '$seed' \\$seed $$seed ${seed:-1} ${seed+x} $seeds $xseed ${seed_x}\n", ""},
	{SEEDED "run: |\n  # $seed\n  awk '{print $seed}' x\n  cat <<'END'\n  $seed\n  END\n", ""},
	{SEEDED "run: |\n  seed={seed}\n  a $seed $((seed + 1))\n", ""},
	{SEEDED "run: |\n  export seed=3\n  a $seed\n", ""},
	{SEEDED "run: |\n  for seed in 1 2; do a $seed; done\n", ""},
	{SEEDED "run: |\n  while IFS=, read -r b seed; do a $seed; done <x\n", ""},
	{SEEDED "run: |\n  printf -v seed %03d {seed}\n  a $seed\n", ""},
	{SEEDED "run: |\n  for ((seed = 0; seed < 3; seed++)); do a $seed; done\n", ""},
	{SEEDED "run: |\n  : ${seed:=3}\n  a $seed\n", ""},
	{SEEDED "run: |\n  f() { local seed=$1; a $seed; }\n  f {seed}\n", ""},
	{SEEDED "setup: seed={seed}\nrun: a $seed\n", ""},
	{SEED "env: {seed: \"{seed}\"}\nrun: a $seed\n", ""},
	{HEAD "params: {S: [1, 2]}\nrun: a {S} $S\n", ""},
	{SEED "script: dollar.sh\n",
	 "s:3:9: warning: line 3 of the script uses 'seed', which is not set there: the parameter is "
	 "$SLURMQ_PARAM_seed\n"},
	{SEED "script: dollar.sh\nsbatch: {export: \"seed={seed}\"}\n", ""},
	{SEED "script: set.sh\n", UNREAD("2:10", "seed", "set.sh")},
	{SEED "script: python.sh\n", UNREAD("2:10", "seed", "python.sh")},
	/* no shell reads these */
	{SEED "run: [a, $seed]\n", LITERAL("3:10", "$seed", "seed")},
	{SEED "run: [a, \"x=${seed}/y\"]\n", LITERAL("3:13", "${seed}", "seed")},
	{SEED "env: {A: $seed}\nrun: [a]\n", LITERAL("3:10", "$seed", "seed")},
	{SEEDED "env: {A: $seed, B: \"x/${seed}\"}\nrun: [a]\n",
	 LITERAL("4:10", "$seed", "seed") LITERAL("4:23", "${seed}", "seed")},
	{SEEDED "env: {seed: $seed}\nrun: [a]\n", LITERAL("4:13", "$seed", "seed")},
	{SEEDED "sbatch: {comment: $seed}\nrun: [a]\n", LITERAL("4:19", "$seed", "seed")},
	{HEAD "params: {S: [1, 2]}\nenv: {A: $S}\nrun: [a, \"{S}\"]\n", LITERAL("3:10", "$S", "S")},
	{SEED "run: [hydra, \"seed={seed}\", \"name=run_${seed}\"]\n", ""},
	/* forms of other tools */
	{SEED "run: [a, \"{seed:03d}\"]\n", FORM("3:11", "{seed:03d}", "seed") LIST_VALUES},
	{SEEDED "run: a \"log-{seed:03d}\"\n", FORM("4:13", "{seed:03d}", "seed") LIST_VALUES},
	{SEEDED "run: a {seed:.2e}\n", FORM("4:8", "{seed:.2e}", "seed") LIST_VALUES},
	{SEEDED "run: a {seed:04}\n", FORM("4:8", "{seed:04}", "seed") LIST_VALUES},
	{SEEDED "run: \"a {{ seed }}\"\n", FORM("4:9", "{{ seed }}", "seed") "\n"},
	{SEED "run: \"a {{seed}}\"\n", FORM("3:9", "{{seed}}", "seed") "\n"},
	{SEED "run: \"a { seed }\"\n", FORM("3:9", "{ seed }", "seed") "\n"},
	{SEED "run: [a, '%(seed)s']\n", FORM("3:11", "%(seed)s", "seed") "\n"},
	{SEEDED
	 "run: [a, \"{{seed}}\", \"{ seed }\", '%(seed)s', \"${seed}\", \"{seed:1}\", \"{seed: 1}\"]\n",
	 ""},
	{SEEDED "run: [python, -c, \"print(f'{seed:03d}')\"]\n", ""},
	{SEEDED "run: [python, -c, \"print('{seed:03d}'.format(seed=1))\"]\n", ""},
	{SEEDED "run: |\n  python -c \"print(f\\\"{seed:03d}\\\")\"\n", ""},
	{SEEDED "run: [a, \"{x:03d}\", \"{{ x }}\", \"{{.seed}}\", \"{1..3}\", \"%d\"]\n", ""},
};

static char *folder;

static void write_file(const char *name, const char *text, size_t len)
{
	char *path = mem_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	free(path);
}

/* Parses and loads a text as a file of the folder. Appends its complaints. */
static void read_text(const char *text, struct buf *said)
{
	struct complaints c = {0};
	struct sweep *sweep = NULL;
	struct err err = {0};

	if (sweepfile_parse("s", folder, text, strlen(text), &sweep, &c, &err) == 0)
		sweepfile_load_files(sweep, &c, &err);
	for (size_t i = 0; i < c.lines.n; i++)
		buf_addf(said, "%s\n", c.lines.v[i]);
	complaints_release(&c);
	sweep_free(sweep);
}

/* expected: NULL if the text does not matter. */
static void check_said(const struct said *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf said = {0};

		read_text(cases[i].text, &said);
		if (cases[i].expected ? strcmp(buf_str(&said), cases[i].expected) != 0 : !said.len)
			fail_msg("file:\n%s\nsaid:\n%s\nexpected:\n%s", cases[i].text,
				 buf_str(&said), cases[i].expected ? cases[i].expected : "any");
		buf_release(&said);
	}
}

#define TEST(name) \
	static void warn_##name(void **state) \
	{ \
		(void)state; \
		check_said(name, sizeof(name) / sizeof(*name)); \
	}

TEST(forms)
TEST(files)
TEST(single)
TEST(commands)
TEST(unread)
TEST(unused)
TEST(names)

/* A sweep file in UTF-16 gives one complaint. */
static void utf16(void **state)
{
	static const char *const texts[] = {"\xff\xfen\0a\0", "\xfe\xff\0n\0a", "n\0a\0m\0",
					    "\0n\0a\0m"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct complaints c = {0};
		struct sweep *sweep = NULL;
		struct err err = {0};

		assert_int_equal(sweepfile_parse("s", folder, texts[i], 6, &sweep, &c, &err), -1);
		assert_int_equal(c.lines.n, 1);
		assert_string_equal(c.lines.v[0],
				    "s:1:1: error: this is UTF-16: save the file as UTF-8 "
				    "(iconv(1) converts it)");
		complaints_release(&c);
	}
}

static const struct {
	const char *name, *text;
} written[] = {
	{"a blank.sh", ""},
	{"form.sh", "#!/bin/bash\n#SBATCH --time=4h\n#SBATCH --mem=1G -c x -n 2\n"},
	{"params.sh", "#!/bin/bash\na $SLURMQ_PARAM_lr ${SLURMQ_PARAM_seed}\n"},
	{"one.sh", "#!/bin/bash\na $SLURMQ_PARAM_lr\n"},
	{"dollar.sh", "#!/bin/bash -l\n#SBATCH --mem=1G\na --seed $seed '$seed'\n"},
	{"set.sh", "#!/bin/bash\nseed=$1\na $seed\n"},
	{"python.sh", "#!/usr/bin/env python3\nprint('$seed')\n"},
	{"unix.sh", "#!/bin/sh\ntrue\n"},
	{"hour.sh", "#!/bin/sh\n#SBATCH --time=60\ntrue\n"},
	{"dos.sh", "#!/bin/sh\r\ntrue\r\n"},
	{"commas.csv", "mesh,inlet\n1; 2,3\n"},
	{"one.csv", "mesh\n1\n"},
	{"quoted.csv", "\"mesh;\"\n1\n"},
	{"latin1.csv", "mesh,inlet\n\xe4,\xe4\n\xe4,1\n"},
	{"tabs.csv", "mesh\tinlet\n1\t2\n3\t4\n"},
	{"semicolons.csv", "mesh;inlet\r\n1;2\r\n"},
	{"blanks.csv", "mesh inlet\n1 2\n"},
};

static int make_folder(void **state)
{
	(void)state;
	folder = scratch_make();
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++)
		write_file(written[i].name, written[i].text, strlen(written[i].text));
	setenv("HOME", "/home/u", 1);
	setenv("S", "s", 1);
	setenv("MY_TOKEN", "t", 1);
	unsetenv("NO");
	write_file("utf16.csv", "\xff\xfe\0a\0,\0b", 8);
	return 0;
}

static int drop_folder(void **state)
{
	(void)state;
	scratch_drop(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warn_forms),  cmocka_unit_test(warn_files),
		cmocka_unit_test(warn_single), cmocka_unit_test(warn_commands),
		cmocka_unit_test(warn_unread), cmocka_unit_test(warn_unused),
		cmocka_unit_test(warn_names),  cmocka_unit_test(utf16),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
