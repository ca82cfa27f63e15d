/*
 * utf8.h - reads characters of UTF-8, one at a time.
 */
#ifndef SLURMQ_UTF8_H
#define SLURMQ_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the number of bytes of the UTF-8 character at s (1 to 4; at most len), or 0 if there
 * is none. Overlong forms and surrogates are not characters (Unicode 15, table 3-7). Reads no
 * byte after a NUL, so UTF8_MAX is a valid len for every text that ends in NUL. If there is a
 * character, *code is set; code may be NULL. */
enum { UTF8_MAX = 4 };
size_t utf8_char(const char *s, size_t len, unsigned *code);
/* Returns whether code is a control character (C0, DEL, C1), or U+2028, U+2029 or U+FEFF, which
 * editors do not show. */
bool utf8_is_control(unsigned code);
/* Returns whether text can be a value: all of it is UTF-8 and no character is a control
 * character. */
bool utf8_is_clean(const char *s, size_t len);
/* Returns whether a file's text seems to be UTF-16: it begins with its byte order mark, or one of
 * the first two bytes is NUL. */
bool utf8_is_utf16(const char *s, size_t len);
/* Advice for a file in another encoding, as in "...: save the file as UTF-8". */
#define UTF8_ADVICE "save the file as UTF-8 (iconv(1) converts it)"

#endif
