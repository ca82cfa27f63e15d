/*
 * buf.h - growable strings, lists of strings, and memory that is never NULL.
 *
 * Out of memory ends the process with abort(): slurmq's files and database
 * are safe against a kill at any instruction, so nothing is lost, and no caller handles the error.
 */
#ifndef SLURMQ_BUF_H
#define SLURMQ_BUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t size);			    /* zeroed; the caller frees it */
void *mem_grow(void *p, size_t count, size_t size); /* realloc(3); the product is checked */
char *mem_strdup(const char *s);		    /* returns NULL for NULL */
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A string that grows; a zeroed one is empty. s is NULL until something is added, then ends with
 * a NUL. The text itself may hold NUL bytes: len is its length. */
struct buf {
	char *s;
	size_t len, cap;
};

void buf_add(struct buf *b, const void *p, size_t len);
void buf_addstr(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_clear(struct buf *b);		  /* empties b and keeps its memory */
const char *buf_str(const struct buf *b); /* never NULL; borrowed until b changes */
char *buf_take(struct buf *b);		  /* empties b; the caller frees the string (never NULL) */
void buf_release(struct buf *b);

/* A list of strings that it owns; a zeroed one is empty. v is NULL until something is added,
 * then ends with a NULL that n does not count. */
struct strs {
	char **v;
	size_t n, cap;
};

void strs_add(struct strs *l, const char *s);
void strs_addf(struct strs *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strs_take(struct strs *l, char *s); /* adds s itself, which the list frees */
/* Adds each line of a text that is not empty; text may be NULL. */
void strs_add_lines(struct strs *l, const char *text);
bool strs_has(const struct strs *l, const char *s);
void strs_release(struct strs *l);

/* Appends word to b, quoted for a POSIX shell ('it'\''s') unless it is safe without quotes. */
void buf_add_shell_word(struct buf *b, const char *word);

#endif
