/*
 * sweep_schema.h - the keys of a sweep file, for its reader, and the type of each, for editors,
 * as one table. The reader checks more than a schema can express.
 */
#ifndef SLURMQ_SWEEP_SCHEMA_H
#define SLURMQ_SWEEP_SCHEMA_H

#include "lib/buf.h"

struct sweep_key {
	const char *name;
	const char *
		/* a name in the definitions of the schema, or a schema that begins with '{' */
		takes;
	const char *about; /* a line for people; NULL: `takes` is enough */
};

/* The keys of each map whose keys are fixed; a key without a name ends a list. */
extern const struct sweep_key sweep_keys_top[];
extern const struct sweep_key sweep_keys_axis[];
extern const struct sweep_key sweep_keys_sample[];
extern const struct sweep_key sweep_keys_variant[];
extern const struct sweep_key sweep_keys_condition[];
extern const struct sweep_key sweep_keys_let[];
extern const struct sweep_key sweep_keys_override[];
extern const struct sweep_key sweep_keys_step[];
extern const struct sweep_key
	sweep_keys_retry[]; /* max, then the kinds in the order of enum sweep_retry_kind */
extern const struct sweep_key sweep_keys_checkpoint[];
extern const struct sweep_key sweep_keys_rule[]; /* keys of a rule of retry */

/* Adds the JSON Schema (draft-07), followed by a line feed. */
void sweep_schema_add(struct buf *out);

#endif
