/*
 * sweep_schema.h - the keys of a sweep file: which there are, for its reader, and what each takes,
 * for editors, as one table. The reader knows more than a schema can say.
 */
#ifndef SLURMQ_SWEEP_SCHEMA_H
#define SLURMQ_SWEEP_SCHEMA_H

#include "lib/buf.h"

struct sweep_key {
	const char *name;
	const char
		*takes; /* a name of the schema's definitions, or a schema that begins with '{' */
	const char *about; /* a line for people; NULL: takes says it */
};

/* Of each map whose keys are fixed; a key without a name ends it. */
extern const struct sweep_key sweep_keys_top[];
extern const struct sweep_key sweep_keys_axis[];
extern const struct sweep_key sweep_keys_sample[];
extern const struct sweep_key sweep_keys_variant[];
extern const struct sweep_key sweep_keys_condition[];
extern const struct sweep_key sweep_keys_let[];
extern const struct sweep_key sweep_keys_override[];
extern const struct sweep_key sweep_keys_step[];
extern const struct sweep_key sweep_keys_retry[]; /* max, then as enum sweep_retry_kind */
extern const struct sweep_key sweep_keys_rule[];  /* of retry */

/* JSON Schema, draft-07, with a line feed behind it. */
void sweep_schema_add(struct buf *out);

#endif
