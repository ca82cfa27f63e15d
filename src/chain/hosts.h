/*
 * hosts.h - whether the locks of this file system reach from host to host.
 *
 * The lock, and SQLite itself, rely on it (fcntl(2), https://sqlite.org/howtocorrupt.html, 2.1), and no option of a
 * mount shows it everywhere: BeeGFS keeps such locks on one host unless tuneUseGlobalFileLocks is set, Lustre and
 * NFS have mount options that do the same and are seen on the host alone that has them. So the first two hosts that
 * are there at one time find it out, and it is remembered.
 *
 * A host that takes part holds a range of its own of hosts/lock, and while it does, and only then, writes a new
 * number into hosts/ID time and again. It tries the range of each other host that has left such a file. Busy: of
 * this host nobody else takes part (it holds its own range), so a process on another host has it, and locks reach.
 * Got: the other one has died, or locks do not reach; three new numbers, while we have its range, tell which.
 * (One may be seen late, from a cache, and one be on its way.) No clock of one host is held against another's.
 *
 * A host is a booted kernel (random(4), boot_id), whatever it is called: between two names of one kernel locks
 * always hold.
 *
 * The answer is kept as STATE_LOCKS_REACH or STATE_LOCKS_LOCAL (store/state.h); `slurmq resume` unsets both.
 */
#ifndef SLURMQ_HOSTS_H
#define SLURMQ_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"
#include "lib/err.h"
#include "store/store.h"

struct hosts_opts {
	bool beside; /* a job's command: takes part where a journal tells of another host, too, and leaves at a
			signal (proc_signals_block()), or when its parent has gone */
	int64_t ms;	  /* takes part so long, at most */
	uint64_t id;	  /* 0: this host's */
	const char *name; /* NULL: this host's */
};

enum hosts_answer {
	HOSTS_UNKNOWN, /* no other host was to be met */
	HOSTS_KNOWN,   /* had been found out before */
	HOSTS_REACH,   /* found out now */
	HOSTS_LOCAL,   /* found out now: the queue is paused */
};

/* Where it is not known, find it out if another host takes part; where none does, nothing is waited for (beside
 * a command: o->ms at most). What goes wrong leaves it unknown: the queue lock meets the same, and tells. */
enum hosts_answer hosts_check(struct store *store, const struct hosts_opts *o);

/* "HOST HOST" between which locks do not reach, given; DB_NONE where nothing of the kind is known. */
int hosts_local(struct db *db, char **pair, struct err *err);
/* In an open transaction: it is to be found out anew. */
int hosts_forget(struct db *db, struct err *err);

#endif
