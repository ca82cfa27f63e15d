/*
 * queue_claim.c - from pending rows to what one sbatch takes: rendered, grouped, written down.
 *
 * Ticket and rights are durable before the claim's COMMIT, under the same hold of the gate. Else a
 * submitter that dies in between leaves a row whose right can never be won.
 */
#include "chain/queue_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "chain/brake.h"
#include "lib/clock.h"
#include "lib/env.h"
#include "lib/failpoint.h"
#include "sweep/policy.h"
#include "lib/proc.h"

/* In the environment that sbatch gets: the job is to get none of it. */
static const char NO_EXPORT[] = "SLURMQ_NO_EXPORT";

/* ---- batches ---- */

static void batch_release(struct batch *b)
{
	db_submission_release(&b->sub);
	for (size_t i = 0; i < b->njobs; i++) {
		db_job_release(&b->jobs[i]);
		plan_release(&b->plans[i]);
	}
	free(b->jobs);
	free(b->plans);
	strs_release(&b->options);
	free(b->directives);
	free(b->sweep_name);
	free(b->chdir);
	free(b->group);
	free(b->checkpoint);
	free(b->exclude);
	ticket_writer_release(&b->ticket);
	memset(b, 0, sizeof(*b));
}

void batches_release(struct batches *b)
{
	for (size_t i = 0; i < b->n; i++)
		batch_release(&b->v[i]);
	free(b->v);
	memset(b, 0, sizeof(*b));
}

/* A job that is not to start yet is Slurm's to hold (sbatch(1), --begin): so it is in its queue, the chain is
 * sure to go on with it, and nobody has to stay or to look again for its sake. It costs a slot, which is why
 * such jobs are claimed behind all others. In steps of 10 s, so that those that failed together go as one
 * array. Relative, since clocks differ between hosts. */
static void add_begin(const struct db_job *job, int64_t now, struct strs *out)
{
	int64_t s = (job->again.due - now + 999) / 1000;

	if (job->again.due > now)
		strs_addf(out, "--begin=now+%" PRId64, s > 60 ? (s + 9) / 10 * 10 : s);
}

/* The rendered options and, after them, those of the job's own retry and of its policy: sbatch takes the
 * last. */
static void job_options(const struct db_job *job, const struct plan *plan, int64_t now,
			struct strs *out)
{
	for (size_t i = 0; i < plan->sbatch.n; i++)
		strs_add(out, plan->sbatch.v[i]);
	strs_add_lines(out, job->options);
	strs_add_lines(out, job->again.options);
	add_begin(job, now, out);
}

/* The user's own --exclude and the nodes that look bad; NULL where there are none to be left out, or that
 * can't be said together with what the user asks for. */
static char *exclusion(const struct strs *nodes, const char *directives, const struct strs *options)
{
	struct strs all = {0};
	struct buf b = {0};
	const char *own;

	if (!nodes->n || nodes->n > BRAKE_NODES_MOST)
		return NULL;
	policy_directives(directives, &all);
	for (size_t i = 0; i < options->n; i++)
		strs_add(&all, options->v[i]);
	own = policy_option(&all, "--exclude");
	if (!policy_option(&all, "--nodelist") && !policy_option(&all, "--nodefile") &&
	    !(own && strchr(own, '/'))) { /* a file of names */
		if (own)
			buf_addstr(&b, own);
		for (size_t i = 0; i < nodes->n; i++)
			buf_addf(&b, "%s%s", b.len ? "," : "", nodes->v[i]);
	}
	strs_release(&all);
	return b.len ? buf_take(&b) : NULL;
}

/* The folder to run in: an option --chdir (taken out of the list), below root where relative. */
static char *take_chdir(const char *root, struct strs *options)
{
	char *dir = NULL;
	size_t to = 0;

	for (size_t i = 0; i < options->n; i++) {
		char *o = options->v[i];

		if (strncmp(o, "--chdir=", 8) != 0) {
			options->v[to++] = o;
			continue;
		}
		free(dir);
		dir = o[8] == '/' ? mem_strdup(o + 8) : mem_printf("%s/%s", root, o + 8);
		free(o);
	}
	options->n = to;
	if (options->v)
		options->v[to] = NULL;
	return dir ? dir : mem_strdup(root);
}

static char *group_text(int64_t version, const char *chdir, const char *directives,
			const struct strs *options)
{
	struct buf b = {0};

	buf_addf(&b, "%" PRId64 "\n%s\n%s\n", version, chdir, directives);
	for (size_t i = 0; i < options->n; i++)
		buf_addf(&b, "%s\n", options->v[i]);
	return buf_take(&b);
}

static struct batch *batch_for(struct batches *bs, const char *group, int64_t max_array)
{
	for (size_t i = bs->n; i-- > 0;)
		if (!strcmp(bs->v[i].group, group) && (int64_t)bs->v[i].njobs < max_array)
			return &bs->v[i];
	return NULL;
}

static void add_to_batch(struct batch *b, struct db_job *job, struct plan *plan)
{
	b->jobs = mem_grow(b->jobs, b->njobs + 1, sizeof(*b->jobs));
	b->plans = mem_grow(b->plans, b->njobs + 1, sizeof(*b->plans));
	b->jobs[b->njobs] = *job;
	b->plans[b->njobs++] = *plan;
	memset(job, 0, sizeof(*job));
	memset(plan, 0, sizeof(*plan));
}

/* What choosing carries along. */
struct choice {
	struct store *store;
	struct loader *loader;
	struct pools *pools;
	struct batches *out;
	int64_t max_array, now;
	int64_t wanted, taken;
	struct strs nodes; /* that look bad */
};

/* A job's options for sbatch, and where it runs. */
struct kind {
	struct strs options;
	char *chdir;
	const char *directives;
	struct pool *pool;
};

static void kind_of(struct choice *c, const struct db_job *job, const struct plan *plan,
		    struct kind *k)
{
	char *key;

	memset(k, 0, sizeof(*k));
	k->directives = plan->directives ? plan->directives : "";
	job_options(job, plan, c->now, &k->options);
	k->chdir = take_chdir(c->store->root, &k->options);
	key = pool_key(&k->options, k->directives);
	k->pool = pools_get(c->pools, key);
	free(key);
}

static struct batch *new_batch(struct choice *c, const struct loaded *ld, const struct db_job *job,
			       struct kind *k)
{
	const char *checkpoint = sweep_checkpoint(ld->sweep);
	struct batches *bs = c->out;
	struct batch *b;

	bs->v = mem_grow(bs->v, bs->n + 1, sizeof(*bs->v));
	b = &bs->v[bs->n++];
	memset(b, 0, sizeof(*b));
	b->options = k->options;
	b->chdir = k->chdir;
	b->pool = k->pool;
	b->directives = mem_strdup(k->directives);
	b->sweep = job->sweep;
	b->sweep_name = mem_strdup(job->sweep_name);
	b->sub.version = job->version;
	b->sub.pool = mem_strdup(k->pool->key);
	b->restartable = sweep_restartable(ld->sweep);
	b->checkpoint = checkpoint ? mem_strdup(checkpoint) : NULL;
	b->exclude = exclusion(&c->nodes, k->directives, &b->options);
	return b;
}

/* Put a job into the batch of its kind; takes job, plan and kind over. */
static void place(struct choice *c, const struct loaded *ld, struct db_job *job, struct plan *plan,
		  struct kind *k)
{
	char *group = group_text(job->version, k->chdir, k->directives, &k->options);
	struct batch *b = batch_for(c->out, group, c->max_array);

	if (b) {
		strs_release(&k->options);
		free(k->chdir);
		free(group);
	} else {
		b = new_batch(c, ld, job, k);
		b->group = group;
	}
	add_to_batch(b, job, plan);
}

/* When it is due was said by the clock of another host, maybe a day ahead: it waits no longer than its policy
 * asks for. */
static void wait_no_longer(struct db_job *job, const struct sweep *sweep, int64_t now)
{
	int64_t latest = now + policy_longest_delay(sweep_retry(sweep)) * 1000;

	if (job->again.due > latest)
		job->again.due = latest;
}

/* One pending job: 1 where it was taken (or held: it is out of the way), 0 where its pool has no room. With
 * look, nothing is taken: only what would be. */
static int choose_one(struct choice *c, struct db_job *job, bool look, struct err *err)
{
	struct plan plan = {0};
	struct err why = {0};
	struct loaded *ld;
	struct kind k;
	bool uniform;

	if (loader_get(c->loader, c->store->db, job->version, &ld, &why))
		return look || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	uniform = sweep_sbatch_uniform(ld->sweep) && !job->options && !job->again.options;
	if (uniform && ld->pool && !pool_room(c->pools, ld->pool))
		return 0;
	if (sweep_plan(ld->sweep, &job->point, job->id, &plan, &why)) {
		plan_release(&plan);
		return look || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	}
	wait_no_longer(job, ld->sweep, c->now);
	kind_of(c, job, &plan, &k);
	if (uniform)
		ld->pool = k.pool;
	if (look || !pool_room(c->pools, k.pool)) {
		int rc = pool_room(c->pools, k.pool) > 0;

		strs_release(&k.options);
		free(k.chdir);
		plan_release(&plan);
		return rc;
	}
	k.pool->taken++;
	c->taken++;
	place(c, ld, job, &plan, &k);
	return 1;
}

/* A place in the order of claiming. */
struct spot {
	int64_t priority, id;
};

/* Is the first pending job from there on, of that priority, one that could be taken? 1, 0; SPOT_END where
 * there is none of that priority. *s becomes its place. */
enum { SPOT_END = 2 };

static int look_at_spot(struct choice *c, struct spot *s, struct err *err)
{
	struct db_job *job;
	size_t n;
	int rc;

	if (db_jobs_pending_from(c->store->db, s->priority, s->id, 1, &job, &n, err))
		return -1;
	if (!n || job->priority != s->priority) {
		rc = SPOT_END;
	} else {
		s->id = job->id;
		rc = choose_one(c, job, true, err);
	}
	db_jobs_free(job, n);
	return rc;
}

/* All that lies before *s, and a good deal of it, is blocked. Jobs that differ come in runs, since the first
 * parameter varies slowest: so look ever further ahead, and then back to where the run begins. 0: *s is the
 * place to go on; DB_NONE: nothing was found of this priority. Some forty seeks among a million. */
static int leap(struct choice *c, struct spot *s, struct err *err)
{
	int64_t lo = s->id, hi = -1, step = 256;
	int rc = 0;

	while (hi < 0 && step < INT64_MAX / 4) {
		struct spot at = {s->priority, lo + step};

		rc = look_at_spot(c, &at, err);
		if (rc < 0)
			return -1;
		if (rc)
			hi = lo + step; /* free, or the end: what lies before it may be free */
		else
			lo = at.id;
		step *= 2;
	}
	s->id = rc == 1 ? hi : -1;
	while (hi - lo > 1) {
		struct spot at = {s->priority, lo + (hi - lo) / 2};

		rc = look_at_spot(c, &at, err);
		if (rc < 0)
			return -1;
		if (rc)
			hi = lo + (hi - lo) / 2;
		else
			lo = at.id < hi ? at.id : hi;
		if (rc == 1)
			s->id = hi;
	}
	return s->id < 0 ? DB_NONE : 0;
}

/* Where to go on after a slice of which nothing could be taken; DB_NONE: nowhere. */
static int look_ahead(struct choice *c, struct spot *s, struct err *err)
{
	int64_t priority = s->priority;
	struct db_job *job;
	size_t n;
	int rc = leap(c, s, err);

	if (rc != DB_NONE)
		return rc;
	if (db_jobs_pending_from(c->store->db, priority - 1, 0, 1, &job, &n, err))
		return -1;
	if (n) {
		s->priority = job->priority;
		s->id = job->id;
	}
	db_jobs_free(job, n);
	return n ? 0 : DB_NONE;
}

/* The next pending jobs from there on; *s is where to go on, DB_NONE: there are no more. */
static int choose_slice(struct choice *c, struct spot *s, int64_t size, struct err *err)
{
	int64_t before = c->taken;
	struct db_job *jobs;
	bool held = false;
	size_t n;
	int rc = 0;

	if (db_jobs_pending_from(c->store->db, s->priority, s->id, size, &jobs, &n, err))
		return -1;
	for (size_t i = 0; i < n && rc >= 0 && c->taken < c->wanted; i++) {
		int64_t taken = c->taken;

		s->priority = jobs[i].priority;
		s->id = jobs[i].id + 1;
		rc = choose_one(c, &jobs[i], false, err);
		held = held || (rc == 1 && c->taken == taken);
	}
	db_jobs_free(jobs, n);
	if (rc < 0)
		return -1;
	if ((int64_t)n < size || c->taken == c->wanted)
		return DB_NONE;
	return c->taken > before || held ? 0 : look_ahead(c, s, err);
}

/* What is to wait goes into the slots that nothing else wants. */
static int choose_waiting(struct choice *c, struct err *err)
{
	struct db_job *jobs;
	size_t n;
	int rc = 0;

	if (db_jobs_waiting(c->store->db, c->wanted - c->taken, &jobs, &n, err))
		return -1;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = choose_one(c, &jobs[i], false, err);
	db_jobs_free(jobs, n);
	return rc < 0 ? -1 : 0;
}

enum { SLICE_LEAST = 256, SLICES_MOST = 64 };

int claim_choose(struct store *store, struct loader *l, struct pools *pools, int64_t n,
		 int64_t max_array, struct batches *out, struct err *err)
{
	struct choice c = {.store = store,
			   .loader = l,
			   .pools = pools,
			   .out = out,
			   .max_array = max_array,
			   .now = clock_now_ms(),
			   .wanted = n};
	struct spot spot = {INT64_MAX, 0};
	int64_t size = pools->any && n < SLICE_LEAST ? SLICE_LEAST : n;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	rc = brake_nodes(store->db, &c.nodes, err);
	for (int i = 0; i < SLICES_MOST && !rc; i++)
		rc = choose_slice(&c, &spot, size, err);
	if (rc >= 0 && c.taken < n)
		rc = choose_waiting(&c, err);
	strs_release(&c.nodes);
	return rc < 0 ? -1 : 0;
}

static uint64_t new_token(void)
{
	uint64_t t;

	do {
		t = clock_random() >> 1; /* SQLite's integers are signed: 63 bits */
	} while (!t);
	return t;
}

/* Under the gate. */
static int render_ticket(struct store *store, struct batch *b, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < b->njobs && !rc; i++) {
		struct strs done = {0};

		rc = db_steps_done(store->db, &b->jobs[i], &done, err);
		if (!rc)
			ticket_add(&b->ticket, b->jobs[i].id, b->sub.first + (int64_t)i,
				   b->jobs[i].tries + 1, &b->jobs[i].point, &b->plans[i], &done);
		strs_release(&done);
	}
	return rc ? -1 : 0;
}

int claim_names(struct store *store, struct batches *b, struct err *err)
{
	int64_t next;

	if (db_next_attempt(store->db, &next, err))
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		b->v[i].sub.id = new_token();
		b->v[i].sub.first = next;
		next += (int64_t)b->v[i].njobs;
	}
	return 0;
}

int claim_rows(struct store *store, struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (db_claim(store->db, &b->v[i].sub, b->v[i].jobs, b->v[i].njobs, err))
			return -1;
	return 0;
}

int claim_tickets(struct store *store, struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (render_ticket(store, &b->v[i], err))
			return -1;
	return 0;
}

static int write_batch(struct store *store, const struct batch *b, int64_t kill_wait_s,
		       bool chained, struct err *err)
{
	struct spool *sp = store->spool;
	struct ticket_head head = {.sweep = b->sweep_name,
				   .version = b->sub.version,
				   .chdir = b->chdir,
				   .chained = chained,
				   .checkpoint = b->checkpoint,
				   .kill_wait_s = kill_wait_s};
	char *script = mem_printf("env/%" PRId64 ".script", b->sub.version);
	char *logs = mem_printf("logs/%04" PRId64, b->sub.first / 1000);
	int rc = 0;

	if (spool_file_exists(sp, script))
		head.script = script;
	if (spool_folder_make(sp, logs, err) || spool_folder_make(sp, "tickets", err) ||
	    ticket_write(sp, b->sub.id, &b->ticket, &head, err))
		rc = -1;
	FAILPOINT("claim-ticket");
	if (!rc && spool_rights_make(sp, b->sub.id, (int)b->njobs, err))
		rc = -1;
	FAILPOINT("claim-rights");
	free(logs);
	free(script);
	return rc;
}

/* Synced after all of them are there: the first of these syncs does most of the work of the others. */
int claim_files(struct store *store, const struct batches *b, int64_t kill_wait_s, bool chained,
		struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (write_batch(store, &b->v[i], kill_wait_s, chained, err))
			return -1;
	for (size_t i = 0; i < b->n; i++)
		if (ticket_sync(store->spool, b->v[i].sub.id, err))
			return -1;
	if (b->n && spool_rights_sync(store->spool, err))
		return -1;
	FAILPOINT("claim-synced");
	return 0;
}

/* ---- what every job of a version gets ---- */

/* This very program; by the name that it was started by where there is no /proc (getauxval(3)). */
static int open_myself(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *name =
		(const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */

	return fd < 0 && name ? open(name, O_RDONLY | O_CLOEXEC) : fd;
}

static int put_binary(struct store *store, const char *name, struct err *err)
{
	int fd = open_myself();
	struct buf b = {0};
	char chunk[65536];
	ssize_t n = 0;
	int rc;

	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&b, chunk, (size_t)n);
	if (fd < 0 || n < 0)
		rc = err_errno(err, ERR_FAILED, "copying this program to '%s/%s'", store->dir,
			       name);
	else
		rc = spool_file_put(store->spool, name, b.s, b.len, 0700, err);
	if (fd >= 0)
		close(fd);
	buf_release(&b);
	return rc;
}

static int get_env(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	char *name = mem_printf("env/%" PRId64, version);
	int rc = spool_file_get(store->spool, name, out, err);

	free(name);
	return rc;
}

/* What the sweep was submitted with before this version of it; SPOOL_NONE: it was not. */
static int env_of_sweep(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	int rc;

	while (!(rc = db_version_before(store->db, version, &version, err))) {
		rc = get_env(store, version, out, err);
		if (rc != SPOOL_NONE)
			return rc;
	}
	return rc == DB_NONE ? SPOOL_NONE : -1;
}

/* A job that chains into a sweep which nobody has submitted by hand yet must not lend it its own environment: it
 * takes what another one was submitted with, until somebody does. */
static int borrow_env(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	int rc = SPOOL_NONE;

	while (rc == SPOOL_NONE && --version > 0)
		rc = get_env(store, version, out, err);
	return rc;
}

/* Store what the sweep's jobs get: what those of its earlier versions got, else (or with renew) the caller's own.
 * *taken: it was that. */
static int put_env(struct store *store, int64_t version, bool renew, bool *taken, struct err *err)
{
	char *name = mem_printf("env/%" PRId64, version);
	struct strs env = {0};
	struct buf text = {0};
	int rc = renew ? SPOOL_NONE : env_of_sweep(store, version, &text, err);

	*taken = rc == SPOOL_NONE;
	if (*taken) {
		env_capture(environ, &env);
		env_encode(&env, &text);
		rc = 0;
	}
	if (!rc)
		rc = spool_file_put(store->spool, name, buf_str(&text), text.len, 0600, err);
	strs_release(&env);
	buf_release(&text);
	free(name);
	return rc;
}

static bool env_missing(struct store *store, int64_t version)
{
	char *name = mem_printf("env/%" PRId64, version);
	bool there = spool_file_exists(store->spool, name);

	free(name);
	return !there;
}

static int provide(struct store *store, int64_t version, bool user, bool renew, bool *stored,
		   struct err *err)
{
	char *bin = mem_printf("bin/%" PRId64, version);
	char *script = mem_printf("env/%" PRId64 ".script", version);
	struct db_version row = {0};
	int rc = 0;

	if (spool_folder_make(store->spool, "env", err) ||
	    spool_folder_make(store->spool, "bin", err))
		rc = -1;
	*stored = false;
	if (!rc && user && (renew || env_missing(store, version)))
		rc = put_env(store, version, renew, stored, err);
	FAILPOINT("claim-env");
	if (!rc && !spool_file_exists(store->spool, bin)) {
		rc = db_version_get(store->db, version, &row, err) ? -1 : 0;
		if (!rc && row.script && !spool_file_exists(store->spool, script))
			rc = spool_file_put(store->spool, script, row.script, strlen(row.script),
					    0700, err);
		if (!rc)
			rc = put_binary(store, bin, err);
		FAILPOINT("claim-binary");
	}
	db_version_release(&row);
	free(bin);
	free(script);
	return rc;
}

int claim_provide(struct store *store, struct batches *b, bool user, bool renew, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (provide(store, b->v[i].sub.version, user, renew, &b->v[i].env_stored, err))
			return -1;
	return 0;
}

static int provide_sweep(struct store *store, const struct db_sweep *s, bool renew, struct err *err)
{
	int64_t open = s->jobs - s->counts[JOB_COMPLETED];
	bool taken;

	if (renew ? !open : !s->counts[JOB_PENDING] || !env_missing(store, s->version))
		return 0;
	return put_env(store, s->version, renew, &taken, err);
}

int claim_environments(struct store *store, bool renew, struct err *err)
{
	struct db_sweep *v;
	size_t n;
	int rc = 0;

	if (!proc_on_path("sbatch"))
		return 0;
	if (spool_folder_make(store->spool, "env", err) || db_sweeps(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && !rc; i++)
		rc = provide_sweep(store, &v[i], renew, err);
	db_sweeps_free(v, n);
	return rc ? -1 : 0;
}

void claim_env_forget(struct store *store, const struct batch *b)
{
	char *env = mem_printf("env/%" PRId64, b->sub.version);

	spool_file_remove(store->spool, env, NULL);
	free(env);
}

/* ---- the sbatch ---- */

char *queue_output(const char *path)
{
	struct buf b = {0};

	for (; *path; path++) {
		if (*path == '%')
			buf_addch(&b, '%');
		buf_addch(&b, *path);
	}
	return buf_take(&b);
}

/* The log of task 0, with its index as sbatch's %a where it is an array. */
static char *output_pattern(const struct store *store, const struct batch *b)
{
	char *path = store_log_path(store, b->sub.first, b->sub.id, 0);
	char *pattern = queue_output(path), *out;
	size_t n = strlen(pattern) - strlen("0.log");

	if (b->njobs == 1) {
		free(path);
		return pattern;
	}
	out = mem_printf("%.*s%%a.log", (int)n, pattern);
	free(pattern);
	free(path);
	return out;
}

char *queue_script(const struct store *store, int64_t version, const struct strs *env,
		   const char *directives, const char *remark, const char *arguments)
{
	struct buf out = {0};
	char *bin = store_path(store, "bin/%" PRId64, version);
	const char *conf = env_get(env, "SLURM_CONF");

	buf_addstr(&out, "#!/bin/sh\n");
	if (*directives) {
		buf_addstr(&out, directives);
		if (out.s[out.len - 1] != '\n')
			buf_addch(&out, '\n');
	}
	buf_addf(&out, "# slurmq: %s\n", remark);
	if (env_get(env, NO_EXPORT)) {
		/* Slurm's own steps in this job are to have what this job has (srun(1), --export); and all
		 * of sbatch's that begins with SLURM comes along */
		buf_addf(&out, "unset SLURM_EXPORT_ENV %s\n", NO_EXPORT);
		if (conf) {
			buf_addstr(&out, "SLURM_CONF=");
			buf_add_shell_word(&out, conf);
			buf_addstr(&out, "\nexport SLURM_CONF\n");
		}
	}
	buf_addstr(&out, "SLURMQ_DIR=");
	buf_add_shell_word(&out, store->dir);
	buf_addstr(&out, "\nexport SLURMQ_DIR\nexec ");
	buf_add_shell_word(&out, bin);
	buf_addf(&out, " %s\n", arguments);
	free(bin);
	return buf_take(&out);
}

static char *script_text(const struct store *store, const struct batch *b, const struct strs *env)
{
	char *remark =
		mem_printf("%s, %zu job%s", b->sweep_name, b->njobs, b->njobs == 1 ? "" : "s");
	char *arguments = mem_printf("run %016" PRIx64, b->sub.id);
	char *text = queue_script(store, b->sub.version, env, b->directives, remark, arguments);

	free(remark);
	free(arguments);
	return text;
}

int queue_environment(struct store *store, int64_t version, struct strs *env, struct strs *options,
		      struct err *err)
{
	char *how = NULL;
	struct buf text = {0};
	int rc = get_env(store, version, &text, err);

	if (rc == SPOOL_NONE)
		rc = env_of_sweep(store, version, &text, err);
	if (rc == SPOOL_NONE)
		rc = borrow_env(store, version, &text, err);
	if (rc == SPOOL_NONE) /* a preview before the first submit */
		env_capture(environ, env);
	else if (!rc)
		rc = env_decode(buf_str(&text), text.len, env, err);
	buf_release(&text);
	if (rc < 0 || db_setting_get(store->db, "environment", &how, err) < 0)
		return -1;
	if (how && !strcmp(how, "none")) {
		/* the job's, that is, and not that of sbatch, which has to be found (sbatch(1), --export) */
		strs_add(options, "--export=NONE");
		env_set(env, NO_EXPORT, "1");
	}
	free(how);
	return 0;
}

int submission_prepare(struct store *store, const struct batch *b, struct slurm_submission *s,
		       struct submission_text *own, struct err *err)
{
	memset(s, 0, sizeof(*s));
	memset(own, 0, sizeof(*own));
	if (queue_environment(store, b->sub.version, &own->env, &own->options, err))
		return -1;
	for (size_t i = 0; i < b->options.n; i++)
		strs_add(&own->options, b->options.v[i]);
	own->name = mem_printf("%s.%016" PRIx64, b->sweep_name, b->sub.id);
	own->output = output_pattern(store, b);
	own->script = script_text(store, b, &own->env);
	s->name = own->name;
	s->ntasks = (int)b->njobs;
	s->output = own->output;
	s->chdir = b->chdir;
	if (b->exclude)
		strs_addf(&own->options, "--exclude=%s", b->exclude);
	s->options = (const char *const *)own->options.v;
	s->requeue = b->restartable;
	s->script = own->script;
	s->envp = (const char *const *)own->env.v;
	return 0;
}

void submission_text_release(struct submission_text *own)
{
	free(own->name);
	free(own->output);
	free(own->script);
	strs_release(&own->env);
	strs_release(&own->options);
	memset(own, 0, sizeof(*own));
}
