/*
 * claim.c - from pending rows to what one sbatch takes: rendered and grouped.
 */
#include "chain/claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/breaker.h"
#include "lib/clock.h"
#include "sweep/policy.h"
#include "sweep/sweep.h"

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

	if (!nodes->n || nodes->n > BREAKER_NODES_MOST)
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
	struct limit_groups *limit_groups;
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
	struct limit_group *limit_group;
};

static void kind_of(struct choice *c, const struct db_job *job, const struct plan *plan,
		    struct kind *k)
{
	char *key;

	memset(k, 0, sizeof(*k));
	k->directives = plan->directives ? plan->directives : "";
	job_options(job, plan, c->now, &k->options);
	k->chdir = take_chdir(c->store->root, &k->options);
	key = limit_group_key(&k->options, k->directives);
	k->limit_group = limit_groups_get(c->limit_groups, key);
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
	b->limit_group = k->limit_group;
	b->directives = mem_strdup(k->directives);
	b->sweep = job->sweep;
	b->sweep_name = mem_strdup(job->sweep_name);
	b->sub.version = job->version;
	b->sub.limit_group = mem_strdup(k->limit_group->key);
	b->restartable = sweep_restartable(ld->sweep);
	b->checkpoint = checkpoint ? mem_strdup(checkpoint) : NULL;
	b->exclude = exclusion(&c->nodes, k->directives, &b->options);
	return b;
}

/* Put a job into the batch of its kind; takes job, plan and kind over. */
static void batch_job(struct choice *c, const struct loaded *ld, struct db_job *job,
		      struct plan *plan, struct kind *k)
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

/* One pending job: 1 where it was taken (or held: it is out of the way), 0 where its limit_group has no room. With
 * look, nothing is taken: only what would be. */
static int choose_one(struct choice *c, struct db_job *job, bool look, struct err *err)
{
	struct plan plan = {0};
	struct err why = {0};
	struct loaded *ld;
	struct limit_group *limit_group;
	struct kind k;
	bool uniform;

	if (loader_get(c->loader, c->store->db, job->version, &ld, &why))
		return look || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	uniform = sweep_sbatch_uniform(ld->sweep) && !job->options && !job->again.options;
	limit_group = uniform ? limit_groups_of_version(c->limit_groups, job->version) : NULL;
	if (limit_group && !limit_group_room(c->limit_groups, limit_group))
		return 0;
	if (sweep_plan(ld->sweep, &job->point, job->id, &plan, &why)) {
		plan_release(&plan);
		return look || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	}
	wait_no_longer(job, ld->sweep, c->now);
	kind_of(c, job, &plan, &k);
	if (uniform)
		limit_groups_set_version(c->limit_groups, job->version, k.limit_group);
	if (look || !limit_group_room(c->limit_groups, k.limit_group)) {
		int rc = limit_group_room(c->limit_groups, k.limit_group) > 0;

		strs_release(&k.options);
		free(k.chdir);
		plan_release(&plan);
		return rc;
	}
	k.limit_group->taken++;
	c->taken++;
	batch_job(c, ld, job, &plan, &k);
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
static int leap_over_blocked(struct choice *c, struct spot *s, struct err *err)
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
	int rc = leap_over_blocked(c, s, err);

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

int claim_jobs_choose(struct store *store, struct loader *l, struct limit_groups *limit_groups,
		      int64_t n, int64_t max_array, struct batches *out, struct err *err)
{
	struct choice c = {.store = store,
			   .loader = l,
			   .limit_groups = limit_groups,
			   .out = out,
			   .max_array = max_array,
			   .now = clock_now_ms(),
			   .wanted = n};
	struct spot spot = {INT64_MAX, 0};
	int64_t size = limit_groups->any && n < SLICE_LEAST ? SLICE_LEAST : n;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	rc = breaker_nodes(store->db, &c.nodes, err);
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

int claim_ids_assign(struct store *store, struct batches *b, struct err *err)
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

int claim_rows_write(struct store *store, struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (db_claim(store->db, &b->v[i].sub, b->v[i].jobs, b->v[i].njobs, err))
			return -1;
	return 0;
}
