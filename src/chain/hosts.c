#include "chain/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/proc.h"
#include "store/folder.h"
#include "store/state.h"

enum {
	BEAT_MS = 200,	  /* while another host takes part */
	IDLE_MS = 1000,	  /* if none does */
	SILENT_MS = 3000, /* no new number for so long: the host has died */
	SECOND_MS = 1000, /* two hosts find the same: one stores the answer first */
	CHANGES = 3,	  /* new numbers that prove that locks do not work (hosts.h) */
	OTHERS_MOST = 64,
	NAME_MOST = 63,
};

/* Another host that has left its file. */
struct other {
	uint64_t id, number;
	char name[NAME_MOST + 1];
	bool held; /* this process holds its range */
	int changes;
	int64_t since; /* when its number last changed, monotonic ms */
};

struct play {
	struct store *store;
	const struct hosts_opts *o;
	uint64_t id, number;
	char name[NAME_MOST + 1];
	/* hosts/lock; closing any other descriptor of it would release all ranges. */
	int fd;
	pid_t parent;
	struct other others[OTHERS_MOST];
	size_t n;
};

/* ---- this host ---- */

static uint64_t find_host_id(const char *name)
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	uint64_t id = 0;
	int digits = 0;

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	for (const char *p = text; *p && digits < 16; p++) {
		const char *hex = "0123456789abcdef", *at = strchr(hex, *p);

		if (!at)
			continue;
		id = id << 4 | (uint64_t)(at - hex);
		digits++;
	}
	if (digits == 16 && id)
		return id;
	id = 14695981039346656037U; /* without /proc, the id is a hash of the name (FNV-1a) */
	for (const char *p = name; *p; p++)
		id = (id ^ (unsigned char)*p) * 1099511628211U;
	return id;
}

/* ---- locks ---- */

static int lock_range(const struct play *p, uint64_t id, short type)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(id >> 34), .l_len = 1};

	if (!fcntl(p->fd, F_SETLK, &fl))
		return 0;
	return errno == EACCES || errno == EAGAIN ? FOLDER_BUSY : -1;
}

/* ---- the files ---- */

/* Writes a new number, and closes the file: that is when an NFS client sends it (nfs(5),
 * close-to-open). The text always has the same length. */
static void write_number(struct play *p)
{
	char text[96], *path = store_path(p->store, "hosts/%016" PRIx64, p->id);
	int n = snprintf(text, sizeof(text), "%-63s %016" PRIx64 "\n", p->name, ++p->number);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (fd < 0)
		return;
	if (pwrite(fd, text, (size_t)n, 0) < 0)
		errno = 0; /* the next number may be written */
	close(fd);
}

static void make_file_name(char out[32], uint64_t id)
{
	snprintf(out, 32, "hosts/%016" PRIx64, id);
}

/* Reads the file of a host. Returns 0, or FOLDER_NONE if there is no complete file. */
static int read_number(struct play *p, uint64_t id, char name[NAME_MOST + 1], uint64_t *number)
{
	struct buf b = {0};
	char file[32];
	int end = 0;
	bool whole;

	make_file_name(file, id);
	whole = !folder_file_get(p->store->folder, file, &b, NULL) && b.len &&
		sscanf(b.s, "%63[A-Za-z0-9._-] %16" SCNx64 "\n%n", name, number, &end) == 2 && end;
	buf_release(&b);
	return whole ? 0 : FOLDER_NONE;
}

static void remove_file(struct play *p, uint64_t id)
{
	char file[32];

	make_file_name(file, id);
	(void)folder_file_remove(p->store->folder, file, NULL);
}

/* ---- the answer in the database ---- */

static bool is_set(struct db *db, struct state_text key)
{
	char *value = NULL;
	int rc = state_get_text(db, key, &value, NULL);

	free(value);
	return !rc;
}

static bool is_known(struct db *db)
{
	return is_set(db, STATE_LOCKS_REACH) || is_set(db, STATE_LOCKS_LOCAL);
}

int hosts_local(struct db *db, char **pair, struct err *err)
{
	return state_get_text(db, STATE_LOCKS_LOCAL, pair, err);
}

int hosts_reach(struct db *db, char **pair, struct err *err)
{
	return state_get_text(db, STATE_LOCKS_REACH, pair, err);
}

int hosts_forget(struct db *db, struct err *err)
{
	return state_unset_text(db, STATE_LOCKS_REACH, err) ||
			       state_unset_text(db, STATE_LOCKS_LOCAL, err)
		       ? -1
		       : 0;
}

/* Stores that locks do not work between hosts, and pauses the queue. Removes the reason of an
 * earlier pause: the locks are the reason now. */
static int set_local(struct db *db, const char *pair)
{
	return state_set_text(db, STATE_LOCKS_LOCAL, pair, NULL) ||
			       state_set_int(db, STATE_PAUSED, 1, NULL) ||
			       state_unset_text(db, STATE_PAUSED_WHY, NULL)
		       ? -1
		       : 0;
}

static enum hosts_answer store_answer(struct play *p, const struct other *x, enum hosts_answer a)
{
	struct db *db = p->store->db;
	char *pair;
	int rc;

	/* the other host stores the same answer at the same moment, and no lock excludes it */
	if (a == HOSTS_LOCAL && p->id > x->id)
		clock_sleep_ms(SECOND_MS);
	if (is_known(db) || db_begin(db, NULL))
		return HOSTS_KNOWN;
	if (is_known(db)) {
		db_rollback(db);
		return HOSTS_KNOWN;
	}
	pair = mem_printf("%s %s", p->name, x->name);
	rc = a == HOSTS_LOCAL ? set_local(db, pair)
			      : state_set_text(db, STATE_LOCKS_REACH, pair, NULL);
	free(pair);
	if (!rc && !db_commit(db, NULL))
		return a;
	db_rollback(db);
	return HOSTS_UNKNOWN;
}

/* ---- the other hosts ---- */

static struct other *add_other(struct play *p, uint64_t id)
{
	struct other *x;

	for (size_t i = 0; i < p->n; i++)
		if (p->others[i].id == id)
			return &p->others[i];
	if (p->n == OTHERS_MOST)
		return NULL;
	x = &p->others[p->n++];
	memset(x, 0, sizeof(*x));
	x->id = id;
	return x;
}

static void forget_other(struct play *p, struct other *x)
{
	if (x->held)
		(void)lock_range(p, x->id, F_UNLCK);
	*x = p->others[--p->n];
}

/* Tries the range of another host, or checks its number if the range is held already. Returns
 * the answer, or HOSTS_UNKNOWN. */
static enum hosts_answer watch_other(struct play *p, struct other *x)
{
	int64_t now = clock_mono_ms();
	uint64_t number;
	int rc = read_number(p, x->id, x->name, &number);

	if (rc && !x->held) { /* the host has left, or is about to write */
		forget_other(p, x);
		return HOSTS_UNKNOWN;
	}
	if (!x->held) {
		rc = lock_range(p, x->id, F_WRLCK);
		if (rc == FOLDER_BUSY)
			return HOSTS_REACH;
		if (rc) {
			forget_other(p, x);
			return HOSTS_UNKNOWN;
		}
		x->held = true;
		x->number = number;
		x->since = now;
	} else if (!rc && x->number != number) {
		x->number = number;
		x->since = now;
		if (++x->changes >= CHANGES)
			return HOSTS_LOCAL;
	} else if (now - x->since >= SILENT_MS) {
		remove_file(p, x->id);
		forget_other(p, x);
	}
	return HOSTS_UNKNOWN;
}

/* Adds the other hosts that have files. Changes the folder first, since NFS may serve an old
 * listing (nfs(5), directory entry caching). */
static void list_others(struct play *p)
{
	struct folder *sp = p->store->folder;
	struct strs names = {0};

	folder_mark(sp, "hosts/.new");
	folder_unmark(sp, "hosts/.new");
	if (folder_file_names(sp, "hosts", &names, NULL))
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t id;

		if (strlen(names.v[i]) != 16 || strspn(names.v[i], "0123456789abcdef") != 16)
			continue;
		id = strtoull(names.v[i], NULL, 16);
		if (id >> 34 != p->id >> 34)
			(void)add_other(p, id);
	}
	strs_release(&names);
}

static bool has_other_host_file(struct play *p)
{
	bool any;

	if (!folder_file_exists(p->store->folder, "hosts"))
		return false;
	list_others(p);
	any = p->n > 0;
	return any;
}

/* Returns whether a job of this folder runs on a node of another name. */
static bool is_job_elsewhere(struct play *p)
{
	struct folder_list l;
	bool any = false;

	if (!folder_scan(p->store->folder, FOLDER_RUNNING, &l, NULL))
		for (size_t i = 0; i < l.n && !any; i++)
			any = l.v[i].has_who && strcmp(l.v[i].who.node, p->name) != 0;
	folder_list_release(&l);
	return any;
}

/* ---- taking part ---- */

/* Waits. Returns false if the process must end. */
static bool wait_or_end(const struct play *p, int64_t ms)
{
	int sig;

	if (!p->o->beside) {
		clock_sleep_ms(ms);
		return true;
	}
	sig = proc_signal_wait((int)ms);
	return sig != SIGTERM && sig != SIGCONT && sig != SIGINT && sig != SIGHUP &&
	       getppid() == p->parent;
}

static enum hosts_answer take_part(struct play *p)
{
	int64_t end = clock_mono_ms() + p->o->ms;
	enum hosts_answer a;

	do {
		/* locked again each time: a host that has lost its range, as with a server that
		 * was away, writes no number */
		if (!lock_range(p, p->id, F_WRLCK))
			write_number(p);
		list_others(p);
		for (size_t i = p->n; i-- > 0;) {
			a = watch_other(p, &p->others[i]);
			if (a != HOSTS_UNKNOWN)
				return store_answer(p, &p->others[i], a);
		}
		if (!p->n && !p->o->beside)
			break;
		if (is_known(p->store->db))
			return HOSTS_KNOWN;
	} while (wait_or_end(p, p->n ? BEAT_MS : IDLE_MS) && clock_mono_ms() < end);
	return HOSTS_UNKNOWN;
}

static enum hosts_answer open_and_take_part(struct play *p)
{
	enum hosts_answer a = HOSTS_UNKNOWN;
	char *path;

	if (folder_make_subfolder(p->store->folder, "hosts", NULL))
		return HOSTS_UNKNOWN;
	path = store_path(p->store, "hosts/lock");
	p->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	if (p->fd < 0)
		return HOSTS_UNKNOWN;
	/* if it is busy, another process of this host takes part already */
	if (!lock_range(p, p->id, F_WRLCK)) {
		a = take_part(p);
		remove_file(p, p->id);
	}
	close(p->fd);
	return a;
}

enum hosts_answer hosts_check(struct store *store, const struct hosts_opts *o)
{
	struct play p = {.store = store, .o = o, .parent = getppid(), .number = clock_random()};
	struct who me;

	if (is_known(store->db))
		return HOSTS_KNOWN;
	who_self(&me);
	snprintf(p.name, sizeof(p.name), "%s", o->name ? o->name : me.node);
	p.id = o->id ? o->id : find_host_id(p.name);
	if (has_other_host_file(&p) || (o->beside && is_job_elsewhere(&p)))
		return open_and_take_part(&p);
	return HOSTS_UNKNOWN;
}
