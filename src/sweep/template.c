#include "sweep/template.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool template_name_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '.' || c == '-');
}

/* Returns the length of "{name}", "{name?}" or "{@name}" at s[i], which is a brace; 0 if it is
 * none of these. */
static size_t measure_braced_name(const char *s, size_t len, size_t i)
{
	size_t at = i + 1, first;

	if (at < len && s[at] == '@')
		at++;
	for (first = at; at < len && template_name_char(s[at], at == first);)
		at++;
	if (at == first)
		return 0;
	if (at < len && s[at] == '?')
		at++;
	return at < len && s[at] == '}' ? at + 1 - i : 0;
}

static bool name_is(const char *s, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(s, name, len);
}

/* Returns whether the brace at s[i] belongs to the shell's ${; $${ is $$ and a brace. */
static bool is_behind_dollar(const char *s, size_t i)
{
	size_t n = 0;

	while (n < i && s[i - n - 1] == '$')
		n++;
	return n % 2 == 1;
}

enum part_kind placeholder_at(const char *s, size_t len, size_t i, size_t *placeholder_len)
{
	size_t n;

	*placeholder_len = 0;
	if (i >= len || s[i] != '{' || is_behind_dollar(s, i))
		return PART_TEXT;
	if (i + 1 < len && s[i + 1] == '{') {
		n = measure_braced_name(s, len, i + 1);
		if (n && i + 1 + n < len && s[i + 1 + n] == '}')
			*placeholder_len = n + 2;
		return PART_TEXT;
	}
	n = measure_braced_name(s, len, i);
	if (n == 0)
		return PART_TEXT;
	*placeholder_len = n;
	if (name_is(s + i, n, "{@args}"))
		return PART_ARGS;
	if (name_is(s + i, n, "{@kv}"))
		return PART_KV;
	return name_is(s + i, n, "{@id}") ? PART_ID : PART_VALUE;
}

static struct part *add_part(struct template *t, enum part_kind kind)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 4;
		t->parts = mem_grow(t->parts, t->cap, sizeof(*t->parts));
	}
	t->parts[t->n] = (struct part){.kind = kind, .sym = PART_NO_SYM};
	return &t->parts[t->n++];
}

void template_add_text(struct template *t, const char *text, size_t len)
{
	struct part *p;

	if (len == 0)
		return;
	p = add_part(t, PART_TEXT);
	p->text = mem_strndup(text, len);
	p->len = len;
}

struct part *template_add_placeholder(struct template *t, const char *s, size_t i, size_t len)
{
	size_t found;
	struct part *p = add_part(t, placeholder_at(s, i + len, i, &found));

	p->offset = i;
	p->optional = s[i + len - 2] == '?';
	p->len = len - 2 - (p->optional ? 1 : 0);
	p->text = mem_strndup(s + i + 1, p->len);
	return p;
}

static bool lists_words(enum part_kind kind)
{
	return kind == PART_ARGS || kind == PART_KV;
}

void template_parse(struct template *t, const char *text, size_t len)
{
	size_t from = 0, n;

	for (size_t i = 0; i < len;) {
		enum part_kind kind = placeholder_at(text, len, i, &n);
		struct part *p;

		if (n == 0) {
			i++;
			continue;
		}
		template_add_text(t, text + from, i - from);
		if (kind == PART_TEXT) {
			template_add_text(t, text + i + 1, n - 2);
		} else {
			p = template_add_placeholder(t, text, i, n);
			if (lists_words(kind) && n != len)
				p->refusal =
					"stands for several words, so it must be a word of its own";
		}
		i += n;
		from = i;
	}
	template_add_text(t, text + from, len - from);
}

void template_release(struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->parts[i].text);
	free(t->parts);
	memset(t, 0, sizeof(*t));
}

bool template_is_constant(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].kind != PART_TEXT)
			return false;
	return true;
}

/* Returns the next word of a part. *i counts through the words. */
static bool next_word(const struct part *p, const struct template_env *env, size_t *i,
		      struct buf *word)
{
	const struct binding *arg;

	buf_clear(word);
	if (p->kind == PART_VALUE) {
		if (*i > 0)
			return false;
		buf_addstr(word, env->values[p->sym]);
	} else if (p->kind == PART_ID) {
		if (*i > 0)
			return false;
		buf_addf(word, "%" PRId64, env->id);
	} else if (p->kind == PART_KV) {
		if (*i >= env->nargs)
			return false;
		buf_addf(word, "%s=%s", env->args[*i].name, env->args[*i].value);
	} else {
		if (*i >= env->nargs * 2)
			return false;
		arg = &env->args[*i / 2];
		if (*i % 2 == 0)
			buf_addf(word, "--%s", arg->name);
		else
			buf_addstr(word, arg->value);
	}
	++*i;
	return true;
}

static bool is_dropped(const struct template *t, const struct template_env *env)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].optional && t->parts[i].kind == PART_VALUE &&
		    !*env->values[t->parts[i].sym])
			return true;
	return false;
}

/* The destination of words, and how a word is written there. */
struct sink {
	void (*add_word)(const struct sink *to, const struct part *p, const char *word);
	struct buf *out;
	struct script_vars *vars; /* NULL: words are not variables */
};

static void add_parts(const struct template *t, const struct template_env *env,
		      const struct sink *to)
{
	struct buf word = {0};

	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];
		size_t w = 0;

		if (p->kind == PART_TEXT) {
			buf_add(to->out, p->text, p->len);
			continue;
		}
		while (next_word(p, env, &w, &word)) {
			if (w > 1)
				buf_addch(to->out, ' ');
			to->add_word(to, p, buf_str(&word));
		}
	}
	buf_release(&word);
}

static void add_bare_word(const struct sink *to, const struct part *p, const char *word)
{
	(void)p;
	buf_addstr(to->out, word);
}

bool template_add(const struct template *t, const struct template_env *env, struct buf *out)
{
	struct sink to = {.add_word = add_bare_word, .out = out};

	if (is_dropped(t, env))
		return false;
	add_parts(t, env, &to);
	return true;
}

void template_add_words(const struct template *t, const struct template_env *env, struct strs *out)
{
	struct buf word = {0};
	size_t w = 0;

	if (t->n == 1 && lists_words(t->parts[0].kind)) {
		while (next_word(&t->parts[0], env, &w, &word))
			strs_add(out, buf_str(&word));
		buf_release(&word);
	} else if (template_add(t, env, &word)) {
		strs_take(out, buf_take(&word));
	}
}

void script_vars_init(struct script_vars *v, size_t nsyms)
{
	memset(v, 0, sizeof(*v));
	v->nsyms = nsyms;
	v->number = mem_alloc((nsyms + 1) * sizeof(*v->number));
}

void script_vars_release(struct script_vars *v)
{
	strs_release(&v->vars);
	free(v->number);
	memset(v, 0, sizeof(*v));
}

/* Returns the number of the variable for a part's word. A name has one variable, however often
 * it is used. */
static size_t number_variable(struct script_vars *v, const struct part *p, const char *value)
{
	size_t number = p->kind == PART_VALUE ? v->number[p->sym] : 0;

	if (number)
		return number;
	number = v->vars.n + 1;
	strs_addf(&v->vars, "_slurmq_%zu=%s", number, value);
	if (p->kind == PART_VALUE)
		v->number[p->sym] = number;
	return number;
}

static void add_reference(const struct sink *to, const struct part *p, const char *word)
{
	size_t number = number_variable(to->vars, p, word);

	if (p->where != WHERE_BARE)
		buf_addf(to->out, "${_slurmq_%zu}", number);
	else if (p->optional)
		buf_addf(to->out, "${_slurmq_%zu:+\"${_slurmq_%zu}\"}", number, number);
	else
		buf_addf(to->out, "\"${_slurmq_%zu}\"", number);
}

void template_add_script(const struct template *t, const struct template_env *env,
			 struct script_vars *vars, struct buf *out)
{
	struct sink to = {.add_word = add_reference, .out = out, .vars = vars};

	add_parts(t, env, &to);
}

static void add_escaped(struct buf *out, const char *value, const char *special)
{
	for (; *value; value++) {
		if (strchr(special, *value))
			buf_addch(out, '\\');
		buf_addch(out, *value);
	}
}

static void add_shown_word(const struct sink *to, const struct part *p, const char *word)
{
	if (p->where == WHERE_QUOTED)
		add_escaped(to->out, word, "\\\"$`");
	else if (p->where == WHERE_HEREDOC)
		add_escaped(to->out, word, "\\$`");
	else if (*word || !p->optional)
		buf_add_shell_word(to->out, word);
}

void template_add_shown(const struct template *t, const struct template_env *env, struct buf *out)
{
	struct sink to = {.add_word = add_shown_word, .out = out};

	add_parts(t, env, &to);
}
