/*
 * db_sweep.c - sweeps, their versions, schemas, and how an expand adds jobs.
 *
 * A version is unpublished while its jobs are added slice by slice; they are not claimed, counted
 * or listed. One statement publishes it. Older jobs do not change: their commands come from their
 * sweep's current version. The few that it names differently, or not at all, are in `job_schema`.
 */
#include "store/db_internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "store/db_sql.h"

/* ---- sweeps ---- */

void db_sweep_release(struct db_sweep *s)
{
	free(s->name);
	memset(s, 0, sizeof(*s));
}

void db_sweeps_free(struct db_sweep *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		db_sweep_release(&v[i]);
	free(v);
}

#define SWEEP_COLUMNS "SELECT id, name, version, created, id IN" DB_PAUSED_SWEEPS "FROM sweep "

static void read_sweep(sqlite3_stmt *s, struct db_sweep *out)
{
	memset(out, 0, sizeof(*out));
	out->id = sqlite3_column_int64(s, 0);
	out->name = db_column_text(s, 1);
	out->version = sqlite3_column_int64(s, 2);
	out->created = sqlite3_column_int64(s, 3);
	out->paused = sqlite3_column_int(s, 4);
}

static int read_counts(struct db *db, struct db_sweep *out, struct err *err)
{
	sqlite3_stmt *s =
		db_stmt(db, "SELECT state, n FROM counter WHERE sweep = ?1", err, "i", out->id);
	int rc;

	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		int64_t state = sqlite3_column_int64(s, 0);

		if (state >= 0 && state < JOB_NSTATES)
			out->counts[state] = sqlite3_column_int64(s, 1);
	}
	for (int i = 0; i < JOB_NSTATES; i++)
		out->jobs += out->counts[i];
	return rc < 0 ? -1 : 0;
}

static int fetch_sweep(struct db *db, sqlite3_stmt *s, struct db_sweep *out, struct err *err)
{
	int rc = s ? db_step_row(db, s, err) : -1;

	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	read_sweep(s, out);
	sqlite3_reset(s);
	if (!read_counts(db, out, err))
		return 0;
	db_sweep_release(out);
	return -1;
}

int db_sweep_get(struct db *db, int64_t id, struct db_sweep *out, struct err *err)
{
	return fetch_sweep(db, db_stmt(db, SWEEP_COLUMNS "WHERE id = ?1", err, "i", id), out, err);
}

int db_sweep_find(struct db *db, const char *name, struct db_sweep *out, struct err *err)
{
	return fetch_sweep(
		db, db_stmt(db, SWEEP_COLUMNS "WHERE name = ?1 AND version > 0", err, "t", name),
		out, err);
}

int db_sweeps(struct db *db, struct db_sweep **v, size_t *n, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, SWEEP_COLUMNS "WHERE version > 0 ORDER BY id", err, "");
	int rc;

	*v = NULL;
	*n = 0;
	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		*v = mem_grow(*v, *n + 1, sizeof(**v));
		read_sweep(s, &(*v)[(*n)++]);
	}
	for (size_t i = 0; i < *n && rc >= 0; i++)
		rc = read_counts(db, &(*v)[i], err);
	if (rc >= 0)
		return 0;
	db_sweeps_free(*v, *n);
	*v = NULL;
	*n = 0;
	return -1;
}

int db_counts(struct db *db, int64_t counts[JOB_NSTATES], struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT state, sum(n) FROM counter GROUP BY state", err, "");
	int rc;

	memset(counts, 0, JOB_NSTATES * sizeof(*counts));
	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		int64_t state = sqlite3_column_int64(s, 0);

		if (state >= 0 && state < JOB_NSTATES)
			counts[state] = sqlite3_column_int64(s, 1);
	}
	return rc < 0 ? -1 : 0;
}

int db_count_work(struct db *db, int64_t *n, struct err *err)
{
	return db_number(db,
			 "SELECT ifnull(sum(n), 0) FROM counter WHERE state = " SQL_PENDING
			 " AND sweep NOT IN" DB_PAUSED_SWEEPS,
			 n, err, "");
}

/* ---- versions ---- */

int db_version_get(struct db *db, int64_t id, struct db_version *out, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db,
				  "SELECT v.id, v.sweep, s.name, v.file, v.dir, v.source, v.script,"
				  " v.created FROM version v JOIN sweep s ON s.id = v.sweep"
				  " WHERE v.id = ?1",
				  err, "i", id);
	int rc = s ? db_step_row(db, s, err) : -1;

	memset(out, 0, sizeof(*out));
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1 : DB_NONE;
	out->id = sqlite3_column_int64(s, 0);
	out->sweep = sqlite3_column_int64(s, 1);
	out->sweep_name = db_column_text(s, 2);
	out->file = db_column_text(s, 3);
	out->dir = db_column_text(s, 4);
	out->source = db_column_text(s, 5);
	out->source_len = (size_t)sqlite3_column_bytes(s, 5);
	out->script = db_column_text(s, 6);
	out->created = sqlite3_column_int64(s, 7);
	sqlite3_reset(s);
	return 0;
}

void db_version_release(struct db_version *v)
{
	free(v->sweep_name);
	free(v->file);
	free(v->dir);
	free(v->source);
	free(v->script);
	memset(v, 0, sizeof(*v));
}

int db_version_before(struct db *db, int64_t id, int64_t *before, struct err *err)
{
	static const char sql[] =
		"SELECT id FROM version WHERE published AND id < ?1 AND sweep ="
		" (SELECT sweep FROM version WHERE id = ?1) ORDER BY id DESC LIMIT 1";

	return db_number(db, sql, before, err, "i", id);
}

int db_version_next_job(struct db *db, int64_t after, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT first_job FROM version WHERE first_job > ?1"
				  " ORDER BY first_job LIMIT 1";

	return db_number(db, sql, id, err, "i", after);
}

/* ---- schemas ---- */

static void add_schema_text(const struct sweep_point *point, struct buf *out)
{
	const char *variant = point->variant ? point->variant : "";
	const char *seed = point->seed ? point->seed : "";

	buf_add(out, variant, strlen(variant) + 1);
	buf_add(out, seed, strlen(seed) + 1);
	for (size_t i = 0; i < point->n; i++) {
		const struct sweep_param *p = &point->params[i];

		if (p->drawn)
			buf_addch(out, '~');
		buf_add(out, p->name, strlen(p->name) + 1);
	}
}

int db_schema_id(struct db *db, const struct sweep_point *point, int64_t *id, struct err *err)
{
	struct buf text = {0};
	int rc;

	add_schema_text(point, &text);
	rc = db_number(db, "SELECT id FROM schema WHERE text = ?1", id, err, "b", text.s, text.len);
	if (rc == DB_NONE) {
		rc = db_exec(db,
			     "INSERT INTO schema(id, text) VALUES(" SQL_NEXT_ID("schema") ", ?1)",
			     NULL, err, "b", text.s, text.len);
		*id = sqlite3_last_insert_rowid(db->sql);
	}
	buf_release(&text);
	return rc;
}

void db_values_encode(const struct sweep_point *point, struct buf *out)
{
	/* a value holds no control character, so a newline can part them */
	for (size_t i = 0; i < point->n; i++) {
		if (i)
			buf_addch(out, '\n');
		buf_addstr(out, point->params[i].value);
	}
}

/* Reads the words of a schema: variant, seed, names. They are borrowed from db. */
static int read_schema_words(struct db *db, int64_t id, const struct strs **out, struct err *err)
{
	sqlite3_stmt *s;
	struct strs words = {0};
	const char *p;
	size_t len;
	int rc;

	for (size_t i = 0; i < db->nschemas; i++) {
		if (db->schemas[i].id == id) {
			*out = &db->schemas[i].words;
			return 0;
		}
	}
	s = db_stmt(db, "SELECT text FROM schema WHERE id = ?1", err, "i", id);
	rc = s ? db_step_row(db, s, err) : -1;
	if (rc != SQLITE_ROW)
		return rc < 0 ? -1
			      : err_set(err, ERR_FAILED, "'%s' is damaged: a schema is missing",
					db->path);
	p = sqlite3_column_blob(s, 0);
	len = (size_t)sqlite3_column_bytes(s, 0);
	while (len) {
		size_t n = strnlen(p, len);

		strs_take(&words, mem_strndup(p, n));
		n += n < len;
		p += n;
		len -= n;
	}
	sqlite3_reset(s);
	while (words.n < 2)
		strs_add(&words, "");
	db->schemas = mem_grow(db->schemas, db->nschemas + 1, sizeof(*db->schemas));
	db->schemas[db->nschemas].id = id;
	db->schemas[db->nschemas].words = words;
	*out = &db->schemas[db->nschemas++].words;
	return 0;
}

int db_point_decode(struct db *db, int64_t schema, const char *values, size_t len, int64_t sample,
		    struct sweep_point *out, struct err *err)
{
	const struct strs *words = NULL;
	const char *end = values + len;

	memset(out, 0, sizeof(*out));
	out->sample = sample;
	if (read_schema_words(db, schema, &words, err))
		return -1;
	if (words->v[0][0])
		out->variant = mem_strdup(words->v[0]);
	if (words->v[1][0])
		out->seed = mem_strdup(words->v[1]);
	out->n = words->n - 2;
	out->params = mem_alloc((out->n + 1) * sizeof(*out->params));
	for (size_t i = 0; i < out->n; i++) {
		const char *name = words->v[i + 2];
		const char *nl = memchr(values, '\n', (size_t)(end - values));
		const char *stop = nl ? nl : end;

		out->params[i].drawn = name[0] == '~';
		out->params[i].name = mem_strdup(name + out->params[i].drawn);
		out->params[i].value = mem_strndup(values, (size_t)(stop - values));
		values = nl ? nl + 1 : end;
	}
	return 0;
}

int db_schema_value(struct db *db, int64_t schema, const char *name, const char **values,
		    const char **end, struct err *err)
{
	const struct strs *words;

	if (read_schema_words(db, schema, &words, err))
		return -1;
	for (size_t i = 2; i < words->n && *values; i++) {
		const char *nl = memchr(*values, '\n', (size_t)(*end - *values));
		const char *word = words->v[i];

		if (!strcmp(word + (word[0] == '~'), name)) {
			*end = nl ? nl : *end;
			return 1;
		}
		*values = nl ? nl + 1 : *end;
	}
	if (words->v[0][0] && !strcmp(name, "variant")) {
		*values = words->v[0];
		*end = *values + strlen(*values);
		return 1;
	}
	return 0;
}

static void add_once(struct strs *list, const char *word)
{
	if (!strs_has(list, word))
		strs_add(list, word);
}

int db_param_names(struct db *db, struct strs *names, struct err *err)
{
	sqlite3_stmt *s = db_stmt(db, "SELECT id FROM schema", err, "");
	int rc;

	if (!s)
		return -1;
	while ((rc = db_step_row(db, s, err)) == SQLITE_ROW) {
		const struct strs *words;

		if (read_schema_words(db, sqlite3_column_int64(s, 0), &words, err)) {
			sqlite3_reset(s);
			return -1;
		}
		for (size_t i = 2; i < words->n; i++)
			add_once(names, words->v[i] + (words->v[i][0] == '~'));
		if (words->v[0][0])
			add_once(names, "variant");
	}
	return rc < 0 ? -1 : 0;
}

/* ---- expanding ---- */

static int find_or_add_sweep(struct db *db, const char *name, int64_t now, int64_t *id,
			     struct err *err)
{
	int rc = db_number(db, "SELECT id FROM sweep WHERE name = ?1", id, err, "t", name);

	if (rc != DB_NONE)
		return rc;
	if (db_exec(db,
		    "INSERT INTO sweep(id, name, created) VALUES(" SQL_NEXT_ID("sweep") ", ?1, ?2)",
		    NULL, err, "ti", name, now))
		return -1;
	*id = sqlite3_last_insert_rowid(db->sql);
	for (int64_t state = 0; state < JOB_NSTATES; state++)
		if (db_exec(db, "INSERT INTO counter(sweep, state, n) VALUES(?1, ?2, 0)", NULL, err,
			    "ii", *id, state))
			return -1;
	return 0;
}

int db_version_add(struct db *db, struct db_version *in, struct err *err)
{
	static const char sql[] =
		"INSERT INTO version(id, sweep, created, first_job, file, dir, source, script)"
		" VALUES(" SQL_NEXT_ID("version") ", ?1, ?2, " SQL_NEXT_ID(
			"job") ", ?3, ?4, ?5, ?6)";

	in->created = clock_now_ms();
	if (find_or_add_sweep(db, in->sweep_name, in->created, &in->sweep, err) ||
	    db_exec(db, sql, NULL, err, "iittbt", in->sweep, in->created, in->file, in->dir,
		    in->source, in->source_len, in->script))
		return -1;
	in->id = sqlite3_last_insert_rowid(db->sql);
	return 0;
}

int db_job_max(struct db *db, int64_t *id, struct err *err)
{
	return db_number(db, "SELECT ifnull(max(id), 0) FROM job", id, err, "");
}

int db_job_find_key(struct db *db, int64_t sweep, uint64_t key, int64_t *id, struct err *err)
{
	return db_number(db, "SELECT id FROM job WHERE sweep = ?1 AND key = ?2", id, err, "iu",
			 sweep, key);
}

int db_job_add(struct db *db, int64_t sweep, int64_t version, uint64_t key,
	       const struct sweep_point *point, int64_t *id, struct err *err)
{
	static const char plain[] = "INSERT INTO job(id, sweep, version, schema, key, vals)"
				    " VALUES(" SQL_NEXT_ID("job") ", ?1, ?2, ?3, ?4, ?5)";
	static const char drawn[] = "INSERT INTO job(id, sweep, version, schema, key, vals, sample)"
				    " VALUES(" SQL_NEXT_ID("job") ", ?1, ?2, ?3, ?4, ?5, ?6)";
	struct buf values = {0};
	int64_t schema;
	int rc = -1;

	if (db_schema_id(db, point, &schema, err))
		return -1;
	db_values_encode(point, &values);
	if (point->sample < 0)
		rc = db_exec(db, plain, NULL, err, "iiiub", sweep, version, schema, key, values.s,
			     values.len);
	else
		rc = db_exec(db, drawn, NULL, err, "iiiubi", sweep, version, schema, key, values.s,
			     values.len, point->sample);
	*id = sqlite3_last_insert_rowid(db->sql);
	buf_release(&values);
	return rc;
}

int db_job_reshape(struct db *db, int64_t job, int64_t version, const struct sweep_point *point,
		   struct err *err)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO job_schema(job, version, schema, vals) VALUES(?1, ?2, ?3, ?4)";
	struct buf values = {0};
	int64_t schema = 0;
	int rc;

	if (!point)
		return db_exec(db, sql, NULL, err, "iiin", job, version, schema);
	if (db_schema_id(db, point, &schema, err))
		return -1;
	db_values_encode(point, &values);
	rc = db_exec(db, sql, NULL, err, "iiib", job, version, schema, values.s, values.len);
	buf_release(&values);
	return rc;
}

int db_version_publish(struct db *db, int64_t version, int64_t added, struct err *err)
{
	static const char count[] = "UPDATE counter SET n = n + ?2 WHERE state = " SQL_PENDING
				    " AND sweep = (SELECT sweep FROM version WHERE id = ?1)";
	static const char current[] = "UPDATE sweep SET version = ?1"
				      " WHERE id = (SELECT sweep FROM version WHERE id = ?1)";
	static const char work[] = "DELETE FROM setting WHERE ?2 > 0 AND key = '" STATE_SWEEP_OVER
				   "' || (SELECT sweep FROM version WHERE id = ?1)";

	if (db_exec(db, "UPDATE version SET published = 1 WHERE id = ?1", NULL, err, "i",
		    version) ||
	    db_exec(db, count, NULL, err, "ii", version, added) ||
	    db_exec(db, work, NULL, err, "ii", version, added) ||
	    db_exec(db, current, NULL, err, "i", version))
		return -1;
	return 0;
}
