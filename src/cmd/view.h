/*
 * view.h - how commands show a job: its state in colour, its Slurm id, its JSON, its commands.
 */
#ifndef SLURMQ_VIEW_H
#define SLURMQ_VIEW_H

#include "store/db.h"
#include "lib/err.h"
#include "lib/json.h"
#include "store/store.h"
#include "sweep/sweep.h"
#include "lib/table.h"

/* Each line of slurmq in a log begins so (attempt_log.h). */
#define VIEW_MARK "==> slurmq: "

enum paint view_paint(int state);

/* Reads the newest attempt of a job into *a. Returns 0, DB_NONE if the job has none yet, or -1.
 * The caller releases *a. */
int view_attempt(struct db *db, const struct db_job *job, struct db_attempt *a, struct err *err);

/* Adds the Slurm id: "1234_7" for a task of an array, "1234" for a single job, "" if there is
 * none yet. */
void view_slurm_id(const struct db_attempt *a, struct buf *out);

/* Returns why the job waits in Slurm, in Slurm's words, or NULL if it does not or that is unknown.
 * Borrowed from a, which may be NULL. */
const char *view_slurm_reason(const struct db_job *job, const struct db_attempt *a);

/* Returns how long the attempt ran or has been running, in ms, or -1 if it did not start. */
int64_t view_duration(const struct db_attempt *a, int64_t now);

/* Returns whether an attempt counts: it has started, or may start yet. The first one is attempt 1, as
 * in SLURMQ_ATTEMPT and in the headings of the logs. */
bool view_has_number(const struct db_attempt *a);

/* Adds how the attempt ended: "exit 1", "signal 9 (Killed)", or "" if it completed or has not
 * ended. */
void view_end(const struct db_attempt *a, struct buf *out);

/* Returns the last line that the commands of an attempt wrote to its log, or NULL. Blank lines and
 * those of slurmq do not count. The caller frees it. */
char *view_last_line(struct store *store, const struct db_attempt *a);

/* Returns whether the job waits for its next try, which its policy allows only from
 * job->again.due on. */
bool view_waits(const struct db_job *job, int64_t now);

/* Adds "exit_code" and "signal" of an attempt or a step; each is null if there is none or it is
 * unknown. */
void view_exit_json(struct json *j, bool completed, int exit_code, int signal);

/* Adds the members of a line of list --json to the open object of j; a is the newest attempt,
 * or NULL. */
void view_job_json(struct json *j, const struct db_job *job, const struct db_attempt *a);

/* Adds "results":{..} for n results. */
void view_results_json(struct json *j, const struct db_result *v, size_t n);

/* Adds "commands":[{"step":..,"key":..,"argv":[..]}] for a plan. */
void view_commands_json(struct json *j, const struct plan *plan);
/* Adds the command of a step as a user would type it in a shell. The script of bash -c is added
 * as it is. */
void view_command(const struct plan_step *step, struct buf *out);

/* Makes the plan of the next attempt of a job from the text of its sweep version. The caller
 * releases *plan. */
int view_plan_next(struct db *db, const struct db_job *job, struct plan *plan, struct err *err);
/* Makes the plan of a job; if it is in flight or completed, the plan with which its newest
 * attempt was submitted. */
int view_plan(struct db *db, const struct db_job *job, struct plan *plan, struct err *err);

#endif
