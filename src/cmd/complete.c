#include "cmd/complete.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/expr.h"
#include "store/setting.h"
#include "cmd/page.h"

enum {
	IDS_MAX = 100,	      /* a longer list of ids does not help a user */
	IDS_TRIED = 1000,     /* ids of removed jobs */
	VALUES_READ = 100000, /* the newest jobs: their values are offered */
};

struct offer {
	struct cmd_ctx *ctx;
	const char *cur;    /* the beginning that offered words must have */
	const char *before; /* the part of the word that precedes an offered word: "failed," */
	size_t before_len;
	int64_t ids;   /* number of ids offered so far */
	bool no_store; /* -C names a folder that does not exist */
	struct buf *out;
};

static void offer_word(struct offer *o, const char *word)
{
	if (strncmp(word, o->cur, strlen(o->cur)) != 0)
		return;
	buf_add(o->out, o->before, o->before_len);
	buf_addf(o->out, "%s\n", word);
}

static void offer_lines(struct offer *o, struct buf *lines)
{
	char *save = NULL, *text = buf_take(lines);

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		offer_word(o, l);
	free(text);
}

/* ---- values of placeholders ---- */

static void offer_commands(struct offer *o)
{
	for (const struct cmd *const *c = o->ctx->all; *c; c++)
		offer_word(o, (*c)->name);
}

static void offer_topics(struct offer *o)
{
	offer_commands(o);
	for (const struct page *p = pages; p->name; p++)
		if (page_is_topic(p))
			offer_word(o, page_short_name(p));
}

static void offer_colours(struct offer *o)
{
	offer_word(o, "auto");
	offer_word(o, "always");
	offer_word(o, "never");
}

static void offer_keys(struct offer *o)
{
	for (const struct setting *s = settings; s->key; s++)
		offer_word(o, s->key);
}

/* Opens the store. A user who completes a word must not wait long for a locked store: alarm()
 * ends slurmq without a message. */
static int open_store(struct offer *o)
{
	struct err err;

	if (o->no_store)
		return -1;
	alarm(2);
	return cmd_open_store(o->ctx, &err);
}

static void offer_own_limits(struct offer *o)
{
	struct db_sweep *v;
	struct err err;
	size_t n;

	if (open_store(o) || db_sweeps(o->ctx->store->db, &v, &n, &err))
		return;
	for (size_t i = 0; i < n; i++) {
		char *key = mem_printf("limit.%s", v[i].name);

		offer_word(o, key);
		free(key);
	}
	db_sweeps_free(v, n);
}

static void offer_settings(struct offer *o)
{
	offer_keys(o);
	offer_own_limits(o);
}

static void offer_files(struct offer *o)
{
	buf_addstr(o->out, ":files\n");
}

static void offer_dirs(struct offer *o)
{
	buf_addstr(o->out, ":dirs\n");
}

/* Completes the last element of a list: "failed,time". */
static void skip_list(struct offer *o)
{
	const char *comma = strrchr(o->cur, ',');

	if (comma) {
		o->before_len += (size_t)(comma + 1 - o->cur);
		o->cur = comma + 1;
	}
}

/* Offers states for the last element of a list: "failed,time". The reasons of failed jobs are
 * states too; the reasons of held and cancelled jobs are not. */
static void offer_states(struct offer *o)
{
	skip_list(o);
	for (int i = 0; i < JOB_NSTATES; i++)
		offer_word(o, job_state_name(i));
	for (int i = REASON_NONE + 1; i < REASON_NREASONS; i++) {
		char name[32];
		int state, reason;

		snprintf(name, sizeof(name), "%s", job_reason_name(i));
		for (char *p = name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		if (!job_state_parse(name, &state, &reason) && reason == i)
			offer_word(o, name);
	}
}

static void offer_sweeps(struct offer *o)
{
	struct db_sweep *v;
	struct err err;
	size_t n;

	if (open_store(o) || db_sweeps(o->ctx->store->db, &v, &n, &err))
		return;
	for (size_t i = n; i > 0; i--)
		offer_word(o, v[i - 1].name);
	db_sweeps_free(v, n);
}

/* Offers the existing ids from last down to first. */
static void offer_range(struct offer *o, int64_t first, int64_t last)
{
	int tried = 0;

	for (int64_t id = last; id >= first && o->ids < IDS_MAX && tried < IDS_TRIED; id--) {
		struct db_job job;
		struct err err;
		char text[24];

		tried++;
		if (db_job_get(o->ctx->store->db, id, &job, &err))
			continue;
		db_job_release(&job);
		snprintf(text, sizeof(text), "%" PRId64, id);
		offer_word(o, text);
		o->ids++;
	}
}

/* Offers ids with the typed beginning, the newest first: 17 begins 1700 to 1799, 170 to 179 and 17.
 * Other rows are not read. */
static void offer_ids(struct offer *o)
{
	int64_t n = 1, max, width = 1;
	struct err err;

	if ((*o->cur && (opt_int(o->cur, &n) || n < 1 || *o->cur == '0')) || open_store(o) ||
	    db_job_max(o->ctx->store->db, &max, &err))
		return;
	if (!*o->cur) {
		offer_range(o, 1, max);
		return;
	}
	for (; n * width <= max / 10; width *= 10)
		;
	for (; width; width /= 10) {
		int64_t last = n * width + width - 1;

		offer_range(o, n * width, last < max ? last : max);
	}
}

static void offer_params(struct offer *o, const char *ending)
{
	struct strs names = {0};
	struct err err;

	if (!open_store(o) && !db_param_names(o->ctx->store->db, &names, &err)) {
		for (size_t i = 0; i < names.n; i++) {
			char *word = mem_printf("%s%s", names.v[i], ending);

			offer_word(o, word);
			free(word);
		}
	}
	strs_release(&names);
}

/* Offers the names for --sort, --columns and the like. */
static void offer_names(struct offer *o)
{
	struct strs columns = {0};

	skip_list(o);
	offer_params(o, "");
	expr_add_columns(&columns);
	if (o->ctx->store && o->ctx->store->db)
		db_result_names(o->ctx->store->db, &columns, NULL);
	for (size_t i = 0; i < columns.n; i++)
		offer_word(o, columns.v[i]);
	strs_release(&columns);
}

static int offer_value(void *arg, const char *const *values, const int64_t *counts)
{
	(void)counts;
	if (values[0])
		offer_word(arg, values[0]);
	return 0;
}

/* Offers the values of the parameter in "lr=" or "lr=0.1,". Values that jobs have are offered as they
 * are written in the sweep file. */
static void offer_values(struct offer *o, const char *equals)
{
	struct db_field field;
	struct db_range range = {1, 0};
	const struct db_select newest = {.ids = {&range, 1}};
	char *name = mem_strndup(o->cur, (size_t)(equals - o->cur));
	struct err err;

	o->before_len += (size_t)(equals + 1 - o->cur);
	o->cur = equals + 1;
	skip_list(o);
	if (!open_store(o) && !db_job_max(o->ctx->store->db, &range.last, &err) &&
	    !expr_field(o->ctx->store->db, name, &field, &err)) {
		if (range.last > VALUES_READ)
			range.first = range.last - VALUES_READ;
		if (field.kind == FIELD_PARAM)
			db_jobs_group(o->ctx->store->db, &newest, &field, 1, offer_value, o, &err);
		free(field.name);
	}
	free(name);
}

static void offer_selectors(struct offer *o)
{
	const char *equals = strchr(o->cur, '=');

	if (equals) {
		offer_values(o, equals);
		return;
	}
	offer_sweeps(o);
	offer_word(o, "last");
	offer_word(o, "all");
	offer_params(o, "=");
	if (*o->cur) /* a list of all words would hide the others */
		offer_states(o);
	offer_ids(o);
}

static void offer_for(struct offer *o, const char *placeholder, size_t len)
{
	static const struct {
		const char *name;
		void (*offer)(struct offer *o);
	} kinds[] = {
		{"COMMAND", offer_commands}, {"DIR", offer_dirs},     {"FILE", offer_files},
		{"ID", offer_ids},	     {"KEY", offer_settings}, {"SELECTOR", offer_selectors},
		{"NAME", offer_names},	     {"STATE", offer_states}, {"SWEEP", offer_sweeps},
		{"TOPIC", offer_topics},     {"WHEN", offer_colours},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, placeholder, len))
			kinds[i].offer(o);
}

static size_t placeholder_len(const char *s)
{
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Offers the argument that follows `given` others: "ID... [--json]" has many of one kind, "[KEY
 * [VALUE]]" has one of each. */
static void offer_argument(struct offer *o, const struct cmd *cmd, int given)
{
	const char *p = cmd->args;

	for (int i = 0;; i++) {
		size_t len;

		p += strspn(p, "[ ");
		len = placeholder_len(p);
		if (!len)
			return;
		if (i == given || !strncmp(p + len, "...", 3)) {
			offer_for(o, p, len);
			return;
		}
		p += len;
	}
}

/* ---- the words before the cursor ---- */

struct place {
	struct cmd_ctx *ctx;
	const struct cmd *cmd;	 /* NULL before the command */
	const struct opt *wants; /* the option whose value is the next word */
	bool no_more_options;	 /* after "--" */
	bool unknown;		 /* there is no such command */
	bool no_store;
	int arguments;
};

/* Sets out to the option tables that are valid here. */
static void list_tables(const struct place *p, const struct opt *out[2])
{
	static const struct opt none[] = {OPT_END};
	const struct opt *own = p->cmd ? p->cmd->opts : p->ctx->before;

	out[0] = own ? own : none;
	out[1] = p->ctx->common;
}

/* Returns the option that "--name", "-n" or "-fn" ends with if it has a value, otherwise NULL. */
static const struct opt *find_valued_option(const struct place *p, const char *word, size_t len)
{
	const struct opt *table[2];

	list_tables(p, table);
	for (int i = 0; i < 2; i++)
		for (const struct opt *o = table[i]; o->type != OPT_TYPE_END; o++)
			if (o->arg && (word[1] == '-' ? strlen(o->name) == len - 2 &&
								!memcmp(o->name, word + 2, len - 2)
						      : o->letter == word[len - 1]))
				return o;
	return NULL;
}

static void read_value(struct place *p, const char *value)
{
	if (!strcmp(p->wants->arg, "DIR") && chdir(value))
		p->no_store = true;
	p->wants = NULL;
}

static void read_word(struct place *p, const char *word)
{
	if (p->wants) {
		read_value(p, word);
	} else if (p->no_more_options || word[0] != '-' || !word[1]) {
		if (p->cmd)
			p->arguments++;
		else if (!(p->cmd = cmd_find(p->ctx->all, word)))
			p->unknown = true;
	} else if (!strcmp(word, "--")) {
		p->no_more_options = true;
	} else if (!strchr(word, '=')) {
		p->wants = find_valued_option(p, word, strlen(word));
	}
}

static void offer_options(struct offer *o, const struct place *p)
{
	const struct opt *table[2];
	struct buf names = {0};

	list_tables(p, table);
	opt_names(table[0], &names);
	opt_names(table[1], &names);
	offer_lines(o, &names);
}

static void offer_at(struct offer *o, const struct place *p)
{
	if (p->wants)
		offer_for(o, p->wants->arg, placeholder_len(p->wants->arg));
	else if (o->cur[0] == '-' && !p->no_more_options)
		offer_options(o, p);
	else if (p->cmd)
		offer_argument(o, p->cmd, p->arguments);
	else
		offer_commands(o);
}

/* Joins what bash splits: "lr", "=", "0.1" is the word lr=0.1. Sets *hidden to the part of the last word
 * that is not to be repeated: bash replaces only what follows the last "=". */
static void join_words(int n, char **words, struct strs *out, size_t *hidden)
{
	*hidden = 0;
	for (int i = 0; i < n; i++) {
		bool equals = !strcmp(words[i], "=") && out->n;
		struct buf word = {0};

		if (!equals) {
			strs_add(out, words[i]);
			*hidden = 0;
			continue;
		}
		buf_addf(&word, "%s=", out->v[out->n - 1]);
		*hidden = word.len;
		if (i + 1 < n)
			buf_addstr(&word, words[++i]);
		free(out->v[out->n - 1]);
		out->v[out->n - 1] = buf_take(&word);
	}
}

void complete(struct cmd_ctx *ctx, int n, char **words, struct buf *out)
{
	struct place p = {.ctx = ctx};
	struct offer o = {.ctx = ctx};
	struct strs joined = {0};
	struct buf lines = {0};
	const char *equals;
	size_t hidden;

	join_words(n, words, &joined, &hidden);
	for (size_t i = 0; i + 1 < joined.n; i++)
		read_word(&p, joined.v[i]);
	o.out = &lines;
	o.no_store = p.no_store;
	o.before = o.cur = joined.n ? joined.v[joined.n - 1] : "";
	equals = strchr(o.cur, '=');
	if (!p.wants && !p.no_more_options && !strncmp(o.cur, "--", 2) && equals) {
		p.wants = find_valued_option(&p, o.cur, (size_t)(equals - o.cur));
		o.before_len = (size_t)(equals + 1 - o.cur);
		o.cur = equals + 1;
	}
	if (!p.unknown)
		offer_at(&o, &p);
	for (char *l = lines.s, *end; l && (end = strchr(l, '\n')); l = end + 1) {
		size_t skip = *l == ':' || (size_t)(end - l) < hidden ? 0 : hidden;

		buf_add(out, l + skip, (size_t)(end - l) - skip + 1);
	}
	strs_release(&joined);
	buf_release(&lines);
}
