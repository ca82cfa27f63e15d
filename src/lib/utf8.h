/*
 * utf8.h - characters of UTF-8, one at a time.
 */
#ifndef SLURMQ_UTF8_H
#define SLURMQ_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 character at s (1 to 4; at most len), 0 where it is none: overlong forms and
 * surrogates are none (Unicode 15, table 3-7). Reads no byte behind a NUL, so that UTF8_MAX is a
 * len for every text that ends in one. code may be NULL; *code is set if there is a character. */
enum { UTF8_MAX = 4 };
size_t utf8_char(const char *s, size_t len, unsigned *code);
/* Control characters (C0, DEL, C1), and U+2028, U+2029 and U+FEFF that no editor shows. */
bool utf8_is_control(unsigned code);
/* No character in it is one of those, and all are UTF-8: it may be a value. */
bool utf8_is_clean(const char *s, size_t len);

#endif
