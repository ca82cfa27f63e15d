#include "lib/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/utf8.h"

/* ---- style ---- */

int when_colour_parse(const char *text, enum when_colour *when)
{
	static const char *const words[] = {"auto", "always", "never"};

	for (int i = 0; i < 3; i++) {
		if (!strcmp(text, words[i])) {
			*when = (enum when_colour)i;
			return 0;
		}
	}
	return -1;
}

static bool is_set_in_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool is_utf8_locale(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is_set_in_env(names[i])) {
			const char *value = getenv(names[i]);

			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
		}
	}
	return false;
}

static int terminal_width(int fd)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	int n;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	n = columns ? atoi(columns) : 0;
	return n > 0 && n < 10000 ? n : 80;
}

void style_init(struct style *s, int fd, enum when_colour when)
{
	const char *term = getenv("TERM");

	s->tty = isatty(fd) == 1;
	s->glyphs = is_utf8_locale();
	s->utf8 = !s->tty || s->glyphs;
	s->width = s->tty ? terminal_width(fd) : 0;
	s->colour = when == COLOUR_ALWAYS ||
		    (when == COLOUR_AUTO && s->tty && !is_set_in_env("NO_COLOR") && term && *term &&
		     strcmp(term, "dumb") != 0);
}

void paint_add(struct buf *out, const struct style *s, enum paint paint, const char *text)
{
	static const char *const codes[] = {
		[PAINT_BOLD] = "1",   [PAINT_DIM] = "2",     [PAINT_RED] = "31",
		[PAINT_GREEN] = "32", [PAINT_YELLOW] = "33", [PAINT_BLUE] = "34",
		[PAINT_CYAN] = "36",
	};

	if (!s->colour || paint == PAINT_NONE || !*text) {
		buf_addstr(out, text);
		return;
	}
	buf_addf(out, "\033[%sm%s\033[0m", codes[paint], text);
}

/* ---- text ---- */

struct range {
	unsigned first, last;
};

static bool is_in_ranges(unsigned c, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Returns whether a character must not be shown: controls (C0, DEL, C1), line separators, marks
 * that turn the direction. */
static bool is_forbidden(unsigned c)
{
	static const struct range ranges[] = {
		{0, 0x1f},	  {0x7f, 0x9f},	      {0x200e, 0x200f},
		{0x2028, 0x202e}, {0x2060, 0x206f},   {0xfeff, 0xfeff},
		{0xfff9, 0xfffb}, {0xe0000, 0xe007f}, {0x61c, 0x61c},
	};

	return is_in_ranges(c, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

/* Returns the columns of one character: 0 for combining marks, 2 for East Asian wide characters
 * and pictures (UAX #11), else 1. These are the blocks on which terminals agree; the locale is
 * not used. */
static int char_width(unsigned c)
{
	static const struct range none[] = {
		{0x300, 0x36f},	  {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
		{0x64b, 0x65f},	  {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d},
		{0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
	};
	static const struct range wide[] = {
		{0x1100, 0x115f},   {0x2e80, 0x303e},	{0x3041, 0x33ff},   {0x3400, 0x4dbf},
		{0x4e00, 0x9fff},   {0xa000, 0xa4cf},	{0xa960, 0xa97f},   {0xac00, 0xd7a3},
		{0xf900, 0xfaff},   {0xfe30, 0xfe6f},	{0xff00, 0xff60},   {0xffe0, 0xffe6},
		{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
	};

	if (c < 0x300)
		return 1;
	if (is_in_ranges(c, none, sizeof(none) / sizeof(none[0])))
		return 0;
	return is_in_ranges(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

void clean_add(struct buf *out, const struct style *s, const char *text)
{
	while (*text) {
		unsigned c = 0;
		size_t n = utf8_char(text, UTF8_MAX, &c);

		if (n == 0 || is_forbidden(c) || (c >= 0x80 && !s->utf8))
			buf_addch(out, '?');
		else
			buf_add(out, text, n);
		text += n ? n : 1;
	}
}

int text_width(const char *text)
{
	int width = 0;

	while (*text) {
		unsigned c = 0;
		size_t n = utf8_char(text, UTF8_MAX, &c);

		width += n ? char_width(c) : 1;
		text += n ? n : 1;
	}
	return width;
}

/* Returns how many bytes of text fit in width columns. */
static size_t count_fitting_bytes(const char *text, int width)
{
	const char *p = text;

	while (*p) {
		unsigned c = 0;
		size_t n = utf8_char(p, UTF8_MAX, &c);
		int w = n ? char_width(c) : 1;

		if (w > width)
			break;
		width -= w;
		p += n ? n : 1;
	}
	return (size_t)(p - text);
}

void text_add_cut(struct buf *out, const struct style *s, const char *text, int width)
{
	const char *dots = s->glyphs ? "\xe2\x80\xa6" : "~";

	if (width <= 0)
		return;
	if (text_width(text) <= width) {
		buf_addstr(out, text);
		return;
	}
	buf_add(out, text, count_fitting_bytes(text, width - 1));
	buf_addstr(out, dots);
}

void text_add_wrapped(struct buf *out, const struct style *s, const char *text, int at, int indent)
{
	bool begun = false; /* this line has a word already */

	while (*text) {
		size_t blanks = strspn(text, " "), len = strcspn(text + blanks, " ");
		char *word = mem_strndup(text + blanks, len);
		int w = text_width(word);

		if (begun && s->width && at + (int)blanks + w > s->width) {
			buf_addf(out, "\n%*s", indent, "");
			at = indent;
		} else {
			buf_add(out, text, blanks);
			at += (int)blanks;
		}
		buf_addstr(out, word);
		at += w;
		begun = true;
		text += blanks + len;
		free(word);
	}
}

/* ---- times, sizes, bars ---- */

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

void time_add_ago(struct buf *out, int64_t ms, int64_t now)
{
	int64_t age = now - ms;

	if (ms <= 0)
		buf_addstr(out, "never");
	else if (age < SECOND)
		buf_addstr(out, "just now");
	else if (age < MINUTE)
		buf_addf(out, "%" PRId64 "s ago", age / SECOND);
	else if (age < HOUR)
		buf_addf(out, "%" PRId64 "m ago", age / MINUTE);
	else if (age < 2 * (int64_t)DAY)
		buf_addf(out, "%" PRId64 "h ago", age / HOUR);
	else
		buf_addf(out, "%" PRId64 "d ago", age / DAY);
}

void time_add_duration(struct buf *out, int64_t ms)
{
	if (ms < 0)
		return;
	if (ms < 10 * SECOND)
		buf_addf(out, "%" PRId64 ".%" PRId64 "s", ms / SECOND, ms % SECOND / 100);
	else if (ms < MINUTE)
		buf_addf(out, "%" PRId64 "s", ms / SECOND);
	else if (ms < HOUR)
		buf_addf(out, "%" PRId64 "m %02" PRId64 "s", ms / MINUTE, ms % MINUTE / SECOND);
	else if (ms < DAY)
		buf_addf(out, "%" PRId64 "h %02" PRId64 "m", ms / HOUR, ms % HOUR / MINUTE);
	else
		buf_addf(out, "%" PRId64 "d %02" PRId64 "h", ms / DAY, ms % DAY / HOUR);
}

void time_add_utc(struct buf *out, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[64] = "";

	if (ms > 0 && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		buf_addf(out, "%s.%03dZ", text, (int)(ms % 1000));
}

void time_add_local(struct buf *out, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];

	if (ms <= 0 || !localtime_r(&t, &tm))
		return;
	if (strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		buf_addstr(out, text);
}

void size_add_kib(struct buf *out, int64_t kib)
{
	if (kib < 0)
		return;
	if (kib < 1024)
		buf_addf(out, "%" PRId64 "K", kib);
	else if (kib < 1024 * 1024)
		buf_addf(out, "%.1fM", (double)kib / 1024);
	else
		buf_addf(out, "%.1fG", (double)kib / (1024 * 1024));
}

static void add_bar_part(struct buf *out, const struct style *s, const struct bar_part *part, int n)
{
	struct buf text = {0};

	for (int i = 0; i < n; i++) {
		if (s->glyphs && s->colour && part->glyph)
			buf_addstr(&text, part->glyph);
		else
			buf_addch(&text, part->ascii);
	}
	paint_add(out, s, part->paint, buf_str(&text));
	buf_release(&text);
}

/* Returns the part that would still be true to half a cell with one cell less; nparts if none. */
static size_t find_donor(const int *cells, const double *exact, size_t nparts)
{
	size_t found = nparts;

	for (size_t i = 0; i < nparts; i++)
		if (cells[i] > 1 && cells[i] - exact[i] >= 0.5 &&
		    (found == nparts || cells[i] - exact[i] > cells[found] - exact[found]))
			found = i;
	return found;
}

/* Divides the width among the parts, of which the last is what is left. Each is rounded so that the
 * sum is the width, and is true to less than a cell. */
static void divide_bar(int width, int64_t total, const int64_t *n, size_t nparts, int *cells)
{
	double exact[BAR_PARTS_MOST + 1], sum = 0;
	int used = 0;

	for (size_t i = 0; i < nparts; i++) {
		int end;

		exact[i] = (double)n[i] / (double)total * width;
		sum += exact[i];
		end = (int)(sum + 0.5);
		cells[i] = end - used;
		used = end;
	}
	/* a part that exists has a cell if the others stay true to half a cell */
	for (size_t i = 0; i < nparts; i++) {
		size_t donor = n[i] > 0 && !cells[i] ? find_donor(cells, exact, nparts) : nparts;

		if (donor == nparts)
			continue;
		cells[donor]--;
		cells[i]++;
	}
	/* the bar is full only at the end */
	if (n[nparts - 1] > 0 && !cells[nparts - 1]) {
		size_t most = 0;

		for (size_t i = 1; i + 1 < nparts; i++)
			if (cells[i] > cells[most])
				most = i;
		cells[most]--;
		cells[nparts - 1]++;
	}
}

void bar_add(struct buf *out, const struct style *s, int width, int64_t total,
	     const struct bar_part *parts, size_t nparts)
{
	int64_t n[BAR_PARTS_MOST + 1] = {0};
	int cells[BAR_PARTS_MOST + 1] = {0};

	if (nparts > BAR_PARTS_MOST)
		abort();
	n[nparts] = total;
	for (size_t i = 0; i < nparts; i++) {
		n[i] = parts[i].n;
		n[nparts] -= parts[i].n;
	}
	if (total > 0)
		divide_bar(width, total, n, nparts + 1, cells);
	else
		cells[nparts] = width;
	buf_addch(out, '[');
	for (size_t i = 0; i < nparts; i++)
		if (cells[i])
			add_bar_part(out, s, &parts[i], cells[i]);
	for (int i = 0; i < cells[nparts]; i++)
		buf_addch(out, ' ');
	buf_addch(out, ']');
}

/* ---- tables ---- */

struct table_cell {
	char *text;
	enum paint paint;
};

void table_init(struct table *t, const struct column *columns, size_t ncolumns)
{
	if (ncolumns == 0 || ncolumns > TABLE_MAX_COLUMNS)
		abort();
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->ncolumns = ncolumns;
}

void table_add(struct table *t, const struct style *s, enum paint paint, const char *text)
{
	struct buf clean = {0};

	if (t->ncells == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->cells = mem_grow(t->cells, t->cap, sizeof(*t->cells));
	}
	clean_add(&clean, s, text ? text : "");
	t->cells[t->ncells].text = buf_take(&clean);
	t->cells[t->ncells].paint = paint;
	t->ncells++;
}

void table_addf(struct table *t, const struct style *s, enum paint paint, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	table_add(t, s, paint, buf_str(&text));
	buf_release(&text);
}

enum { GAP = 2, NARROW = 10, NARROWEST = 6, LEAST_OF_LAST = 12 };

static void measure_columns(struct table *t)
{
	for (size_t c = 0; c < t->ncolumns && !t->no_titles; c++) {
		int w = text_width(t->columns[c].title);

		if (w > t->widths[c])
			t->widths[c] = w;
	}
	for (size_t i = 0; i < t->ncells; i++) {
		int w = text_width(t->cells[i].text);

		if (w > t->widths[i % t->ncolumns])
			t->widths[i % t->ncolumns] = w;
	}
}

static int line_width(const struct table *t, const int *widths)
{
	int sum = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		sum += widths[c] + (widths[c] && sum ? GAP : 0);
	return sum;
}

/* Returns the widest column, except the last, that may be cut and is wider than least; ncolumns
 * if there is none. */
static size_t find_widest(const struct table *t, const int *widths, int least)
{
	size_t found = t->ncolumns;

	for (size_t c = 0; c + 1 < t->ncolumns; c++)
		if (t->columns[c].shrink && widths[c] > least &&
		    (found == t->ncolumns || widths[c] > widths[found]))
			found = c;
	return found;
}

/* Narrows the columns that may be cut until the line fits. The last column has the most
 * information: it is cut only if the others are narrow. */
static void shrink_columns(const struct table *t, const struct style *s, int *widths)
{
	size_t last = t->ncolumns - 1;

	memcpy(widths, t->widths, sizeof(t->widths));
	while (s->width && line_width(t, widths) > s->width) {
		size_t c = find_widest(t, widths, NARROW);

		if (c == t->ncolumns && widths[last] > LEAST_OF_LAST)
			c = last;
		if (c == t->ncolumns)
			c = find_widest(t, widths, NARROWEST);
		if (c == t->ncolumns)
			return;
		widths[c]--;
	}
}

struct line {
	struct buf text;
	int used, gap; /* columns written, and spaces owed before the next text */
};

static void add_cell(struct line *l, const struct style *s, const struct column *col, int width,
		     const char *text, enum paint paint)
{
	struct buf cut = {0};
	int room, w;

	if (width == 0)
		return;
	if (s->width && l->used + l->gap + width > s->width)
		width = s->width - l->used - l->gap;
	text_add_cut(&cut, s, text, width);
	w = text_width(buf_str(&cut));
	room = width > w ? width - w : 0;
	if (w) {
		int before = l->gap + (col->right ? room : 0);

		buf_addf(&l->text, "%*s", before, "");
		paint_add(&l->text, s, paint, buf_str(&cut));
		l->used += before + w;
		l->gap = (col->right ? 0 : room) + GAP;
	} else {
		l->gap += width + GAP;
	}
	buf_release(&cut);
}

static void write_row(struct line *l, FILE *out)
{
	buf_addch(&l->text, '\n');
	fwrite(l->text.s, 1, l->text.len, out);
	buf_clear(&l->text);
	l->used = l->gap = 0;
}

static void free_cells(struct table *t)
{
	for (size_t i = 0; i < t->ncells; i++)
		free(t->cells[i].text);
	t->ncells = 0;
}

void table_flush(struct table *t, const struct style *s, FILE *out)
{
	int widths[TABLE_MAX_COLUMNS];
	struct line l = {0};

	measure_columns(t);
	shrink_columns(t, s, widths);
	if (!t->titles_shown && !t->no_titles) {
		for (size_t c = 0; c < t->ncolumns; c++)
			add_cell(&l, s, &t->columns[c], widths[c], t->columns[c].title, PAINT_DIM);
		write_row(&l, out);
	}
	t->titles_shown = true;
	for (size_t i = 0; i < t->ncells; i++) {
		size_t c = i % t->ncolumns;

		add_cell(&l, s, &t->columns[c], widths[c], t->cells[i].text, t->cells[i].paint);
		if (c == t->ncolumns - 1)
			write_row(&l, out);
	}
	buf_release(&l.text);
	free_cells(t);
}

void table_release(struct table *t)
{
	free_cells(t);
	free(t->cells);
	t->cells = NULL;
	t->cap = 0;
}
