/*
 * view.h - a job as commands show it: its state in colour, its Slurm id, its JSON, what it runs.
 */
#ifndef SLURMQ_VIEW_H
#define SLURMQ_VIEW_H

#include "store/db.h"
#include "lib/err.h"
#include "lib/json.h"
#include "store/store.h"
#include "sweep/sweep.h"
#include "lib/table.h"

enum paint view_paint(int state);

/* The newest attempt of a job: 0 and *a (release it), DB_NONE where it has none yet. */
int view_attempt(struct db *db, const struct db_job *job, struct db_attempt *a, struct err *err);

/* "1234_7" of an array's task, "1234" of a single job; "" where it has none yet. */
void view_slurm_id(const struct db_attempt *a, struct buf *out);

/* How long it ran, in ms; -1: it did not start. */
int64_t view_duration(const struct db_attempt *a, int64_t now);

/* "exit 1", "signal 9 (Killed)", "" of one that completed or has not ended. */
void view_end(const struct db_attempt *a, struct buf *out);

/* Its policy tries it again, and not before job->again.due. */
bool view_waits(const struct db_job *job, int64_t now);

/* "exit_code" and "signal" of what has ended, either null where it has none or nobody told it. */
void view_exit_json(struct json *j, bool completed, int exit_code, int signal);

/* The members of a line of list --json, into an object that is open; a: the newest attempt, NULL: none. */
void view_job_json(struct json *j, const struct db_job *job, const struct db_attempt *a);

/* "commands":[{"step":..,"argv":[..]}] of a plan. */
void view_commands_json(struct json *j, const struct plan *plan);
/* A step's command in one line, as a shell would need it. */
void view_command(const struct plan_step *step, struct buf *out);

/* What a job's next attempt runs, by its version's text. */
int view_plan_next(struct db *db, const struct db_job *job, struct plan *plan, struct err *err);
/* The same but for a job that is running or completed: what its newest attempt was submitted with. */
int view_plan(struct db *db, const struct db_job *job, struct plan *plan, struct err *err);

#endif
