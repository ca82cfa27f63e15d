#include "cmd/needs.h"

#include <inttypes.h>
#include <time.h>

#include "lib/table.h"

static const char *plural_ending(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void add_locks(const struct health_need *n, struct strs *lines)
{
	strs_addf(lines,
		  "the queue is paused: file locks in .slurmq do not work between %s and %s: two "
		  "hosts could write to the database at once and damage it",
		  n->names.n ? n->names.v[0] : "", n->names.n > 1 ? n->names.v[1] : "other hosts");
	strs_add(lines,
		 "  wait until no job runs; then fix the locks, or move .slurmq to another file "
		 "system (a file of one line may name the folder: man slurmq-storage); then: "
		 "slurmq resume");
}

static void add_nodes(const struct health_need *n, struct strs *lines)
{
	struct buf names = {0};

	for (size_t i = 0; i < n->names.n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", n->names.v[i]);
	if (n->kind == NEED_MANY_NODES)
		strs_addf(lines,
			  "jobs fail within seconds on many nodes (%s), so the cause is probably "
			  "in the jobs; no node is excluded; read their logs, then: slurmq resume",
			  buf_str(&names));
	else
		strs_addf(lines,
			  "excluded for a day, because jobs failed there within seconds: %s; "
			  "report this to the site; slurmq resume includes them again",
			  buf_str(&names));
	buf_release(&names);
}

static void add_failed(const struct health_need *n, struct strs *lines)
{
	struct buf reasons = {0};

	for (size_t i = 0; i < n->names.n; i++)
		buf_addf(&reasons, "%s%s", i ? ", " : " (", n->names.v[i]);
	strs_addf(lines,
		  "%" PRId64 " job%s of %s failed%s%s: slurmq list failed %s; then: slurmq "
		  "retry %s",
		  n->jobs, plural_ending(n->jobs), n->sweep, buf_str(&reasons),
		  reasons.len ? ")" : "", n->sweep, n->sweep);
	buf_release(&reasons);
}

static void add_refused(const struct health_need *n, struct strs *lines)
{
	strs_addf(lines, "%" PRId64 " job%s of %s held, refused: %s", n->jobs,
		  plural_ending(n->jobs), n->sweep, n->words ? n->words : "");
	strs_addf(lines,
		  "  fix the sweep file and run slurmq expand, or fix the account; then: slurmq "
		  "release -s refused %s",
		  n->sweep);
}

/* Returns why jobs with a reason of that kind do not start. */
static const char *explain_wait(enum slurm_wait kind)
{
	switch (kind) {
	case WAIT_TIME:
		return "the time limit is above that of the partition, account or QOS";
	case WAIT_SIZE:
		return "the partition, account or QOS does not allow one job so many, or so few, "
		       "nodes, CPUs, GPUs or so much memory";
	case WAIT_NODES:
		return "no node has what is asked for";
	case WAIT_NODE_DOWN:
		return "a node that is needed is down or drained";
	case WAIT_PARTITION:
		return "the partition starts no jobs";
	case WAIT_ACCOUNT:
		return "the account or QOS is not valid, or not allowed in the partition";
	case WAIT_DEPENDENCY:
		return "the dependency can never be satisfied";
	default:
		return "";
	}
}

/* Returns what to do before such jobs are submitted again. */
static const char *advise_wait(enum slurm_wait kind)
{
	switch (kind) {
	case WAIT_TIME:
		return "lower the time limit in the sweep file, or name another partition, and run "
		       "slurmq expand; then: ";
	case WAIT_NODE_DOWN:
	case WAIT_PARTITION:
		return "wait until the site has fixed it, or name others in the sweep file and run "
		       "slurmq expand; then: ";
	case WAIT_ACCOUNT:
		return "ask the site, or name others in the sweep file and run slurmq expand; then: ";
	case WAIT_DEPENDENCY:
		return "";
	default:
		return "change the options in the sweep file and run slurmq expand; then: ";
	}
}

enum { IDS_MOST = 60 };

/* Adds what to do for jobs that wait in Slurm and do not start by themselves. Few ranges of ids are
 * a selector; for more, the selector is the sweep. */
static void add_wait(const struct wait_group *g, struct strs *lines)
{
	bool held = g->kind == WAIT_HELD || g->kind == WAIT_HELD_ADMIN, few;
	struct buf ids = {0}, slurm = {0};

	waits_add_ids(g, &ids);
	few = ids.len <= IDS_MOST;
	for (size_t i = 0; i < g->slurm.n; i++)
		buf_addf(&slurm, "%s%s", i ? "," : "", g->slurm.v[i]);
	strs_addf(lines, "%zu job%s of %s (%.*s%s) %s in Slurm: %s%s%s", g->njobs,
		  plural_ending((int64_t)g->njobs), g->sweep_name, IDS_MOST, buf_str(&ids),
		  few ? "" : "...", held ? "held" : "cannot start", g->reason, held ? "" : ", ",
		  explain_wait(g->kind));
	if (held)
		strs_addf(lines, "  scontrol release %s%s", buf_str(&slurm),
			  g->kind == WAIT_HELD ? "" : " (only an administrator can)");
	else if (few)
		strs_addf(lines, "  %sslurmq hold %s and slurmq release %s", advise_wait(g->kind),
			  buf_str(&ids), buf_str(&ids));
	else
		strs_addf(lines, "  %sslurmq hold -s queued %s and slurmq release -s user %s",
			  advise_wait(g->kind), g->sweep_name, g->sweep_name);
	buf_release(&ids);
	buf_release(&slurm);
}

void needs_add_held(const char *sweep, const struct strs *values, int64_t failed, int64_t tried,
		    struct buf *text)
{
	buf_addf(text, "%" PRId64 " of %" PRId64 " with", failed, failed);
	for (size_t i = 0; i < values->n; i++)
		buf_addf(text, "%s %s", i ? " and" : "", values->v[i]);
	buf_addstr(text, " failed");
	if (tried)
		buf_addf(text, ", %" PRId64 " run%s or wait%s", tried, tried == 1 ? "s" : "",
			 tried == 1 ? "s" : "");
	buf_addf(text, "; slurmq release%s%s", sweep ? " " : "", sweep ? sweep : "");
	for (size_t i = 0; i < values->n; i++) {
		buf_addch(text, ' ');
		buf_add_shell_word(text, values->v[i]);
	}
}

static void add_value(const struct health_need *n, struct strs *lines)
{
	struct buf text = {0};

	needs_add_held(n->many ? n->sweep : NULL, &n->names, n->failed, n->tried, &text);
	strs_addf(lines, "%" PRId64 " job%s of %s held: %s", n->jobs, plural_ending(n->jobs),
		  n->sweep, buf_str(&text));
	strs_addf(
		lines,
		"  slurmq log %" PRId64
		" shows the last failure; slurmq config breaker sets how many hold a value (0: off)",
		n->job);
	buf_release(&text);
}

/* Adds the lines of a need of the whole chain. */
static void add_chain(const struct health_need *n, struct strs *lines)
{
	switch (n->kind) {
	case NEED_RESUME:
		strs_add(lines, "the queue is paused: slurmq resume");
		break;
	case NEED_REPAIR:
		strs_addf(lines,
			  "the queue is paused: slurmq log %" PRId64
			  " shows the last failure; fix the cause (in a sweep file: slurmq "
			  "expand), then: slurmq retry and slurmq resume; slurmq config breaker "
			  "sets how many failures pause it (0: off)",
			  n->job);
		break;
	case NEED_SENTINEL:
		strs_addf(lines,
			  "the sentinel is held in Slurm, so it will not start and restart the "
			  "chain: scontrol release %" PRIu64 "%s",
			  n->slurm_job, n->by_admin ? " (only an administrator can)" : "");
		break;
	case NEED_VIA:
		strs_add(lines, n->words);
		strs_add(lines,
			 "  jobs submit no other jobs until that works; from here: slurmq submit");
		break;
	case NEED_SUBMIT:
		strs_add(lines, "no job is known to be in Slurm and work is left: slurmq submit");
		break;
	case NEED_TRIAL:
		if (n->failed)
			strs_addf(lines,
				  "%" PRId64 " job%s of submit --try failed: slurmq log %" PRId64
				  "; the sweep's policy tries %s again",
				  n->failed, plural_ending(n->failed), n->job,
				  n->failed == 1 ? "it" : "them");
		strs_add(lines, "after submit --try the rest waits: slurmq submit");
		break;
	case NEED_FIRST_SUBMIT:
		strs_add(lines, "nothing was submitted yet: slurmq submit");
		break;
	default:
		break;
	}
}

void needs_add_lines(const struct health_need *n, struct strs *lines)
{
	switch (n->kind) {
	case NEED_LOCKS:
		add_locks(n, lines);
		break;
	case NEED_NODES:
	case NEED_MANY_NODES:
		add_nodes(n, lines);
		break;
	case NEED_FAILED:
		add_failed(n, lines);
		break;
	case NEED_REFUSED:
		add_refused(n, lines);
		break;
	case NEED_WAITS:
		add_wait(n->wait, lines);
		break;
	case NEED_VALUE:
		add_value(n, lines);
		break;
	case NEED_RESUME_SWEEP:
		strs_addf(lines, "%s is paused, %" PRId64 " job%s pending: slurmq resume %s",
			  n->sweep, n->jobs, n->jobs == 1 ? " is" : "s are", n->sweep);
		break;
	case NEED_HELD:
		strs_addf(lines, "%" PRId64 " job%s of %s held: slurmq release -s user %s", n->jobs,
			  plural_ending(n->jobs), n->sweep, n->sweep);
		break;
	default:
		add_chain(n, lines);
		break;
	}
}

void needs_add_block(const struct limit_group_block *b, int64_t now, struct buf *text)
{
	buf_addf(text, "Slurm accepts no %sjobs", b->in_flight ? "more " : "");
	if (*b->partition)
		buf_addf(text, " of partition %s", b->partition);
	if (*b->qos)
		buf_addf(text, " of QOS %s", b->qos);
	if (*b->account)
		buf_addf(text, " of account %s", b->account);
	if (b->in_flight)
		buf_addf(text, " than %" PRId64, b->in_flight);
	buf_addf(text, "%s retried", b->others ? ": others continue;" : ";");
	if (b->until > now) {
		buf_addstr(text, " in ");
		time_add_duration(text, b->until - now);
	}
	if (b->in_flight)
		buf_addf(text, "%s when one of them ends", b->until > now ? ", or" : "");
}

static void add_cancelled(const struct health_pause *p, struct buf *text)
{
	time_t at = (time_t)(p->cancelled_at / 1000);
	char when[8] = "";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%H:%M", &tm);
	buf_addf(text, "all %" PRId64 " jobs were cancelled in Slurm at %s", p->cancelled, when);
}

bool needs_add_pause(const struct health_pause *p, struct buf *text)
{
	if (p->words)
		buf_addstr(text, p->words);
	else if (p->hosts.n)
		buf_addf(text, "file locks do not work between %s and %s", p->hosts.v[0],
			 p->hosts.n > 1 ? p->hosts.v[1] : "other hosts");
	else if (p->cancelled)
		add_cancelled(p, text);
	else if (p->job)
		buf_addf(
			text,
			"%" PRId64
			" failures in a row, each within a minute of its start; the last: job %" PRId64
			" of %s",
			p->failures, p->job, p->sweep ? p->sweep : "a sweep that is gone");
	else
		return false;
	return true;
}

void needs_held_json(struct json *j, const struct health *h)
{
	json_open(j, "held", '[');
	for (size_t i = 0; i < h->nneeds; i++) {
		const struct health_need *n = &h->needs[i];

		if (n->kind != NEED_HELD && n->kind != NEED_REFUSED && n->kind != NEED_VALUE)
			continue;
		json_open(j, NULL, '{');
		json_str(j, "sweep", n->sweep);
		json_str(j, "reason", job_reason_name(n->reason));
		json_int(j, "jobs", n->jobs);
		json_open(j, "values", '[');
		for (size_t k = 0; k < n->names.n; k++)
			json_str(j, NULL, n->names.v[k]);
		json_close(j);
		json_int(j, "failed", n->failed);
		json_int(j, "tried", n->tried);
		json_str(j, "text", n->words);
		json_close(j);
	}
	json_close(j);
}
