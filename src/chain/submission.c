/*
 * submission.c - the files, script, environment and options of one sbatch.
 *
 * Manifest and claims are durable before the claiming transaction commits, under the same hold of
 * the queue lock. Otherwise a submitter that dies in between would leave a row whose claim no job
 * can win.
 */
#include "chain/submission.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lib/env.h"
#include "lib/failpoint.h"
#include "lib/proc.h"
#include "store/folder.h"
#include "store/state.h"

/* In sbatch's environment: the variable means that the job gets none of that environment. */
static const char NO_EXPORT[] = "SLURMQ_NO_EXPORT";

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
	free(b->setup);
	free(b->script);
	free(b->exclude);
	manifest_writer_release(&b->manifest);
	memset(b, 0, sizeof(*b));
}

void batches_release(struct batches *b)
{
	for (size_t i = 0; i < b->n; i++)
		batch_release(&b->v[i]);
	free(b->v);
	free(b->full_sweep);
	memset(b, 0, sizeof(*b));
}

/* Renders the manifest of one batch. The caller holds the queue lock. */
static int render_manifest(struct store *store, struct batch *b, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < b->njobs && !rc; i++) {
		struct strs done = {0};

		rc = db_steps_done(store->db, &b->jobs[i], &done, err);
		if (!rc)
			manifest_add(&b->manifest, b->jobs[i].id, b->sub.first + (int64_t)i,
				     b->jobs[i].tries + 1, &b->jobs[i].point, &b->plans[i], &done);
		strs_release(&done);
	}
	return rc ? -1 : 0;
}

int submission_manifests_render(struct store *store, struct batches *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (render_manifest(store, &b->v[i], err))
			return -1;
	return 0;
}

static int write_batch(struct store *store, const struct batch *b, int64_t kill_wait_s,
		       bool chained, struct err *err)
{
	struct folder *sp = store->folder;
	struct manifest_head head = {.sweep = b->sweep_name,
				     .version = b->sub.version,
				     .chdir = b->chdir,
				     .chained = chained,
				     .checkpoint = b->checkpoint,
				     .setup = b->setup,
				     .script = b->script,
				     .notice_s = b->notice_s,
				     .kill_wait_s = kill_wait_s};
	char *logs = mem_printf("logs/%04" PRId64, b->sub.first / 1000);
	int rc = 0;

	if (folder_make_subfolder(sp, logs, err) || folder_make_subfolder(sp, "manifests", err) ||
	    manifest_write(sp, b->sub.id, &b->manifest, &head, err))
		rc = -1;
	FAILPOINT("claim-manifest");
	if (!rc && claim_files_make(sp, b->sub.id, (int)b->njobs, err))
		rc = -1;
	FAILPOINT("claim-rights");
	free(logs);
	return rc;
}

/* Writes all files before the first sync, because that sync does most of the work of the later
 * ones. */
int submission_files_write(struct store *store, const struct batches *b, int64_t kill_wait_s,
			   bool chained, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (write_batch(store, &b->v[i], kill_wait_s, chained, err))
			return -1;
	for (size_t i = 0; i < b->n; i++)
		if (manifest_sync(store->folder, b->v[i].sub.id, err))
			return -1;
	if (b->n && claim_files_sync(store->folder, err))
		return -1;
	FAILPOINT("claim-synced");
	return 0;
}

/* ---- binary and environment of a version ---- */

/* Opens this program. Without /proc it uses the name by which the program was started
 * (getauxval(3)). */
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
		rc = err_errno(err, ERR_FAILED, "cannot copy this program to '%s/%s'", store->dir,
			       name);
	else
		rc = folder_file_put(store->folder, name, b.s, b.len, 0700, err);
	if (fd >= 0)
		close(fd);
	buf_release(&b);
	return rc;
}

static int read_env(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	char *name = mem_printf("env/%" PRId64, version);
	int rc = folder_file_get(store->folder, name, out, err);

	free(name);
	return rc;
}

/* Reads the environment of the newest earlier version of the sweep that has one. Returns 0,
 * FOLDER_NONE if there is none, or -1. */
static int read_sweep_env(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	int rc;

	while (!(rc = db_version_before(store->db, version, &version, err))) {
		rc = read_env(store, version, out, err);
		if (rc != FOLDER_NONE)
			return rc;
	}
	return rc == DB_NONE ? FOLDER_NONE : -1;
}

/* Reads the environment of the newest earlier version of any sweep. A job may chain into a sweep
 * that the user has not submitted yet. That job must not give its own environment to the sweep,
 * so another sweep's serves until the user submits. */
static int read_other_env(struct store *store, int64_t version, struct buf *out, struct err *err)
{
	int rc = FOLDER_NONE;

	while (rc == FOLDER_NONE && --version > 0)
		rc = read_env(store, version, out, err);
	return rc;
}

/* Stores the environment for the sweep's jobs: that of its earlier versions, else (or with
 * renew) the caller's own. *own: the caller's own was stored. */
static int put_env(struct store *store, int64_t version, bool renew, bool *own, struct err *err)
{
	char *name = mem_printf("env/%" PRId64, version);
	struct strs env = {0};
	struct buf text = {0};
	int rc = renew ? FOLDER_NONE : read_sweep_env(store, version, &text, err);

	*own = rc == FOLDER_NONE;
	if (*own) {
		env_capture(environ, &env);
		env_encode(&env, &text);
		rc = 0;
	}
	if (!rc)
		rc = folder_file_put(store->folder, name, buf_str(&text), text.len, 0600, err);
	strs_release(&env);
	buf_release(&text);
	free(name);
	return rc;
}

static bool is_env_missing(struct store *store, int64_t version)
{
	char *name = mem_printf("env/%" PRId64, version);
	bool there = folder_file_exists(store->folder, name);

	free(name);
	return !there;
}

/* Stores the batch script of a version under its own name, which the errors of its shell then
 * have. */
static int put_script(struct store *store, const struct batch *b, struct err *err)
{
	char *folder = mem_strndup(b->script, (size_t)(strrchr(b->script, '/') - b->script));
	struct db_version row = {0};
	int rc = db_version_get(store->db, b->sub.version, &row, err);

	if (!rc && row.script) {
		rc = folder_make_subfolder(store->folder, folder, err);
		if (!rc)
			rc = folder_file_put(store->folder, b->script, row.script,
					     strlen(row.script), 0700, err);
	}
	db_version_release(&row);
	free(folder);
	return rc ? -1 : 0;
}

static int provide_version(struct store *store, struct batch *b, bool user, bool renew,
			   struct err *err)
{
	int64_t version = b->sub.version;
	char *bin = mem_printf("bin/%" PRId64, version);
	int rc = 0;

	if (folder_make_subfolder(store->folder, "env", err) ||
	    folder_make_subfolder(store->folder, "bin", err))
		rc = -1;
	b->env_stored = false;
	if (!rc && user && (renew || is_env_missing(store, version)))
		rc = put_env(store, version, renew, &b->env_stored, err);
	FAILPOINT("claim-env");
	if (!rc && b->script && !folder_file_exists(store->folder, b->script))
		rc = put_script(store, b, err);
	if (!rc && !folder_file_exists(store->folder, bin))
		rc = put_binary(store, bin, err);
	FAILPOINT("claim-binary");
	free(bin);
	return rc;
}

int submission_provide(struct store *store, struct batches *b, bool user, bool renew,
		       struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (provide_version(store, &b->v[i], user, renew, err))
			return -1;
	return 0;
}

static int provide_sweep(struct store *store, const struct db_sweep *s, bool renew, struct err *err)
{
	int64_t open = s->jobs - s->counts[JOB_COMPLETED];
	bool own;

	if (renew ? !open : !s->counts[JOB_PENDING] || !is_env_missing(store, s->version))
		return 0;
	return put_env(store, s->version, renew, &own, err);
}

int submission_environments_keep(struct store *store, bool renew, struct err *err)
{
	struct db_sweep *v;
	size_t n;
	int rc = 0;

	if (!proc_on_path("sbatch"))
		return 0;
	if (folder_make_subfolder(store->folder, "env", err) || db_sweeps(store->db, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n && !rc; i++)
		rc = provide_sweep(store, &v[i], renew, err);
	db_sweeps_free(v, n);
	return rc ? -1 : 0;
}

void submission_environment_forget(struct store *store, const struct batch *b)
{
	char *env = mem_printf("env/%" PRId64, b->sub.version);

	folder_file_remove(store->folder, env, NULL);
	free(env);
}

/* ---- the sbatch call ---- */

char *submission_output_escape(const char *path)
{
	struct buf b = {0};

	for (; *path; path++) {
		if (*path == '%')
			buf_addch(&b, '%');
		buf_addch(&b, *path);
	}
	return buf_take(&b);
}

/* Returns the --output pattern: the log of task 0, with sbatch's %a for the index if the batch
 * is an array. The caller frees it. */
static char *make_output_pattern(const struct store *store, const struct batch *b)
{
	char *path = store_log_path(store, b->sub.first, b->sub.id, 0);
	char *pattern = submission_output_escape(path), *out;
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

char *submission_script_make(const struct store *store, int64_t version, const struct strs *env,
			     const char *directives, const char *remark, const char *arguments)
{
	struct buf out = {0};
	char *bin = store_path(store, "bin/%" PRId64, version);
	const char *conf = env_get(env, "SLURM_CONF");

	/* dash would drop exported functions of bash, such as module, from the environment; -p
	 * keeps bash from reading $BASH_ENV (bash(1)) */
	buf_addstr(&out, "#!/bin/bash -p\n");
	if (*directives) {
		buf_addstr(&out, directives);
		if (out.s[out.len - 1] != '\n')
			buf_addch(&out, '\n');
	}
	buf_addf(&out, "# slurmq: %s\n", remark);
	if (env_get(env, NO_EXPORT)) {
		/* srun steps in this job must inherit the job's environment (srun(1), --export).
		 * sbatch passes every variable that begins with SLURM, so these two are unset. */
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

static char *make_script_text(const struct store *store, const struct batch *b,
			      const struct strs *env)
{
	char *remark =
		mem_printf("%s, %zu job%s", b->sweep_name, b->njobs, b->njobs == 1 ? "" : "s");
	char *arguments = mem_printf("run %016" PRIx64, b->sub.id);
	char *text = submission_script_make(store, b->sub.version, env, b->directives, remark,
					    arguments);

	free(remark);
	free(arguments);
	return text;
}

int submission_environment_get(struct store *store, int64_t version, struct strs *env,
			       struct strs *options, struct err *err)
{
	char *how = NULL;
	struct buf text = {0};
	int rc = read_env(store, version, &text, err);

	if (rc == FOLDER_NONE)
		rc = read_sweep_env(store, version, &text, err);
	if (rc == FOLDER_NONE)
		rc = read_other_env(store, version, &text, err);
	/* no environment is stored: this is a preview before the first submit */
	if (rc == FOLDER_NONE)
		env_capture(environ, env);
	else if (!rc)
		rc = env_decode(buf_str(&text), text.len, env, err);
	buf_release(&text);
	if (rc < 0 || state_get_text(store->db, STATE_ENVIRONMENT, &how, err) < 0)
		return -1;
	if (how && !strcmp(how, "none")) {
		/* this empties the job's environment, not that of sbatch, which must be found on
		 * PATH (sbatch(1), --export) */
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
	if (submission_environment_get(store, b->sub.version, &own->env, &own->options, err))
		return -1;
	for (size_t i = 0; i < b->options.n; i++)
		strs_add(&own->options, b->options.v[i]);
	own->name = mem_printf("%s.%016" PRIx64, b->sweep_name, b->sub.id);
	own->output = make_output_pattern(store, b);
	own->script = make_script_text(store, b, &own->env);
	s->name = own->name;
	s->ntasks = (int)b->njobs;
	s->output = own->output;
	s->chdir = b->chdir;
	if (b->exclude)
		strs_addf(&own->options, "--exclude=%s", b->exclude);
	s->options = (const char *const *)own->options.v;
	s->requeue = b->restartable;
	s->notice_s = b->notice_s;
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
