#include "slurm/slurm_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * scontrol -o show assoc_mgr prints one line per association and one per QOS. A limit is printed as
 * Name=LIMIT(USED), with N for no limit. The output has the account rows of the whole cluster,
 * whichever user was queried. A QOS lists only users and accounts that have used it since slurmctld
 * started.
 */

struct count {
	int64_t limit, used; /* -1: none, unknown */
};

struct assoc {
	char *account, *parent;
	bool of_user, is_default;
	struct count grp, max; /* GrpSubmitJobs, MaxSubmitJobs */
	int64_t mine;	       /* number of the user's own jobs that count under this row */
	bool in_use;
};

struct qos {
	char *name;
	struct count grp, user, account;
};

struct state {
	struct assoc *assocs;
	struct qos *qoses; /* each QOS that this user has used */
	size_t nassocs, nqoses;
	struct slurm_limit *out;
};

/* Returns the value of " key=" (or of "key=" at the line's begin), up to a blank, and its length;
 * borrowed from line. NULL if there is none. */
static const char *find_field(const char *line, const char *key, size_t *len)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)); p += n) {
		if ((p == line || p[-1] == ' ' || p[-1] == '{') && p[n] == '=') {
			*len = strcspn(p + n + 1, " }\r\n");
			return p + n + 1;
		}
	}
	return NULL;
}

/* Returns a field up to its "(12)", never NULL; the caller frees the result. */
static char *copy_word(const char *line, const char *key)
{
	size_t len;
	const char *v = find_field(line, key, &len);

	return v ? mem_strndup(v, strcspn(v, "( }\r\n")) : mem_strdup("");
}

static int64_t parse_number(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len && len < 10 ? strtoll(s, NULL, 10) : -1;
}

/* Reads a limit like "20(13)", "N(13)" or "". */
static struct count read_count(const char *line, const char *key)
{
	struct count c = {-1, -1};
	size_t len;
	const char *v = find_field(line, key, &len), *paren;

	if (!v)
		return c;
	c.limit = parse_number(v);
	paren = memchr(v, '(', len);
	if (paren)
		c.used = parse_number(paren + 1);
	return c;
}

static int64_t clamp_at_0(int64_t n)
{
	return n < 0 ? 0 : n;
}

/* Replaces *out if c leaves less room. If users share the limit, the other users' jobs are
 * subtracted from it. */
static void keep_tightest(struct slurm_limit *out, struct count c, int64_t mine, const char *kind,
			  const char *name)
{
	struct buf b = {0};
	int64_t limit, used = clamp_at_0(mine < 0 ? c.used : mine);

	if (c.limit < 0)
		return;
	limit = clamp_at_0(c.limit - clamp_at_0(c.used - used));
	if (out->limit >= 0 && out->limit - clamp_at_0(out->used) <= limit - used)
		return;
	out->limit = limit;
	out->used = mine < 0 ? c.used : mine;
	free(out->from);
	buf_addf(&b, "%s ", kind);
	slurm_clean(&b, name, strlen(name), "");
	out->from = buf_take(&b);
}

/* Associations */

static void read_assoc(struct state *s, const char *line, char **uid)
{
	struct assoc a = {
		.account = copy_word(line, "Account"),
		.parent = copy_word(line, "ParentAccount"),
		.grp = read_count(line, "GrpSubmitJobs"),
		.max = read_count(line, "MaxSubmitJobs"),
	};
	char *user = copy_word(line, "UserName"), *def = copy_word(line, "DefAssoc");
	size_t len;
	const char *v = find_field(line, "UserName", &len), *paren = v ? memchr(v, '(', len) : NULL;

	a.of_user = *user != '\0';
	a.is_default = !strcmp(def, "Yes");
	if (a.of_user && paren && !*uid)
		*uid = mem_strndup(paren + 1, strspn(paren + 1, "0123456789"));
	s->assocs = mem_grow(s->assocs, s->nassocs + 1, sizeof(*s->assocs));
	s->assocs[s->nassocs++] = a;
	free(user);
	free(def);
}

/* Returns the row of an account itself, borrowed from s, or NULL. */
static struct assoc *find_account(struct state *s, const char *account)
{
	for (size_t i = 0; i < s->nassocs; i++)
		if (!s->assocs[i].of_user && !strcmp(s->assocs[i].account, account))
			return &s->assocs[i];
	return NULL;
}

/* Adds the user's jobs of one association to all accounts above it. */
static void count_upwards(struct state *s, const struct assoc *leaf)
{
	struct assoc *row = find_account(s, leaf->account);

	for (size_t depth = 0; row && depth < s->nassocs; depth++) {
		row->in_use = true;
		row->mine += clamp_at_0(leaf->grp.used);
		row = *row->parent ? find_account(s, row->parent) : NULL;
	}
}

/* Marks the associations that the user's jobs count under: those with jobs and the default one, or
 * all if there are none; and the accounts above. */
static void find_used_assocs(struct state *s)
{
	bool all = true;

	for (size_t i = 0; i < s->nassocs; i++) {
		struct assoc *a = &s->assocs[i];

		a->in_use = a->of_user && (a->is_default || a->grp.used > 0);
		all = all && !a->in_use;
	}
	for (size_t i = 0; i < s->nassocs; i++) {
		struct assoc *a = &s->assocs[i];

		if (a->of_user && (a->in_use || all)) {
			a->in_use = true;
			a->mine = clamp_at_0(a->grp.used);
			count_upwards(s, a);
		}
	}
}

/* QOS */

/* Returns whether "1000=" or "name(1000)=" names the key. */
static bool is_key_name(const char *p, const char *open, const char *key)
{
	size_t n = strlen(key), len = (size_t)(open - p);

	if (len == n + 1)
		return !memcmp(p, key, n);
	return len > n + 3 && p[len - n - 3] == '(' && !memcmp(p + len - n - 2, key, n) &&
	       p[len - 2] == ')';
}

/* Returns this key's braces of "User Limits= 0={...} 1000={...}", or NULL; the caller frees the
 * result. */
static char *copy_group(const char *line, const char *title, const char *key)
{
	const char *p = strstr(line, title), *end;

	for (p = p ? p + strlen(title) : NULL; p; p = end + 1) {
		const char *open = strchr(p, '{');

		end = open ? strchr(open, '}') : NULL;
		if (!end || memmem(p, (size_t)(open - p), " Limits=", 8))
			return NULL; /* the next title begins */
		if (is_key_name(p + strspn(p, " "), open, key))
			return mem_strndup(open, (size_t)(end - open) + 1);
	}
	return NULL;
}

/* Returns the tightest limit of the user's accounts in this QOS (MaxSubmitJobsPA). */
static struct count find_account_limit(const struct state *s, const char *line)
{
	struct count best = {-1, -1};

	for (size_t i = 0; i < s->nassocs; i++) {
		const struct assoc *a = &s->assocs[i];
		char *group = a->of_user && a->in_use
				      ? copy_group(line, "Account Limits=", a->account)
				      : NULL;
		struct count c = {-1, -1};

		if (group)
			c = read_count(group, "MaxSubmitJobsPA");
		free(group);
		if (c.limit >= 0 && (best.limit < 0 || c.limit - c.used < best.limit - best.used))
			best = c;
	}
	return best;
}

static void read_qos(struct state *s, const char *line, const char *uid)
{
	char *group = copy_group(line, "User Limits=", uid);
	struct qos q = {0};

	if (!group)
		return;
	q.name = copy_word(line, "QOS");
	q.grp = read_count(line, "GrpSubmitJobs");
	q.user = read_count(group, "MaxSubmitJobsPU");
	q.account = find_account_limit(s, line);
	free(group);
	s->qoses = mem_grow(s->qoses, s->nqoses + 1, sizeof(*s->qoses));
	s->qoses[s->nqoses++] = q;
}

/* The limit of all QOS and associations */

static bool qos_has_jobs(const struct state *s)
{
	for (size_t i = 0; i < s->nqoses; i++)
		if (s->qoses[i].user.used > 0)
			return true;
	return false;
}

/* Returns the tightest limit of one QOS; the caller frees from. */
static struct slurm_limit read_qos_limit(const struct qos *q)
{
	struct slurm_limit out = {-1, -1, mem_strdup("")};

	keep_tightest(&out, q->user, -1, "qos", q->name);
	keep_tightest(&out, q->grp, q->user.used, "qos", q->name);
	keep_tightest(&out, q->account, q->user.used, "qos", q->name);
	return out;
}

/* Sets *s->out to the sum of the limits of each QOS with jobs, because each QOS counts only its own
 * jobs. If one of them has no limit, the sum has none. */
static void add_up_qoses(struct state *s)
{
	struct slurm_limit *out = s->out, sum = {0, 0, NULL};
	struct buf from = {0};

	for (size_t i = 0; i < s->nqoses && sum.limit >= 0; i++) {
		struct slurm_limit one;

		if (s->qoses[i].user.used <= 0)
			continue;
		one = read_qos_limit(&s->qoses[i]);
		sum.limit = one.limit < 0 ? -1 : sum.limit + one.limit;
		sum.used += clamp_at_0(one.used);
		buf_addf(&from, "%s%s", from.len ? " + " : "", one.from);
		free(one.from);
	}
	if (sum.limit >= 0) {
		free(out->from);
		*out = sum;
		out->from = buf_take(&from);
	}
	buf_release(&from);
}

/* Widens *s->out to the widest QOS without jobs, since the next jobs may go there and scontrol does
 * not show their QOS. If they go into a tighter QOS, sbatch refuses them. */
static void apply_unused_qoses(struct state *s)
{
	struct slurm_limit *out = s->out;

	for (size_t i = 0; i < s->nqoses; i++) {
		struct slurm_limit one;

		if (s->qoses[i].user.used > 0)
			continue;
		one = read_qos_limit(&s->qoses[i]);
		if (one.limit > out->limit) {
			char *from = out->from;

			out->from = one.from;
			one.from = from;
			out->used = out->limit < 0 ? one.used : out->used;
			out->limit = one.limit;
		}
		free(one.from);
	}
}

static size_t count_used_accounts(const struct state *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nassocs; i++)
		n += s->assocs[i].of_user && s->assocs[i].in_use;
	return n;
}

/* Sets *s->out from all QOS and associations. A limit that a QOS sets overrides the association's
 * (resource_limits of Slurm's documentation, Hierarchy). With several QOS, the association's limit
 * counts unless each QOS sets that limit. */
static void choose_limit(struct state *s)
{
	bool has_jobs = qos_has_jobs(s), max_set = false, grp_set = false;
	bool max_unset = false, grp_unset = false;

	if (has_jobs)
		add_up_qoses(s);
	if (!has_jobs || s->out->limit >= 0)
		apply_unused_qoses(s);
	for (size_t i = 0; i < s->nqoses; i++) {
		const struct qos *q = &s->qoses[i];

		if (has_jobs && q->user.used <= 0)
			continue;
		*(q->user.limit >= 0 || q->account.limit >= 0 ? &max_set : &max_unset) = true;
		*(q->grp.limit >= 0 ? &grp_set : &grp_unset) = true;
	}
	/* several accounts in use each count their own jobs, and only a refusal shows that the
	 * account of the next jobs is full (limit_group.c) */
	for (size_t i = 0; i < s->nassocs && count_used_accounts(s) < 2; i++) {
		const struct assoc *a = &s->assocs[i];

		if (!a->in_use)
			continue;
		if (a->of_user && (max_unset || !max_set))
			keep_tightest(s->out, a->max, -1, "association", a->account);
		if (grp_unset || !grp_set)
			keep_tightest(s->out, a->grp, a->mine, "association", a->account);
	}
}

/* Calls one() for each line that begins with the mark. */
static void read_lines(const char *text, const char *mark, struct state *s, char **uid,
		       void (*one)(struct state *, const char *, char **))
{
	size_t n = strlen(mark);

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!strncmp(text, mark, n)) {
			char *line = mem_strndup(text, len);

			one(s, line, uid);
			free(line);
		}
		text += len + (text[len] == '\n');
	}
}

static void read_qos_line(struct state *s, const char *line, char **uid)
{
	read_qos(s, line, *uid);
}

int slurm_parse_limits(const char *text, struct slurm_limit *out, struct err *err)
{
	struct state s = {.out = out};
	char *uid = NULL;

	if (!strstr(text, "Current Association Manager state"))
		return err_set(err, ERR_AGAIN,
			       "cannot read the limits: the output of scontrol show assoc_mgr "
			       "lacks its heading");
	out->limit = out->used = -1;
	out->from = mem_strdup("");
	read_lines(text, "ClusterName=", &s, &uid, read_assoc);
	find_used_assocs(&s);
	if (uid)
		read_lines(text, "QOS=", &s, &uid, read_qos_line);
	choose_limit(&s);
	for (size_t i = 0; i < s.nassocs; i++) {
		free(s.assocs[i].account);
		free(s.assocs[i].parent);
	}
	for (size_t i = 0; i < s.nqoses; i++)
		free(s.qoses[i].name);
	free(s.assocs);
	free(s.qoses);
	free(uid);
	return 0;
}
