/*
 * json.h - writes JSON (RFC 8259) into a growable string, without white space.
 *
 *   struct json j = {.out = &buf};
 *   json_open(&j, NULL, '{');
 *   json_str(&j, "name", "cifar");
 *   json_close(&j);
 *
 * key is NULL for an element of an array and for the outermost value. The functions add the
 * commas.
 */
#ifndef SLURMQ_JSON_H
#define SLURMQ_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

enum { JSON_MAX_DEPTH = 16 };

struct json {
	struct buf *out;
	int depth;
	char kind[JSON_MAX_DEPTH];  /* '{' or '[' */
	bool begun[JSON_MAX_DEPTH]; /* the object or array already has an element */
};

void json_open(struct json *j, const char *key, char kind); /* '{' or '[' */
void json_close(struct json *j);
/* Adds a string, or null if value is NULL. Each byte that is not UTF-8 becomes U+FFFD. */
void json_str(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
/* Adds a number as it is written in text, which must be a JSON number. */
void json_number(struct json *j, const char *key, const char *text);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Adds a time (ms since 1970) as "2024-05-01T13:04:05.123Z" (RFC 3339, UTC); null for 0. */
void json_time(struct json *j, const char *key, int64_t ms);

#endif
