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
	BEAT_MS = 200,	  /* while there is somebody to be watched */
	IDLE_MS = 1000,	  /* else */
	SILENT_MS = 3000, /* a file of one that has died */
	SECOND_MS = 1000, /* of two that find the same, one writes first */
	CHANGES = 3,	  /* new numbers that prove it; see the head of hosts.h */
	OTHERS_MOST = 64,
	NAME_MOST = 63,
};

/* Another host that has left its file. */
struct other {
	uint64_t id, number;
	char name[NAME_MOST + 1];
	bool held; /* we hold its range */
	int changes;
	int64_t since; /* its number is what it is, monotonic ms */
};

struct play {
	struct store *store;
	const struct hosts_opts *o;
	uint64_t id, number;
	char name[NAME_MOST + 1];
	int fd; /* of hosts/lock: closing any other of it would let go of all ranges */
	pid_t parent;
	struct other others[OTHERS_MOST];
	size_t n;
};

/* ---- who we are ---- */

static uint64_t this_host(const char *name)
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
	id = 14695981039346656037U; /* no /proc: the name must do (FNV-1a) */
	for (const char *p = name; *p; p++)
		id = (id ^ (unsigned char)*p) * 1099511628211U;
	return id;
}

/* ---- locks ---- */

static int range(const struct play *p, uint64_t id, short type)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(id >> 34), .l_len = 1};

	if (!fcntl(p->fd, F_SETLK, &fl))
		return 0;
	return errno == EACCES || errno == EAGAIN ? FOLDER_BUSY : -1;
}

/* ---- the files ---- */

/* A new number, closed: that is when a client of NFS sends it (nfs(5), close-to-open). Always as long. */
static void beat(struct play *p)
{
	char text[96], *path = store_path(p->store, "hosts/%016" PRIx64, p->id);
	int n = snprintf(text, sizeof(text), "%-63s %016" PRIx64 "\n", p->name, ++p->number);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(path);
	if (fd < 0)
		return;
	if (pwrite(fd, text, (size_t)n, 0) < 0)
		errno = 0; /* the next one may do */
	close(fd);
}

static void name_file(char out[32], uint64_t id)
{
	snprintf(out, 32, "hosts/%016" PRIx64, id);
}

/* What stands there: 0, or FOLDER_NONE where nothing does that makes sense. */
static int look(struct play *p, uint64_t id, char name[NAME_MOST + 1], uint64_t *number)
{
	struct buf b = {0};
	char file[32];
	int end = 0;
	bool whole;

	name_file(file, id);
	whole = !folder_file_get(p->store->folder, file, &b, NULL) && b.len &&
		sscanf(b.s, "%63[A-Za-z0-9._-] %16" SCNx64 "\n%n", name, number, &end) == 2 && end;
	buf_release(&b);
	return whole ? 0 : FOLDER_NONE;
}

static void remove_file(struct play *p, uint64_t id)
{
	char file[32];

	name_file(file, id);
	(void)folder_file_remove(p->store->folder, file, NULL);
}

/* ---- what is known ---- */

static bool is_set(struct db *db, struct state_text key)
{
	char *value = NULL;
	int rc = state_get_text(db, key, &value, NULL);

	free(value);
	return !rc;
}

static bool known(struct db *db)
{
	return is_set(db, STATE_LOCKS_REACH) || is_set(db, STATE_LOCKS_LOCAL);
}

int hosts_local(struct db *db, char **pair, struct err *err)
{
	return state_get_text(db, STATE_LOCKS_LOCAL, pair, err);
}

int hosts_forget(struct db *db, struct err *err)
{
	return state_unset_text(db, STATE_LOCKS_REACH, err) ||
			       state_unset_text(db, STATE_LOCKS_LOCAL, err)
		       ? -1
		       : 0;
}

/* This is why the queue is paused now, whatever a person has said before. */
static int set_local(struct db *db, const char *pair)
{
	return state_set_text(db, STATE_LOCKS_LOCAL, pair, NULL) ||
			       state_set_int(db, STATE_PAUSED, 1, NULL) ||
			       state_unset_text(db, STATE_PAUSED_WHY, NULL)
		       ? -1
		       : 0;
}

static enum hosts_answer remember(struct play *p, const struct other *x, enum hosts_answer a)
{
	struct db *db = p->store->db;
	char *pair;
	int rc;

	/* the other one finds it out at the same moment, and no lock keeps its hand from ours */
	if (a == HOSTS_LOCAL && p->id > x->id)
		clock_sleep_ms(SECOND_MS);
	if (known(db) || db_begin(db, NULL))
		return HOSTS_KNOWN;
	if (known(db)) {
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

/* ---- the others ---- */

static struct other *meet(struct play *p, uint64_t id)
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

static void forget(struct play *p, struct other *x)
{
	if (x->held)
		(void)range(p, x->id, F_UNLCK);
	*x = p->others[--p->n];
}

/* One look at another host. */
static enum hosts_answer watch(struct play *p, struct other *x)
{
	int64_t now = clock_mono_ms();
	uint64_t number;
	int rc = look(p, x->id, x->name, &number);

	if (rc && !x->held) { /* it has left, or is about to write */
		forget(p, x);
		return HOSTS_UNKNOWN;
	}
	if (!x->held) {
		rc = range(p, x->id, F_WRLCK);
		if (rc == FOLDER_BUSY)
			return HOSTS_REACH;
		if (rc) {
			forget(p, x);
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
		forget(p, x);
	}
	return HOSTS_UNKNOWN;
}

/* Who else has a file. Their folder is changed first, since NFS may serve an old listing (nfs(5), directory
 * entry caching). */
static void look_around(struct play *p)
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
			(void)meet(p, id);
	}
	strs_release(&names);
}

static bool another_has_a_file(struct play *p)
{
	bool any;

	if (!folder_file_exists(p->store->folder, "hosts"))
		return false;
	look_around(p);
	any = p->n > 0;
	return any;
}

/* A job of ours runs on a node of another name. */
static bool another_runs(struct play *p)
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

/* False where we are to leave. */
static bool pause_ms(const struct play *p, int64_t ms)
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
		/* said anew: a host that has lost its range, as to a server that was away, is silent */
		if (!range(p, p->id, F_WRLCK))
			beat(p);
		look_around(p);
		for (size_t i = p->n; i-- > 0;) {
			a = watch(p, &p->others[i]);
			if (a != HOSTS_UNKNOWN)
				return remember(p, &p->others[i], a);
		}
		if (!p->n && !p->o->beside)
			break;
		if (known(p->store->db))
			return HOSTS_KNOWN;
	} while (pause_ms(p, p->n ? BEAT_MS : IDLE_MS) && clock_mono_ms() < end);
	return HOSTS_UNKNOWN;
}

static enum hosts_answer begin(struct play *p)
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
	if (!range(p, p->id, F_WRLCK)) { /* else another process of this host takes part already */
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

	if (known(store->db))
		return HOSTS_KNOWN;
	who_self(&me);
	snprintf(p.name, sizeof(p.name), "%s", o->name ? o->name : me.node);
	p.id = o->id ? o->id : this_host(p.name);
	if (another_has_a_file(&p) || (o->beside && another_runs(&p)))
		return begin(&p);
	return HOSTS_UNKNOWN;
}
