/*
 * limit_group.c - learns the limits of each account, partition and QOS from refusals.
 *
 * Slurm does not show a plain user which limits apply to a job: those of its QOS, of the QOS of its
 * partition, or of its account. So only a refusal proves that a limit is reached. After a refusal,
 * smaller and smaller submissions find how many jobs fit; the first guess is the number that Slurm
 * reports.
 *
 * Then the group is blocked: for a while it gets no more than the jobs in flight at that time
 * (including those that are just leaving). Other groups go on. A job of the group that ends makes
 * room below that number. After 5 s, doubled each time up to 5 minutes, one more job is tried. If
 * Slurm accepts it, the group is no longer blocked.
 *
 * No sweep depends on a block: a lost block costs one refusal, and one that is too narrow ends by
 * itself.
 */
#include "chain/limit_group.h"

#include <stdlib.h>
#include <string.h>

#include "slurm/directive.h"
#include "sweep/policy.h"

#include "lib/clock.h"

enum { FIRST_MS = 5 * 1000, MOST_MS = 5 * 60 * 1000, TRY_MS = 60 * 1000, LEAVING_MS = 3000 };

void limit_groups_release(struct limit_groups *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		free(ps->v[i]->key);
		free(ps->v[i]);
	}
	free(ps->v);
	free(ps->versions);
	memset(ps, 0, sizeof(*ps));
}

struct limit_group *limit_groups_get(struct limit_groups *ps, const char *key)
{
	struct limit_group *p;

	for (size_t i = 0; i < ps->n; i++)
		if (!strcmp(ps->v[i]->key, key))
			return ps->v[i];
	p = mem_alloc(sizeof(*p));
	p->key = mem_strdup(key);
	p->cap = p->hi = -1;
	p->room = -1;
	ps->v = mem_grow(ps->v, ps->n + 1, sizeof(struct limit_group *));
	return ps->v[ps->n++] = p;
}

struct limit_group *limit_groups_of_version(const struct limit_groups *ps, int64_t version)
{
	for (size_t i = 0; i < ps->nversions; i++)
		if (ps->versions[i].version == version)
			return ps->versions[i].limit_group;
	return NULL;
}

void limit_groups_set_version(struct limit_groups *ps, int64_t version, struct limit_group *p)
{
	if (limit_groups_of_version(ps, version))
		return;
	ps->versions = mem_grow(ps->versions, ps->nversions + 1, sizeof(*ps->versions));
	ps->versions[ps->nversions++] = (struct limit_group_version){version, p};
}

/* ---- the group of a job ---- */

static void find_parts(const struct strs *options, char *parts[3])
{
	static const char *const names[3] = {"--account", "--partition", "--qos"};

	for (int i = 0; i < 3; i++) {
		const char *value = policy_option(options, names[i]);

		if (!value)
			continue;
		free(parts[i]);
		parts[i] = mem_strdup(value);
	}
}

char *limit_group_key(const struct strs *options, const char *directives)
{
	char *parts[3] = {NULL, NULL, NULL}, *key;
	struct strs script = {0};

	directives_list(directives ? directives : "", &script);
	find_parts(&script, parts);
	find_parts(options, parts);
	key = mem_printf("%s/%s/%s", parts[0] ? parts[0] : "", parts[1] ? parts[1] : "",
			 parts[2] ? parts[2] : "");
	for (int i = 0; i < 3; i++)
		free(parts[i]);
	strs_release(&script);
	return key;
}

void limit_group_options(const char *key, struct strs *options)
{
	static const char *const names[3] = {"account", "partition", "qos"};

	for (int i = 0; i < 3; i++) {
		size_t n = strcspn(key, "/");

		if (n)
			strs_addf(options, "--%s=%.*s", names[i], (int)n, key);
		key += n + (key[n] == '/');
	}
}

/* ---- blocks ---- */

static int write_block(struct db *db, const struct limit_group *p, struct err *err)
{
	const struct db_block b = {.limit_group = p->key,
				   .cap = p->cap,
				   .until = p->until,
				   .pause = p->pause,
				   .trying = p->trying};

	return db_block_set(db, &b, err);
}

static int drop_block(struct db *db, struct limit_group *p, struct err *err)
{
	p->cap = -1;
	p->trying = false;
	return db_block_drop(db, p->key, err);
}

int limit_groups_unblock(struct db *db, struct err *err)
{
	return db_blocks_drop(db, err);
}

static int read_blocks(struct limit_groups *ps, struct db *db, bool *any, struct err *err)
{
	struct db_block *v;
	size_t n;
	int rc = db_blocks(db, &v, &n, err);

	for (size_t i = 0; i < n; i++) {
		struct limit_group *p = limit_groups_get(ps, v[i].limit_group);

		p->cap = v[i].cap;
		p->until = v[i].until;
		p->pause = v[i].pause;
		p->trying = v[i].trying;
		*any = true;
	}
	db_blocks_free(v, n);
	return rc;
}

static int count_flying(struct limit_groups *ps, struct db *db, struct err *err)
{
	struct strs names = {0};
	int64_t *n = NULL;
	int rc = db_limit_groups(db, &names, &n, err);

	for (size_t i = 0; i < names.n && !rc; i++)
		limit_groups_get(ps, names.v[i])->flying = n[i];
	strs_release(&names);
	free(n);
	return rc;
}

/* Returns in *cap how many jobs in flight the group gets after a refusal. Jobs that were just
 * ingested as ended still hold their slots until Slurm has removed them. So a refusal in that
 * time proves little, and the group gets that many more. */
static int compute_cap(struct db *db, const struct limit_group *p, int64_t now, int64_t limit,
		       int64_t *cap, struct err *err)
{
	int64_t leaving;

	if (db_ends_since(db, now - LEAVING_MS, &leaving, err))
		return -1;
	*cap = p->flying + leaving;
	if (*cap > limit) /* no more jobs than the limit are ever in Slurm */
		*cap = limit > p->flying ? limit : p->flying;
	return 0;
}

int limit_groups_load(struct limit_groups *ps, struct db *db, int64_t in_flight, int64_t limit,
		      bool *changed, struct err *err)
{
	bool any = false;

	ps->now = clock_now_ms();
	ps->idle = !in_flight;
	for (size_t i = 0; i < ps->n; i++) {
		ps->v[i]->cap = -1;
		ps->v[i]->flying = ps->v[i]->taken = 0;
		ps->v[i]->trying = false;
		any = any || ps->v[i]->full;
	}
	if (read_blocks(ps, db, &any, err) || (any && count_flying(ps, db, err)))
		return -1;
	for (size_t i = 0; i < ps->n; i++) {
		struct limit_group *p = ps->v[i];

		if (!p->full || p->written)
			continue;
		p->pause = p->cap < 0 ? FIRST_MS : p->pause < MOST_MS / 2 ? p->pause * 2 : MOST_MS;
		if (compute_cap(db, p, ps->now, limit, &p->cap, err))
			return -1;
		p->until = ps->now + p->pause;
		p->trying = false;
		p->written = *changed = true;
		if (write_block(db, p, err))
			return -1;
	}
	ps->any = any;
	return 0;
}

int limit_groups_accepted(struct limit_groups *ps, struct db *db, const char *key, struct err *err)
{
	struct limit_group *p = limit_groups_get(ps, key);

	return p->cap >= 0 && p->trying ? drop_block(db, p, err) : 0;
}

int64_t limit_group_room(const struct limit_groups *ps, const struct limit_group *p)
{
	int64_t room = INT64_MAX;

	if (p->full)
		return 0;
	if (p->room >= 0)
		room = p->room;
	if (p->cap >= 0) {
		int64_t left = p->cap > p->flying ? p->cap - p->flying : 0;

		if (ps->now >= p->until || p->until - ps->now > MOST_MS)
			left++; /* one more is tried: there may be more room by now */
		if (ps->idle && left < 1)
			left = 1;
		if (left < room)
			room = left;
	}
	return room > p->taken ? room - p->taken : 0;
}

int limit_groups_taken(struct limit_groups *ps, struct db *db, struct err *err)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct limit_group *p = ps->v[i];

		if (p->cap < 0 || p->flying + p->taken <= p->cap)
			continue;
		p->until = ps->now + TRY_MS; /* the time that sbatch has */
		p->trying = true;
		if (write_block(db, p, err))
			return -1;
	}
	return 0;
}

/* ---- for status ---- */

static void split_key(const char *key, struct limit_group_block *b)
{
	char **parts[3] = {&b->account, &b->partition, &b->qos};

	for (int i = 0; i < 3; i++) {
		size_t n = i < 2 ? strcspn(key, "/") : strlen(key);

		*parts[i] = mem_strndup(key, n);
		key += n + (key[n] == '/');
	}
}

void limit_group_blocks_release(struct limit_group_block *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].account);
		free(v[i].partition);
		free(v[i].qos);
	}
	free(v);
}

int limit_groups_show(struct db *db, struct limit_group_block **v, size_t *n, struct err *err)
{
	struct limit_groups ps = {.now = clock_now_ms()};
	bool any = false, others = false;
	int rc = read_blocks(&ps, db, &any, err);

	*v = NULL;
	*n = 0;
	if (!rc && any)
		rc = count_flying(&ps, db, err);
	for (size_t i = 0; i < ps.n; i++)
		others = others || (ps.v[i]->cap < 0 && ps.v[i]->flying);
	for (size_t i = 0; i < ps.n && !rc; i++) {
		const struct limit_group *p = ps.v[i];
		struct limit_group_block *b;

		if (p->cap < 0)
			continue;
		*v = mem_grow(*v, *n + 1, sizeof(**v));
		b = &(*v)[(*n)++];
		split_key(p->key, b);
		b->in_flight = p->cap;
		b->until = p->until;
		b->others = others;
	}
	limit_groups_release(&ps);
	return rc;
}

/* ---- guessing the limit ---- */

void limit_group_refused(struct limit_group *p, int64_t n)
{
	if (p->hi < 0 || p->lo + n < p->hi)
		p->hi = p->lo + n;
	p->feel = true;
}

void limit_group_took(struct limit_group *p, int64_t n)
{
	p->lo += n;
	p->feel = p->hi >= 0;
}

bool limit_groups_feel(const struct limit_groups *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->v[i]->feel)
			return true;
	return false;
}

void limit_groups_guess(struct limit_groups *ps, int64_t free_slots)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct limit_group *p = ps->v[i];
		int64_t open = p->hi - p->lo; /* this many at once were too many */

		if (!p->feel)
			continue;
		p->feel = false;
		p->room = free_slots >= 0 && free_slots < open ? free_slots : open / 2;
		p->full = p->room == 0;
	}
}
