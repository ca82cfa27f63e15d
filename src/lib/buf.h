/*
 * buf.h - growable strings, lists of strings, and memory that is never NULL.
 *
 * Out of memory ends the process with abort(): every state that slurmq keeps is safe against a
 * kill at any instruction, so a death here loses nothing, and no caller needs a path of its own.
 */
#ifndef SLURMQ_BUF_H
#define SLURMQ_BUF_H

#include <stdarg.h>
#include <stddef.h>

void *mem_alloc(size_t size);			    /* zeroed; free() it */
void *mem_grow(void *p, size_t count, size_t size); /* realloc of count * size bytes, checked */
char *mem_strdup(const char *s);		    /* NULL gives NULL */
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A string that grows. Zeroed is empty. s is NUL-terminated once anything was added, and may hold
 * NUL bytes: len counts. */
struct buf {
	char *s;
	size_t len, cap;
};

void buf_add(struct buf *b, const void *p, size_t len);
void buf_addstr(struct buf *b, const char *s);
void buf_addch(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_clear(struct buf *b);		  /* empties it and keeps the memory */
const char *buf_str(const struct buf *b); /* never NULL; lent until the next change */
char *buf_take(struct buf *b);		  /* gives the string (never NULL); b is empty again */
void buf_release(struct buf *b);

/* A list of strings, each owned, always followed by NULL once anything was added. Zeroed is empty. */
struct strs {
	char **v;
	size_t n, cap;
};

void strs_add(struct strs *l, const char *s);
void strs_addf(struct strs *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strs_take(struct strs *l, char *s); /* s is the list's from now on */
/* Each line of a text (NULL: none) but empty ones. */
void strs_add_lines(struct strs *l, const char *text);
void strs_release(struct strs *l);

/* Append word to b as a POSIX shell would need it quoted ('it'\''s'); bare where that is safe. */
void buf_add_shell_word(struct buf *b, const char *word);

#endif
