/*
 * claim.c - renders pending jobs and groups them into the batches that sbatch submits.
 */
#include "chain/claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain/breaker.h"
#include "chain/limits.h"
#include "lib/clock.h"
#include "lib/env.h"
#include "slurm/directive.h"
#include "sweep/policy.h"
#include "sweep/sweep.h"

/* Adds --begin to the options of a job that must not start yet (sbatch(1)). So Slurm holds the
 * job in its queue: the job continues the chain, and no process must stay or check again for
 * it. The job costs a slot, so such jobs are claimed after all others. The delay is rounded to
 * steps of 10 s, so that jobs that failed together share an array. It is relative, since the
 * clocks of hosts differ. */
static void add_begin_option(const struct db_job *job, int64_t now, struct strs *out)
{
	int64_t s = (job->again.due - now + 999) / 1000;

	if (job->again.due > now)
		strs_addf(out, "--begin=now+%" PRId64, s > 60 ? (s + 9) / 10 * 10 : s);
}

/* Adds the rendered options, then those of the job and of its retry: sbatch applies the last
 * value of an option. */
static void collect_options(const struct db_job *job, const struct plan *plan, int64_t now,
			    struct strs *out)
{
	for (size_t i = 0; i < plan->sbatch.n; i++)
		strs_add(out, plan->sbatch.v[i]);
	strs_add_lines(out, job->options);
	strs_add_lines(out, job->again.options);
	add_begin_option(job, now, out);
}

/* Returns the value of --exclude: the user's own and the suspect nodes. Returns NULL if no
 * node is excluded, or if the user's options do not allow an addition. The caller frees the
 * value. */
static char *render_exclude(const struct strs *nodes, const char *directives,
			    const struct strs *options)
{
	struct strs all = {0};
	struct buf b = {0};
	const char *own;

	if (!nodes->n || nodes->n > BREAKER_NODES_MOST)
		return NULL;
	directives_list(directives, &all);
	for (size_t i = 0; i < options->n; i++)
		strs_add(&all, options->v[i]);
	own = policy_option(&all, "--exclude");
	if (!policy_option(&all, "--nodelist") && !policy_option(&all, "--nodefile") &&
	    !(own && strchr(own, '/'))) { /* with a slash, --exclude names a file */
		if (own)
			buf_addstr(&b, own);
		for (size_t i = 0; i < nodes->n; i++)
			buf_addf(&b, "%s%s", b.len ? "," : "", nodes->v[i]);
	}
	strs_release(&all);
	return b.len ? buf_take(&b) : NULL;
}

/* Returns the folder that chdir names: ~, $HOME and ${HOME} at the begin are expanded, and a relative
 * path is below root. The caller frees it. */
static char *make_folder_path(const char *root, const char *path)
{
	const char *after = env_after_home(path), *home = getenv("HOME");

	if (after && home)
		return mem_printf("%s%s", home, after);
	return *path == '/' ? mem_strdup(path) : mem_printf("%s/%s", root, path);
}

/* Returns the folder that --chdir names, in the options or else in the script: below root if it
 * is relative, root if there is none. The caller frees the folder. */
static char *find_chdir(const char *root, const struct strs *options, const char *directives)
{
	struct strs script = {0};
	const char *dir = policy_option(options, "--chdir");
	char *path;

	directives_list(directives, &script);
	if (!dir)
		dir = policy_option(&script, "--chdir");
	path = dir ? make_folder_path(root, dir) : mem_strdup(root);
	strs_release(&script);
	return path;
}

/* Removes the options --chdir from the list: slurm_sbatch_argv() adds one. */
static void remove_chdir(struct strs *options)
{
	size_t to = 0;

	for (size_t i = 0; i < options->n; i++) {
		if (strncmp(options->v[i], "--chdir=", 8) != 0)
			options->v[to++] = options->v[i];
		else
			free(options->v[i]);
	}
	options->n = to;
	if (options->v)
		options->v[to] = NULL;
}

/* Returns whether a text passes the job's id to a command of Slurm. */
static bool uses_own_id(const char *text)
{
	static const char *const tools[] = {"scontrol", "scancel", "squeue", "sacct", "sstat"};

	if (!text || (!strstr(text, "SLURM_JOB_ID") && !strstr(text, "SLURM_JOBID")))
		return false;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strstr(text, tools[i]))
			return true;
	return false;
}

/* Returns whether the job must not be in an array. The last task of an array to start has the
 * array's own id as SLURM_JOB_ID, and with this id scontrol, scancel and squeue act on all tasks
 * (seen on Slurm 22.05.8). Without `restartable`, Slurm refuses to requeue a job. */
static bool needs_own_id(const struct sweep *sweep, const struct plan *plan)
{
	if (sweep_restartable(sweep) || uses_own_id(sweep_script_text(sweep)))
		return true;
	for (size_t i = 0; i < plan->nsteps; i++)
		for (size_t k = 0; k < plan->steps[i].argv.n; k++)
			if (uses_own_id(plan->steps[i].argv.v[k]))
				return true;
	return false;
}

/* Renders what the jobs of an array have in common. alone: the id of a job that must not be in
 * an array, else 0. */
static char *render_group(int64_t version, int64_t alone, const char *chdir, const char *directives,
			  const struct strs *options)
{
	struct buf b = {0};

	buf_addf(&b, "%" PRId64 " %" PRId64 "\n%s\n%s\n", version, alone, chdir, directives);
	for (size_t i = 0; i < options->n; i++)
		buf_addf(&b, "%s\n", options->v[i]);
	return buf_take(&b);
}

static struct batch *find_batch(struct batches *bs, const char *group, int64_t max_array)
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

/* The state of one claim_jobs_choose(). */
struct choice {
	struct store *store;
	struct loader *loader;
	struct limit_groups *limit_groups;
	struct batches *out;
	int64_t max_array, now;
	int64_t wanted, chosen;
	struct strs nodes; /* the suspect nodes (breaker.h) */
	struct sweep_room {
		int64_t sweep, room; /* how many more of its jobs may be in Slurm */
		bool paused;
	} * rooms;
	size_t nrooms;
};

/* A job's options for sbatch, and the folder that it runs in. */
struct kind {
	struct strs options;
	char *chdir;
	const char *directives;
	struct limit_group *limit_group;
};

static void find_kind(struct choice *c, const struct db_job *job, const struct plan *plan,
		      struct kind *k)
{
	char *key;

	memset(k, 0, sizeof(*k));
	k->directives = plan->directives ? plan->directives : "";
	collect_options(job, plan, c->now, &k->options);
	k->chdir = find_chdir(c->store->root, &k->options, k->directives);
	remove_chdir(&k->options);
	key = limit_group_key(&k->options, k->directives);
	k->limit_group = limit_groups_get(c->limit_groups, key);
	free(key);
}

static struct batch *add_batch(struct choice *c, const struct loaded *ld, const struct db_job *job,
			       struct kind *k)
{
	const char *checkpoint = sweep_checkpoint(ld->sweep);
	const char *script = sweep_script_path(ld->sweep);
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
	b->setup = sweep_setup_place(ld->sweep);
	if (script)
		b->script =
			mem_printf("script/%" PRId64 "/%s", job->version, strrchr(script, '/') + 1);
	b->notice_s = sweep_notice_s(ld->sweep);
	b->exclude = render_exclude(&c->nodes, k->directives, &b->options);
	return b;
}

/* Adds a job to the batch of its kind. Moves job, plan and kind into the batch. */
static void put_job_in_batch(struct choice *c, const struct loaded *ld, struct db_job *job,
			     struct plan *plan, struct kind *k)
{
	int64_t alone = needs_own_id(ld->sweep, plan) ? job->id : 0;
	char *group = render_group(job->version, alone, k->chdir, k->directives, &k->options);
	struct batch *b = find_batch(c->out, group, c->max_array);

	if (b) {
		strs_release(&k->options);
		free(k->chdir);
		free(group);
	} else {
		b = add_batch(c, ld, job, k);
		b->group = group;
	}
	add_to_batch(b, job, plan);
}

/* Limits the time of the next try to the longest delay of the policy. The clock of another host
 * set that time, and may be a day ahead. */
static void limit_due_time(struct db_job *job, const struct sweep *sweep, int64_t now)
{
	int64_t latest = now + policy_longest_delay(sweep_retry(sweep)) * 1000;

	if (job->again.due > latest)
		job->again.due = latest;
}

/* Reads how many jobs of a sweep may be in Slurm: none if it is paused, else the setting
 * limit.SWEEP, else the file's limit. */
static int read_room(struct choice *c, const struct db_job *job, const struct sweep *sweep,
		     struct sweep_room *room, struct err *err)
{
	struct db_sweep row = {0};
	int64_t limit;
	int rc = limits_sweep(c->store, job->sweep_name, sweep, &limit, err);

	if (!rc)
		rc = db_sweep_get(c->store->db, job->sweep, &row, err);
	room->sweep = job->sweep;
	room->paused = row.paused;
	room->room = row.paused ? 0
		     : limit	? limit - row.counts[JOB_SUBMITTING] - row.counts[JOB_QUEUED] -
				       row.counts[JOB_RUNNING]
			     : INT64_MAX;
	db_sweep_release(&row);
	return rc < 0 ? -1 : 0;
}

/* Sets *out to the room of the job's sweep, which c owns. */
static int get_room(struct choice *c, const struct db_job *job, const struct sweep *sweep,
		    struct sweep_room **out, struct err *err)
{
	struct sweep_room room;

	for (size_t i = 0; i < c->nrooms; i++) {
		*out = &c->rooms[i];
		if (c->rooms[i].sweep == job->sweep)
			return 0;
	}
	if (read_room(c, job, sweep, &room, err))
		return -1;
	c->rooms = mem_grow(c->rooms, c->nrooms + 1, sizeof(*c->rooms));
	*out = &c->rooms[c->nrooms++];
	**out = room;
	return 0;
}

/* What choose_job() returns besides -1. */
enum {
	CHOICE_BLOCKED = 0, /* the limit group has no room */
	CHOICE_DONE = 1,    /* the job was chosen, or held */
	CHOICE_FULL = 3,    /* the sweep has no room, or is paused */
};

/* Chooses one pending job. If probe is set, returns the same but changes nothing. */
static int choose_job(struct choice *c, struct db_job *job, bool probe, struct err *err)
{
	struct plan plan = {0};
	struct err why = {0};
	struct loaded *ld;
	struct limit_group *limit_group;
	struct sweep_room *room;
	struct kind k;
	bool uniform;

	if (loader_get(c->loader, c->store->db, job->version, &ld, &why))
		return probe || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	if (get_room(c, job, ld->sweep, &room, err))
		return -1;
	if (room->paused)
		return CHOICE_FULL;
	if (room->room <= 0) {
		free(c->out->full_sweep);
		c->out->full_sweep = mem_strdup(job->sweep_name);
		return CHOICE_FULL;
	}
	uniform = sweep_sbatch_uniform(ld->sweep) && !job->options && !job->again.options;
	limit_group = uniform ? limit_groups_of_version(c->limit_groups, job->version) : NULL;
	if (limit_group && !limit_group_room(c->limit_groups, limit_group))
		return 0;
	if (sweep_plan(ld->sweep, &job->point, job->id, &plan, &why)) {
		plan_release(&plan);
		return probe || !db_job_refuse(c->store->db, job, why.msg, err) ? 1 : -1;
	}
	limit_due_time(job, ld->sweep, c->now);
	find_kind(c, job, &plan, &k);
	if (uniform)
		limit_groups_set_version(c->limit_groups, job->version, k.limit_group);
	if (probe || !limit_group_room(c->limit_groups, k.limit_group)) {
		int rc = limit_group_room(c->limit_groups, k.limit_group) > 0;

		strs_release(&k.options);
		free(k.chdir);
		plan_release(&plan);
		return rc;
	}
	k.limit_group->taken++;
	room->room--;
	c->chosen++;
	put_job_in_batch(c, ld, job, &plan, &k);
	return 1;
}

/* A place in the order of claiming: priority descending, id ascending. */
struct spot {
	int64_t priority, id;
};

/* Moves *s to the first pending job of its priority from there on. Returns 1 if that job can be
 * chosen, 0 if it is blocked, SPOT_END if no job of that priority is left. */
enum { SPOT_END = 2 };

static int probe_spot(struct choice *c, struct spot *s, struct err *err)
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
		rc = choose_job(c, job, true, err);
		if (rc == CHOICE_FULL)
			rc = CHOICE_BLOCKED;
	}
	db_jobs_free(job, n);
	return rc;
}

/* Moves *s past blocked jobs: all before *s, and many after it, are blocked. Jobs that differ
 * come in runs, since the first parameter varies slowest. So the search doubles its step until a
 * job is free, then bisects back to the start of the run. Returns 0 if *s is the place to continue,
 * DB_NONE if no job of this priority is free. Among a million jobs this takes about forty seeks. */
static int leap_over_blocked(struct choice *c, struct spot *s, struct err *err)
{
	int64_t lo = s->id, hi = -1, step = 256;
	int rc = 0;

	while (hi < 0 && step < INT64_MAX / 4) {
		struct spot at = {s->priority, lo + step};

		rc = probe_spot(c, &at, err);
		if (rc < 0)
			return -1;
		if (rc)
			hi = lo + step; /* free, or the end: a job before it may be free */
		else
			lo = at.id;
		step *= 2;
	}
	s->id = rc == 1 ? hi : -1;
	while (hi - lo > 1) {
		struct spot at = {s->priority, lo + (hi - lo) / 2};

		rc = probe_spot(c, &at, err);
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

/* Moves *s to the first pending job of a lower priority. Returns DB_NONE if there is none. */
static int skip_priority(struct choice *c, struct spot *s, struct err *err)
{
	struct db_job *job;
	size_t n;

	if (db_jobs_pending_from(c->store->db, s->priority - 1, 0, 1, &job, &n, err))
		return -1;
	if (n) {
		s->priority = job->priority;
		s->id = job->id;
	}
	db_jobs_free(job, n);
	return n ? 0 : DB_NONE;
}

/* Moves *s to the place to go on, after a slice of which no job was chosen. Returns DB_NONE if
 * there is no such place. */
static int skip_blocked_jobs(struct choice *c, struct spot *s, struct err *err)
{
	int rc = leap_over_blocked(c, s, err);

	return rc == DB_NONE ? skip_priority(c, s, err) : rc;
}

/* Moves *s past the jobs of a full sweep, of which job *s is one: an expand adds the jobs of one
 * sweep alone, so all up to the next one's first job are of that sweep. */
static int skip_full_sweep(struct choice *c, struct spot *s, struct err *err)
{
	int64_t next;
	int rc = db_version_next_job(c->store->db, s->id, &next, err);

	if (rc == DB_NONE)
		return skip_priority(c, s, err);
	s->id = next;
	return rc;
}

/* Chooses among the next pending jobs from *s on, and moves *s to the place to go on. Returns
 * DB_NONE if no more jobs can be chosen, CHOICE_FULL if it met a full sweep. */
static int choose_slice(struct choice *c, struct spot *s, int64_t size, struct err *err)
{
	int64_t before = c->chosen;
	struct db_job *jobs;
	bool held = false;
	size_t n;
	int rc = 0;

	if (db_jobs_pending_from(c->store->db, s->priority, s->id, size, &jobs, &n, err))
		return -1;
	for (size_t i = 0; i < n && rc >= 0 && rc != CHOICE_FULL && c->chosen < c->wanted; i++) {
		int64_t chosen = c->chosen;

		s->priority = jobs[i].priority;
		s->id = jobs[i].id;
		rc = choose_job(c, &jobs[i], false, err);
		s->id += rc != CHOICE_FULL;
		held = held || (rc == CHOICE_DONE && c->chosen == chosen);
	}
	db_jobs_free(jobs, n);
	if (rc < 0)
		return -1;
	if (rc == CHOICE_FULL) {
		rc = skip_full_sweep(c, s, err);
		return rc ? rc : CHOICE_FULL;
	}
	if ((int64_t)n < size || c->chosen == c->wanted)
		return DB_NONE;
	return c->chosen > before || held ? 0 : skip_blocked_jobs(c, s, err);
}

/* Chooses jobs whose next try is later, for the slots that no other job needs. */
static int choose_waiting(struct choice *c, struct err *err)
{
	struct db_job *jobs;
	size_t n;
	int rc = 0;

	if (db_jobs_waiting(c->store->db, c->wanted - c->chosen, &jobs, &n, err))
		return -1;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = choose_job(c, &jobs[i], false, err);
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
	for (int i = 0; i < SLICES_MOST && !rc; i++) {
		rc = choose_slice(&c, &spot, size, err);
		if (rc == CHOICE_FULL) { /* at most once for each expand and priority */
			rc = 0;
			i--;
		}
	}
	if (rc >= 0 && c.chosen < n)
		rc = choose_waiting(&c, err);
	strs_release(&c.nodes);
	free(c.rooms);
	return rc < 0 ? -1 : 0;
}

static uint64_t make_submission_id(void)
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
		b->v[i].sub.id = make_submission_id();
		b->v[i].sub.first = next;
		next += (int64_t)b->v[i].njobs;
	}
	return 0;
}

/* Returns the options of a batch as lines, for slurmq show. The caller frees them. */
static char *list_options(const struct batch *b)
{
	struct buf lines = {0};

	for (size_t i = 0; i < b->options.n; i++)
		buf_addf(&lines, "%s\n", b->options.v[i]);
	if (b->exclude)
		buf_addf(&lines, "--exclude=%s\n", b->exclude);
	return buf_take(&lines);
}

int claim_rows_write(struct store *store, struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		b->v[i].sub.options = list_options(&b->v[i]);
		if (db_claim(store->db, &b->v[i].sub, b->v[i].jobs, b->v[i].njobs, err))
			return -1;
	}
	return 0;
}
