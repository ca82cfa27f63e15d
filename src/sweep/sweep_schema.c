#include "sweep/sweep_schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/json.h"
#include "slurm/sbatch.h"

#define END_OF_KEYS \
	{ \
		NULL, NULL, NULL \
	}

const struct sweep_key sweep_keys_top[] = {
	{"name", "sweep_name", "the sweep's name: part of every job's identity"},
	{"params", "params", "the axes: one job for each combination; the first varies slowest"},
	{"zip", "zip", "lists, or a CSV table, that advance together: one dimension"},
	{"sample", "sample", "how many random points each grid cell gets, and their seed"},
	{"variants", "variants", "sub-spaces: the jobs of all of them, in turn"},
	{"let", "lets", "derived texts; not part of a job's identity"},
	{"exclude", "rules", "excluded combinations: those that meet all conditions of an entry"},
	{"include", "includes", "additional whole jobs, added last"},
	{"sbatch", "sbatch", "sbatch's long options, without their dashes"},
	{"env", "env", "variables of the jobs' environment"},
	{"setup", "text", "bash that runs before each step, in the same shell"},
	{"overrides", "overrides", "sbatch options and variables for jobs that meet a condition"},
	{"retry", "retry", "how failed jobs are retried"},
	{"restartable", "{\"type\":\"boolean\"}",
	 "the site may requeue a job, and it starts again"},
	{"checkpoint", "checkpoint", "the signal that a job gets before its time limit"},
	{"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000}",
	 "how many jobs of the sweep may be in Slurm at once"},
	{"order", "{\"enum\":[\"file\",\"random\"]}",
	 "the order of the jobs: as the file has them, or at random, which spreads the grid"},
	{"title", "text", "the text that lists show for a job"},
	{"run", "command", "the command: a list of words, or a script for bash"},
	{"steps", "steps", "several commands, one after the other"},
	{"script", "batch_script",
	 "a batch script of your own: its path, or a list with arguments"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_axis[] = {
	{"values", "values", "its values"},
	{"file", "{\"type\":\"string\"}", "a file with one value per line"},
	{"from", "number", "the first value of a range"},
	{"to", "number", "the end of the range: its last value if a step reaches it"},
	{"step", "number", "the difference of two values, in exact decimals"},
	{"factor", "number", "the ratio of two values, in exact decimals"},
	{"num", "{\"type\":\"integer\",\"minimum\":2,\"maximum\":5000000}", "the number of points"},
	{"scale", "{\"enum\":[\"linear\",\"log\"]}", "the spacing of num points"},
	{"uniform", "ends", "a random number between two"},
	{"loguniform", "ends", "a random number whose logarithm is uniform"},
	{"randint", "ends", "a random whole number, both ends included"},
	{"choice", "values", "a random one of these"},
	{"default", "scalar",
	 "a value that is not part of a job's identity: for an axis that is added later"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_sample[] = {
	{"n", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":5000000}",
	 "points in each grid cell; a larger n keeps the earlier points"},
	{"seed", "scalar", "the seed of the draws; part of a job's identity"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_variant[] = {
	{"name", "name", "the variant's name"},
	{"params", "params", "new axes, or axes that replace inherited ones"},
	{"zip", "zip", "new groups, or groups that replace inherited ones"},
	{"sample", "sample", "replaces the sample of the sweep"},
	{"exclude", "rules", "additional excluded combinations"},
	{"let", "lets", "derived texts of this variant"},
	{"sbatch", "sbatch", "additional options of this variant"},
	{"env", "env", "additional variables of this variant"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_condition[] = {
	{"not", "some", "none of these"},   {"lt", "number", "below"},
	{"le", "number", "below or equal"}, {"gt", "number", "above"},
	{"ge", "number", "above or equal"}, END_OF_KEYS};

const struct sweep_key sweep_keys_let[] = {
	{"by", "parameter", "the parameter whose value chooses"},
	{"map", "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/definitions/text\"}}",
	 "a text for each value"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_override[] = {
	{"when", "rule", "conditions, all of which must hold"},
	{"sbatch", "sbatch", "options that replace others"},
	{"env", "env", "variables that replace others"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_step[] = {
	{"name", "name", "the step's name"},
	{"run", "command", "the command: a list of words, or a script for bash"},
	{"params", "step_params", "axes of this step alone: one tracked step per combination"},
	{"exclude", "rules", "combinations that this step excludes"},
	{"needs", "needs", "earlier steps that must be completed first"},
	{"on_fail", "{\"enum\":[\"stop\",\"continue\"]}", "whether the job continues"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_checkpoint[] = {
	{"signal", "signal", "the signal"},
	{"before", "scalar", "how long before the limit: 90s, 10m, 2h; 60s if not set"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_retry[] = {
	{"max", "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000}",
	 "tries after the first, for all reasons together"},
	{"TIMEOUT", "retry_rule", "the time limit"},
	{"OUT_OF_MEMORY", "retry_rule", "the memory limit"},
	{"NODE_FAIL", "retry_rule", "a node that failed"},
	{"PREEMPTED", "retry_rule", "a job with a higher priority"},
	{"EXIT", "retry_rule", "an exit code other than 0"},
	{"SIGNAL", "retry_rule", "a signal"},
	END_OF_KEYS};

const struct sweep_key sweep_keys_rule[] = {
	{"time", "scalar", "time limit of the next try: x1.5, or as sbatch accepts it"},
	{"max_time", "scalar", "the maximum"},
	{"mem", "scalar", "memory of the next try: x2, or as sbatch accepts it"},
	{"max_mem", "scalar", "the maximum"},
	{"delay", "scalar", "the time to wait before it: 90s, 10m, 2h, 1d"},
	{"codes",
	 "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"integer\",\"minimum\":1,"
	 "\"maximum\":255}}",
	 "with EXIT: only these exit codes"},
	END_OF_KEYS};

/* The types of the keys, except maps of fixed keys. */

#define REF(name) "{\"$ref\":\"#/definitions/" name "\"}"
#define ONE_OR_MORE(what) "{\"type\":\"array\",\"minItems\":1,\"items\":" what "}"
#define PARAMETER "\"^[A-Za-z_][A-Za-z0-9_.-]*$\""
#define NAME "\"type\":\"string\",\"pattern\":\"^[A-Za-z][A-Za-z0-9._-]{0,63}$\""
#define OF_PARAMETERS(what) \
	"{\"type\":\"object\",\"propertyNames\":{\"pattern\":" PARAMETER "}," \
	"\"additionalProperties\":" what "}"

struct definition {
	const char *name, *schema;
};

static const struct definition definitions[] = {
	/* the types of YAML do not matter: the text of a scalar is its value */
	{"scalar", "{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}"},
	/* {lr} without quotes is a map of one key without a value, which is accepted */
	{"text", "{\"anyOf\":[" REF("scalar") ",{\"type\":\"object\",\"minProperties\":1,"
					      "\"maxProperties\":1,\"additionalProperties\":"
					      "{\"type\":\"null\"}}]}"},
	{"number", "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\",\"pattern\":"
		   "\"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,5})?$\"}]}"},
	{"ends", "{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":" REF("number") "}"},
	{"values", ONE_OR_MORE(REF("scalar"))},
	{"some", "{\"anyOf\":[" REF("scalar") "," REF("values") "]}"},
	{"name", "{" NAME "}"},
	{"sweep_name", "{" NAME ",\"not\":{\"enum\":[\"all\",\"last\"]}}"},
	{"parameter", "{\"type\":\"string\",\"pattern\":" PARAMETER "}"},
	{"axis", "{\"anyOf\":[" REF("scalar") "," REF("values") "," REF("axis_map") "]}"},
	{"params", OF_PARAMETERS(REF("axis"))},
	{"step_params", OF_PARAMETERS(REF("axis"))},
	{"zip", "{\"anyOf\":[" REF("params") "," ONE_OR_MORE(REF("params")) "]}"},
	{"variants", ONE_OR_MORE(REF("variant"))},
	{"condition", "{\"anyOf\":[" REF("some") "," REF("condition_map") "]}"},
	{"rule", "{\"allOf\":[" OF_PARAMETERS(REF("condition")) "],\"minProperties\":1}"},
	{"rules", "{\"type\":\"array\",\"items\":" REF("rule") "}"},
	{"includes", "{\"type\":\"array\",\"items\":" OF_PARAMETERS(REF("scalar")) "}"},
	{"lets", OF_PARAMETERS("{\"anyOf\":[" REF("text") "," REF("let_map") "]}")},
	{"env", "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^(?!SLURMQ_|_slurmq_)"
		"[A-Za-z_][A-Za-z0-9_]*$\"},\"additionalProperties\":" REF("text") "}"},
	{"overrides", "{\"type\":\"array\",\"items\":" REF("override") "}"},
	{"command", "{\"anyOf\":[" REF("text") "," ONE_OR_MORE(REF("text")) "]}"},
	{"steps", ONE_OR_MORE(REF("step"))},
	{"needs", "{\"anyOf\":[" REF("name") ",{\"type\":\"array\",\"items\":" REF("name") "}]}"},
	{"retry_rule", "{\"anyOf\":[{\"enum\":[\"again\",\"never\"]}," REF("retry_rule_map") "]}"},
	{"checkpoint", "{\"anyOf\":[" REF("signal") "," REF("checkpoint_map") "]}"},
	{"batch_script",
	 "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1}," ONE_OR_MORE(REF("text")) "]}"},
	{"signal", "{\"enum\":[\"USR1\",\"USR2\",\"TERM\",\"INT\",\"HUP\",\"CONT\",\"ALRM\"]}"},
};

/* Maps of fixed keys, and which keys must or must not be combined. */
static const struct {
	const char *name;
	const struct sweep_key *keys;
	const char *together;
} maps[] = {
	{"axis_map", sweep_keys_axis,
	 "\"oneOf\":[{\"required\":[\"values\"]},{\"required\":[\"file\"]},"
	 "{\"required\":[\"from\",\"to\",\"step\"]},{\"required\":[\"from\",\"to\",\"factor\"]},"
	 "{\"required\":[\"from\",\"to\",\"num\"]},{\"required\":[\"uniform\"]},"
	 "{\"required\":[\"loguniform\"]},{\"required\":[\"randint\"]},"
	 "{\"required\":[\"choice\"]}],\"dependencies\":{\"scale\":[\"num\"]}"},
	{"sample", sweep_keys_sample, "\"required\":[\"n\",\"seed\"]"},
	{"variant", sweep_keys_variant, "\"required\":[\"name\"]"},
	{"condition_map", sweep_keys_condition, "\"minProperties\":1"},
	{"let_map", sweep_keys_let, "\"required\":[\"by\",\"map\"]"},
	{"override", sweep_keys_override,
	 "\"required\":[\"when\"],\"anyOf\":[{\"required\":[\"sbatch\"]},"
	 "{\"required\":[\"env\"]}]"},
	{"step", sweep_keys_step, "\"required\":[\"name\",\"run\"]"},
	{"checkpoint_map", sweep_keys_checkpoint, "\"required\":[\"signal\"]"},
	{"retry", sweep_keys_retry, NULL},
	{"retry_rule_map", sweep_keys_rule, NULL},
};

/* Adds a member to an open object, on a line of its own. */
static void add_member(struct buf *out, bool *first, const char *name)
{
	struct json j = {.out = out};

	buf_addstr(out, *first ? "\n" : ",\n");
	*first = false;
	json_str(&j, NULL, name);
	buf_addch(out, ':');
}

static void add_about(struct buf *out, const char *about)
{
	struct json j = {.out = out};

	if (!about)
		return;
	buf_addstr(out, "\"description\":");
	json_str(&j, NULL, about);
	buf_addch(out, ',');
}

/* Adds a key. Other members beside "$ref" are ignored (draft-07, 8.3), so "$ref" is put into a
 * list of one. */
static void add_key(struct buf *out, bool *first, const struct sweep_key *key)
{
	add_member(out, first, key->name);
	buf_addch(out, '{');
	add_about(out, key->about);
	if (key->takes[0] == '{') {
		buf_addstr(out, key->takes + 1);
		return;
	}
	buf_addf(out, "\"allOf\":[{\"$ref\":\"#/definitions/%s\"}]}", key->takes);
}

static void add_keys(struct buf *out, const struct sweep_key *keys, const char *together)
{
	bool first = true;

	buf_addf(out, "\"type\":\"object\",%s%s\"additionalProperties\":false,\"properties\":{",
		 together ? together : "", together ? "," : "");
	for (; keys->name; keys++)
		add_key(out, &first, keys);
	buf_addch(out, '}');
}

/* Adds an option that the user may set. */
static void add_option(struct buf *out, const struct sbatch_opt *opt)
{
	const char *type = opt->arg == SBATCH_ARG_NONE ? "{\"type\":\"boolean\"}" : REF("text");
	int release = opt->since ? opt->since : opt->until;

	if (!release) {
		buf_addstr(out, type);
		return;
	}
	buf_addf(out, "{\"description\":\"%s Slurm %d.%02d\",\"allOf\":[%s]}",
		 opt->since ? "since" : "until", release / 100, release % 100, type);
}

/* Adds the options of sbatch. Unknown options may be newer ones; the options that slurmq sets
 * itself are refused. */
static void add_sbatch(struct buf *out)
{
	const struct sbatch_opt *opt;
	bool first = true;

	buf_addstr(out,
		   "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-z][a-z0-9-]*$\"},"
		   "\"additionalProperties\":" REF("text") ",\"properties\":{");
	for (size_t i = 0; (opt = sbatch_nth(i)); i++) {
		add_member(out, &first, opt->name);
		if (opt->instead) {
			buf_addch(out, '{');
			add_about(out, opt->instead);
			buf_addstr(out, "\"not\":{}}");
		} else {
			add_option(out, opt);
		}
	}
	buf_addstr(out, "}}");
}

void sweep_schema_add(struct buf *out)
{
	bool first = true;

	buf_addstr(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n"
			"\"title\":\"slurmq sweep file\",\n");
	add_keys(out, sweep_keys_top,
		 "\"required\":[\"name\"],\"oneOf\":[{\"required\":[\"run\"]},"
		 "{\"required\":[\"steps\"]},{\"required\":[\"script\"],\"not\":"
		 "{\"required\":[\"setup\"]}}]");
	buf_addstr(out, ",\n\"definitions\":{");
	for (size_t i = 0; i < sizeof(definitions) / sizeof(*definitions); i++) {
		add_member(out, &first, definitions[i].name);
		buf_addstr(out, definitions[i].schema);
	}
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		add_member(out, &first, maps[i].name);
		buf_addch(out, '{');
		add_keys(out, maps[i].keys, maps[i].together);
		buf_addch(out, '}');
	}
	add_member(out, &first, "sbatch");
	add_sbatch(out);
	buf_addstr(out, "}}\n");
}
