#include "sweep/sweepfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#include "sweep/doc.h"
#include "sweep/sweep_load.h"
#include "sweep/sweep_read.h"
#include "sweep/template.h"
#include "lib/utf8.h"

enum {
	FILE_MOST = 4 << 20,
	DEPTH_MOST = 32,
	NODES_MOST = 200000,
	ANCHORS_MOST = 1000, /* aliases are searched one by one */
};

/* ---- reading a file ---- */

static int read_all(int fd, const char *path, char **text, size_t *len, struct err *err)
{
	struct buf b = {0};
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			buf_release(&b);
			return err_errno(err, ERR_FAILED, "cannot read '%s'", path);
		}
		buf_add(&b, chunk, (size_t)n);
		if (b.len > FILE_MOST) {
			buf_release(&b);
			return err_set(err, ERR_USAGE,
				       "'%s' is larger than 4 MiB, the limit for "
				       "a file of a sweep",
				       path);
		}
	}
	*len = b.len;
	*text = buf_take(&b);
	return 0;
}

static const char *name_file_kind(mode_t mode)
{
	return S_ISDIR(mode) ? "a directory" : S_ISFIFO(mode) ? "a pipe" : "not a regular file";
}

/* Opens with O_NONBLOCK: opening a FIFO without a writer would wait for ever (open(2)). */
static int read_file(const char *path, char **text, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = -1;
	struct stat st;

	if (fd < 0)
		return err_errno(err, ERR_USAGE, "cannot open '%s'", path);
	if (fstat(fd, &st) != 0)
		err_errno(err, ERR_FAILED, "cannot read '%s'", path);
	else if (!S_ISREG(st.st_mode))
		err_set(err, ERR_USAGE, "'%s' is %s: give a file", path,
			name_file_kind(st.st_mode));
	else
		rc = read_all(fd, path, text, len, err);
	close(fd);
	return rc;
}

static char *copy_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *rel, *abs;

	if (slash == path)
		return mem_strdup("/");
	rel = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
	abs = realpath(rel, NULL);
	free(rel);
	return abs;
}

int sweepfile_slurp(const char *path, char **text, size_t *len, char **dir, struct err *err)
{
	if (read_file(path, text, len, err) != 0)
		return -1;
	*dir = copy_folder(path);
	if (*dir)
		return 0;
	free(*text);
	*text = NULL;
	return err_errno(err, ERR_FAILED, "cannot find the folder of '%s'", path);
}

/* Checks that the text is UTF-8 without characters that libyaml or an editor would treat
 * differently. Line breaks are only LF or CR LF, so that the lines counted here are those of
 * libyaml and of the editor. */

static void check_text(const struct doc *doc, struct complaint_list *list)
{
	for (size_t i = 0; i < doc->len && list->n < COMPLAINT_MOST;) {
		unsigned code = 0;
		size_t n = utf8_char(doc->text + i, doc->len - i, &code);

		if (n == 0) { /* more errors would follow from the same encoding */
			complaint_error(list, doc_pos(doc, i),
					"byte 0x%02x is not UTF-8: " UTF8_ADVICE,
					(unsigned char)doc->text[i]);
			return;
		}
		if (code == '\r' && (i + 1 == doc->len || doc->text[i + 1] != '\n'))
			complaint_error(list, doc_pos(doc, i),
					"carriage return without a line feed");
		else if (utf8_is_control(code) && !strchr("\t\n\r", (int)code))
			complaint_error(list, doc_pos(doc, i), "control character U+%04X", code);
		else if (code == 0)
			complaint_error(list, doc_pos(doc, i), "NUL byte");
		i += n;
	}
}

/* ---- events of YAML to a tree ---- */

struct anchor {
	char *name;
	struct node *node;
};

struct builder {
	struct doc *doc;
	struct complaint_list *list;
	struct node *open[DEPTH_MOST];
	size_t depth;
	size_t weight; /* number of nodes so far, aliases followed */
	struct anchor *anchors;
	size_t nanchors, cap;
	bool stop; /* the rest cannot be read */
	bool ended;
};

static struct pos convert_mark(yaml_mark_t mark)
{
	return (struct pos){mark.line + 1, mark.column + 1};
}

static struct node *get_open_node(const struct builder *b)
{
	return b->depth ? b->open[b->depth - 1] : NULL;
}

static void refuse_file(struct builder *b, struct pos pos, const char *text)
{
	complaint_error(b->list, pos, "%s", text);
	b->stop = true;
}

static void refuse_tag(struct builder *b, struct pos pos, const yaml_char_t *tag)
{
	if (tag)
		complaint_error(b->list, pos,
				"tag '%s': a value is its text as written, tags are "
				"not read",
				(const char *)tag);
}

static void remember_anchor(struct builder *b, const yaml_char_t *name, struct node *node)
{
	if (!name)
		return;
	if (b->nanchors == ANCHORS_MOST) {
		refuse_file(b, node->pos, "more than 1,000 anchors");
		return;
	}
	if (b->nanchors == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 8;
		b->anchors = mem_grow(b->anchors, b->cap, sizeof(*b->anchors));
	}
	b->anchors[b->nanchors++] = (struct anchor){mem_strdup((const char *)name), node};
}

/* Adds a node at the current place of the document. */
static void add_node(struct builder *b, struct node *node, struct pos pos)
{
	struct node *parent = get_open_node(b);

	b->weight += node->weight;
	if (b->weight > NODES_MOST)
		refuse_file(b, pos, "more than 200,000 nodes, aliases followed");
	else if (b->depth + node->height > DEPTH_MOST)
		refuse_file(b, pos, "nested more than 32 deep");
	else if (parent)
		node_push(parent, node);
	else
		b->doc->root = node;
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
	struct node *node = doc_node(b->doc, NODE_SCALAR, convert_mark(e->start_mark));

	refuse_tag(b, node->pos, e->data.scalar.tag);
	node->end = convert_mark(e->end_mark);
	node->len = e->data.scalar.length;
	node->text = mem_strndup((const char *)e->data.scalar.value, node->len);
	switch (e->data.scalar.style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		node->style = STYLE_SINGLE;
		break;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		node->style = STYLE_DOUBLE;
		break;
	case YAML_LITERAL_SCALAR_STYLE:
		node->style = STYLE_LITERAL;
		break;
	case YAML_FOLDED_SCALAR_STYLE:
		node->style = STYLE_FOLDED;
		break;
	default:
		node->style = STYLE_PLAIN;
	}
	node->done = true;
	remember_anchor(b, e->data.scalar.anchor, node);
	add_node(b, node, node->pos);
}

static void on_open(struct builder *b, const yaml_event_t *e)
{
	bool map = e->type == YAML_MAPPING_START_EVENT;
	struct node *node =
		doc_node(b->doc, map ? NODE_MAP : NODE_LIST, convert_mark(e->start_mark));

	refuse_tag(b, node->pos, map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	remember_anchor(b, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor,
			node);
	if (b->depth == DEPTH_MOST)
		refuse_file(b, node->pos, "nested more than 32 deep");
	else
		b->open[b->depth++] = node;
}

static void on_close(struct builder *b, const yaml_event_t *e)
{
	struct node *node = b->open[--b->depth];
	size_t weight = node->weight;

	node->end = convert_mark(e->end_mark);
	node->done = true;
	node->weight = 1; /* the nodes in it were counted when they were added */
	add_node(b, node, node->pos);
	if (!b->stop && b->depth)
		b->open[b->depth - 1]->weight += weight - 1;
	node->weight = weight;
}

static void on_alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct pos pos = convert_mark(e->start_mark);

	/* the last anchor of that name: it may be defined again (YAML 1.1, 3.2.2.2) */
	for (size_t i = b->nanchors; i-- > 0;) {
		struct node *node = b->anchors[i].node;

		if (strcmp(b->anchors[i].name, name) != 0)
			continue;
		if (node->done)
			add_node(b, node, pos);
		else
			refuse_file(b, pos, "an alias to a node that contains it");
		return;
	}
	complaint_error(b->list, pos,
			"alias '*%s' has no anchor before it; quote a value that "
			"begins with '*'",
			name);
	b->stop = true;
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		on_scalar(b, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		on_open(b, e);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(b, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(b, e);
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (b->doc->root)
			refuse_file(b, convert_mark(e->start_mark),
				    "a second document: a file holds one sweep");
		break;
	case YAML_STREAM_END_EVENT:
		b->ended = true;
		break;
	default:
		break;
	}
}

/* Returns advice about a problem that libyaml reports, from the line of its place; "" if there
 * is none. */
static const char *find_hint(const struct doc *doc, const char *problem, struct pos pos)
{
	size_t at = doc_offset(doc, (struct pos){pos.line, 1}), end = at,
	       here = doc_offset(doc, pos);
	const char *line = doc->text + at, *brace;
	size_t n;

	while (end < doc->len && doc->text[end] != '\n')
		end++;
	if (here < doc->len && strchr("@`%", doc->text[here]) && strstr(problem, "cannot start"))
		return ": quote a value that begins with it";
	if (here < doc->len && doc->text[here] == '\t')
		return ": YAML is indented with spaces, not tabs";
	if (strstr(problem, "mapping values are not allowed"))
		return ": quote a value that holds ': '";
	brace = memchr(line, '{', end - at);
	if (brace && brace > line && brace[-1] == ' ' &&
	    placeholder_at(doc->text, doc->len, (size_t)(brace - doc->text), &n) != PART_TEXT)
		return ": quote a value that begins with '{', as in run: \"{x} ...\"";
	if (strstr(problem, "quoted scalar"))
		return ": a closing quote is missing";
	return "";
}

static void add_problem(struct builder *b, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "it cannot be read";
	struct pos pos;

	/* the mark of a reader error stays 0:0, but its offset is correct */
	if (parser->error == YAML_READER_ERROR)
		pos = doc_pos(b->doc, parser->problem_offset);
	else
		pos = convert_mark(parser->problem_mark);
	if (pos.line > b->doc->nlines)
		pos = doc_pos(b->doc, b->doc->len);
	if (parser->context)
		complaint_error(b->list, pos, "invalid YAML: %s, %s%s", problem, parser->context,
				find_hint(b->doc, problem, pos));
	else
		complaint_error(b->list, pos, "invalid YAML: %s%s", problem,
				find_hint(b->doc, problem, pos));
	b->stop = true;
}

/* Builds the tree. Returns false if the document could not be read to its end. */
static bool build_tree(struct doc *doc, struct complaint_list *list)
{
	struct builder b = {.doc = doc, .list = list};
	yaml_parser_t parser;
	yaml_event_t event;

	if (!yaml_parser_initialize(&parser))
		abort(); /* fails only without memory (yaml.h) */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)doc->text, doc->len);
	while (!b.stop && !b.ended) {
		if (!yaml_parser_parse(&parser, &event)) {
			add_problem(&b, &parser);
			break; /* b.stop is set */
		}
		on_event(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	for (size_t i = 0; i < b.nanchors; i++)
		free(b.anchors[i].name);
	free(b.anchors);
	return !b.stop;
}

/* ---- results ---- */

static int report_errors(struct complaint_list *list, const char *name, struct complaints *c,
			 struct err *err)
{
	size_t errors;

	complaint_tell(list, name, c);
	errors = c->errors;
	if (errors == 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s: %zu error%s", name, errors, errors == 1 ? "" : "s");
}

int sweepfile_parse(const char *name, const char *dir, const char *text, size_t len,
		    struct sweep **out, struct complaints *c, struct err *err)
{
	struct complaint_list list = {.text = text, .len = len};
	struct doc *doc = doc_new(name, text, len);
	struct sweep *sweep = NULL;

	if (len > FILE_MOST)
		complaint_error(&list, (struct pos){0, 0}, "larger than 4 MiB, the limit");
	else if (utf8_is_utf16(text, len))
		complaint_error(&list, (struct pos){1, 1}, "this is UTF-16: " UTF8_ADVICE);
	else
		check_text(doc, &list);
	if (list.errors == 0 && build_tree(doc, &list))
		sweep = sweep_read(doc, dir, &list); /* the sweep owns doc now */
	else
		doc_free(doc);
	if (report_errors(&list, name, c, err) == 0) {
		*out = sweep;
		return 0;
	}
	sweep_free(sweep);
	return -1;
}

/* ---- the files that the sweep names ---- */

int sweepfile_load_files(struct sweep *sweep, struct complaints *c, struct err *err)
{
	struct sweep_load load;
	const char *path;
	int rc = 0;

	sweep_load_init(&load, sweep);
	while ((path = sweep_load_next(&load)) != NULL) {
		struct err why = {0};
		char *text = NULL;
		size_t len = 0;

		if (read_file(path, &text, &len, &why) == 0)
			sweep_load_give(&load, text, len, c);
		else
			sweep_load_fail(&load, why.msg);
		free(text);
	}
	sweep_load_size(&load);
	if (load.list.errors == 0)
		rc = sweep_check_size(sweep, err);
	if (rc == 0)
		sweep_load_end(&load);
	if (report_errors(&load.list, sweep_load_file_name(sweep), c, err))
		rc = -1;
	sweep_load_release(&load);
	return rc;
}
