/*
 * sweep_read_node.h - what the readers of a sweep file's parts share: keys, scalars, texts with
 * placeholders, each complaining where it stands.
 */
#ifndef SLURMQ_SWEEP_READ_NODE_H
#define SLURMQ_SWEEP_READ_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "sweep/doc.h"
#include "sweep/sweep_internal.h"
#include "sweep/sweep_schema.h"

struct sweep_reader {
	struct sweep *sweep;
	struct doc *doc;
	struct complaint_list *list;
};

/* Check a map's keys: scalars, none twice, no <<, all of them in allowed (NULL: any key). false where
 * it is no map; what says what it is to be ("'sample' is a map: ..."). */
bool sweep_read_keys(struct sweep_reader *r, const struct node *map,
		     const struct sweep_key *allowed, const char *what);

/* Check that it is a list of at least so many items. If not, complain with what and return false. */
bool sweep_read_list(struct sweep_reader *r, const struct node *node, size_t least,
		     const char *what);

/* A value, byte for byte; NULL with a complaint where it is none. what: its name for complaints. */
const char *sweep_read_value(struct sweep_reader *r, const struct node *node, const char *what);
/* The same for one that has to be a whole number from least to most. */
bool sweep_read_int(struct sweep_reader *r, const struct node *node, const char *what,
		    int64_t least, int64_t most, int64_t *out);
bool sweep_read_bool(struct sweep_reader *r, const struct node *node, const char *what, bool *out);
/* Number of a name; new names count against SWEEP_NAMES_MOST. */
size_t sweep_read_sym(struct sweep_reader *r, const char *name, struct pos pos);
/* A parameter's name; NULL with a complaint. */
const char *sweep_read_param_name(struct sweep_reader *r, const struct node *key);

/* A scalar with placeholders, or {name} that YAML took for a map. lines: it may hold line breaks
 * and tabs. */
bool sweep_read_field(struct sweep_reader *r, struct node *node, const char *what, bool lines,
		      struct field *out);
/* The same for a script for bash, whose quoting is followed; last: nothing comes behind it in the
 * same shell. */
bool sweep_read_script(struct sweep_reader *r, struct node *node, const char *what, bool last,
		       struct field *out);
/* Map of one key without a value, which is {name} unquoted (YAML 1.1, 7.4.2): its scalar, else the
 * node itself. */
struct node *sweep_read_placeholder_map(struct sweep_reader *r, struct node *node);

#endif
