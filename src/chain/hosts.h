/*
 * hosts.h - finds out whether the file locks of the folder work between hosts.
 *
 * The queue lock and SQLite rely on such locks (fcntl(2), https://sqlite.org/howtocorrupt.html,
 * 2.1). No mount option shows on every file system whether they do. BeeGFS keeps such locks on
 * one host unless tuneUseGlobalFileLocks is set. Lustre and NFS have mount options that do the
 * same, visible only on the host that uses them. So the first two hosts that run at the same time
 * find it out, and the database keeps the answer.
 *
 * A host that takes part locks a range of its own in hosts/lock. While it holds that range, and
 * only then, it writes a new number into hosts/ID again and again. It tries to lock the range of
 * each other host that has left such a file:
 *
 * - The range is busy: locks work. No other process of this host takes part, since this one holds
 *   the host's own range, so a process on another host holds the lock.
 * - The range is free: the other host has died, or locks do not work. If three new numbers appear
 *   while this host holds the other's range, locks do not work. (One number may be seen late, from
 *   a cache, and one may be on its way.) No clock of one host is compared with another's.
 *
 * A host is a booted kernel (random(4), boot_id), whatever its name is: between two names of one
 * kernel, locks always hold.
 *
 * The answer is kept as STATE_LOCKS_REACH or STATE_LOCKS_LOCAL (store/state.h); `slurmq resume`
 * unsets both.
 */
#ifndef SLURMQ_HOSTS_H
#define SLURMQ_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"
#include "store/store.h"

struct hosts_opts {
	/* Runs beside the command of a job: takes part even if a journal names another host.
	 * Ends at a signal (proc_signals_block()), or when the parent process has ended. */
	bool beside;
	int64_t ms;	  /* takes part this long, at most */
	uint64_t id;	  /* 0: this host's */
	const char *name; /* NULL: this host's */
};

enum hosts_answer {
	HOSTS_UNKNOWN, /* no other host took part */
	HOSTS_KNOWN,   /* found out before */
	HOSTS_REACH,   /* found out now */
	HOSTS_LOCAL,   /* found out now: the queue is paused */
};

/* Finds out whether locks work, if that is unknown and another host takes part. If none does,
 * returns at once; beside a command, after o->ms at most. An error leaves the answer unknown:
 * the queue lock meets the same error, and reports it. */
enum hosts_answer hosts_check(struct store *store, const struct hosts_opts *o);

/* Returns in *pair the "HOST HOST" between which locks do not work; DB_NONE if no such pair is
 * known. The caller frees *pair. */
int hosts_local(struct db *db, char **pair, struct err *err);
/* Returns in *pair the "HOST HOST" between which locks are known to work, in the same way. */
int hosts_reach(struct db *db, char **pair, struct err *err);
/* Forgets the answer, so that it is found out again. Needs an open transaction. */
int hosts_forget(struct db *db, struct err *err);

#endif
