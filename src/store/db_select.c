/*
 * db_select.c - reads the jobs of a selection. Its conditions become one statement, which is run for
 * one window of ids after the other: a reader that held its lock for a whole table would keep the
 * jobs that end from writing.
 */
#include "store/db_select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/number.h"
#include "store/db_internal.h"
#include "store/db_sql.h"

enum { WINDOW = 50000 };

#define FAILED_OR_HELD (1U << JOB_FAILED | 1U << JOB_HELD)
#define TROUBLE (FAILED_OR_HELD | 1U << JOB_CANCELLED)
#define IN_FLIGHT (1U << JOB_SUBMITTING | 1U << JOB_QUEUED | 1U << JOB_RUNNING)

/* ---- functions of SQL ---- */

/* slurmq_param(reshaped, id, schema, values, name): the value of a job's parameter, or null.
 * reshaped: a later version changed the job's parameters. */
static void call_param(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct db *db = sqlite3_user_data(context);
	const char *name = (const char *)sqlite3_value_text(argv[4]), *values, *end;
	struct db_job job = {0};
	struct err err;

	(void)argc;
	if (sqlite3_value_int(argv[0])) {
		if (db_job_get_any(db, sqlite3_value_int64(argv[1]), &job, &err))
			return;
		for (size_t i = 0; i < job.point.n; i++)
			if (!strcmp(job.point.params[i].name, name))
				sqlite3_result_text(context, job.point.params[i].value, -1,
						    SQLITE_TRANSIENT);
		db_job_release(&job);
		return;
	}
	values = sqlite3_value_blob(argv[3]);
	end = values ? values + sqlite3_value_bytes(argv[3]) : NULL;
	if (db_schema_value(db, sqlite3_value_int64(argv[2]), name, &values, &end, &err) > 0)
		sqlite3_result_text(context, values, (int)(end - values), SQLITE_TRANSIENT);
}

/* slurmq_test(test, value): whether the value meets the test, a pointer to a struct db_expr. */
static void call_test(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const struct db_expr *e = sqlite3_value_pointer(argv[0], "slurmq_test");
	const char *value = (const char *)sqlite3_value_text(argv[1]);

	(void)argc;
	sqlite3_result_int(context, e && value && db_expr_meets(e, value));
}

static int add_functions(struct db *db, struct err *err)
{
	if (db->has_functions)
		return 0;
	if (sqlite3_create_function_v2(db->sql, "slurmq_param", 5, SQLITE_UTF8, db, call_param,
				       NULL, NULL, NULL) ||
	    sqlite3_create_function_v2(db->sql, "slurmq_test", 2, SQLITE_UTF8, db, call_test, NULL,
				       NULL, NULL))
		return db_error(db, "use", err);
	db->has_functions = true;
	return 0;
}

/* ---- the text of the statement ---- */

/* A statement in the making, and the values to bind from ?3 on: ?1 and ?2 are the window. */
struct query {
	struct buf sql;
	struct {
		const char *text;	    /* borrowed, or NULL: number, or test */
		const struct db_expr *test; /* borrowed */
		int64_t number;
	} * binds;
	size_t n;
};
enum { FIRST_BIND = 3 };

static void query_release(struct query *q)
{
	buf_release(&q->sql);
	free(q->binds);
}

/* Adds the place of a value to the text, and the value to the list. */
static void add_value(struct query *q, const char *text, const struct db_expr *test, int64_t number)
{
	buf_addf(&q->sql, "?%zu", FIRST_BIND + q->n);
	q->binds = mem_grow(q->binds, q->n + 1, sizeof(*q->binds));
	q->binds[q->n].text = text;
	q->binds[q->n].test = test;
	q->binds[q->n++].number = number;
}

static void add_field(struct query *q, const struct db_field *f)
{
	static const char *const columns[] = {
		[FIELD_ID] = "j.id",
		[FIELD_SWEEP] = "(SELECT name FROM sweep WHERE id = j.sweep)",
		[FIELD_STATE] = "j.state",
		[FIELD_REASON] = "j.reason",
		[FIELD_TRIES] = "j.tries",
		[FIELD_PRIORITY] = "j.priority",
		[FIELD_NODE] = "a.node",
		[FIELD_STARTED] = "nullif(a.started, 0)",
		[FIELD_ENDED] = "nullif(a.ended, 0)",
		[FIELD_EXIT] = "CASE WHEN a.completed OR a.exit_code THEN a.exit_code END",
		[FIELD_MAXRSS] = "nullif(a.maxrss_kib, 0)",
	};

	switch (f->kind) {
	case FIELD_PARAM:
		buf_addstr(&q->sql, "slurmq_param(EXISTS(SELECT 1 FROM job_schema r"
				    " WHERE r.job = j.id), j.id, j.schema, j.vals, ");
		add_value(q, f->name, NULL, 0);
		buf_addch(&q->sql, ')');
		break;
	case FIELD_RESULT:
		buf_addstr(&q->sql, "(SELECT value FROM result WHERE attempt = j.attempt AND name ="
				    " (SELECT id FROM result_name WHERE name = ");
		add_value(q, f->name, NULL, 0);
		buf_addstr(&q->sql, "))");
		break;
	case FIELD_TIME:
		buf_addstr(&q->sql, "CASE WHEN a.started THEN ifnull(nullif(a.ended, 0), ");
		add_value(q, NULL, NULL, clock_now_ms());
		buf_addstr(&q->sql, ") - a.started END");
		break;
	default:
		buf_addstr(&q->sql, columns[f->kind]);
	}
}

static void add_expr(struct query *q, const struct db_expr *e)
{
	switch (e->kind) {
	case EXPR_TEST:
		buf_addstr(&q->sql, "slurmq_test(");
		add_value(q, NULL, e, 0);
		buf_addstr(&q->sql, ", ");
		add_field(q, &e->field);
		buf_addch(&q->sql, ')');
		return;
	case EXPR_NOT:
		buf_addstr(&q->sql, "NOT (");
		add_expr(q, e->a);
		break;
	default:
		buf_addch(&q->sql, '(');
		add_expr(q, e->a);
		buf_addstr(&q->sql, e->kind == EXPR_AND ? " AND " : " OR ");
		add_expr(q, e->b);
	}
	buf_addch(&q->sql, ')');
}

/* Adds the condition that the state is one of these. The condition of a partial index is added as it
 * is declared (sqlite.org/partialindex.html, 3): otherwise SQLite would not use the index. */
static void add_states(struct query *q, unsigned states)
{
	const char *separator = "";

	if (!(states & ~TROUBLE))
		buf_addstr(&q->sql,
			   " AND j.state IN (" SQL_FAILED ", " SQL_CANCELLED ", " SQL_HELD ")");
	else if (!(states & ~IN_FLIGHT))
		buf_addstr(&q->sql, " AND j.state IN " SQL_IN_FLIGHT);
	buf_addstr(&q->sql, " AND j.state IN (");
	for (int i = 0; i < JOB_NSTATES; i++) {
		if (!(states & 1U << i))
			continue;
		buf_addf(&q->sql, "%s%d", separator, i);
		separator = ", ";
	}
	buf_addch(&q->sql, ')');
}

/* Returns the states that a selected job may have, 0: any. */
static unsigned possible_states(const struct db_select *s, bool *none)
{
	unsigned states = s->states | (s->reasons ? FAILED_OR_HELD : 0);

	if (states && s->allowed)
		states &= s->allowed;
	else if (!states)
		states = s->allowed;
	*none = !states && (s->states || s->reasons);
	return states;
}

static void add_where(struct query *q, const struct db_select *s)
{
	bool none;
	unsigned states = possible_states(s, &none);

	buf_addstr(
		&q->sql,
		" FROM job j LEFT JOIN attempt a ON a.id = j.attempt WHERE j.id BETWEEN ?1 AND ?2"
		" AND j.version IN (SELECT id FROM version WHERE published)");
	if (none)
		buf_addstr(&q->sql, " AND 0");
	if (states)
		add_states(q, states);
	if (s->reasons) {
		buf_addf(&q->sql,
			 " AND (%u >> j.state & 1 OR (j.state IN (" SQL_FAILED ", " SQL_HELD
			 ") AND %u >> j.reason & 1))",
			 s->states, s->reasons);
	}
	for (size_t i = 0; i < s->nsweeps; i++) { /* + keeps SQLite from the index of all ids */
		buf_addf(&q->sql, "%s%" PRId64, i ? ", " : " AND +j.sweep IN (", s->sweeps[i]);
		if (i + 1 == s->nsweeps)
			buf_addch(&q->sql, ')');
	}
	if (s->expr) {
		buf_addstr(&q->sql, " AND ");
		add_expr(q, s->expr);
	}
}

/* ---- windows ---- */

static void intersect_ranges(struct db_ranges *a, const struct db_ranges *b)
{
	struct db_ranges out = {0};

	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		const struct db_range *x = &a->v[i], *y = &b->v[k];
		int64_t first = x->first > y->first ? x->first : y->first;
		int64_t last = x->last < y->last ? x->last : y->last;

		if (first <= last)
			db_ranges_add(&out, first, last);
		if (x->last < y->last)
			i++;
		else
			k++;
	}
	db_ranges_release(a);
	*a = out;
}

/* Adds the ranges of ids in which a sweep's jobs are: from the first job of each version to that of
 * the next one of any sweep. */
static int add_sweep_ranges(struct db *db, int64_t sweep, struct db_ranges *out, struct err *err)
{
	static const char sql[] =
		"SELECT v.first_job, (SELECT min(n.first_job) FROM version n"
		" WHERE n.first_job > v.first_job) FROM version v WHERE v.sweep = ?1";
	sqlite3_stmt *s = db_stmt(db, sql, err, "i", sweep);
	int rc;

	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW)
		db_ranges_add(out, sqlite3_column_int64(s, 0),
			      sqlite3_column_type(s, 1) == SQLITE_NULL
				      ? INT64_MAX
				      : sqlite3_column_int64(s, 1) - 1);
	return rc < 0 ? -1 : 0;
}

/* Sets *out to the ranges of ids that can hold selected jobs. */
static int find_ranges(struct db *db, const struct db_select *select, struct db_ranges *out,
		       struct err *err)
{
	struct db_ranges sweeps = {0}, ids = {0};
	int64_t max;
	int rc = db_job_max(db, &max, err);

	if (rc)
		return -1;
	db_ranges_add(out, 1, max);
	for (size_t i = 0; i < select->ids.n; i++)
		db_ranges_add(&ids, select->ids.v[i].first, select->ids.v[i].last);
	if (ids.n)
		intersect_ranges(out, &ids);
	for (size_t i = 0; i < select->nsweeps && !rc; i++)
		rc = add_sweep_ranges(db, select->sweeps[i], &sweeps, err);
	db_ranges_sort(&sweeps);
	if (select->nsweeps)
		intersect_ranges(out, &sweeps);
	db_ranges_release(&sweeps);
	db_ranges_release(&ids);
	return rc;
}

struct scan {
	struct db *db;
	sqlite3_stmt *stmt;
	struct db_ranges ranges;
	size_t range; /* the current one */
	int64_t next; /* the first id of the next window in it */
};

static void scan_close(struct scan *scan)
{
	sqlite3_finalize(scan->stmt);
	db_ranges_release(&scan->ranges);
}

static int bind_query(struct db *db, sqlite3_stmt *stmt, const struct query *q, struct err *err)
{
	for (size_t i = 0; i < q->n; i++) {
		int place = (int)i + FIRST_BIND, rc;

		if (q->binds[i].text)
			rc = sqlite3_bind_text(stmt, place, q->binds[i].text, -1, SQLITE_TRANSIENT);
		else if (q->binds[i].test)
			rc = sqlite3_bind_pointer(stmt, place, (void *)(uintptr_t)q->binds[i].test,
						  "slurmq_test", NULL);
		else
			rc = sqlite3_bind_int64(stmt, place, q->binds[i].number);
		if (rc)
			return db_error(db, "use", err);
	}
	return 0;
}

/* Prepares "SELECT columns, fields FROM selected jobs tail" for scan_window(). The caller calls
 * scan_close() in any case. */
static int scan_open(struct db *db, const struct db_select *select, const char *columns,
		     const struct db_field *fields, size_t nfields, const char *tail,
		     struct scan *scan, struct err *err)
{
	struct query q = {0};
	int rc = -1;

	memset(scan, 0, sizeof(*scan));
	scan->db = db;
	buf_addf(&q.sql, "SELECT %s", columns);
	for (size_t i = 0; i < nfields; i++) {
		buf_addstr(&q.sql, ", ");
		add_field(&q, &fields[i]);
	}
	add_where(&q, select);
	buf_addstr(&q.sql, tail);
	if (add_functions(db, err) || find_ranges(db, select, &scan->ranges, err))
		goto out;
	if (sqlite3_prepare_v2(db->sql, buf_str(&q.sql), -1, &scan->stmt, NULL) != SQLITE_OK)
		db_error(db, "use", err);
	else
		rc = bind_query(db, scan->stmt, &q, err);
out:
	query_release(&q);
	return rc;
}

/* Begins the next window. Returns false after the last one. */
static bool scan_window(struct scan *scan)
{
	const struct db_range *r;
	int64_t first, last;

	if (scan->range == scan->ranges.n)
		return false;
	r = &scan->ranges.v[scan->range];
	first = scan->next > r->first ? scan->next : r->first;
	last = r->last - first < WINDOW ? r->last : first + WINDOW - 1;
	if (last == r->last)
		scan->range++;
	scan->next = last + 1;
	sqlite3_reset(scan->stmt);
	sqlite3_bind_int64(scan->stmt, 1, first);
	sqlite3_bind_int64(scan->stmt, 2, last);
	return true;
}

/* Reads the next row of the window. Returns SQLITE_ROW, SQLITE_DONE or -1. */
static int scan_row(struct scan *scan, struct err *err)
{
	return db_step_row(scan->db, scan->stmt, err);
}

static int read_window_ids(struct scan *scan, struct ids *ids, struct err *err)
{
	int rc;

	while ((rc = scan_row(scan, err)) == SQLITE_ROW)
		ids_add(ids, sqlite3_column_int64(scan->stmt, 0));
	return rc < 0 ? -1 : 0;
}

/* ---- reading ---- */

static int call_each(struct db *db, const struct ids *ids,
		     int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < ids->n && !rc; i++) {
		struct db_job job;

		rc = db_job_get(db, ids->v[i], &job, err);
		if (!rc) {
			rc = fn(arg, &job);
			db_job_release(&job);
		} else if (rc == DB_NONE) {
			rc = 0; /* deleted meanwhile */
		}
	}
	return rc;
}

int db_jobs_each(struct db *db, const struct db_select *select,
		 int (*fn)(void *arg, const struct db_job *job), void *arg, struct err *err)
{
	struct ids ids = {0};
	struct scan scan;
	int rc = scan_open(db, select, "j.id", NULL, 0, " ORDER BY j.id", &scan, err);

	while (!rc && scan_window(&scan)) {
		ids.n = 0;
		rc = read_window_ids(&scan, &ids, err);
		if (!rc)
			rc = call_each(db, &ids, fn, arg, err);
	}
	scan_close(&scan);
	ids_release(&ids);
	return rc;
}

int db_jobs_ids(struct db *db, const struct db_select *select, struct ids *out, struct err *err)
{
	struct scan scan;
	int rc = scan_open(db, select, "j.id", NULL, 0, " ORDER BY j.id", &scan, err);

	while (!rc && scan_window(&scan))
		rc = read_window_ids(&scan, out, err);
	scan_close(&scan);
	return rc;
}

int db_jobs_count(struct db *db, const struct db_select *select, int64_t *n, struct err *err)
{
	struct scan scan;
	int rc = scan_open(db, select, "count(*)", NULL, 0, "", &scan, err);

	*n = 0;
	while (!rc && scan_window(&scan)) {
		int row;

		while ((row = scan_row(&scan, err)) == SQLITE_ROW)
			*n += sqlite3_column_int64(scan.stmt, 0);
		rc = row < 0 ? -1 : 0;
	}
	scan_close(&scan);
	return rc;
}

/* ---- order and groups ---- */

/* A row of db_jobs_sorted() or db_jobs_group(). */
struct row {
	char *values[DB_GROUP_FIELDS]; /* NULL: the job lacks the field */
	int64_t id;		       /* of a job, or how many */
	int state;
};

struct rows {
	struct row *v;
	size_t n, cap;
};

static void rows_release(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		for (int k = 0; k < DB_GROUP_FIELDS; k++)
			free(rows->v[i].values[k]);
	free(rows->v);
}

/* Numbers come first, by size, then texts, then what is missing. */
static int compare_values(const char *a, const char *b)
{
	bool number;

	if (!a || !b)
		return a ? -1 : b ? 1 : 0;
	number = number_is(a);
	if (number != number_is(b))
		return number ? -1 : 1;
	return number ? number_compare(a, b) : strcmp(a, b);
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	for (int k = 0; k < DB_GROUP_FIELDS; k++) {
		int order = compare_values(x->values[k], y->values[k]);

		if (order)
			return order;
	}
	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_rows_descending(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = compare_values(x->values[0], y->values[0]);

	if (order && x->values[0] && y->values[0])
		return -order;
	return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

/* Reads rows of "id or count, state, fields". */
static int read_rows(struct scan *scan, size_t nfields, struct rows *rows, struct err *err)
{
	int rc = 0;

	while (!rc && scan_window(scan)) {
		while ((rc = scan_row(scan, err)) == SQLITE_ROW) {
			struct row *row;

			if (rows->n == rows->cap) {
				rows->cap = rows->cap ? rows->cap * 2 : 256;
				rows->v = mem_grow(rows->v, rows->cap, sizeof(*rows->v));
			}
			row = &rows->v[rows->n++];
			memset(row, 0, sizeof(*row));
			row->id = sqlite3_column_int64(scan->stmt, 0);
			row->state = sqlite3_column_int(scan->stmt, 1);
			for (size_t k = 0; k < nfields; k++)
				row->values[k] = db_column_text(scan->stmt, (int)k + 2);
		}
		rc = rc < 0 ? -1 : 0;
	}
	return rc;
}

int db_jobs_sorted(struct db *db, const struct db_select *select, const struct db_field *by,
		   bool descending, struct ids *out, struct err *err)
{
	struct rows rows = {0};
	struct scan scan;
	int rc = scan_open(db, select, "j.id, j.state", by, 1, "", &scan, err);

	if (!rc)
		rc = read_rows(&scan, 1, &rows, err);
	if (!rc && rows.n)
		qsort(rows.v, rows.n, sizeof(*rows.v),
		      descending ? compare_rows_descending : compare_rows);
	for (size_t i = 0; i < rows.n && !rc; i++)
		ids_add(out, rows.v[i].id);
	rows_release(&rows);
	scan_close(&scan);
	return rc;
}

static bool same_values(const struct row *a, const struct row *b)
{
	for (int k = 0; k < DB_GROUP_FIELDS; k++) {
		const char *x = a->values[k], *y = b->values[k];

		if (x && y ? strcmp(x, y) != 0 : x != y)
			return false;
	}
	return true;
}

int db_jobs_group(struct db *db, const struct db_select *select, const struct db_field *by,
		  size_t nfields,
		  int (*fn)(void *arg, const char *const *values, const int64_t *counts), void *arg,
		  struct err *err)
{
	static const char *const tails[] = {"", " GROUP BY 2, 3", " GROUP BY 2, 3, 4"};
	struct rows rows = {0};
	struct scan scan;
	int rc =
		scan_open(db, select, "count(*), j.state", by, nfields, tails[nfields], &scan, err);

	if (!rc)
		rc = read_rows(&scan, nfields, &rows, err);
	if (!rc && rows.n)
		qsort(rows.v, rows.n, sizeof(*rows.v), compare_rows);
	for (size_t i = 0, next; i < rows.n && !rc; i = next) {
		int64_t counts[JOB_NSTATES] = {0};

		for (next = i; next < rows.n && same_values(&rows.v[i], &rows.v[next]); next++)
			if (rows.v[next].state >= 0 && rows.v[next].state < JOB_NSTATES)
				counts[rows.v[next].state] += rows.v[next].id;
		rc = fn(arg, (const char *const *)rows.v[i].values, counts);
	}
	rows_release(&rows);
	scan_close(&scan);
	return rc;
}
