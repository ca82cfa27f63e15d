#include "slurm/slurm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/env.h"
#include "lib/proc.h"
#include "slurm/sbatch.h"
#include "slurm/slurm_internal.h"

extern char **environ;

enum {
	SBATCH_TIMEOUT_MS = 60000,
	QUERY_TIMEOUT_MS = 30000,
	SCANCEL_SLICE = 200,
	WORDS_MAX = 2000, /* bytes of a command's output in an error message */
};

/* Running Slurm's commands */

/* Returns whether a variable changes a query's output or the jobs that scancel selects: squeue(1),
 * sacct(1) and scancel(1), ENVIRONMENT VARIABLES. */
static bool steers_a_query(const char *pair)
{
	static const char *const prefixes[] = {
		"SQUEUE_",
		"SACCT_",
		"SCANCEL_",
		"SCONTROL_",
		"SLURM_CLUSTERS=",
		/* start_tool() sets these to the values that the parsers expect */
		"SLURM_TIME_FORMAT=",
		"SLURM_BITSTR_LEN=",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(pair, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const char *const *list_argv(const struct strs *l)
{
	return (const char *const *)l->v;
}

static int set_start_error(const char *tool, int exec_errno, struct err *err)
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

/* Returns a command's output as a string; a NUL becomes '?', so that the rest stays visible. */
static const char *as_text(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (!b->s[i])
			b->s[i] = '?';
	return buf_str(b);
}

/* Appends the command's stderr, or its stdout if stderr is empty, on one line. */
static void add_words(struct buf *to, const struct proc_result *r)
{
	const struct buf *b = r->err.len ? &r->err : &r->out;
	size_t len = b->len < WORDS_MAX ? b->len : WORDS_MAX;

	while (len && (b->s[len - 1] == '\n' || b->s[len - 1] == '\r'))
		len--;
	slurm_clean(to, buf_str(b), len, "; ");
}

static int set_tool_error(const char *tool, const struct proc_result *r, struct err *err)
{
	struct buf b = {0};

	if (r->timed_out)
		buf_addf(&b, "%s did not answer within %d s", tool, QUERY_TIMEOUT_MS / 1000);
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

static int start_tool(const struct strs *argv, struct proc_result *r, struct err *err)
{
	struct proc_spec spec = {.argv = list_argv(argv), .timeout_ms = QUERY_TIMEOUT_MS};
	struct strs envp = {0};
	int exec_errno, rc;

	for (char **e = environ; e && *e; e++)
		if (!steers_a_query(*e))
			strs_add(&envp, *e);
	strs_add(&envp, "SLURM_TIME_FORMAT=%s");
	strs_add(&envp, "SLURM_BITSTR_LEN=0");
	spec.envp = list_argv(&envp);
	rc = proc_run(&spec, r, &exec_errno, err);
	if (rc)
		set_start_error(argv->v[0], exec_errno, err);
	strs_release(&envp);
	return rc;
}

/* Runs a command that queries or changes Slurm, 30 s at most. Returns 0 if it succeeded, 1 if it
 * exited with an error text that excused() accepts (NULL: none), and -1 with err. Releases argv;
 * the caller releases *r. */
static int run_tool(struct strs *argv, bool (*excused)(const char *errtext), struct proc_result *r,
		    struct err *err)
{
	int rc = start_tool(argv, r, err);

	if (!rc && (r->timed_out || r->signal || r->exit_code)) {
		if (excused && !r->timed_out && !r->signal && excused(as_text(&r->err)))
			rc = 1;
		else
			rc = set_tool_error(argv->v[0], r, err);
	}
	strs_release(argv);
	return rc;
}

static struct strs list_words(const char *const *words)
{
	struct strs l = {0};

	for (; *words; words++)
		strs_add(&l, *words);
	return l;
}
#define ARGV(...) list_words((const char *const[]){__VA_ARGS__, NULL})

static void add_number(struct strs *argv, uint64_t n)
{
	strs_addf(argv, "%llu", (unsigned long long)n);
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
	strs_addf(argv, "--error=%s", s->output);
	strs_add(argv, "--input=/dev/null");
	strs_add(argv, "--open-mode=append");
	strs_add(argv, s->requeue ? "--requeue" : "--no-requeue");
	strs_addf(argv, "--signal=B:USR1@%d", s->notice_s ? s->notice_s : SLURM_NOTICE_S);
	if (s->chdir)
		strs_addf(argv, "--chdir=%s", s->chdir);
}

struct slurm_sbatch {
	struct strs argv, env;
	struct proc_run *run; /* NULL: sbatch could not be started */
	int exec_errno;	      /* if run is NULL: the errno of exec; 0: no process could be made */
	struct err err;
};

struct slurm_sbatch *slurm_sbatch_begin(const struct slurm_submission *s)
{
	struct slurm_sbatch *b = mem_alloc(sizeof(*b));
	struct proc_spec spec = {
		.in = s->script,
		.in_len = strlen(s->script),
		.timeout_ms = SBATCH_TIMEOUT_MS,
	};

	slurm_sbatch_argv(s, &b->argv);
	for (const char *const *e = s->envp ? s->envp : (const char *const *)environ; *e; e++)
		if (!sbatch_owns_variable(*e))
			strs_add(&b->env, *e);
	spec.argv = list_argv(&b->argv);
	spec.envp = list_argv(&b->env);
	proc_run_begin(&spec, &b->run, &b->exec_errno, &b->err);
	return b;
}

static void sbatch_free(struct slurm_sbatch *b)
{
	strs_release(&b->argv);
	strs_release(&b->env);
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
		set_start_error("sbatch", b->exec_errno, &b->err);
		/* If only a process was missing, a retry may succeed. */
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

/* Runs squeue as run_tool() does, and also returns -1 if squeue reports an unknown user: then it
 * prints an empty line and exits 0 (seen on 22.05.8 and 24.11.5; 20.11.4 answers for any uid). */
static int run_squeue(struct strs *argv, bool (*excused)(const char *errtext),
		      struct proc_result *r, struct err *err)
{
	int rc = run_tool(argv, excused, r, err);

	if (!rc && strstr(buf_str(&r->err), "Invalid user")) {
		struct buf b = {0};

		add_words(&b, r);
		rc = err_set(err, ERR_AGAIN, "squeue did not answer: %s", buf_str(&b));
		buf_release(&b);
	}
	return rc;
}

int slurm_squeue(uint64_t uid, struct slurm_jobs *out, struct err *err)
{
	struct strs argv =
		ARGV("squeue", "-a", "-r", "-h", "-t", "all", "-o", SLURM_SQUEUE_FORMAT, "-u");
	struct proc_result r;
	int rc;

	memset(out, 0, sizeof(*out));
	add_number(&argv, uid);
	rc = run_squeue(&argv, NULL, &r, err);
	if (!rc)
		rc = slurm_parse_jobs(buf_str(&r.out), r.out.len, out, err);
	if (rc)
		slurm_jobs_release(out);
	proc_result_release(&r);
	return rc;
}

/* Moves the job whose own id is id out of the list (an array's id is its last task's); returns 1 if
 * there is none. */
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

static bool says_no_such_job(const char *errtext)
{
	return strstr(errtext, "Invalid job id specified");
}

int slurm_squeue_job(uint64_t id, struct slurm_job *out, struct err *err)
{
	struct strs argv =
		ARGV("squeue", "-a", "-r", "-h", "-t", "all", "-O", SLURM_SQUEUE_COLUMNS, "-j");
	struct slurm_jobs jobs = {0};
	struct proc_result r;
	int rc;

	memset(out, 0, sizeof(*out));
	add_number(&argv, id);
	rc = run_squeue(&argv, says_no_such_job, &r, err);
	if (!rc)
		rc = slurm_parse_columns(as_text(&r.out), &jobs, err);
	if (!rc)
		rc = pick_job(&jobs, id, out);
	slurm_jobs_release(&jobs);
	proc_result_release(&r);
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

static bool says_no_accounting(const char *errtext)
{
	return strstr(errtext, "Slurm accounting storage is disabled");
}

int slurm_sacct(uint64_t uid, int64_t since_s, const struct strs *ids, struct slurm_jobs *out,
		struct err *err)
{
	struct strs argv = ARGV("sacct", "-n", "-X", "-D", "-P", "--delimiter=\x1f", "-u");
	struct buf list = {0};
	struct proc_result r;
	int rc;

	memset(out, 0, sizeof(*out));
	add_number(&argv, uid);
	strs_add(&argv, "-S");
	strs_addf(&argv, "now-%lld", (long long)since_s);
	strs_add(&argv, "-o");
	strs_add(&argv, SLURM_SACCT_FORMAT);
	for (size_t i = 0; ids && i < ids->n; i++)
		buf_addf(&list, "%s%s", i ? "," : "", ids->v[i]);
	if (list.len) {
		strs_add(&argv, "-j");
		strs_take(&argv, buf_take(&list));
	}
	rc = run_tool(&argv, says_no_accounting, &r, err);
	if (!rc)
		slurm_parse_acct(as_text(&r.out), out);
	proc_result_release(&r);
	return rc == 1 ? SLURM_NO_ACCT : rc;
}

/* scancel and scontrol */

/* Runs a command and ignores its output; returns 0 if it succeeded or its error is excused. */
static int run_unread(struct strs *argv, bool (*excused)(const char *errtext), struct err *err)
{
	struct proc_result r;
	int rc = run_tool(argv, excused, &r, err);

	proc_result_release(&r);
	return rc < 0 ? -1 : 0;
}

static int scancel_slice(const char *state, char *const *ids, size_t n, struct err *err)
{
	struct strs argv = ARGV("scancel");

	if (state)
		strs_addf(&argv, "--state=%s", state);
	for (size_t i = 0; i < n; i++)
		strs_add(&argv, ids[i]);
	return run_unread(&argv, slurm_only_gone, err);
}

static int scancel_all(const char *state, const struct strs *ids, struct err *err)
{
	struct err later = {0};
	int rc = 0;

	for (size_t i = 0; i < ids->n; i++)
		if (!ids->v[i][0] || ids->v[i][strspn(ids->v[i], "0123456789_")])
			return err_set(err, ERR_FAILED, "invalid Slurm job id '%s'", ids->v[i]);
	for (size_t i = 0; i < ids->n; i += SCANCEL_SLICE) {
		size_t n = ids->n - i < SCANCEL_SLICE ? ids->n - i : SCANCEL_SLICE;

		/* err keeps the first error; a failed slice must not stop the others */
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

int slurm_requeue_off(uint64_t id, struct err *err)
{
	struct strs argv = ARGV("scontrol", "update");

	strs_addf(&argv, "JobId=%llu", (unsigned long long)id);
	strs_add(&argv, "Requeue=0");
	return run_unread(&argv, NULL, err);
}

int slurm_requeue(uint64_t id, struct err *err)
{
	struct strs argv = ARGV("scontrol", "requeue", "incomplete");

	add_number(&argv, id);
	return run_unread(&argv, NULL, err);
}

int slurm_version(const char *tool, char **version, struct err *err)
{
	struct strs argv = ARGV(tool, "--version");
	struct buf line = {0};
	struct proc_result r;
	int rc = run_tool(&argv, NULL, &r, err);

	*version = NULL;
	if (!rc) {
		const char *text = as_text(&r.out), *word;

		slurm_clean(&line, text, strcspn(text, "\n"), "");
		word = strrchr(buf_str(&line), ' ');
		*version = mem_strdup(word ? word + 1 : buf_str(&line));
	}
	buf_release(&line);
	proc_result_release(&r);
	return rc;
}

int slurm_site_read(struct slurm_site *out, struct err *err)
{
	struct strs argv = ARGV("scontrol", "show", "config");
	struct proc_result r;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = run_tool(&argv, NULL, &r, err);
	if (!rc)
		rc = slurm_parse_config(as_text(&r.out), out, err);
	proc_result_release(&r);
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
	struct strs argv = ARGV("scontrol", "-o", "show", "assoc_mgr");
	struct proc_result r;
	int rc;

	*out = (struct slurm_limit){.limit = -1, .used = -1};
	strs_addf(&argv, "users=%s", user);
	strs_add(&argv, "flags=assoc,qos");
	rc = run_tool(&argv, NULL, &r, err);
	if (!rc)
		rc = slurm_parse_limits(as_text(&r.out), out, err);
	proc_result_release(&r);
	return rc;
}

void slurm_limit_release(struct slurm_limit *limit)
{
	free(limit->from);
	memset(limit, 0, sizeof(*limit));
}
