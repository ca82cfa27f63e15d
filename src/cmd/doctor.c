/* slurmq doctor - checks the folder, Slurm's commands and the chain */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "chain/health.h"
#include "chain/hosts.h"
#include "chain/ingest.h"
#include "chain/probe.h"
#include "chain/reconcile.h"
#include "chain/sentinel.h"
#include "cmd/needs.h"
#include "lib/clock.h"
#include "lib/fs.h"
#include "lib/proc.h"

enum {
	CLOCK_MOST_MS = 60 * 1000,
	RECONCILE_MS = 5 * 1000,
	ACCT_S = 60,
	PROBE_MS = 120 * 1000,
	WRITE_BYTES = 1 << 20,
	FILES_LEAST = 1000,
	TEXT_COLUMN = 18,
};
#define BYTES_LEAST (INT64_C(256) << 20)

struct args {
	bool json, job;
};

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_ERROR };

struct doctor {
	struct cmd_ctx *ctx;
	struct json *json; /* NULL: prints lines for people */
	struct store *store;
	bool slurm; /* slurmctld answers */
	enum level worst;
};

/* Reports one check: what is right, or what is wrong and the way out. */
static void report(struct doctor *d, enum level level, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void print_report(struct doctor *d, enum level level, const char *name, const char *text)
{
	static const char *const words[] = {"ok", "warning", "error"};
	static const enum paint paints[] = {PAINT_GREEN, PAINT_YELLOW, PAINT_RED};
	const struct style *s = &d->ctx->out;
	struct buf line = {0}, clean = {0};

	if (d->json) {
		json_open(d->json, NULL, '{');
		json_str(d->json, "check", name);
		json_str(d->json, "state", words[level]);
		json_str(d->json, "text", text);
		json_close(d->json);
		return;
	}
	paint_add(&line, s, paints[level], words[level]);
	buf_addf(&line, "%*s%-9s ", 8 - (int)strlen(words[level]), "", name);
	clean_add(&clean, s, text);
	text_add_wrapped(&line, s, buf_str(&clean), TEXT_COLUMN, TEXT_COLUMN);
	buf_addch(&line, '\n');
	fwrite(line.s, 1, line.len, stdout);
	fflush(stdout); /* the next check may take long */
	buf_release(&line);
	buf_release(&clean);
}

static void report(struct doctor *d, enum level level, const char *name, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < text.len; i++)
		if (text.s[i] == '\n')
			text.s[i] = ' ';
	print_report(d, level, name, buf_str(&text));
	if (level > d->worst)
		d->worst = level;
	buf_release(&text);
}

/* ---- the folder ---- */

static void check_folder(struct doctor *d)
{
	struct fs_mount m = {.point = NULL};
	struct store *store = &d->ctx->opened;
	struct err err = {0};

	if (store_find(store, &err) || store_open_folder(store, &err)) {
		report(d, LEVEL_ERROR, "folder", "%s", err.msg);
		return;
	}
	if (fs_mount_of(store->dir, &m))
		report(d, LEVEL_OK, "folder", "%s", store->dir);
	else
		report(d, LEVEL_OK, "folder", "%s (%s on %s)", store->dir, m.type, m.point);
	fs_mount_release(&m);
}

static void check_database(struct doctor *d)
{
	int64_t counts[JOB_NSTATES], jobs = 0;
	struct err err = {0};

	if (!d->ctx->opened.folder)
		return;
	if (cmd_open_store(d->ctx, &err) || db_check(d->ctx->store->db, &err) ||
	    db_counts(d->ctx->store->db, counts, &err)) {
		report(d, LEVEL_ERROR, "database", "%s", err.msg);
		return;
	}
	d->store = d->ctx->store;
	for (int i = 0; i < JOB_NSTATES; i++)
		jobs += counts[i];
	report(d, LEVEL_OK, "database",
	       "%" PRId64 " %s; the file is sound, and the counters agree with the rows", jobs,
	       jobs == 1 ? "job" : "jobs");
}

static void check_locks(struct doctor *d)
{
	char *reach = NULL, *local = NULL;
	struct err err = {0};

	if (!d->ctx->opened.folder)
		return;
	if (fs_check_locks(d->ctx->opened.dir, &err) ||
	    (d->store && (hosts_local(d->store->db, &local, &err) < 0 ||
			  hosts_reach(d->store->db, &reach, &err) < 0)))
		report(d, LEVEL_ERROR, "locks", "%s", err.msg);
	else if (local)
		report(d, LEVEL_ERROR, "locks",
		       "file locks do not work between the hosts %s: slurmq status shows the way "
		       "out",
		       local);
	else if (reach)
		report(d, LEVEL_OK, "locks", "between processes, and between the hosts %s", reach);
	else
		report(d, LEVEL_OK, "locks",
		       "between processes; jobs that run on two hosts check whether they work "
		       "between hosts");
	free(local);
	free(reach);
}

static void check_clock(struct doctor *d)
{
	int64_t before, after, there, off;
	struct buf text = {0};

	if (!d->ctx->opened.folder)
		return;
	before = clock_now_ms();
	there = folder_now_ms(d->ctx->opened.folder);
	after = clock_now_ms();
	off = there < before ? there - before : there > after ? there - after : 0;
	time_add_duration(&text, off < 0 ? -off : off);
	if (there < 0)
		report(d, LEVEL_ERROR, "clock", "cannot write a file in '%s'", d->ctx->opened.dir);
	else if (off > -CLOCK_MOST_MS && off < CLOCK_MOST_MS)
		report(d, LEVEL_OK, "clock",
		       "the file server's and this host's differ by less than a minute");
	else
		report(d, LEVEL_WARNING, "clock",
		       "the file server's clock is %s %s this host's: slurmq works, but times "
		       "that it shows are wrong; report this to the site",
		       buf_str(&text), off < 0 ? "behind" : "ahead of");
	buf_release(&text);
}

/* Writes as much as some hours of jobs do: statvfs(3) does not show a quota. */
static int write_file(struct folder *folder, struct err *err)
{
	char *data = mem_alloc(WRITE_BYTES),
	     *name = mem_printf("doctor-%016" PRIx64, clock_random());
	int rc = folder_file_put(folder, name, data, WRITE_BYTES, 0600, err);

	(void)folder_file_remove(folder, name, NULL);
	free(name);
	free(data);
	return rc;
}

static void check_space(struct doctor *d)
{
	struct fs_space space;
	struct err err = {0};
	struct buf size = {0};

	if (!d->ctx->opened.folder)
		return;
	if (write_file(d->ctx->opened.folder, &err) || fs_space(d->ctx->opened.dir, &space, &err)) {
		report(d, LEVEL_ERROR, "space", "%s", err.msg);
		return;
	}
	size_add_kib(&size, space.bytes / 1024);
	if (space.bytes < BYTES_LEAST)
		report(d, LEVEL_WARNING, "space",
		       "only %s are left on this file system: jobs cannot store their results on "
		       "a full one; remove files",
		       buf_str(&size));
	else if (space.files >= 0 && space.files < FILES_LEAST)
		report(d, LEVEL_WARNING, "space",
		       "only %" PRId64 " files can be made on this file system: remove files",
		       space.files);
	else
		report(d, LEVEL_OK, "space", "%s left, and a file of 1 MiB was written",
		       buf_str(&size));
	buf_release(&size);
}

/* ---- Slurm ---- */

/* Reports the commands that are not on PATH. Returns whether all are. */
static bool have_commands(struct doctor *d)
{
	static const char *const names[] = {"sbatch", "squeue", "scontrol", "scancel"};
	struct buf missing = {0};
	bool all;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!proc_on_path(names[i]))
			buf_addf(&missing, "%s%s", missing.len ? ", " : "", names[i]);
	all = !missing.len;
	if (!all)
		report(d, LEVEL_ERROR, "slurm",
		       "not on PATH: %s; load Slurm's module, or run this on a host that has "
		       "Slurm's commands",
		       buf_str(&missing));
	buf_release(&missing);
	return all;
}

static void check_slurm(struct doctor *d)
{
	struct slurm_site site = {0};
	struct slurm_jobs jobs = {0};
	struct err err = {0};
	char *version = NULL;

	if (!have_commands(d))
		return;
	if (slurm_version("sbatch", &version, &err) || slurm_site_read(&site, &err) ||
	    slurm_squeue((uint64_t)geteuid(), &jobs, &err)) {
		report(d, LEVEL_ERROR, "slurm",
		       "%s; Slurm's own commands must work here first, for example sinfo", err.msg);
	} else {
		d->slurm = true;
		report(d, LEVEL_OK, "slurm", "sbatch %s, slurmctld %s, cluster %s", version,
		       site.version ? site.version : "of an unknown version",
		       site.cluster ? site.cluster : "without a name");
	}
	free(version);
	slurm_site_release(&site);
	slurm_jobs_release(&jobs);
}

static void check_accounting(struct doctor *d)
{
	struct slurm_jobs jobs = {0};
	struct err err = {0};
	int rc;

	if (!d->slurm)
		return;
	rc = slurm_sacct((uint64_t)geteuid(), ACCT_S, NULL, &jobs, &err);
	if (!rc)
		report(d, LEVEL_OK, "sacct", "answers");
	else
		report(d, LEVEL_WARNING, "sacct",
		       "%s: if a job ends without a result, slurmq needs squeue to show its end",
		       rc == SLURM_NO_ACCT ? "this cluster has no accounting" : err.msg);
	slurm_jobs_release(&jobs);
}

static void check_limit(struct doctor *d)
{
	struct slurm_limit slurm = {0};
	struct limits limit = {0};
	struct err err = {0};

	if (!d->store)
		return;
	if ((d->slurm && limits_refresh(d->store, NULL, LIMITS_USER_AGE_MS, &slurm, &err)) ||
	    limits_get(d->store, &limit, &err))
		report(d, LEVEL_ERROR, "limit", "%s", err.msg);
	else if (limit.jobs < 2)
		report(d, LEVEL_WARNING, "limit",
		       "%" PRId64 " job in Slurm at once (%s): a running job has the only slot and "
		       "cannot submit its successor; run slurmq chain from cron (slurmq help chain)",
		       limit.jobs, limit.from);
	else
		report(d, LEVEL_OK, "limit", "%" PRId64 " jobs in Slurm at once (%s)", limit.jobs,
		       limit.from);
	slurm_limit_release(&slurm);
	limits_release(&limit);
}

/* ---- the chain ---- */

/* Reports what only a person can do, except that jobs have failed. */
static void report_needs(struct doctor *d, const struct health *h)
{
	for (size_t i = 0; i < h->nneeds; i++) {
		struct strs lines = {0};

		if (h->needs[i].kind == NEED_FAILED)
			continue;
		needs_add_lines(&h->needs[i], &lines);
		report(d, h->needs[i].kind == NEED_FIRST_SUBMIT ? LEVEL_OK : LEVEL_WARNING, "chain",
		       "%s%s", lines.v[0], lines.n > 1 ? lines.v[1] + 1 : "");
		strs_release(&lines);
	}
}

static void report_chain(struct doctor *d, const struct health *h)
{
	struct buf why = {0}, ago = {0};
	bool bad = h->state == CHAIN_PAUSED || h->state == CHAIN_STALLED;

	needs_add_pause(&h->pause, &why);
	time_add_ago(&ago, h->last_refill, clock_now_ms());
	report(d, bad ? LEVEL_WARNING : LEVEL_OK, "chain", "%s%s%s%s, last refill %s",
	       health_state_name(h->state), why.len ? " (" : "", buf_str(&why), why.len ? ")" : "",
	       buf_str(&ago));
	buf_release(&why);
	buf_release(&ago);
	report_needs(d, h);
}

static void report_sentinel(struct doctor *d, const struct health *h)
{
	struct buf when = {0};
	int64_t left = h->sentinel_begin - clock_now_ms();

	time_add_duration(&when, left > 0 ? left : 0);
	if (h->sentinel == SENTINEL_WAITING)
		report(d, LEVEL_OK, "sentinel", "Slurm job %" PRIu64 ", begins in %s",
		       h->sentinel_job, buf_str(&when));
	else if (h->sentinel == SENTINEL_REFUSED)
		report(d, LEVEL_WARNING, "sentinel",
		       "off, because sbatch refused it: %s; slurmq config sentinel.sbatch changes "
		       "its options, slurmq submit submits it again",
		       h->sentinel_why);
	else if (h->sentinel == SENTINEL_NONE && h->state == CHAIN_ALIVE)
		report(d, LEVEL_WARNING, "sentinel",
		       "none waits in Slurm: if all jobs die at once, no job restarts the chain; "
		       "slurmq submit submits one");
	else if (h->sentinel != SENTINEL_HELD) /* a need reports that */
		report(d, LEVEL_OK, "sentinel", "%s",
		       h->sentinel == SENTINEL_OFF ? "off (slurmq config sentinel)"
						   : "none while no job is in Slurm");
	buf_release(&when);
}

static void check_chain(struct doctor *d)
{
	struct reconcile_result seen;
	struct health h = {0};
	struct err err = {0};

	if (!d->store)
		return;
	if (d->slurm &&
	    (ingest_now(d->store, &err) || reconcile(d->store, RECONCILE_MS, &seen, &err))) {
		report(d, LEVEL_ERROR, "chain", "%s", err.msg);
		return;
	}
	if (d->slurm)
		sentinel_check(d->store);
	if (health_read(d->store, &h, &err)) {
		report(d, LEVEL_ERROR, "chain", "%s", err.msg);
	} else {
		report_chain(d, &h);
		report_sentinel(d, &h);
	}
	health_release(&h);
}

/* ---- a node ---- */

/* Reports a job that ran. */
static void report_answer(struct doctor *d, const struct probe *p, const char *took)
{
	const char *node = p->node && *p->node ? p->node : "the node";

	if (p->end == PROBE_SUBMITS)
		report(d, LEVEL_OK, "node",
		       "%s sees the folder and may submit (Slurm job %" PRIu64 ", %s)", node,
		       p->job, took);
	else
		report(d, LEVEL_ERROR, "node",
		       "%s sees the folder, but cannot submit: %s; a host that can may do it for "
		       "the jobs: slurmq config via (slurmq help config)",
		       node, p->text);
}

static void report_probe(struct doctor *d, const struct probe *p)
{
	const char *text = p->text ? p->text : "";
	struct buf took = {0};

	time_add_duration(&took, p->ms);
	switch (p->end) {
	case PROBE_SILENT:
		report(d, LEVEL_ERROR, "node",
		       "Slurm job %" PRIu64 " ended and wrote nothing to '%s': its node does not "
		       "see this folder, or cannot write there; put .slurmq on a file system that "
		       "all nodes share (slurmq help storage)",
		       p->job, d->store->dir);
		break;
	case PROBE_WAITS:
		report(d, LEVEL_WARNING, "node",
		       "Slurm job %" PRIu64 " had not ended after %s (%s) and was cancelled: "
		       "nothing is known of the nodes; try again later",
		       p->job, buf_str(&took), *text ? text : "not seen in squeue");
		break;
	case PROBE_REFUSED:
		report(d, LEVEL_ERROR, "node",
		       "sbatch refused a small job: %s; slurmq config sentinel.sbatch sets options "
		       "for it",
		       text);
		break;
	case PROBE_AGAIN:
		report(d, LEVEL_WARNING, "node", "sbatch accepted no job: %s; try again later",
		       text);
		break;
	default:
		report_answer(d, p, buf_str(&took));
		break;
	}
	buf_release(&took);
}

static void check_node(struct doctor *d)
{
	struct probe p = {.job = 0};
	struct err err = {0};

	if (!d->store || !d->slurm) {
		report(d, LEVEL_WARNING, "node", "not checked, because of the errors above");
		return;
	}
	if (d->ctx->err.tty)
		cmd_say(d->ctx, "waiting for a small job, at most two minutes");
	if (probe_run(d->store, PROBE_MS, &p, &err))
		report(d, LEVEL_ERROR, "node", "%s", err.msg);
	else
		report_probe(d, &p);
	probe_release(&p);
}

static int run(struct cmd_ctx *ctx, void *options, int argc, char **argv, struct err *err)
{
	static void (*const checks[])(struct doctor * d) = {
		check_folder, check_database,	check_locks, check_clock, check_space,
		check_slurm,  check_accounting, check_limit, check_chain,
	};
	const struct args *args = options;
	struct buf text = {0};
	struct json json = {.out = &text};
	struct doctor d = {.ctx = ctx, .json = args->json ? &json : NULL};

	(void)argc;
	(void)argv;
	(void)err;
	json_open(&json, NULL, '{');
	json_open(&json, "checks", '[');
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&d);
	if (args->job)
		check_node(&d);
	json_close(&json);
	json_bool(&json, "ok", d.worst < LEVEL_ERROR);
	json_close(&json);
	if (args->json)
		cmd_print_json(&text);
	buf_release(&text);
	return d.worst < LEVEL_ERROR ? 0 : ERR_FAILED;
}

static const struct opt opts[] = {
	OPT_FLAG(0, "job", "also submit a small job that checks a compute node", struct args, job),
	OPT_FLAG(0, "json", "print one JSON document", struct args, json), OPT_END};

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "[--job] [--json]",
	.summary = "check the folder, Slurm and the chain",
	.theme = CMD_INSPECT,
	.opts = opts,
	.size = sizeof(struct args),
	.run = run,
};
