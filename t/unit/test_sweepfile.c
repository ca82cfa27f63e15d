/* The complaints about the text of a sweep file, each with its place, and about files that it
 * names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/sweepfile.h"

/* Parses and loads text as a file of the folder dir; appends its complaints, one a line. Caller
 * frees the sweep. */
static struct sweep *read_text(const char *text, size_t len, const char *dir, struct buf *lines)
{
	struct complaints c = {0};
	struct sweep *sweep = NULL;
	struct err err = {0};
	int rc = sweepfile_parse("s", dir, text, len, &sweep, &c, &err);

	if (rc == 0)
		rc = sweepfile_load_files(sweep, &c, &err);
	for (size_t i = 0; i < c.lines.n; i++)
		buf_addf(lines, "%s\n", c.lines.v[i]);
	assert_int_equal(rc != 0, c.errors != 0);
	if (rc != 0)
		assert_true(err.status == ERR_USAGE && strstr(err.msg, "error"));
	complaints_release(&c);
	if (rc == 0)
		return sweep;
	sweep_free(sweep);
	return NULL;
}

/* The complaints expected for a file; "": none, NULL: any. */
struct complaint_case {
	const char *text, *expected;
};

#define HEAD "name: n\n"
#define RUN "run: [a, \"{@args}\"]\n"

static const struct complaint_case schema[] = {
	{HEAD RUN, ""},
	{"", "s:1:1: error: the file is empty\n"},
	{"- a\n", "s:1:1: error: a sweep is a map, as in name: my-study\n"},
	{RUN, "s:1:1: error: a sweep needs a name, as in name: my-study\n"},
	{HEAD, "s:1:1: error: nothing to run: give one of 'run', 'steps' and 'script'\n"},
	{HEAD RUN "script: x\n",
	 "s:3:9: error: give one of 'run', 'steps' and 'script', and no other\n"},
	{"name: all\n" RUN, "s:1:7: error: 'all' is reserved for slurmq: use another name\n"},
	{"name: 1a\n" RUN,
	 "s:1:7: error: 'name': '1a' must be up to 64 letters, digits, '.', '_' and '-', with a "
	 "letter first\n"},
	{HEAD "paramters: {}\n" RUN,
	 "s:2:1: error: unknown key 'paramters', did you mean 'params'?\n"},
	{HEAD "grid: {}\n" RUN, "s:2:1: error: unknown key 'grid', did you mean 'params'?\n"},
	{HEAD "concurrency: 4\n" RUN,
	 "s:2:1: error: unknown key 'concurrency', did you mean 'limit'?\n"},
	{HEAD "time: 10\n" RUN,
	 "s:2:1: error: unknown key 'time': write it in 'sbatch', as an option of sbatch\n"},
	{HEAD "setup: [a, b]\n" RUN,
	 "s:2:8: error: 'setup' must be a text, not a list: write | and "
	 "a line for each command\n"},
	{HEAD "matrix: {}\n" RUN, "s:2:1: error: unknown key 'matrix', did you mean 'params'?\n"},
	{HEAD "slurm: {}\n" RUN, "s:2:1: error: unknown key 'slurm', did you mean 'sbatch'?\n"},
	{HEAD "command: a\n",
	 "s:1:1: error: nothing to run: give one of 'run', 'steps' and 'script'\n"
	 "s:2:1: error: unknown key 'command', did you mean 'run'?\n"},
	{HEAD HEAD RUN, "s:2:1: error: key 'name' is a duplicate, first on line 1\n"},
	{HEAD RUN "<<: {env: {A: b}}\n",
	 "s:3:1: error: merge keys are not supported: write the keys out\n"},
	{HEAD RUN "---\n" HEAD, "s:3:1: error: a second document: a file holds one sweep\n"},
	{HEAD "params: {x: !!int 3}\n" RUN,
	 "s:2:13: error: tag 'tag:yaml.org,2002:int': a value is its text as written, tags are not "
	 "read\n"},
	{HEAD "params:\n  x:\n" RUN,
	 "s:3:5: error: parameter 'x' has no value; '' is an empty one\n"},
	{HEAD "params: {x: [[1]]}\n" RUN,
	 "s:2:14: error: parameter 'x' must be one value, not a list\n"},
	{HEAD "params: {x: []}\n" RUN,
	 "s:2:13: error: parameter 'x' has no values: there would be no jobs\n"},
	{HEAD "params: {x: \"a\\nb\"}\n" RUN,
	 "s:2:13: error: parameter 'x' holds a control character or a line break\n"},
	{HEAD "params: {x: \"a\\0b\"}\n" RUN,
	 "s:2:13: error: parameter 'x' holds a control character or a line break\n"},
	{HEAD "params: {x: \"\\u0085\"}\n" RUN,
	 "s:2:13: error: parameter 'x' holds a control character or a line break\n"},
	{HEAD "title: a\xff\n" RUN,
	 "s:2:9: error: byte 0xff is not UTF-8: save the file as UTF-8 (iconv(1) converts it)\n"},
	{HEAD "title: \xc3\xbc\x01\n" RUN, "s:2:9: error: control character U+0001\n"},
	{HEAD "title: a\rb\n" RUN, "s:2:9: error: carriage return without a line feed\n"},
	{HEAD "params: {1x: 3}\n" RUN,
	 "s:2:10: error: '1x' cannot be a parameter's name: letters, digits, _ . and -, with a "
	 "letter or _ first\n"},
	{HEAD "params: {x: {value: [1]}}\n" RUN,
	 "s:2:13: error: parameter 'x' needs one of values, file, from and to, uniform, loguniform, "
	 "randint and choice\n"
	 "s:2:14: error: unknown key 'value', did you mean 'values'?\n"},
	{HEAD "params: &a {x: *a}\n" RUN, "s:2:16: error: an alias to a node that contains it\n"},
	{HEAD "params: {x: *b}\n" RUN,
	 "s:2:13: error: alias '*b' has no anchor before it; quote a value that begins with '*'\n"},
};

static const struct complaint_case placeholders[] = {
	{HEAD "params: {lr: 1}\nrun: [a, {lr}, \"{lrr}\", \"{{q}}\", \"${w}\", \"{1..2}\"]\n",
	 "s:3:17: error: there is no parameter 'lrr', did you mean 'lr'? Or write {{lrr}} for the "
	 "text {lrr}\n"},
	{HEAD "params: {lr: 1}\nrun: |\n  a {lr}\n  b 'c {lr}'\n  d {zzz}\n",
	 "s:5:8: error: '{lr}' is not replaced within single quotes: use double quotes\n"
	 "s:6:5: error: there is no parameter 'zzz': write {{zzz}} for the text {zzz}\n"},
	{HEAD "params: {lr: 1}\nrun: a\n  b\n  '{lr}'\n",
	 "s:5:4: error: '{lr}' is not replaced within single quotes: use double quotes\n"},
	{HEAD "params: {lr: 1}\nrun: \"\\u00fc \\\"'{lr}'\\\" '{lr}'\"\n",
	 "s:3:26: error: '{lr}' is not replaced within single quotes: use double quotes\n"},
	{HEAD "params: {lr: 1}\nrun: 'a ''{lr}'''\n",
	 "s:3:11: error: '{lr}' is not replaced within single quotes: use double quotes\n"},
	{HEAD "params: {lr: 1}\nrun: >-\n  a\n  b\n\n  '{lr}'\n",
	 "s:7:4: error: '{lr}' is not replaced within single quotes: use double quotes\n"},
	{HEAD "params: {lr: 1}\nrun: |\n  echo )\n  a {lr}\n",
	 "s:4:9: error: the quoting of the command cannot be parsed from here on: a ) has no ( "
	 "before it\n"
	 "s:5:5: error: '{lr}' cannot be placed, because the quoting before it could not be followed\n"},
	{HEAD "run: [a, \"{@arg}\"]\n",
	 "s:2:11: error: there is no '{@arg}': the names with @ are {@args}, {@kv} and {@id}\n"},
	{HEAD "run: {x} --a\n",
	 "s:2:10: error: invalid YAML: did not find expected key, while parsing a block mapping: "
	 "quote a value that begins with '{', as in run: \"{x} ...\"\n"},
	{HEAD "run: ['', a]\n", "s:2:7: error: the command is empty: its first word has no text\n"},
	{HEAD "run: ' '\n", "s:2:6: error: the command is empty\n"},
	{HEAD "run: a b # c\n",
	 "s:2:10: warning: the text after ' #' is a YAML comment, not part of the command: quote the command to keep it\n"},
	{HEAD "run: bash -c \"a {x}\"\nparams: {x: 1}\n",
	 "s:2:17: warning: '{x}' is put into a text that a shell parses again: it runs code that the value holds\n"},
	{HEAD "setup: echo 'a\n" RUN, "s:2:13: error: 'setup' ends within single quotes\n"},
	{HEAD "setup: a \\\n" RUN, NULL},
	{HEAD "run: echo 'a\n", "s:2:11: warning: the command ends within single quotes\n"},
	{HEAD "let: {a: \"{b}\", b: \"{a}\"}\n" RUN, "s:2:7: error: let 'a' refers to itself\n"},
	{HEAD "params: {a: 1}\nlet: {a: x}\n" RUN, "s:3:7: error: 'a' is also a parameter\n"},
	{HEAD "params: {a: [1, 2]}\nlet: {b: {by: a, map: {1: x}}}\n" RUN,
	 "s:3:7: error: let 'b' has no entry for a '2'\n"},
};

static const struct complaint_case jobs[] = {
	{HEAD "sbatch: {array: 1-3}\n" RUN,
	 "s:2:10: error: sbatch's 'array' is set by slurmq itself: make its values a parameter, as in "
	 "params: {task: [0, 1, 2]}\n"},
	/* abbreviations that sbatch accepts (getopt_long(3)) are refused too */
	{HEAD "sbatch: {begi: now+1hour}\n" RUN,
	 "s:2:10: error: sbatch's 'begin' is set by slurmq itself: use 'slurmq hold' and 'slurmq release'\n"},
	{HEAD "sbatch: {test-on: true, arra: 1}\n" RUN,
	 "s:2:10: error: sbatch's 'test-only' is set by slurmq itself: use 'slurmq submit --dry-run'\n"
	 "s:2:25: error: sbatch's 'array' is set by slurmq itself: make its values a parameter, as in "
	 "params: {task: [0, 1, 2]}\n"},
	{HEAD "sbatch: {hol: true, wai: true, de: 1}\n" RUN,
	 "s:2:10: error: sbatch's 'hold' is set by slurmq itself: use 'slurmq hold'\n"
	 "s:2:21: warning: slurmq knows no option 'wai' of sbatch, did you mean 'wait'?\n"
	 "s:2:32: warning: slurmq knows no option 'de' of sbatch\n"},
	{HEAD "sbatch: {parti: a}\n" RUN,
	 "s:2:10: warning: slurmq knows no option 'parti' of sbatch, did you mean "
	 "'partition'?\n"},
	{HEAD "sbatch: {p: gpu}\n" RUN,
	 "s:2:10: error: 'p': write sbatch's long name, 'partition'\n"},
	{HEAD "sbatch: {--mem: 1}\n" RUN, "s:2:10: error: write 'mem' without its dashes\n"},
	{HEAD "sbatch: {mem_per_cpu: 1}\n" RUN,
	 "s:2:10: error: 'mem_per_cpu' is not an option of sbatch, did you mean 'mem-per-cpu'?\n"},
	{HEAD "sbatch: {partitoin: a}\n" RUN,
	 "s:2:10: warning: slurmq knows no option 'partitoin' of sbatch, did you mean "
	 "'partition'?\n"},
	{HEAD "sbatch: {mem: true}\n" RUN, "s:2:15: error: sbatch's 'mem' needs a value\n"},
	{HEAD "sbatch: {reboot: 1}\n" RUN,
	 "s:2:18: error: sbatch's 'reboot' takes no value: write true\n"},
	{HEAD "env: {A B: 1}\n" RUN, "s:2:7: error: 'A B' cannot be a variable's name\n"},
	{HEAD "env: {SLURMQ_X: 1}\n" RUN,
	 "s:2:7: error: names SLURMQ_... are reserved for slurmq\n"},
	{HEAD "steps: []\n",
	 "s:2:8: error: 'steps' is a list of steps, as in [{name: train, run: [python, train.py]}]\n"},
	{HEAD "steps:\n  - {name: a, run: b, needs: [c]}\n  - {name: cc, run: b}\n",
	 "s:3:31: error: needs 'c', which is not an earlier step\n"},
	{HEAD "steps:\n  - {name: prep, run: b}\n  - {name: prep, run: b, needs: [prp]}\n",
	 "s:4:12: error: step 'prep' is already defined on line 3\n"
	 "s:4:34: error: needs 'prp', which is not an earlier step, did you mean 'prep'?\n"},
	{HEAD "steps: [{name: a, run: b, on_fail: no}]\n",
	 "s:2:36: error: on_fail must be stop or continue, not 'no'\n"},
	{HEAD "steps: [{name: a, run: [\"{q}\"]}, {name: b, run: c, params: {q: 1}}]\n",
	 "s:2:26: error: 'q' is a parameter of step 'b' alone\n"},
	{HEAD "params: {q: 1}\nsteps: [{name: b, run: c, params: {q: 1}}]\n",
	 "s:3:36: error: 'q' is already a name of the whole job\n"},
	{HEAD RUN "retry: {max: x, OOM: again, TIMEOUT: {time: y}}\ncheckpoint: SIGUSR1\n"
		  "restartable: 1\n",
	 "s:3:14: error: max must be a whole number from 0 to 1000, not 'x'\n"
	 "s:3:17: error: unknown key 'OOM', did you mean 'OUT_OF_MEMORY'?\n"
	 "s:3:45: error: time: 'y' is not valid for sbatch: a time is minutes, min:sec, h:m:s, d-h, d-h:m or d-h:m:s\n"
	 "s:4:13: error: checkpoint: 'SIGUSR1' is not a possible signal, did you mean 'USR1'?\n"
	 "s:5:14: error: 'restartable' is true or false, not '1'\n"},
};

static const struct complaint_case batch[] = {
	{HEAD RUN "checkpoint: {signal: USR2, before: 5m}\n", ""},
	{HEAD RUN "checkpoint: {signal: TERM}\n", ""},
	{HEAD RUN "checkpoint: {signal: KILL, before: 0s, after: 1}\n",
	 "s:3:22: error: checkpoint: 'KILL' is not a possible signal (USR1, USR2, TERM, INT, HUP, "
	 "CONT, ALRM)\n"
	 "s:3:36: error: before: Slurm can signal a job 1 to 65535 seconds before its limit\n"
	 "s:3:40: error: unknown key 'after'\n"},
	{HEAD RUN "checkpoint: {before: 90}\n",
	 "s:3:13: error: checkpoint needs a signal, as in {signal: USR1, before: 100s}\n"
	 "s:3:22: error: before: '90' needs a unit: 90s, 90m, 90h or 90d\n"},
	{HEAD "params: {lr: 1}\nscript: [job.sh, {lr}, \"x{lr}\"]\n", ""},
	{HEAD "params: {lr: 1}\nscript: job.sh {lr} -s {x}\n",
	 "s:3:9: error: 'script' names a file; with arguments it is a list: script: [job.sh, "
	 "\"{lr}\", -s, \"{x}\"]\n"},
	{HEAD "params: {lr: 1}\nscript: [\"{lr}.sh\", a]\n",
	 "s:3:10: error: 'script' names one file for all jobs: write a script that runs "
	 "'{lr}.sh', and give it the value as an argument\n"},
	{HEAD "script: []\n",
	 "s:2:9: error: 'script' is a path, or a list of a path and arguments\n"},
	{HEAD "script: ['', a]\n", "s:2:10: error: 'script' must name a file\n"},
	{HEAD "script: [job.sh, \"{lr}\"]\n",
	 "s:2:19: error: there is no parameter 'lr': write {{lr}} for the text {lr}\n"},
	{HEAD "script: job.sh 1 2\n", NULL},
};

static const struct complaint_case spaces[] = {
	{HEAD "params: {x: {from: 1, to: 3}}\n" RUN,
	 "s:2:13: error: parameter 'x' needs from, to, and one of step, factor and num\n"},
	{HEAD "params: {x: {from: 1, to: 3, step: 0}}\n" RUN,
	 "s:2:13: error: parameter 'x' has a step of 0\n"},
	{HEAD "params: {x: {from: 1, to: 3, step: -1}}\n" RUN,
	 "s:2:13: error: parameter 'x' never reaches its end: the step leads away from it\n"},
	{HEAD "params: {x: {from: 1, to: 8, factor: 1}}\n" RUN,
	 "s:2:13: error: parameter 'x' needs a factor above 0 that is not 1\n"},
	{HEAD "params: {x: {from: 1, to: 3, num: 1}}\n" RUN,
	 "s:2:35: error: num must be a whole number from 2 to 5000000, not '1'\n"},
	{HEAD "params: {x: {from: 1, to: 1.00001, num: 9}}\n" RUN,
	 "s:2:10: error: parameter 'x' has two equal points: use a smaller num\n"},
	{HEAD "params: {x: {from: a, to: 3, step: 1}}\n" RUN,
	 "s:2:20: error: from must be a number, not 'a'\n"},
	{HEAD "params: {x: {uniform: [0, 1]}}\n" RUN,
	 "s:2:10: error: 'x' is drawn, which needs 'sample: {n: 20, seed: 821}'\n"},
	{HEAD "params: {x: {loguniform: [0, 1]}}\nsample: {n: 1, seed: 1}\n" RUN,
	 "s:2:26: error: parameter 'x': loguniform needs ends above 0\n"},
	{HEAD "params: {x: 1}\nsample: {n: 1, seed: 1}\n" RUN,
	 "s:3:9: error: nothing is drawn: 'sample' goes with uniform, loguniform, randint and "
	 "choice\n"},
	{HEAD "zip: [{a: [1, 2], b: [1]}]\n" RUN,
	 "s:2:19: error: parameters in one group of 'zip' must have the same length: 'a' has 2 values, 'b' "
	 "has 1\n"},
	{HEAD "zip: [{a: [1, 2]}]\nparams: {a: 1}\n" RUN,
	 "s:3:10: error: parameter 'a' is already defined\n"},
	{HEAD "params: {a: [1, 1]}\n" RUN,
	 "s:2:10: warning: parameter 'a' has the value '1' twice: equal jobs are run once\n"},
	{HEAD "params: {order: [2, 4]}\nexclude: [{ordr: 2}, {order: 5}, {order: {lt: x}}]\n" RUN,
	 "s:3:12: error: there is no parameter 'ordr', did you mean 'order'?\n"
	 "s:3:47: error: condition on 'order' must be a number, not 'x'\n"},
	{HEAD "params: {order: [2, 4]}\nexclude: [{order: 4.0}, {order: 5}]\n" RUN,
	 "s:3:25: warning: this condition matches nothing\n"},
	{HEAD "zip: [{a: [1, 2], b: [3, 4]}]\nexclude: [{a: 1, b: 3}, {a: 1, b: 4}]\n" RUN,
	 "s:3:25: warning: this condition matches nothing\n"},
	{HEAD "params: {a: 1}\noverrides: [{when: {a: 2}, sbatch: {mem: 1}}]\n" RUN,
	 "s:3:20: warning: this condition matches nothing\n"},
	{HEAD "params: {a: 1, b: 2}\ninclude: [{a: 3}, {a: 4, b: 5, cc: 6}]\n" RUN,
	 "s:3:11: error: an included job needs a value of every parameter, and has none of 'b'\n"
	 "s:3:19: error: an included job has 'cc', which is not a parameter\n"},
	{HEAD "variants: [{name: v, params: {a: 1}}, {name: w, params: {b: 1}}]\nrun: [\"{a}\"]\n",
	 "s:3:8: error: 'a' is not a parameter of variant 'w'\n"},
	{HEAD "variants: [{name: v}, {name: v}]\n" RUN,
	 "s:2:30: error: variant 'v' is already defined\n"},
};

static const struct complaint_case files[] = {
	{HEAD "params: {x: {file: lines}}\nrun: [\"{x}\"]\n", ""},
	{HEAD "params: {x: {file: none}}\n" RUN, NULL},
	{HEAD "params: {x: {file: gap}}\n" RUN,
	 "gap:2:1: error: an empty line\n"
	 "s:2:10: error: 'gap' cannot be used: see its errors\n"},
	{HEAD "zip: [{file: ok.csv}]\nrun: [\"{mesh}\", \"{inlet}\"]\n", ""},
	{HEAD "zip: [{file: ok.csv}]\nrun: [\"{mash}\"]\n",
	 "s:3:8: error: there is no parameter 'mash', did you mean 'mesh'? Or write {{mash}} for the "
	 "text {mash}\n"},
	{HEAD "zip: [{file: bad.csv}]\n" RUN,
	 "bad.csv:3:1: error: this row has 1 fields, the header has 2\n"
	 "bad.csv:4:4: error: text after a closing quote\n"
	 "s:2:7: error: 'bad.csv' cannot be used: see its errors\n"},
	{HEAD "script: job.sh\n", ""},
	{HEAD "script: array.sh\n",
	 "array.sh:2:9: error: slurmq sets '--array' itself: remove it, and write in the sweep file: "
	 "params: {task: {from: 1, to: 9, step: 1}}\n"
	 "s:2:9: error: 'array.sh' cannot be used: see its errors\n"},
	{HEAD "script: cut.sh\n",
	 "cut.sh:2:9: error: slurmq sets '--array' itself: remove it, and write in the sweep file: "
	 "params: {task: {from: 1, to: 9, step: 1}}\n"
	 "s:2:9: error: 'cut.sh' cannot be used: see its errors\n"},
	{HEAD "script: two.sh\n",
	 "two.sh:2:18: error: slurmq sets '--hold' itself: use 'slurmq hold'\n"
	 "s:2:9: error: 'two.sh' cannot be used: see its errors\n"},
	{HEAD "script: said.sh\n", ""},
	{HEAD "script: lines\n",
	 "lines:1:1: error: the script's first line must name its interpreter, as in #!/bin/bash; "
	 "sbatch demands it, too\n"
	 "s:2:9: error: 'lines' cannot be used: see its errors\n"},
	{HEAD "script: late.sh\n",
	 "late.sh:1:1: error: the script must begin with #!: remove the blanks and lines before it\n"
	 "s:2:9: error: 'late.sh' cannot be used: see its errors\n"},
	{HEAD "script: job.sh\nsetup: a\n",
	 "s:3:8: error: 'setup' cannot be used with 'script': put it into the script\n"},
};

static char folder[] = "/tmp/slurmq-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	write_file("lines", "a b\nc\r\n");
	write_file("late.sh", "\n  #!/bin/bash\n");
	write_file("gap", "a\n\nb\n");
	write_file("ok.csv", "mesh,inlet\r\n\"a, \"\"b\"\"\",1\r\nc,2\r\n");
	write_file("bad.csv", "mesh,inlet\na,b\nc\n\"d\"e,f\n");
	write_file("job.sh",
		   "#!/bin/bash\n# c\n#SBATCH --mem=1\n\n#SBATCH -n 2\ntrue\n#SBATCH --mem 3\n");
	write_file("array.sh", "#!/bin/bash\n#SBATCH --array=1-9\n");
	write_file("two.sh", "#!/bin/sh\n#SBATCH --mem=1G --hold # now\ntrue\n");
	write_file("said.sh", "#!/bin/sh\n#SBATCH --comment=\"a --hold b\" -n 1 # --hold\ntrue\n");
	write_file("cut.sh", "#!/bin/sh\n#SBATCH --arr 1-9\n");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"lines",  "late.sh",  "gap",    "ok.csv", "bad.csv",
					    "job.sh", "array.sh", "cut.sh", "two.sh", "said.sh"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void check_complaints(const struct complaint_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf lines = {0};

		sweep_free(read_text(cases[i].text, strlen(cases[i].text), folder, &lines));
		if (cases[i].expected && strcmp(buf_str(&lines), cases[i].expected) != 0)
			fail_msg("file:\n%s\ncomplaints:\n%s\nexpected:\n%s", cases[i].text,
				 buf_str(&lines), cases[i].expected);
		if (!cases[i].expected && !lines.len)
			fail_msg("no complaint about:\n%s", cases[i].text);
		buf_release(&lines);
	}
}

static void test_schema(void **state)
{
	(void)state;
	check_complaints(schema, sizeof(schema) / sizeof(*schema));
}

static void test_batch(void **state)
{
	(void)state;
	check_complaints(batch, sizeof(batch) / sizeof(*batch));
}

static void test_placeholders(void **state)
{
	(void)state;
	check_complaints(placeholders, sizeof(placeholders) / sizeof(*placeholders));
}

static void test_jobs(void **state)
{
	(void)state;
	check_complaints(jobs, sizeof(jobs) / sizeof(*jobs));
}

static void test_spaces(void **state)
{
	(void)state;
	check_complaints(spaces, sizeof(spaces) / sizeof(*spaces));
}

static void test_files(void **state)
{
	(void)state;
	check_complaints(files, sizeof(files) / sizeof(*files));
}

/* Checks that the complaints about a generated text contain expected. Releases text. */
static void check_generated(struct buf *text, const char *expected)
{
	struct buf lines = {0};

	sweep_free(read_text(buf_str(text), text->len, folder, &lines));
	if (!strstr(buf_str(&lines), expected))
		fail_msg("complaints:\n%s\nexpected:\n%s", buf_str(&lines), expected);
	buf_release(&lines);
	buf_release(text);
}

static void add_times(struct buf *b, char c, int n)
{
	while (n-- > 0)
		buf_addch(b, c);
}

static void test_limits(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_addstr(&b, HEAD RUN "title: ");
	add_times(&b, '[', 40);
	check_generated(&b, "s:3:39: error: nested more than 32 deep");

	buf_addstr(&b, HEAD RUN "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 8; i++) {
		buf_addf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_addf(&b, "%s*a%d", k ? ", " : "", i - 1);
		buf_addstr(&b, "]\n");
	}
	check_generated(&b, "more than 200,000 nodes, aliases followed");

	buf_addstr(&b, HEAD RUN "# ");
	add_times(&b, 'x', 4 << 20);
	check_generated(&b, "s: error: larger than 4 MiB");

	buf_addstr(&b, HEAD "run: |\n  a ");
	add_times(&b, 'x', 130 * 1024);
	check_generated(&b, "s:2:6: error: the command is too long");

	buf_add(&b, HEAD RUN "title: a\0b\n", strlen(HEAD RUN) + 11);
	check_generated(&b, "s:3:9: error: NUL byte");
}

static void test_slurp_errors(void **state)
{
	static const struct {
		const char *name, *expected;
	} refused[] = {
		{"", "is a directory: give a file"},
		{"/fifo", "is a pipe: give a file"},
		{"/none", "No such file or directory"},
		{"/large", "larger than 4 MiB"},
	};
	char path[128], fifo[64], large[64], *text = NULL, *dir = NULL;
	struct err err = {0};
	size_t len;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(large, sizeof(large), "%s/large", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	write_file("large", "x");
	assert_int_equal(truncate(large, (4 << 20) + 1), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, refused[i].name);
		assert_int_equal(sweepfile_slurp(path, &text, &len, &dir, &err), -1);
		assert_non_null(strstr(err.msg, refused[i].expected));
	}
	unlink(fifo);
	unlink(large);
}

static void test_slurp(void **state)
{
	char path[128], *text = NULL, *dir = NULL;
	struct err err = {0};
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "%s/./lines", folder);
	assert_int_equal(sweepfile_slurp(path, &text, &len, &dir, &err), 0);
	assert_string_equal(text, "a b\nc\r\n");
	assert_int_equal(len, 7);
	assert_string_equal(dir, folder);
	free(text);
	free(dir);
}

/* A byte order mark and CRLF line ends change nothing. */
static void test_bom_and_crlf(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "name: n\r\nparams:\r\n  x: [a, b]\r\nrun: |\r\n  a {x}\r\n"
				   "  b '{x}'\r\n";
	struct buf lines = {0};

	(void)state;
	sweep_free(read_text(text, strlen(text), folder, &lines));
	assert_string_equal(buf_str(&lines),
			    "s:6:6: error: '{x}' is not replaced within single quotes: use double "
			    "quotes\n");
	buf_release(&lines);
}

/* Reads every prefix of each file, and each file with one byte changed: no crash. */
static void test_broken_files(void **state)
{
	static const char text[] =
		"name: n\nzip: [{a: [1, 2], b: {from: 1, to: 2, step: 1}}]\nparams: &p {x: [a, 'b'], "
		"y: {uniform: [0, 1]}}\nsample: {n: 2, seed: 1}\nlet: {z: \"{x}\", q: {by: a, map: "
		"{1: a, 2: b}}}\nexclude: [{x: {not: a}, a: {lt: 2}}]\ninclude: [{a: 1, b: 1, x: c, "
		"y: 1}]\nsteps:\n  - {name: s, params: {k: [1]}, run: \"a $(b '{{x}}' {k} "
		"\\\"{z}\\\")\"}\n";
	char copy[sizeof(text)];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		struct buf lines = {0};

		sweep_free(read_text(text, i, folder, &lines));
		memcpy(copy, text, sizeof(text));
		copy[i] = "{}[]:,\n\"' &*!#"[i % 14];
		sweep_free(read_text(copy, strlen(text), folder, &lines));
		buf_release(&lines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),	     cmocka_unit_test(test_batch),
		cmocka_unit_test(test_placeholders), cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_spaces),	     cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),	     cmocka_unit_test(test_slurp_errors),
		cmocka_unit_test(test_slurp),	     cmocka_unit_test(test_bom_and_crlf),
		cmocka_unit_test(test_broken_files),
	};

	return cmocka_run_group_tests_name("sweepfile", tests, make_folder, remove_folder);
}
