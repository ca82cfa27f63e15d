#include "cmd/schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "slurm/job.h"

/*
 * The notation of the shapes:
 *
 *   int num str bool time   a whole number, a number, a string, true or false, a time in UTC
 *   <full empty>            one of these strings
 *   [VALUE]                 a list
 *   {a:VALUE,b?:VALUE}      an object; b may be absent; other keys are not allowed
 *   {+NAME,*:VALUE}         with the members of a named shape; with any other keys
 *   ?VALUE                  VALUE or null
 *   (VALUE|VALUE)           one of these
 *   @NAME                   the shape of that name; state, reason and counts are generated
 */
struct shape {
	const char *name, *text;
};

static const struct shape parts[] = {
	{"texts", "{*:str}"},
	{"job", "{id:int,sweep:str,state:@state,reason:?@reason,slurm_reason:?str,priority:int,"
		"tries:int,again:int,not_before:?time,params:@texts,slurm_job:?str,"
		"exit_code:?int,signal:?int,node:?str,queued:?time,started:?time,ended:?time,"
		"results:@texts}"},
	{"group", "{jobs:int,counts:@counts,*:?str}"},
	{"commands", "[{step:str,key:str,argv:[str]}]"},
	{"step", "{step:str,state:<completed failed skipped>,exit_code:?int,signal:?int,"
		 "started:?time,ended:?time,max_rss_kib:int,cpu_ms:int,counts:bool}"},
	{"attempt",
	 "{slurm_job:?str,slurm_id:?int,options?:[str],closed:bool,completed:bool,"
	 "reason:?@reason,slurm_reason:?str,error:?str,exit_code:?int,signal:?int,node:?str,"
	 "queued:?time,started:?time,ended:?time,max_rss_kib:int,cpu_ms:int,log:str,"
	 "refused:?str,steps:[@step]}"},
	{"limit", "{jobs:int,from:?str}"},
	{"submitted", "{submitted:int,unclear:int,held:int,pending:int,in_flight:int,limit:@limit,"
		      "stop:<full empty paused limited refused unclear backoff locked max "
		      "throttled elsewhere>,text:?str}"},
	{"submit", "{submit:?@submitted}"},
	{"paused", "{paused:bool,in_flight:int}"},
	{"sentinel", "{state:<none off refused waiting held>,slurm_job:?int,begin:?time,why:?str}"},
	{"chain", "{state:<idle alive stalled paused done>,why:?str,last_refill:?time}"},
	{"blocked", "{account:?str,partition:?str,qos:?str,in_flight:int,until:?time}"},
	{"waits", "{sweep:str,slurm_reason:str,ends_by_itself:bool,jobs:int,ids:str}"},
	{"held", "{sweep:str,reason:@reason,jobs:int,values:[str],failed:int,tried:int,text:?str}"},
	{"setting", "{setting:str,value:str,default:str,meaning:str}"},
	{"failures", "{failed:int,jobs:int}"},
	{"explained", "{+failures,reason?:@reason,newest?:int,line?:str}"},
};

static const struct shape commands[] = {
	{"cancel", "{cancelled:int,dequeued:int,ending:int,paused:bool}"},
	{"config", "([@setting]|@setting)"},
	{"delete", "{deleted:int,sweeps:int,cancelled:int}"},
	{"doctor", "{checks:[{check:str,state:<ok warning error>,text:str}],ok:bool}"},
	{"expand", "({sweep:str,jobs:int,steps:int,added:int,unchanged:int,changed:int,"
		   "missing:int,kept:int}|{+job,commands:@commands})"},
	{"export", "{id:int,sweep:str,variant?:?str,state:@state,reason:?@reason,tries:int,"
		   "started:?time,ended:?time,seconds:?num,node:?str,exit_code:?int,"
		   "max_rss_kib:?int,cpu_seconds:?num,*:?str}"},
	{"hold", "{held:int,dequeued:int}"},
	{"init", "{folder:str,made:bool}"},
	{"list", "(@job|@group)"},
	{"pause", "(@paused|{sweeps:[{sweep:str,+paused}]})"},
	{"priority", "{priority:int,jobs:int,changed:int}"},
	{"release", "{released:int,+submit}"},
	{"resume", "({resumed:bool,nodes:[str],+submit}|"
		   "{sweeps:[{sweep:str,resumed:bool}],+submit})"},
	{"retry", "({retried:int,+submit}|{would_retry:int,"
		  "jobs:[{id:int,sweep:str,from_step:?str,options:[str]}]})"},
	{"show",
	 "[{+job,held_for:?{values:[str],failed:int,tried:int},retry_with:[str],variant:?str,"
	 "sbatch:[str],env:[str],commands:@commands,attempts:[@attempt]}]"},
	{"status", "{sweeps:[{name:str,jobs:int,paused:bool,counts:@counts}],counts:@counts,"
		   "limit:@limit,in_flight:int,chain:@chain,sentinel:@sentinel,"
		   "blocked:[@blocked],waits:[@waits],held:[@held]}"},
	{"submit", "@submitted"},
	{"sync", "{queried:bool,found:int,ended:int,ending:int,returned:int,missing:int,lost:int,"
		 "cancelled:int}"},
	{"wait", "{result:<completed failed stuck timeout deleted>,jobs:int,counts:@counts,"
		 "why:[str]}"},
	{"why", "[{sweep:str,+explained,explained:[{values:@texts,+explained,others:@failures}],"
		"unexplained:{+explained,ids:[int]}}]"},
};

#define TIME "^[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$"

struct reader {
	const char *p; /* the rest of the text */
	struct json *j;
	const char *command;
};

static const char *find_shape(const struct shape *shapes, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(shapes[i].name, name))
			return shapes[i].text;
	return NULL;
}

/* Returns the text of a part, which the caller frees. */
static char *part_text(const char *name)
{
	const char *text = find_shape(parts, sizeof(parts) / sizeof(*parts), name);
	bool counts = !strcmp(name, "counts");
	struct buf b = {0};

	if (text)
		return mem_strdup(text);
	if (!strcmp(name, "reason")) {
		for (int i = REASON_NONE + 1; i < REASON_NREASONS; i++)
			buf_addf(&b, "%c%s", b.len ? ' ' : '<', job_reason_name(i));
		buf_addch(&b, '>');
	} else if (counts || !strcmp(name, "state")) {
		for (int i = 0; i < JOB_NSTATES; i++)
			buf_addf(&b, counts ? "%c%s:int" : "%c%s",
				 b.len ? (counts ? ',' : ' ') : (counts ? '{' : '<'),
				 job_state_name(i));
		buf_addch(&b, counts ? '}' : '>');
	} else {
		abort();
	}
	return buf_take(&b);
}

static char next_char(struct reader *r)
{
	return *r->p ? *r->p++ : '\0';
}

/* Skips a character; anything else there is an error in the tables above. */
static void expect(struct reader *r, char c)
{
	if (next_char(r) != c)
		abort();
}

/* Reads a name, which the caller frees. */
static char *read_name(struct reader *r)
{
	size_t n = strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	char *name = mem_printf("%.*s", (int)n, r->p);

	r->p += n;
	return name;
}

static void add_value(struct reader *r, const char *key);

/* Opens the schema of a value. That of the whole document begins with a title. */
static void open_schema(struct reader *r, const char *key)
{
	struct buf title = {0};

	json_open(r->j, key, '{');
	if (r->j->depth > 1)
		return;
	buf_addf(&title, "slurmq %s --json", r->command);
	json_str(r->j, "$schema", "http://json-schema.org/draft-07/schema#");
	json_str(r->j, "title", buf_str(&title));
	buf_release(&title);
}

static void add_type(struct reader *r, const char *key)
{
	static const struct shape types[] = {{"int", "integer"},
					     {"num", "number"},
					     {"str", "string"},
					     {"bool", "boolean"},
					     {"time", "string"}};
	char *name = read_name(r);
	const char *type = find_shape(types, sizeof(types) / sizeof(*types), name);

	if (!type)
		abort();
	open_schema(r, key);
	json_str(r->j, "type", type);
	if (!strcmp(name, "time"))
		json_str(r->j, "pattern", TIME);
	json_close(r->j);
	free(name);
}

static void add_enum(struct reader *r, const char *key)
{
	open_schema(r, key);
	json_open(r->j, "enum", '[');
	do {
		char *name = read_name(r);

		json_str(r->j, NULL, name);
		free(name);
	} while (*r->p == ' ' && next_char(r));
	json_close(r->j);
	json_close(r->j);
	expect(r, '>');
}

/* Adds the members of an object whose brace is read, as properties. Adds the keys that are never
 * absent to *required. Returns the place of the value for other keys, or NULL. */
static const char *add_members(struct reader *r, struct strs *required)
{
	const char *others = NULL;

	do {
		bool any = *r->p == '*', part = *r->p == '+';
		char *name = (any || part) && next_char(r) && any ? NULL : read_name(r);

		if (part) {
			char *text = part_text(name);
			struct reader inner = {.p = text, .j = r->j};

			expect(&inner, '{');
			if (add_members(&inner, required))
				abort();
			free(text);
		} else if (any) {
			expect(r, ':');
			others = r->p;
			r->p += strcspn(r->p, "}");
		} else {
			if (*r->p != '?')
				strs_add(required, name);
			else
				next_char(r);
			expect(r, ':');
			add_value(r, name);
		}
		free(name);
	} while (*r->p == ',' && next_char(r));
	expect(r, '}');
	return others;
}

static void add_object(struct reader *r, const char *key)
{
	struct strs required = {0};
	struct reader others = {.j = r->j};

	open_schema(r, key);
	json_str(r->j, "type", "object");
	json_open(r->j, "properties", '{');
	others.p = add_members(r, &required);
	json_close(r->j);
	json_open(r->j, "required", '[');
	for (size_t i = 0; i < required.n; i++)
		json_str(r->j, NULL, required.v[i]);
	json_close(r->j);
	if (others.p)
		add_value(&others, "additionalProperties");
	else
		json_bool(r->j, "additionalProperties", false);
	json_close(r->j);
	strs_release(&required);
}

static void add_list(struct reader *r, const char *key)
{
	open_schema(r, key);
	json_str(r->j, "type", "array");
	add_value(r, "items");
	json_close(r->j);
	expect(r, ']');
}

static void add_part(struct reader *r, const char *key)
{
	char *name = read_name(r), *text = part_text(name);
	struct reader inner = {.p = text, .j = r->j, .command = r->command};

	add_value(&inner, key);
	free(text);
	free(name);
}

static void add_any_of(struct reader *r, const char *key, bool or_null)
{
	open_schema(r, key);
	json_open(r->j, "anyOf", '[');
	do
		add_value(r, NULL);
	while (!or_null && *r->p == '|' && next_char(r));
	if (or_null) {
		json_open(r->j, NULL, '{');
		json_str(r->j, "type", "null");
		json_close(r->j);
	} else {
		expect(r, ')');
	}
	json_close(r->j);
	json_close(r->j);
}

/* Adds the schema of the value that begins at r->p. */
static void add_value(struct reader *r, const char *key)
{
	switch (next_char(r)) {
	case '{':
		add_object(r, key);
		break;
	case '[':
		add_list(r, key);
		break;
	case '<':
		add_enum(r, key);
		break;
	case '@':
		add_part(r, key);
		break;
	case '?':
		add_any_of(r, key, true);
		break;
	case '(':
		add_any_of(r, key, false);
		break;
	default:
		r->p--;
		add_type(r, key);
	}
}

static int refuse_command(const char *command, struct err *err)
{
	struct buf names = {0};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		buf_addf(&names, "%s%s", i ? ", " : "", commands[i].name);
	err_set(err, ERR_USAGE, "'%s' prints no JSON; the commands with --json are: %s", command,
		buf_str(&names));
	buf_release(&names);
	return -1;
}

int schema_add(const char *command, struct buf *out, struct err *err)
{
	const char *text = find_shape(commands, sizeof(commands) / sizeof(*commands), command);
	struct json j = {.out = out};
	struct reader r = {.p = text, .j = &j, .command = command};

	if (!text)
		return refuse_command(command, err);
	add_value(&r, NULL);
	if (next_char(&r))
		abort();
	buf_addch(out, '\n');
	return 0;
}
