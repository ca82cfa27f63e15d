#include "cmd/expr.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/guess.h"
#include "lib/number.h"
#include "lib/opt.h"
#include "slurm/amount.h"

/* ---- names ---- */

static const struct {
	const char *name;
	enum db_field_kind kind;
} columns[] = {
	{"id", FIELD_ID},	  {"sweep", FIELD_SWEEP}, {"state", FIELD_STATE},
	{"reason", FIELD_REASON}, {"tries", FIELD_TRIES}, {"priority", FIELD_PRIORITY},
	{"node", FIELD_NODE},	  {"time", FIELD_TIME},	  {"started", FIELD_STARTED},
	{"ended", FIELD_ENDED},	  {"exit", FIELD_EXIT},	  {"maxrss", FIELD_MAXRSS},
};

enum { NCOLUMNS = sizeof(columns) / sizeof(columns[0]) };

void expr_add_columns(struct strs *names)
{
	for (int i = 0; i < NCOLUMNS; i++)
		strs_add(names, columns[i].name);
}

static bool find_column(const char *name, struct db_field *out)
{
	for (int i = 0; i < NCOLUMNS; i++) {
		if (!strcmp(columns[i].name, name)) {
			out->kind = columns[i].kind;
			return true;
		}
	}
	return false;
}

static bool find_name(const struct strs *names, const char *name, enum db_field_kind kind,
		      struct db_field *out)
{
	if (!strs_has(names, name))
		return false;
	out->kind = kind;
	out->name = mem_strdup(name);
	return true;
}

static int refuse_name(const char *name, const struct strs *params, const struct strs *results,
		       struct err *err)
{
	struct strs all = {0};
	const char *near;

	for (size_t i = 0; i < params->n; i++)
		strs_add(&all, params->v[i]);
	expr_add_columns(&all);
	for (size_t i = 0; i < results->n; i++)
		strs_add(&all, results->v[i]);
	near = guess_nearest(name, (const char *const *)all.v);
	if (near)
		err_set(err, ERR_USAGE, "no job has a parameter '%s', did you mean '%s'?", name,
			near);
	else
		err_set(err, ERR_USAGE,
			"no job has a parameter '%s': slurmq show ID lists those of a job", name);
	strs_release(&all);
	return -1;
}

int expr_field(struct db *db, const char *name, struct db_field *out, struct err *err)
{
	static const char *const prefixes[] = {"param.", "job.", "result."};
	enum { ANY = -1, PARAM, JOB, RESULT, KINDS };
	struct strs params = {0}, results = {0};
	const char *rest = name;
	bool found = false;
	int only = ANY, rc;

	memset(out, 0, sizeof(*out));
	rc = db_param_names(db, &params, err);
	if (!rc)
		rc = db_result_names(db, &results, err);
	if (!strs_has(&params, name))
		for (int i = 0; i < KINDS && only == ANY; i++)
			if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) {
				only = i;
				rest = name + strlen(prefixes[i]);
			}
	if (!rc && (only == ANY || only == PARAM))
		found = find_name(&params, rest, FIELD_PARAM, out);
	if (!rc && !found && (only == ANY || only == JOB))
		found = find_column(rest, out);
	if (!rc && !found && (only == ANY || only == RESULT))
		found = find_name(&results, rest, FIELD_RESULT, out);
	if (!rc && !found)
		rc = only == RESULT ? err_set(err, ERR_USAGE, "no job has recorded '%s'", rest)
				    : refuse_name(rest, &params, &results, err);
	strs_release(&results);
	strs_release(&params);
	return rc;
}

/* ---- values ---- */

/* Reads a local time: 2026-11-29, 2026-11-29T10:00, 10:00 (today), or a time ago: -2h. */
static int parse_moment(const char *text, int64_t *ms)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
					      "%Y-%m-%dT%H:%M",	   "%Y-%m-%d %H:%M",
					      "%Y-%m-%d",	   "%H:%M"};
	int64_t now = clock_now_ms(), ago;
	time_t second = (time_t)(now / 1000);

	if (*text == '-' && !opt_time(text + 1, &ago)) {
		*ms = now - ago;
		return 0;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm;
		const char *end;

		localtime_r(&second, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		end = strptime(text, formats[i], &tm);
		if (end && !*end) {
			*ms = (int64_t)mktime(&tm) * 1000;
			return 0;
		}
	}
	return -1;
}

/* Replaces a text by the number that the store has for it. Returns -1 with err if the field does not
 * take such a text. */
static int convert_value(enum db_field_kind kind, char **value, struct err *err)
{
	const char *want = NULL;
	int64_t n = 0;
	int rc;

	switch (kind) {
	case FIELD_ID:
	case FIELD_TRIES:
	case FIELD_PRIORITY:
	case FIELD_EXIT:
		return number_is(*value) ? 0
					 : err_set(err, ERR_USAGE, "'%s' is not a number", *value);
	case FIELD_TIME:
		rc = opt_time(*value, &n);
		want = "90s, 15m or 1d12h";
		break;
	case FIELD_MAXRSS:
		rc = amount_mem(*value, &n);
		n *= 1024;
		want = "512M or 4G";
		break;
	case FIELD_STARTED:
	case FIELD_ENDED:
		rc = parse_moment(*value, &n);
		want = "2026-11-29, 2026-11-29T10:00, 10:00, or -2h for two hours ago";
		break;
	default:
		return 0;
	}
	if (rc)
		return err_set(err, ERR_USAGE, "'%s' is no value here: write %s", *value, want);
	free(*value);
	*value = mem_printf("%" PRId64, n);
	return 0;
}

static struct db_expr *make_number_test(enum db_field_kind kind, int number)
{
	const struct db_field field = {.kind = kind};
	struct strs values = {0};

	strs_addf(&values, "%d", number);
	return db_expr_test(&field, OP_EQ, &values);
}

/* Makes the test of states or reasons: state=failed,timeout. */
static int make_state_test(enum db_field_kind kind, enum db_op op, const struct strs *words,
			   struct db_expr **out, struct err *err)
{
	struct db_expr *any = NULL;

	if (op != OP_EQ && op != OP_NE)
		return err_set(err, ERR_USAGE, "a state or reason is compared by = or != only");
	for (size_t i = 0; i < words->n; i++) {
		struct db_expr *one;
		int state, reason;

		if (job_state_parse(words->v[i], &state, &reason) ||
		    (kind == FIELD_REASON && reason == REASON_NONE)) {
			db_expr_free(any);
			return err_set(err, ERR_USAGE, "'%s' is no %s", words->v[i],
				       kind == FIELD_STATE ? "state: pending, submitting, queued, "
							     "running, completed, failed, "
							     "cancelled, held"
							   : "reason: exit, timeout, "
							     "out_of_memory, node_fail");
		}
		one = reason == REASON_NONE ? make_number_test(FIELD_STATE, state)
					    : make_number_test(FIELD_REASON, reason);
		any = db_expr_join(EXPR_OR, any, one);
	}
	*out = op == OP_NE ? db_expr_join(EXPR_NOT, any, NULL) : any;
	return 0;
}

/* Makes a test. Takes ownership of *field and *values. */
static int make_test(struct db_field *field, enum db_op op, struct strs *values,
		     struct db_expr **out, struct err *err)
{
	int rc = 0;

	if (field->kind == FIELD_STATE || field->kind == FIELD_REASON) {
		rc = make_state_test(field->kind, op, values, out, err);
		strs_release(values);
		return rc;
	}
	if (op >= OP_LT && op <= OP_GE && values->n > 1)
		rc = err_set(err, ERR_USAGE, "only =, != and ~ take a list of values");
	for (size_t i = 0; i < values->n && !rc && op != OP_GLOB && op != OP_NO_GLOB; i++)
		rc = convert_value(field->kind, &values->v[i], err);
	if (rc) {
		free(field->name);
		strs_release(values);
		return -1;
	}
	*out = db_expr_test(field, op, values);
	return 0;
}

/* ---- text ---- */

struct parser {
	struct db *db;
	const char *text, *p;
	struct err *err;
	int depth;
};

enum { DEPTH = 50 };

/* Reads an operator at p. Returns its length, 0 if there is none. */
static size_t read_op(const char *p, enum db_op *op)
{
	static const struct {
		const char *text;
		enum db_op op;
	} ops[] = {
		{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},  {"!~", OP_NO_GLOB},
		{"=", OP_EQ},  {"<", OP_LT},  {">", OP_GT},  {"~", OP_GLOB},
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strncmp(p, ops[i].text, strlen(ops[i].text))) {
			*op = ops[i].op;
			return strlen(ops[i].text);
		}
	}
	return 0;
}

/* Adds the text and a caret under `at` to the message of err. */
static int show_place(struct parser *p, const char *at)
{
	int status = p->err->status;
	char *msg = mem_strdup(p->err->msg);

	err_set(p->err, status, "%s\n  %s\n  %*s^", msg, p->text, (int)(at - p->text), "");
	free(msg);
	return -1;
}

static int refuse(struct parser *p, const char *at, const char *text)
{
	err_set(p->err, ERR_USAGE, "%s", text);
	return show_place(p, at);
}

static void skip_blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->p))
		p->p++;
}

static size_t name_length(const char *p)
{
	return strcspn(p, " \t\n()=<>!~,'\"");
}

/* Skips the keyword, if it comes next. */
static bool take_keyword(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(p);
	if (name_length(p->p) != n || strncasecmp(p->p, word, n) != 0)
		return false;
	p->p += n;
	return true;
}

/* Reads one value: a quoted text, or all up to a blank, a comma or a parenthesis. */
static int read_value(struct parser *p, struct strs *values)
{
	const char *start = p->p;
	size_t n;

	if (*start == '\'' || *start == '"') {
		const char *end = strchr(start + 1, *start);

		if (!end)
			return refuse(p, start, "the quote is not closed");
		strs_take(values, mem_strndup(start + 1, (size_t)(end - start - 1)));
		p->p = end + 1;
		return 0;
	}
	n = strcspn(start, " \t\n(),");
	if (!n)
		return refuse(p, start, "a value is missing");
	strs_take(values, mem_strndup(start, n));
	p->p += n;
	return 0;
}

static int parse_test(struct parser *p, struct db_expr **out)
{
	const char *start = p->p, *value;
	size_t n = name_length(start), len;
	struct db_field field = {0};
	struct strs values = {0};
	char *name;
	enum db_op op;
	int rc;

	if (!n)
		return refuse(p, start,
			      *start ? "expected a comparison such as lr<0.01"
				     : "the expression ends too early");
	p->p += n;
	skip_blanks(p);
	len = read_op(p->p, &op);
	if (!len)
		return refuse(p, p->p, "expected =, !=, <, <=, >, >= or ~ after the name");
	p->p += len;
	name = mem_strndup(start, n);
	rc = expr_field(p->db, name, &field, p->err);
	free(name);
	if (rc)
		return show_place(p, start);
	skip_blanks(p);
	value = p->p;
	rc = read_value(p, &values);
	while (!rc && *p->p == ',') {
		p->p++;
		rc = read_value(p, &values);
	}
	if (rc) {
		free(field.name);
		strs_release(&values);
		return -1;
	}
	return make_test(&field, op, &values, out, p->err) ? show_place(p, value) : 0;
}

static int parse_any(struct parser *p, struct db_expr **out);

static int parse_factor(struct parser *p, struct db_expr **out)
{
	const char *start;
	int rc;

	skip_blanks(p);
	start = p->p;
	if (++p->depth > DEPTH)
		return refuse(p, start, "too many parentheses");
	if (take_keyword(p, "not")) {
		rc = parse_factor(p, out);
		if (!rc)
			*out = db_expr_join(EXPR_NOT, *out, NULL);
	} else if (*start == '(') {
		p->p++;
		rc = parse_any(p, out);
		skip_blanks(p);
		if (!rc && *p->p != ')')
			rc = refuse(p, start, "the parenthesis is not closed");
		else if (!rc)
			p->p++;
	} else {
		rc = parse_test(p, out);
	}
	p->depth--;
	return rc;
}

/* Parses operands that a keyword joins. On an error *out holds what was parsed so far. */
static int parse_list(struct parser *p, const char *keyword, enum db_expr_kind kind,
		      int (*operand)(struct parser *p, struct db_expr **out), struct db_expr **out)
{
	int rc = operand(p, out);

	while (!rc && take_keyword(p, keyword)) {
		struct db_expr *next = NULL;

		rc = operand(p, &next);
		*out = db_expr_join(kind, *out, next);
	}
	return rc;
}

static int parse_all(struct parser *p, struct db_expr **out)
{
	return parse_list(p, "and", EXPR_AND, parse_factor, out);
}

static int parse_any(struct parser *p, struct db_expr **out)
{
	return parse_list(p, "or", EXPR_OR, parse_all, out);
}

int expr_parse(struct db *db, const char *text, struct db_expr **out, struct err *err)
{
	struct parser p = {.db = db, .text = text, .p = text, .err = err};
	int rc;

	*out = NULL;
	rc = parse_any(&p, out);
	skip_blanks(&p);
	if (!rc && *p.p)
		rc = refuse(&p, p.p,
			    *p.p == ')' ? "no parenthesis is open here"
					: "expected 'and' or 'or' here");
	if (rc) {
		db_expr_free(*out);
		*out = NULL;
	}
	return rc;
}

/* Adds the values of a list. A value may hold a comma itself, so the whole text counts as a value
 * too. */
static void split_values(const char *text, bool list, struct strs *values)
{
	strs_add(values, text);
	while (list && text && strchr(values->v[0], ',')) {
		size_t len = strcspn(text, ",");

		strs_take(values, mem_strndup(text, len));
		text = text[len] ? text + len + 1 : NULL;
	}
}

int expr_parse_word(struct db *db, const char *word, struct db_expr **out, struct err *err)
{
	size_t n = strcspn(word, "=<>!~"), len;
	struct db_field field;
	struct strs values = {0};
	enum db_op op;
	char *name;
	int rc;

	len = n ? read_op(word + n, &op) : 0;
	if (!len)
		return DB_NONE;
	name = mem_strndup(word, n);
	rc = expr_field(db, name, &field, err);
	free(name);
	if (rc)
		return -1;
	split_values(word + n + len, op < OP_LT || op > OP_GE, &values);
	return make_test(&field, op, &values, out, err);
}
