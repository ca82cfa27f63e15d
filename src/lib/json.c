#include "lib/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Length of the UTF-8 character at p (RFC 3629), 0 where there is none. */
static size_t utf8_char(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] >= 0xe0 && p[0] <= 0xef) {
		unsigned char low = p[0] == 0xe0 ? 0xa0 : 0x80, high = p[0] == 0xed ? 0x9f : 0xbf;

		return p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		unsigned char low = p[0] == 0xf0 ? 0x90 : 0x80, high = p[0] == 0xf4 ? 0x8f : 0xbf;

		return p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80
			       ? 4
			       : 0;
	}
	return 0;
}

static void add_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_addf(out, "\\%c", c);
		break;
	case '\n':
		buf_addstr(out, "\\n");
		break;
	case '\t':
		buf_addstr(out, "\\t");
		break;
	case '\r':
		buf_addstr(out, "\\r");
		break;
	default:
		buf_addf(out, "\\u%04x", c);
	}
}

static void add_string(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	buf_addch(out, '"');
	while (*p) {
		size_t n = utf8_char(p);

		if (n == 0) {
			buf_addstr(out, "\xef\xbf\xbd");
			p++;
			continue;
		}
		if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)
			add_escaped(out, *p);
		else
			buf_add(out, p, n);
		p += n;
	}
	buf_addch(out, '"');
}

static void begin(struct json *j, const char *key)
{
	if (j->depth == 0)
		return;
	if (!key != (j->kind[j->depth - 1] == '['))
		abort();
	if (j->begun[j->depth - 1])
		buf_addch(j->out, ',');
	j->begun[j->depth - 1] = true;
	if (key) {
		add_string(j->out, key);
		buf_addch(j->out, ':');
	}
}

void json_open(struct json *j, const char *key, char kind)
{
	if (j->depth == JSON_MAX_DEPTH)
		abort();
	begin(j, key);
	buf_addch(j->out, kind);
	j->kind[j->depth] = kind;
	j->begun[j->depth] = false;
	j->depth++;
}

void json_close(struct json *j)
{
	if (j->depth == 0)
		abort();
	j->depth--;
	buf_addch(j->out, j->kind[j->depth] == '{' ? '}' : ']');
}

void json_str(struct json *j, const char *key, const char *value)
{
	begin(j, key);
	if (value)
		add_string(j->out, value);
	else
		buf_addstr(j->out, "null");
}

void json_int(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	buf_addf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	buf_addstr(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_str(j, key, NULL);
}

void json_time(struct json *j, const char *key, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[64] = "";

	if (ms <= 0 || !gmtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm)) {
		json_null(j, key);
		return;
	}
	begin(j, key);
	buf_addf(j->out, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}
