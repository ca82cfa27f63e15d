/*
 * state.h - the keys of the table of settings, each with its type.
 *
 * A key is a constant of one of two types, so that a key with a typing error, or a text where a
 * number belongs, does not compile. Times are ms since 1970 UTC. The keys and the form of their
 * values are in databases: a bin/V of an older slurmq reads them.
 */
#ifndef SLURMQ_STATE_H
#define SLURMQ_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "store/db.h"

struct state_int {
	const char *key;
	int64_t unset; /* its value if it is not set */
};
struct state_text {
	const char *key;
};
#define STATE_INT(key, unset) ((struct state_int){key, unset})
#define STATE_TEXT(key) ((struct state_text){key})

/* The user's own settings, which slurmq config sets; setting.h says what their values are. */
#define STATE_LIMIT STATE_INT("limit", 0)
#define STATE_RESERVE STATE_INT("reserve", 0)
#define STATE_BREAKER STATE_INT("breaker", 10)
#define STATE_VIA STATE_TEXT("via")
#define STATE_ENVIRONMENT STATE_TEXT("environment")
#define STATE_NOTIFY STATE_TEXT("notify")
#define STATE_SENTINEL STATE_TEXT("sentinel")
#define STATE_SENTINEL_SBATCH STATE_TEXT("sentinel.sbatch")

/* The folder's id, hex digits, as in the file "id". Set once, by db_create(). */
#define STATE_FOLDER STATE_TEXT(".folder")
/* Absolute path of the folder that holds .slurmq, as the user reached it. slurmq expand. */
#define STATE_ROOT STATE_TEXT(".root")

/* 1: nothing new is submitted; and the reason. See state_pause(). */
#define STATE_PAUSED STATE_INT(".paused", 0)
#define STATE_PAUSED_WHY STATE_TEXT(".paused_why")
/* notice.c: 1 if this pause, which is not the user's, was reported. */
#define STATE_PAUSED_REPORTED STATE_INT(".paused_reported", 0)
/* cancel.c: the queue is paused because so many jobs, all of them, were cancelled in Slurm; and
 * when. */
#define STATE_CANCELLED_JOBS STATE_INT(".cancelled.jobs", 0)
#define STATE_CANCELLED_AT STATE_INT(".cancelled.at", 0)

/* fill.c: 1 after slurmq submit --try: jobs submit no others until a user submits. */
#define STATE_TRIAL STATE_INT(".trial", 0)

/* breaker.c: how many consecutive jobs failed within a minute of their start. If the breaker holds the
 * jobs of a value since the last completed job: at which number it trips again, and the sweep of
 * that value; else 0. The last such job's id, once the queue was paused for it. */
#define STATE_BREAKER_N STATE_INT(".breaker.n", 0)
#define STATE_BREAKER_NEXT STATE_INT(".breaker.next", 0)
#define STATE_BREAKER_UNSURE STATE_INT(".breaker.unsure", 0)
#define STATE_BREAKER_JOB STATE_INT(".breaker.job", 0)
/* breaker.c: how many consecutive failures paused the queue. */
#define STATE_BREAKER_FAILURES STATE_INT(".breaker.failures", 0)

/* limits.c: Slurm's limit of jobs, -1: never read; the limit's name in Slurm, "" if there is
 * none; and when it was read. */
#define STATE_LIMIT_JOBS STATE_INT(".limit.jobs", -1)
#define STATE_LIMIT_FROM STATE_TEXT(".limit.from")
#define STATE_LIMIT_AT STATE_INT(".limit.at", 0)
/* limits.c: what scontrol show config reports. MaxArraySize; KillWait in seconds; ClusterName.
 * -1: never read. */
#define STATE_SITE_MAX_ARRAY STATE_INT(".site.max_array", -1)
#define STATE_SITE_KILL_WAIT STATE_INT(".site.kill_wait", -1)
#define STATE_CLUSTER STATE_TEXT(".cluster")

/* fill.c: when the queue was last filled; and how the command of the setting "via" failed, if
 * it did the last time. */
#define STATE_CHAIN_LAST_REFILL STATE_INT(".chain.last_refill", 0)
#define STATE_VIA_FAILED STATE_TEXT(".via.failed")

/* sentinel.c: when the sentinel was last seen or submitted; its Slurm job id; when it begins; the
 * SENTINEL_HELD_* of sentinel.h if Slurm holds it; and what sbatch printed when it
 * refused one, after which none is submitted. */
#define STATE_SENTINEL_AT STATE_INT(".sentinel.at", 0)
#define STATE_SENTINEL_JOB STATE_INT(".sentinel.job", 0)
#define STATE_SENTINEL_BEGIN STATE_INT(".sentinel.begin", 0)
#define STATE_SENTINEL_HELD STATE_INT(".sentinel.held", 0)
#define STATE_SENTINEL_REFUSED STATE_TEXT(".sentinel.refused")

/* reconcile.c: when Slurm was last queried for all jobs, by the file server's clock; and 1 if it
 * must be queried again soon. */
#define STATE_RECONCILE_AT STATE_INT(".reconcile.at", 0)
#define STATE_RECONCILE_SOON STATE_INT(".reconcile.soon", 0)

/* hosts.c: "HOST HOST", two hosts between which file locks are known to work, or known not to. */
#define STATE_LOCKS_REACH STATE_TEXT(".locks.reach")
#define STATE_LOCKS_LOCAL STATE_TEXT(".locks.local")

/* Each returns 0, or -1 with err; a set or an unset must be inside a transaction (db_begin()). */
int state_get_int(struct db *db, struct state_int key, int64_t *value, struct err *err);
int state_set_int(struct db *db, struct state_int key, int64_t value, struct err *err);
int state_unset_int(struct db *db, struct state_int key, struct err *err);
/* Returns DB_NONE with *value NULL if it is not set; the caller frees *value. */
int state_get_text(struct db *db, struct state_text key, char **value, struct err *err);
int state_set_text(struct db *db, struct state_text key, const char *value, struct err *err);
int state_unset_text(struct db *db, struct state_text key, struct err *err);

/* Sets STATE_PAUSED and STATE_PAUSED_WHY; state_unpause() unsets both, STATE_CANCELLED_* and
 * STATE_PAUSED_REPORTED. */
int state_pause(struct db *db, const char *why, struct err *err);
int state_unpause(struct db *db, struct err *err);

/* .paused.ID: the jobs of the sweep with that id are not submitted (db_sweep.paused). */
#define STATE_SWEEP_PAUSED ".paused."
int state_set_sweep_paused(struct db *db, int64_t sweep, bool paused, struct err *err);

/* .over.ID: the end of the sweep with that id was reported (notice.h). db_job_retry() and
 * db_version_publish() remove it. */
#define STATE_SWEEP_OVER ".over."
int state_set_over(struct db *db, int64_t sweep, bool over, struct err *err);
int state_get_over(struct db *db, int64_t sweep, bool *over, struct err *err);

/* Sets .refused.ID, the output of sbatch when it refused jobs of the sweep with that id. */
int state_set_refused(struct db *db, int64_t sweep, const char *text, struct err *err);
/* Returns DB_NONE with *text NULL if there is none; the caller frees *text. */
int state_get_refused(struct db *db, int64_t sweep, char **text, struct err *err);

/* .breaker.failed.ID: the attempts of the sweep with that id that failed within a minute, the
 * newest last; .breaker.held.ID: the values whose jobs the breaker holds (bad_value.h). DB_NONE
 * if there are none; the caller frees *text, a list separated by blanks, or lines. */
int state_set_failed(struct db *db, int64_t sweep, const char *text, struct err *err);
int state_get_failed(struct db *db, int64_t sweep, char **text, struct err *err);
/* Forgets the attempts of every sweep; state_set_failed() with "" forgets those of one. */
int state_unset_failed(struct db *db, struct err *err);
int state_set_held(struct db *db, int64_t sweep, const char *text, struct err *err); /* "": none */
int state_get_held(struct db *db, int64_t sweep, char **text, struct err *err);
/* Reads the ids of the sweeps that have such values. The caller frees *sweeps. */
int state_get_held_sweeps(struct db *db, int64_t **sweeps, size_t *n, struct err *err);
/* Unsets everything above that belongs to one sweep, which is deleted. */
int state_forget_sweep(struct db *db, int64_t sweep, struct err *err);

/* .node.NAME: the failures that breaker.c has counted on a node. */
struct state_node {
	int64_t deaths; /* attempts that failed there within seconds */
	int64_t since;	/* when the first of them began */
	int64_t out;	/* since when the node is excluded, 0: it is not */
};
/* Returns DB_NONE with *node zeroed if it is not set. A value that cannot be read reads as zeros. */
int state_get_node(struct db *db, const char *name, struct state_node *node, struct err *err);
int state_set_node(struct db *db, const char *name, const struct state_node *node, struct err *err);
int state_unset_node(struct db *db, const char *name, struct err *err);
/* Reads all nodes, sorted by name; *v has names->n elements. The caller frees both. */
int state_get_nodes(struct db *db, struct strs *names, struct state_node **v, struct err *err);
int state_unset_nodes(struct db *db, struct err *err);

#endif
