#include "lib/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/table.h"
#include "lib/utf8.h"

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
	buf_addch(out, '"');
	while (*text) {
		unsigned code = 0;
		size_t n = utf8_char(text, UTF8_MAX, &code);

		if (n == 0)
			buf_addstr(out, "\xef\xbf\xbd");
		else if (code < 0x20 || code == '"' || code == '\\' || code == 0x7f)
			add_escaped(out, (unsigned char)code);
		else
			buf_add(out, text, n);
		text += n ? n : 1;
	}
	buf_addch(out, '"');
}

static void begin_value(struct json *j, const char *key)
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
	begin_value(j, key);
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
	begin_value(j, key);
	if (value)
		add_string(j->out, value);
	else
		buf_addstr(j->out, "null");
}

void json_int(struct json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	buf_addf(j->out, "%" PRId64, value);
}

void json_number(struct json *j, const char *key, const char *text)
{
	begin_value(j, key);
	buf_addstr(j->out, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	buf_addstr(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_str(j, key, NULL);
}

void json_time(struct json *j, const char *key, int64_t ms)
{
	struct buf text = {0};

	time_add_utc(&text, ms);
	json_str(j, key, text.len ? text.s : NULL);
	buf_release(&text);
}
