#include "store/loader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/sweepfile.h"

static void loaded_free(struct loaded *ld)
{
	db_version_release(&ld->row);
	if (ld->sweep)
		sweep_free(ld->sweep);
	free(ld);
}

void loader_release(struct loader *l)
{
	for (size_t i = 0; i < l->n; i++)
		loaded_free(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

/* Sets err to the first complaint that is an error. */
static void set_first_error(const struct complaints *c, struct err *err)
{
	for (size_t i = 0; i < c->lines.n; i++) {
		if (!strstr(c->lines.v[i], ": error: "))
			continue;
		err_set(err, ERR_USAGE, "%s", c->lines.v[i]);
		return;
	}
}

int loader_parse(const struct db_version *v, struct sweep **out, struct err *err)
{
	struct complaints c = {0};
	int rc = sweepfile_parse(v->file, v->dir, v->source, v->source_len, out, &c, err);

	if (rc)
		set_first_error(&c, err);
	else if (v->script)
		sweep_set_script(*out, v->script);
	complaints_release(&c);
	return rc;
}

int loader_get(struct loader *l, struct db *db, int64_t version, struct loaded **out,
	       struct err *err)
{
	struct loaded *ld;
	int rc;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i]->version == version) {
			*out = l->v[i];
			return 0;
		}
	}
	ld = mem_alloc(sizeof(*ld));
	ld->version = version;
	rc = db_version_get(db, version, &ld->row, err);
	if (rc == DB_NONE)
		rc = err_set(err, ERR_FAILED,
			     "version %" PRId64 " of a sweep is not in the database", version);
	if (!rc)
		rc = loader_parse(&ld->row, &ld->sweep, err);
	if (rc) {
		loaded_free(ld);
		return -1;
	}
	l->v = mem_grow(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = ld;
	*out = ld;
	return 0;
}
