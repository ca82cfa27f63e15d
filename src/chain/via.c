/*
 * via.c - submitting through another host, for jobs on hosts that may not submit.
 *
 * The argv is fixed: "VIA... 'DIR/bin/V' -C 'ROOT' chain --strict --no-via". No option of sbatch,
 * no value of a job and no script passes a remote shell. Only two paths do, and they are quoted for
 * it: ssh(1) joins the words with blanks for the user's shell.
 */
#include "chain/via.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/proc.h"
#include "store/setting.h"
#include "store/state.h"

/* After a failure the next try is short, because each job that ends waits for it in its
 * allocation. One try in four gets the full time, for a host that is slow but works. Ending a
 * try too early loses nothing: the remote slurmq finishes by itself, or the next try finds its
 * work. */
enum { VIA_TIMEOUT_MS = 180 * 1000, VIA_TRIAL_MS = 30 * 1000, OUTPUT_MOST = 400 };

int via_get(struct store *store, char **via, struct err *err)
{
	int rc;

	*via = NULL;
	if (!getenv("SLURM_JOB_ID"))
		return DB_NONE;
	rc = state_get_text(store->db, STATE_VIA, via, err);
	if (!rc && !(*via)[strspn(*via, " ")]) {
		free(*via);
		*via = NULL;
		rc = DB_NONE;
	}
	return rc;
}

static void add_quoted(struct strs *argv, const char *word)
{
	struct buf b = {0};

	buf_add_shell_word(&b, word);
	strs_take(argv, buf_take(&b));
}

/* Appends the command's stderr as one line without control characters, for a log. */
static void add_output(struct buf *to, const struct buf *output)
{
	size_t n = output->len < OUTPUT_MOST ? output->len : OUTPUT_MOST;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)output->s[i];

		if (c == '\n' && i + 1 < n)
			buf_addstr(to, "; ");
		else if (c >= ' ' && c != 127)
			buf_addch(to, (char)c);
	}
}

static int check_result(const char *via, const struct proc_result *r, struct err *err)
{
	struct buf output = {0};

	if (!r->timed_out && !r->signal && !r->exit_code)
		return 0;
	add_output(&output, &r->err);
	if (!output.len && r->signal && !r->timed_out)
		buf_addf(&output, "killed by signal %d", r->signal);
	else if (!output.len && !r->timed_out)
		buf_addf(&output, "exit status %d, and it printed nothing", r->exit_code);
	err_set(err, ERR_AGAIN, "submitting via '%s' %s%s%s (slurmq config via)", via,
		r->timed_out ? "took too long" : "failed", output.len ? ": " : "",
		buf_str(&output));
	buf_release(&output);
	return -1;
}

/* Stores the last failure for slurmq status, or removes it after a success (why is NULL). An
 * error here is ignored, because no decision depends on it. */
static void remember_failure(struct db *db, const char *why)
{
	char *before = NULL;
	int rc = state_get_text(db, STATE_VIA_FAILED, &before, NULL);
	bool same = why ? !rc && !strcmp(before, why) : rc != 0;

	free(before);
	if (same || db_begin(db, NULL))
		return;
	if ((why ? state_set_text(db, STATE_VIA_FAILED, why, NULL)
		 : state_unset_text(db, STATE_VIA_FAILED, NULL)) ||
	    db_commit(db, NULL))
		db_rollback(db);
}

static bool has_failed_last(struct db *db)
{
	char *why = NULL;
	bool yes = state_get_text(db, STATE_VIA_FAILED, &why, NULL) == 0;

	free(why);
	return yes;
}

int via_run(struct store *store, const char *via, bool sentinel, struct err *err)
{
	struct proc_spec spec = {0};
	struct proc_result r = {0};
	struct db_submission last;
	struct strs argv = {0};
	bool again;
	char *bin;
	int rc = db_submission_newest(store->db, &last, err);

	if (rc)
		return rc < 0 ? -1
			      : err_set(err, ERR_FAILED,
					"nothing was submitted yet: slurmq submit");
	bin = store_path(store, "bin/%" PRId64, last.version);
	setting_words(via, &argv);
	add_quoted(&argv, bin);
	strs_add(&argv, "-C");
	add_quoted(&argv, store->root);
	strs_add(&argv, "chain");
	strs_add(&argv, "--strict");
	strs_add(&argv, "--no-via");
	if (sentinel)
		strs_add(&argv, "--sentinel");
	spec.argv = (const char *const *)argv.v;
	spec.timeout_ms =
		has_failed_last(store->db) && clock_random() % 4 ? VIA_TRIAL_MS : VIA_TIMEOUT_MS;
	rc = proc_run(&spec, &r, NULL, err);
	if (rc) {
		struct err why = *err;

		err_set(err, ERR_AGAIN, "submitting via '%s' failed: %s (slurmq config via)", via,
			why.msg);
	} else {
		rc = check_result(via, &r, err);
	}
	/* a sentinel that must be tried again is not a failure of the via host */
	again = sentinel && !r.timed_out && !r.signal && r.exit_code == ERR_AGAIN;
	remember_failure(store->db, rc && !again ? err->msg : NULL);
	proc_result_release(&r);
	strs_release(&argv);
	db_submission_release(&last);
	free(bin);
	return rc;
}
