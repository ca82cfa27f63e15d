/*
 * via.c - submitting from another host, where a job's own may not.
 *
 * One fixed argv, "VIA... 'DIR/bin/V' -C 'ROOT' chain --no-via": no option of sbatch, no value of a job and
 * no script passes a remote shell, but two paths, quoted for it (ssh(1): the words are joined with blanks and
 * given to the user's shell there).
 */
#include "chain/via.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/proc.h"
#include "store/setting.h"
#include "store/state.h"

/* Where it failed last it is tried shortly, since each job that ends waits for it in its allocation; but one try of
 * four has all the time, for a host that is slow and well. Nothing is lost where it is ended too early: what it runs
 * there has its own way to go on, or is seen by the next. */
enum { VIA_TIMEOUT_MS = 180 * 1000, VIA_TRIAL_MS = 30 * 1000, WORDS_MOST = 400 };

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

/* What it said, on one line, fit for a log. */
static void add_words(struct buf *to, const struct buf *said)
{
	size_t n = said->len < WORDS_MOST ? said->len : WORDS_MOST;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)said->s[i];

		if (c == '\n' && i + 1 < n)
			buf_addstr(to, "; ");
		else if (c >= ' ' && c != 127)
			buf_addch(to, (char)c);
	}
}

static int judge_result(const char *via, const struct proc_result *r, struct err *err)
{
	struct buf said = {0};

	if (!r->timed_out && !r->signal && !r->exit_code)
		return 0;
	add_words(&said, &r->err);
	if (!said.len && r->signal && !r->timed_out)
		buf_addf(&said, "killed by signal %d", r->signal);
	else if (!said.len && !r->timed_out)
		buf_addf(&said, "it ended with status %d and said nothing", r->exit_code);
	err_set(err, ERR_AGAIN, "submitting via '%s' %s%s%s (slurmq config via)", via,
		r->timed_out ? "took too long" : "failed", said.len ? ": " : "", buf_str(&said));
	buf_release(&said);
	return -1;
}

/* What became of it last, for status: nothing where it went well (why NULL). Nobody hangs on it. */
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

static bool failed_last(struct db *db)
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
					"nothing was submitted yet: slurmq submit begins");
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
		failed_last(store->db) && clock_random() % 4 ? VIA_TRIAL_MS : VIA_TIMEOUT_MS;
	rc = proc_run(&spec, &r, NULL, err);
	if (rc) {
		struct err why = *err;

		err_set(err, ERR_AGAIN, "submitting via '%s' failed: %s (slurmq config via)", via,
			why.msg);
	} else {
		rc = judge_result(via, &r, err);
	}
	/* a sentinel that is to come again is no fault of the way */
	again = sentinel && !r.timed_out && !r.signal && r.exit_code == ERR_AGAIN;
	remember_failure(store->db, rc && !again ? err->msg : NULL);
	proc_result_release(&r);
	strs_release(&argv);
	db_submission_release(&last);
	free(bin);
	return rc;
}
