#include "lib/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check_allocated(void *p)
{
	if (!p)
		abort();
	return p;
}

void *mem_alloc(size_t size)
{
	return check_allocated(calloc(1, size ? size : 1));
}

void *mem_grow(void *p, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		abort();
	return check_allocated(realloc(p, count == 0 || size == 0 ? 1 : count * size));
}

char *mem_strdup(const char *s)
{
	return s ? check_allocated(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (len)
		memcpy(copy, s, len);
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return buf_take(&b);
}

static void reserve_bytes(struct buf *b, size_t more)
{
	size_t want = b->len + more + 1, cap = b->cap ? b->cap : 64;

	if (want < more)
		abort();
	if (want <= b->cap)
		return;
	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	b->s = mem_grow(b->s, cap, 1);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
	reserve_bytes(b, len);
	if (len)
		memcpy(b->s + b->len, p, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void buf_addstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addch(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	reserve_bytes(b, (size_t)n);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
	return b->s ? b->s : "";
}

char *buf_take(struct buf *b)
{
	char *s = b->s ? b->s : mem_alloc(1);

	memset(b, 0, sizeof(*b));
	return s;
}

void buf_release(struct buf *b)
{
	free(b->s);
	memset(b, 0, sizeof(*b));
}

void strs_take(struct strs *l, char *s)
{
	if (l->n + 2 > l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->v = mem_grow(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strs_add(struct strs *l, const char *s)
{
	strs_take(l, check_allocated(strdup(s)));
}

void strs_addf(struct strs *l, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	strs_take(l, buf_take(&b));
}

void strs_add_lines(struct strs *l, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");

		if (n)
			strs_take(l, mem_strndup(text, n));
		text += n + (text[n] == '\n');
	}
}

bool strs_has(const struct strs *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

void strs_release(struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

void buf_add_shell_word(struct buf *b, const char *word)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "%+,-./:=@_^";

	if (*word && !word[strspn(word, safe)]) {
		buf_addstr(b, word);
		return;
	}
	buf_addch(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_addstr(b, "'\\''");
		else
			buf_addch(b, *word);
	}
	buf_addch(b, '\'');
}
