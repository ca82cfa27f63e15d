#include "cmd/complain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

enum {
	INDENT = 4,
	MARGIN = 8,	 /* columns of "   NN | ", for lines up to 99999 */
	LEAST_AFTER = 8, /* columns that are shown after the mark */
};

static const struct {
	const char *word;
	enum paint paint;
} kinds[] = {{": error: ", PAINT_RED}, {": warning: ", PAINT_YELLOW}};

/* Adds a complaint with its kind in colour. The place before it never has these words, but for
 * the name of a file that has them. */
static void add_complaint(struct buf *out, const struct style *s, const char *line)
{
	const char *at = NULL, *text;
	struct buf head = {0}, clean = {0};
	size_t k = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *found = strstr(line, kinds[i].word);

		if (found && (!at || found < at)) {
			at = found;
			k = i;
		}
	}
	if (!at) {
		cmd_add_message(out, s, PAINT_NONE, "", line);
		return;
	}
	text = at + strlen(kinds[k].word);
	buf_add(&head, line, (size_t)(at - line) + 2);
	clean_add(&clean, s, buf_str(&head));
	buf_addstr(out, buf_str(&clean));
	buf_clear(&head);
	buf_add(&head, kinds[k].word + 2, strlen(kinds[k].word) - 3);
	paint_add(out, s, kinds[k].paint, buf_str(&head));
	buf_addch(out, ' ');
	buf_addstr(&clean, kinds[k].word + 2);
	k = (size_t)text_width(buf_str(&clean));
	buf_clear(&clean);
	clean_add(&clean, s, text);
	text_add_wrapped(out, s, buf_str(&clean), (int)k, INDENT);
	buf_addch(out, '\n');
	buf_release(&head);
	buf_release(&clean);
}

/* Returns text without its first `columns` columns; *skipped is how many these are. */
static const char *skip_columns(const char *text, int columns, int *skipped)
{
	*skipped = 0;
	while (*text && *skipped < columns) {
		size_t n = utf8_char(text, UTF8_MAX, NULL);
		char *one = mem_strndup(text, n ? n : 1);

		*skipped += text_width(one);
		free(one);
		text += n ? n : 1;
	}
	return text;
}

/* Returns the width of the characters before column col. */
static int measure_before(const char *text, size_t col)
{
	const char *p = text;
	char *before;
	int width;

	for (size_t i = 1; i < col && *p; i++) {
		size_t n = utf8_char(p, UTF8_MAX, NULL);

		p += n ? n : 1;
	}
	before = mem_strndup(text, (size_t)(p - text));
	width = text_width(before);
	free(before);
	return width;
}

/* Adds the line of the file and the mark. If the line is too long, its part around the mark is
 * shown. */
static void add_source(struct buf *out, const struct style *s, const struct complaint_source *src)
{
	int room = s->width > 2 * MARGIN ? s->width - MARGIN : MARGIN, before, skipped = 0;
	struct buf clean = {0};
	char *line = mem_strdup(src->text);
	const char *text;

	for (char *c = line; *c; c++)
		if (*c == '\t' || *c == '\r')
			*c = ' ';
	clean_add(&clean, s, line);
	before = measure_before(buf_str(&clean), src->col);
	text = buf_str(&clean);
	if (before + LEAST_AFTER > room)
		text = skip_columns(text, before + LEAST_AFTER - room, &skipped);
	buf_addf(out, "%5zu | ", src->line);
	text_add_cut(out, s, text, room);
	buf_addf(out, "\n%5s | %*s", "", before - skipped, "");
	paint_add(out, s, PAINT_BOLD, "^");
	buf_addch(out, '\n');
	buf_release(&clean);
	free(line);
}

void complain(struct cmd_ctx *ctx, const struct complaints *c)
{
	const struct style *s = &ctx->err;
	struct buf out = {0};

	for (size_t i = 0; i < c->lines.n; i++) {
		add_complaint(&out, s, c->lines.v[i]);
		if (s->tty && c->sources[i].text)
			add_source(&out, s, &c->sources[i]);
	}
	if (out.len)
		fwrite(out.s, 1, out.len, stderr);
	buf_release(&out);
}
