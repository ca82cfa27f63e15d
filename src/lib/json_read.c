#include "lib/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

struct scan {
	const char *text;
	size_t len, i;
	struct err *err;
};

static int refuse_text(const struct scan *s, const char *why)
{
	size_t line = 1, begin = 0;

	for (size_t i = 0; i < s->i; i++) {
		if (s->text[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	return err_set(s->err, ERR_USAGE, "line %zu, column %zu of the JSON text: %s", line,
		       s->i - begin + 1, why);
}

/* Skips white space. Returns the next character, NUL at the end. */
static char skip_blanks(struct scan *s)
{
	while (s->i < s->len && strchr(" \t\r\n", s->text[s->i]) && s->text[s->i])
		s->i++;
	return s->i < s->len ? s->text[s->i] : '\0';
}

/* Reads four hex digits. */
static int read_hex(struct scan *s, unsigned *code)
{
	*code = 0;
	for (int n = 0; n < 4; n++, s->i++) {
		const char *digits = "0123456789abcdef", *at;
		char c = s->i < s->len ? s->text[s->i] : '\0';

		at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
		if (!at)
			return refuse_text(s, "\\u needs four hex digits");
		*code = *code << 4 | (unsigned)(at - digits);
	}
	return 0;
}

static void add_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_addch(out, (char)code);
		return;
	}
	if (code < 0x800) {
		buf_addch(out, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			buf_addch(out, (char)(0xe0 | code >> 12));
		} else {
			buf_addch(out, (char)(0xf0 | code >> 18));
			buf_addch(out, (char)(0x80 | (code >> 12 & 0x3f)));
		}
		buf_addch(out, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	buf_addch(out, (char)(0x80 | (code & 0x3f)));
}

/* Reads the rest of \uXXXX; two of them may form one character. */
static int read_unicode(struct scan *s, struct buf *out)
{
	unsigned code, low;

	if (read_hex(s, &code))
		return -1;
	if (code >= 0xd800 && code < 0xdc00 && s->len - s->i >= 6 &&
	    !memcmp(s->text + s->i, "\\u", 2)) {
		s->i += 2;
		if (read_hex(s, &low))
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return refuse_text(s, "half of a surrogate pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (!code || (code >= 0xd800 && code < 0xe000))
		return refuse_text(s, code ? "half of a surrogate pair" : "a NUL character");
	add_utf8(out, code);
	return 0;
}

static int read_escape(struct scan *s, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = s->i < s->len ? s->text[s->i] : '\0';
	const char *at = c ? strchr(from, c) : NULL;

	if (!at && c != 'u')
		return refuse_text(s, "an unknown escape");
	s->i++;
	if (!at)
		return read_unicode(s, out);
	buf_addch(out, to[at - from]);
	return 0;
}

static int read_string(struct scan *s, struct buf *out)
{
	for (s->i++; s->i < s->len;) {
		char c = s->text[s->i];

		if (c == '"') {
			s->i++;
			return 0;
		}
		if ((unsigned char)c < 0x20)
			return refuse_text(s, "a control character in a string");
		s->i++;
		if (c != '\\')
			buf_addch(out, c);
		else if (read_escape(s, out))
			return -1;
	}
	return refuse_text(s, "a string without its end");
}

/* Returns whether text is a number as JSON writes it: no '+', no leading zero, digits around a
 * point. */
static bool is_json_number(const char *text)
{
	const char *digits = text + (*text == '-'), *point = strchr(text, '.');
	size_t n = strspn(digits, "0123456789");

	return number_is(text) && n && !(n > 1 && *digits == '0') &&
	       !(point && !strspn(point + 1, "0123456789"));
}

static int read_word(struct scan *s, const char *name, struct buf *out)
{
	static const char *const words[] = {"true", "false", "NaN", "Infinity", "-Infinity"};
	size_t begin = s->i;

	while (s->i < s->len && !strchr(" \t\r\n,}]", s->text[s->i]))
		s->i++;
	buf_add(out, s->text + begin, s->i - begin);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(buf_str(out), words[i]))
			return 0;
	if (strlen(buf_str(out)) == out->len && is_json_number(buf_str(out)))
		return 0;
	s->i = begin;
	if (!strcmp(buf_str(out), "null"))
		return err_set(s->err, ERR_USAGE,
			       "'%s' is null, which is no value: leave the name out", name);
	return refuse_text(s, "no JSON value: a string needs double quotes");
}

static int read_value(struct scan *s, const char *name, struct buf *out)
{
	char c = skip_blanks(s);

	if (c == '{' || c == '[')
		return err_set(
			s->err, ERR_USAGE,
			"the value of '%s' is %s: record each of its values under a name of its "
			"own, such as {\"%s.%s\": 1}, or the whole as a string",
			name, c == '{' ? "an object" : "a list", name, c == '{' ? "x" : "0");
	return c == '"' ? read_string(s, out) : read_word(s, name, out);
}

static int read_member(struct scan *s, struct strs *names, struct strs *values)
{
	struct buf name = {0}, value = {0};
	int rc;

	if (skip_blanks(s) != '"')
		return refuse_text(s, "a name in double quotes is missing");
	rc = read_string(s, &name);
	if (!rc && skip_blanks(s) != ':')
		rc = refuse_text(s, "a ':' is missing");
	if (!rc) {
		s->i++;
		rc = read_value(s, buf_str(&name), &value);
	}
	if (!rc) {
		strs_add(names, buf_str(&name));
		strs_add(values, buf_str(&value));
	}
	buf_release(&name);
	buf_release(&value);
	return rc;
}

int json_read_flat(const char *text, size_t len, struct strs *names, struct strs *values,
		   struct err *err)
{
	struct scan s = {.text = text, .len = len, .err = err};

	if (skip_blanks(&s) != '{')
		return refuse_text(&s, "no JSON object, which begins with '{'");
	s.i++;
	if (skip_blanks(&s) == '}') {
		s.i++;
	} else {
		for (;;) {
			char c;

			if (read_member(&s, names, values))
				return -1;
			c = skip_blanks(&s);
			if (c != ',' && c != '}')
				return refuse_text(&s, "a ',' or '}' is missing");
			s.i++;
			if (c == '}')
				break;
		}
	}
	skip_blanks(&s);
	return s.i == len ? 0 : refuse_text(&s, "text after the object");
}
