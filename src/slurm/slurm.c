#include "slurm/slurm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/env.h"
#include "lib/proc.h"
#include "slurm/slurm_internal.h"

extern char **environ;

enum {
	SBATCH_TIMEOUT_MS = 60000,
	QUERY_TIMEOUT_MS = 30000,
	SCANCEL_SLICE = 200,
	WORDS_MAX = 2000, /* of a command's own words in an error message */
};

/* Running Slurm's commands */

/* Whether a variable changes what a query shows or what scancel picks: squeue(1), sacct(1) and
 * scancel(1), ENVIRONMENT VARIABLES. */
static bool steers_a_query(const char *pair)
{
	static const char *const prefixes[] = {
		"SQUEUE_",
		"SACCT_",
		"SCANCEL_",
		"SCONTROL_",
		"SLURM_CLUSTERS=",
		/* these are set to what the parsers expect */
		"SLURM_TIME_FORMAT=",
		"SLURM_BITSTR_LEN=",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(pair, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const char *const *lend(const struct strs *l)
{
	return (const char *const *)l->v;
}

static int not_started(const char *tool, int exec_errno, struct err *err)
{
	if (exec_errno == ENOENT)
		return err_set(err, ERR_FAILED,
			       "%s is not on PATH: load Slurm's module, or run this on a host that "
			       "has Slurm's commands",
			       tool);
	if (!exec_errno && err)
		err->status = ERR_AGAIN; /* no process, no descriptor: not the command's fault */
	return -1;
}

/* Run one of Slurm's commands that asks or cancels. 0 and *result where it was started. */
static int run_tool(const struct strs *argv, struct proc_result *result, struct err *err)
{
	struct proc_spec spec = {.argv = lend(argv), .timeout_ms = QUERY_TIMEOUT_MS};
	struct strs envp = {0};
	int exec_errno, rc;

	for (char **e = environ; e && *e; e++)
		if (!steers_a_query(*e))
			strs_add(&envp, *e);
	strs_add(&envp, "SLURM_TIME_FORMAT=%s");
	strs_add(&envp, "SLURM_BITSTR_LEN=0");
	spec.envp = lend(&envp);
	rc = proc_run(&spec, result, &exec_errno, err);
	if (rc)
		not_started(argv->v[0], exec_errno, err);
	strs_release(&envp);
	return rc;
}

static bool went_well(const struct proc_result *r)
{
	return !r->timed_out && !r->signal && !r->exit_code;
}

/* What the command itself said: stderr, or stdout where that is empty; on one line. */
static void add_words(struct buf *to, const struct proc_result *r)
{
	const struct buf *b = r->err.len ? &r->err : &r->out;
	size_t len = b->len < WORDS_MAX ? b->len : WORDS_MAX;

	while (len && (b->s[len - 1] == '\n' || b->s[len - 1] == '\r'))
		len--;
	slurm_clean(to, buf_str(b), len, "; ");
}

static int tool_failed(const char *tool, const struct proc_result *r, struct err *err)
{
	struct buf b = {0};

	if (r->timed_out)
		buf_addf(&b, "%s gave no answer within %d s", tool, QUERY_TIMEOUT_MS / 1000);
	else if (r->signal)
		buf_addf(&b, "%s was killed by signal %d (%s)", tool, r->signal,
			 strsignal(r->signal));
	else
		buf_addf(&b, "%s failed with exit status %d", tool, r->exit_code);
	if (r->err.len || r->out.len) {
		buf_addstr(&b, ": ");
		add_words(&b, r);
	}
	err_set(err, ERR_AGAIN, "%s", buf_str(&b));
	buf_release(&b);
	return -1;
}

/* sbatch */

void slurm_sbatch_argv(const struct slurm_submission *s, struct strs *argv)
{
	strs_add(argv, "sbatch");
	strs_add(argv, "--parsable");
	for (const char *const *o = s->options; o && *o; o++)
		strs_add(argv, *o);
	strs_addf(argv, "--job-name=%s", s->name);
	if (s->ntasks > 1)
		strs_addf(argv, "--array=0-%d", s->ntasks - 1);
	strs_addf(argv, "--output=%s", s->output);
	strs_add(argv, "--open-mode=append");
	strs_add(argv, s->requeue ? "--requeue" : "--no-requeue");
	strs_add(argv, "--signal=B:USR1@60");
	if (s->chdir)
		strs_addf(argv, "--chdir=%s", s->chdir);
}

/* A NUL in what a command printed must not hide what stands behind it. */
static const char *as_text(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (!b->s[i])
			b->s[i] = '?';
	return buf_str(b);
}

struct slurm_sbatch {
	struct strs argv;
	struct proc_run *run; /* NULL: it could not be started, */
	int exec_errno;	      /* for this reason */
	struct err err;
};

struct slurm_sbatch *slurm_sbatch_begin(const struct slurm_submission *s)
{
	struct slurm_sbatch *b = mem_alloc(sizeof(*b));
	struct proc_spec spec = {
		.envp = s->envp,
		.in = s->script,
		.in_len = strlen(s->script),
		.timeout_ms = SBATCH_TIMEOUT_MS,
	};

	slurm_sbatch_argv(s, &b->argv);
	spec.argv = lend(&b->argv);
	proc_run_begin(&spec, &b->run, &b->exec_errno, &b->err);
	return b;
}

static void sbatch_free(struct slurm_sbatch *b)
{
	strs_release(&b->argv);
	free(b);
}

void slurm_sbatch_feed(struct slurm_sbatch *b)
{
	if (b->run)
		proc_run_feed(b->run);
}

void slurm_sbatch_end(struct slurm_sbatch *b, struct slurm_reply *reply)
{
	struct proc_result r = {0};

	memset(reply, 0, sizeof(*reply));
	if (!b->run || proc_run_end(b->run, &r, &b->exec_errno, &b->err)) {
		not_started("sbatch", b->exec_errno, &b->err);
		/* Where it was for want of a process, another try may do. */
		reply->answer = b->exec_errno ? SLURM_NO_SBATCH : SLURM_BUSY;
		reply->text = mem_strdup(b->err.msg);
	} else {
		slurm_judge(as_text(&r.out), as_text(&r.err), r.exit_code, r.signal, r.timed_out,
			    reply);
	}
	proc_result_release(&r);
	sbatch_free(b);
}

void slurm_sbatch_abandon(struct slurm_sbatch *b)
{
	if (b->run)
		proc_run_abandon(b->run);
	sbatch_free(b);
}

void slurm_sbatch(const struct slurm_submission *s, struct slurm_reply *reply)
{
	slurm_sbatch_end(slurm_sbatch_begin(s), reply);
}

void slurm_reply_release(struct slurm_reply *reply)
{
	free(reply->cluster);
	free(reply->text);
	memset(reply, 0, sizeof(*reply));
}

/* squeue */

static void squeue_argv(struct strs *argv, const char *how, const char *what)
{
	strs_add(argv, "squeue");
	strs_add(argv, "-a");
	strs_add(argv, "-r");
	strs_add(argv, "-h");
	strs_add(argv, "-t");
	strs_add(argv, "all");
	strs_add(argv, how);
	strs_add(argv, what);
}

/* An answer is whole where squeue is content and says nothing of an unknown user: for one it prints
 * an empty line and exits 0 (seen on 22.05.8). */
static int check_squeue(const struct proc_result *r, struct err *err)
{
	if (!went_well(r))
		return tool_failed("squeue", r, err);
	if (strstr(buf_str(&r->err), "Invalid user")) {
		struct buf b = {0};

		add_words(&b, r);
		err_set(err, ERR_AGAIN, "squeue did not answer: %s", buf_str(&b));
		buf_release(&b);
		return -1;
	}
	return 0;
}

int slurm_squeue(uint64_t uid, struct slurm_jobs *out, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	squeue_argv(&argv, "-o", SLURM_SQUEUE_FORMAT);
	strs_add(&argv, "-u");
	strs_addf(&argv, "%llu", (unsigned long long)uid);
	rc = run_tool(&argv, &r, err);
	if (!rc)
		rc = check_squeue(&r, err);
	if (!rc)
		rc = slurm_parse_jobs(buf_str(&r.out), r.out.len, out, err);
	if (rc)
		slurm_jobs_release(out);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

/* The job that has this id itself, moved out of the list; an array has its last task's. */
static int pick_job(struct slurm_jobs *jobs, uint64_t id, struct slurm_job *out)
{
	for (size_t i = 0; i < jobs->n; i++) {
		if (jobs->v[i].id != id)
			continue;
		*out = jobs->v[i];
		memset(&jobs->v[i], 0, sizeof(jobs->v[i]));
		return 0;
	}
	return 1;
}

int slurm_squeue_job(uint64_t id, struct slurm_job *out, struct err *err)
{
	struct slurm_jobs jobs = {0};
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	squeue_argv(&argv, "-O", SLURM_SQUEUE_COLUMNS);
	strs_add(&argv, "-j");
	strs_addf(&argv, "%llu", (unsigned long long)id);
	rc = run_tool(&argv, &r, err);
	if (!rc && r.exit_code && !r.timed_out &&
	    strstr(buf_str(&r.err), "Invalid job id specified"))
		rc = 1;
	else if (!rc)
		rc = check_squeue(&r, err);
	if (!rc)
		rc = slurm_parse_columns(as_text(&r.out), &jobs, err);
	if (!rc)
		rc = pick_job(&jobs, id, out);
	slurm_jobs_release(&jobs);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

void slurm_job_release(struct slurm_job *job)
{
	free(job->state);
	free(job->reason);
	free(job->name);
	memset(job, 0, sizeof(*job));
}

void slurm_jobs_release(struct slurm_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++)
		slurm_job_release(&jobs->v[i]);
	free(jobs->v);
	memset(jobs, 0, sizeof(*jobs));
}

/* sacct */

static void sacct_argv(struct strs *argv, uint64_t uid, int64_t since_s, const struct strs *ids)
{
	static const char *const words[] = {"sacct", "-n", "-X", "-D", "-P", "--delimiter=\x1f"};
	struct buf list = {0};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		strs_add(argv, words[i]);
	strs_add(argv, "-u");
	strs_addf(argv, "%llu", (unsigned long long)uid);
	strs_add(argv, "-S");
	strs_addf(argv, "now-%lld", (long long)since_s);
	strs_add(argv, "-o");
	strs_add(argv, SLURM_SACCT_FORMAT);
	for (size_t i = 0; ids && i < ids->n; i++)
		buf_addf(&list, "%s%s", i ? "," : "", ids->v[i]);
	if (list.len) {
		strs_add(argv, "-j");
		strs_add(argv, buf_str(&list));
	}
	buf_release(&list);
}

int slurm_sacct(uint64_t uid, int64_t since_s, const struct strs *ids, struct slurm_jobs *out,
		struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	sacct_argv(&argv, uid, since_s, ids);
	rc = run_tool(&argv, &r, err);
	if (!rc && went_well(&r))
		slurm_parse_acct(as_text(&r.out), out);
	else if (!rc && strstr(as_text(&r.err), "Slurm accounting storage is disabled"))
		rc = SLURM_NO_ACCT;
	else if (!rc)
		rc = tool_failed("sacct", &r, err);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

/* scancel */

static int scancel_slice(const char *state, char *const *ids, size_t n, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	strs_add(&argv, "scancel");
	if (state)
		strs_addf(&argv, "--state=%s", state);
	for (size_t i = 0; i < n; i++)
		strs_add(&argv, ids[i]);
	rc = run_tool(&argv, &r, err);
	if (!rc && !went_well(&r)) {
		bool gone = !r.timed_out && !r.signal && slurm_only_gone(as_text(&r.err));

		rc = gone ? 0 : tool_failed("scancel", &r, err);
	}
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

static int scancel_all(const char *state, const struct strs *ids, struct err *err)
{
	struct err later = {0};
	int rc = 0;

	for (size_t i = 0; i < ids->n; i++)
		if (!ids->v[i][0] || ids->v[i][strspn(ids->v[i], "0123456789_")])
			return err_set(err, ERR_FAILED, "'%s' is no Slurm job id", ids->v[i]);
	for (size_t i = 0; i < ids->n; i += SCANCEL_SLICE) {
		size_t n = ids->n - i < SCANCEL_SLICE ? ids->n - i : SCANCEL_SLICE;

		/* The first complaint is told; the other slices are cancelled all the same. */
		if (scancel_slice(state, ids->v + i, n, rc ? &later : err))
			rc = -1;
	}
	return rc;
}

int slurm_scancel(const struct strs *ids, struct err *err)
{
	return scancel_all(NULL, ids, err);
}

int slurm_scancel_pending(const struct strs *ids, struct err *err)
{
	return scancel_all("PENDING", ids, err);
}

/* scontrol */

int slurm_requeue_off(uint64_t id, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	strs_add(&argv, "scontrol");
	strs_add(&argv, "update");
	strs_addf(&argv, "JobId=%llu", (unsigned long long)id);
	strs_add(&argv, "Requeue=0");
	rc = run_tool(&argv, &r, err);
	if (!rc && !went_well(&r))
		rc = tool_failed("scontrol", &r, err);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

int slurm_requeue(uint64_t id, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	strs_add(&argv, "scontrol");
	strs_add(&argv, "requeue");
	strs_add(&argv, "incomplete");
	strs_addf(&argv, "%llu", (unsigned long long)id);
	rc = run_tool(&argv, &r, err);
	if (!rc && !went_well(&r))
		rc = tool_failed("scontrol", &r, err);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

int slurm_site_read(struct slurm_site *out, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	strs_add(&argv, "scontrol");
	strs_add(&argv, "show");
	strs_add(&argv, "config");
	rc = run_tool(&argv, &r, err);
	if (!rc)
		rc = went_well(&r) ? slurm_parse_config(as_text(&r.out), out, err)
				   : tool_failed("scontrol", &r, err);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

void slurm_site_release(struct slurm_site *site)
{
	free(site->cluster);
	free(site->version);
	memset(site, 0, sizeof(*site));
}

int slurm_limit_read(const char *user, struct slurm_limit *out, struct err *err)
{
	struct proc_result r;
	struct strs argv = {0};
	int rc;

	memset(out, 0, sizeof(*out));
	strs_add(&argv, "scontrol");
	strs_add(&argv, "-o");
	strs_add(&argv, "show");
	strs_add(&argv, "assoc_mgr");
	strs_addf(&argv, "users=%s", user);
	strs_add(&argv, "flags=assoc,qos");
	rc = run_tool(&argv, &r, err);
	if (!rc)
		rc = went_well(&r) ? slurm_parse_limits(as_text(&r.out), out, err)
				   : tool_failed("scontrol", &r, err);
	proc_result_release(&r);
	strs_release(&argv);
	return rc;
}

void slurm_limit_release(struct slurm_limit *limit)
{
	free(limit->from);
	memset(limit, 0, sizeof(*limit));
}
