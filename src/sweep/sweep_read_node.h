/*
 * sweep_read_node.h - functions that all readers of a sweep file use: for keys, scalars and
 * texts with placeholders. Each adds complaints with their places.
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

/* Checks the keys of a map: scalars, no duplicates, no <<, all in allowed (NULL: any key).
 * Returns false if node is not a map; `what` is the complaint, as in "'sample' is a map: ...". */
bool sweep_read_keys(struct sweep_reader *r, const struct node *map,
		     const struct sweep_key *allowed, const char *what);

/* Checks that node is a list of at least so many items. Otherwise adds `what` as a complaint
 * and returns false. */
bool sweep_read_list(struct sweep_reader *r, const struct node *node, size_t least,
		     const char *what);

/* Returns a value, byte for byte; NULL with a complaint if node has none. what: its name in
 * complaints. */
const char *sweep_read_value(struct sweep_reader *r, const struct node *node, const char *what);
/* Reads a whole number from least to most; returns false with a complaint for anything else. */
bool sweep_read_int(struct sweep_reader *r, const struct node *node, const char *what,
		    int64_t least, int64_t most, int64_t *out);
bool sweep_read_bool(struct sweep_reader *r, const struct node *node, const char *what, bool *out);
/* Returns the number of a name; new names count against SWEEP_NAMES_MOST. */
size_t sweep_read_sym(struct sweep_reader *r, const char *name, struct pos pos);
/* Returns the name of a parameter; NULL with a complaint if it is invalid. */
const char *sweep_read_param_name(struct sweep_reader *r, const struct node *key);

/* Reads a scalar with placeholders, or {name} that YAML parsed as a map. lines: it may hold
 * line breaks and tabs. */
bool sweep_read_field(struct sweep_reader *r, struct node *node, const char *what, bool lines,
		      struct field *out);
/* Reads a script for bash as a field, and follows its quoting. last: no text follows it in
 * the same shell. */
bool sweep_read_script(struct sweep_reader *r, struct node *node, const char *what, bool last,
		       struct field *out);
/* Returns the scalar of a map of one key without a value, which is {name} unquoted (YAML 1.1,
 * 7.4.2); for other nodes the node itself. */
struct node *sweep_read_placeholder_map(struct sweep_reader *r, struct node *node);

#endif
