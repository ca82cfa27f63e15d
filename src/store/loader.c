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

int loader_get(struct loader *l, struct db *db, int64_t version, struct loaded **out,
	       struct err *err)
{
	struct complaints c = {0};
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
		rc = sweepfile_parse(ld->row.file, ld->row.dir, ld->row.source, ld->row.source_len,
				     &ld->sweep, &c, err);
	complaints_release(&c);
	if (rc) {
		loaded_free(ld);
		return -1;
	}
	if (ld->row.script)
		sweep_set_script(ld->sweep, ld->row.script);
	l->v = mem_grow(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = ld;
	*out = ld;
	return 0;
}
