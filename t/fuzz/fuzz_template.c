/* The template under libFuzzer: any bytes as a text with placeholders, as a word and as a bash
 * script, rendered with values. The script's text must not depend on the values. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/template.h"
#include "sweep/template_bash.h"

enum { SYMS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
	if (!good)
		abort();
}

/* Binds names to numbers in order, and checks the place of each part. */
static void bind_all(struct template *t, const char *text, size_t len)
{
	for (size_t i = 0; i < t->n; i++) {
		struct part *p = &t->parts[i];

		check(p->text && strlen(p->text) <= p->len);
		if (p->kind == PART_TEXT)
			continue;
		check(p->offset < len && text[p->offset] == '{');
		check(p->offset + p->len < len);
		check(!memcmp(text + p->offset + 1, p->text, p->len));
		if (p->kind == PART_VALUE)
			p->sym = (unsigned char)p->text[0] % SYMS;
	}
}

static bool is_refused(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].refusal)
			return true;
	return false;
}

static const struct binding args[] = {{"lr", "0.10"}, {"s", "a $(b) 'c"}};

static struct template_env env_of(const char *const *values)
{
	return (struct template_env){values, args, 2, 17};
}

static void as_word(const char *text, size_t len, const char *const *values)
{
	struct template_env env = env_of(values);
	struct template t = {0};
	struct strs words = {0};
	struct buf one = {0};

	template_parse(&t, text, len);
	bind_all(&t, text, len);
	check(template_is_constant(&t) || len >= 3);
	template_add_words(&t, &env, &words);
	check(template_add(&t, &env, &one) || one.len == 0);
	strs_release(&words);
	buf_release(&one);
	template_release(&t);
}

static void add_text(const struct template *t, const char *const *values, struct buf *out)
{
	struct template_env env = env_of(values);
	struct script_vars vars;

	script_vars_init(&vars, SYMS);
	template_add_script(t, &env, &vars, out);
	script_vars_release(&vars);
}

static void as_script(const char *text, size_t len, const char *const *values,
		      const char *const *others)
{
	struct buf a = {0}, b = {0}, shown = {0};
	struct template_env env = env_of(values);
	struct template_bash_end end;
	struct template t = {0};

	template_bash_parse(&t, text, len, &end);
	bind_all(&t, text, len);
	check(!end.open || end.offset <= len);
	check(!end.unsure || end.unsure_offset <= len);
	if (!is_refused(&t)) {
		add_text(&t, values, &a);
		add_text(&t, others, &b);
		check(a.len == b.len && !memcmp(buf_str(&a), buf_str(&b), a.len));
		template_add_shown(&t, &env, &shown);
	}
	buf_release(&a);
	buf_release(&b);
	buf_release(&shown);
	template_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const values[SYMS] = {"", "a b", "$(x)", "`x`", "'", "\"", "\\", "-n"};
	static const char *const others[SYMS] = {"1", "", "y", "{x}", "z", "E", "#", "*"};
	char *text = mem_strndup((const char *)data, size);

	as_word(text, size, values);
	as_script(text, size, values, others);
	free(text);
	return 0;
}
