/* yaml2json FILE: prints YAML as JSON, with the types of YAML 1.2's core schema, as an editor's
 * checker reads it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "lib/json.h"
#include "lib/number.h"

enum { DEPTH_MOST = 40 };

static yaml_document_t doc;

/* Appends a scalar; json_*() add the comma and colon of a key. A number is copied if JSON has that
 * form. */
static void add_scalar(struct buf *out, const yaml_node_t *n)
{
	const char *text = (const char *)n->data.scalar.value;
	bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct json j = {.out = out};
	struct buf number = {0};
	int64_t whole;

	if (plain && (!*text || !strcmp(text, "~") || !strcmp(text, "null"))) {
		json_null(&j, NULL);
	} else if (plain && (!strcmp(text, "true") || !strcmp(text, "false"))) {
		json_bool(&j, NULL, *text == 't');
	} else if (plain && number_to_int(text, &whole)) {
		json_int(&j, NULL, whole);
	} else if (plain && number_is(text) && number_fits(text)) {
		number_add_double(&number, number_to_double(text));
		buf_addstr(out, buf_str(&number));
	} else {
		json_str(&j, NULL, text);
	}
	buf_release(&number);
}

static void add_node(struct buf *out, int index, int depth)
{
	const yaml_node_t *n = yaml_document_get_node(&doc, index);
	struct json j = {.out = out};

	if (!n || depth > DEPTH_MOST)
		exit(1);
	if (n->type == YAML_SCALAR_NODE) {
		add_scalar(out, n);
	} else if (n->type == YAML_SEQUENCE_NODE) {
		buf_addch(out, '[');
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		     i < n->data.sequence.items.top; i++) {
			if (i > n->data.sequence.items.start)
				buf_addch(out, ',');
			add_node(out, *i, depth + 1);
		}
		buf_addch(out, ']');
	} else {
		buf_addch(out, '{');
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
		     p < n->data.mapping.pairs.top; p++) {
			const yaml_node_t *key = yaml_document_get_node(&doc, p->key);

			if (p > n->data.mapping.pairs.start)
				buf_addch(out, ',');
			if (key->type != YAML_SCALAR_NODE)
				exit(1);
			json_str(&j, NULL, (const char *)key->data.scalar.value);
			buf_addch(out, ':');
			add_node(out, p->value, depth + 1);
		}
		buf_addch(out, '}');
	}
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	struct buf out = {0};
	yaml_parser_t parser;

	if (!in || !yaml_parser_initialize(&parser)) {
		fprintf(stderr, "usage: yaml2json FILE\n");
		return 2;
	}
	yaml_parser_set_input_file(&parser, in);
	if (!yaml_parser_load(&parser, &doc) || !yaml_document_get_root_node(&doc)) {
		fprintf(stderr, "%s: no YAML\n", argv[1]);
		return 1;
	}
	add_node(&out, 1, 0);
	puts(buf_str(&out));
	buf_release(&out);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	fclose(in);
	return 0;
}
