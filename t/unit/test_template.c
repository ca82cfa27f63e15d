/* Placeholders in words and in bash scripts: a program gets exactly the value. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep/template.h"
#include "sweep/template_bash.h"

#define CANARY "canary"

/* Binds every placeholder to the same value. */
static void bind_all(struct template *t, bool *refused)
{
	*refused = false;
	for (size_t i = 0; i < t->n; i++) {
		if (t->parts[i].kind == PART_VALUE)
			t->parts[i].sym = 0;
		if (t->parts[i].refusal)
			*refused = true;
	}
}

static struct template_env env_for(const char *const *value, const struct binding *args, size_t n)
{
	return (struct template_env){value, args, n, 17};
}

/* Words. */

static const struct {
	const char *text, *value;
	const char *words[6];
} words[] = {
	{"plain", "v", {"plain"}},
	{"{x}", "v", {"v"}},
	{"a{x}b{x}", "1", {"a1b1"}},
	{"{x}", "", {""}},
	{"{x?}", "", {NULL}},
	{"--f={x?}", "", {NULL}},
	{"--f={x?}", "on", {"--f=on"}},
	{"{x}", "a b; $(c) 'q", {"a b; $(c) 'q"}},
	{"{@id}", "v", {"17"}},
	{"{@args}", "v", {"--lr", "0.10", "--s", "a b"}},
	{"{@kv}", "v", {"lr=0.10", "s=a b"}},
	{"{{x}}", "v", {"{x}"}},
	{"{{@args}}", "v", {"{@args}"}},
	{"${x}", "v", {"${x}"}},
	{"$${x}", "v", {"$$v"}},
	{"{a,b}", "v", {"{a,b}"}},
	{"{1..5}", "v", {"{1..5}"}},
	{"{print $1}", "v", {"{print $1}"}},
	{"{{.Names}}", "v", {"{{.Names}}"}},
	{"{}", "v", {"{}"}},
	{"{", "v", {"{"}},
	{"{x", "v", {"{x"}},
	{"{ x }", "v", {"{ x }"}},
	{"{1x}", "v", {"{1x}"}},
	{"{a.b-c}", "v", {"v"}},
	{"", "v", {""}},
};

static void test_words(void **state)
{
	static const struct binding args[] = {{"lr", "0.10"}, {"s", "a b"}};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct template_env env = env_for(&words[i].value, args, 2);
		struct template t = {0};
		struct strs out = {0};
		bool refused;
		size_t n = 0;

		template_parse(&t, words[i].text, strlen(words[i].text));
		bind_all(&t, &refused);
		template_add_words(&t, &env, &out);
		for (; words[i].words[n]; n++) {
			assert_true(n < out.n);
			assert_string_equal(out.v[n], words[i].words[n]);
		}
		assert_int_equal(out.n, n);
		strs_release(&out);
		template_release(&t);
	}
}

static void test_args_must_be_a_word(void **state)
{
	static const char *const texts[] = {"a{@args}", "{@kv}b", "{@args} "};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct template t = {0};
		bool refused;

		template_parse(&t, texts[i], strlen(texts[i]));
		bind_all(&t, &refused);
		assert_true(refused);
		template_release(&t);
	}
}

/* Scripts. A % in the expected output stands for the value; show prints the number of its
 * arguments, and each. */

static const struct {
	const char *script, *expected;
} taken[] = {
	{"show {x}", "1:<%>"},
	{"show a{x}b", "1:<a%b>"},
	{"show --k={x} {x}", "2:<--k=%><%>"},
	{"show \"a {x} b\"", "1:<a % b>"},
	{"show \"{x}\"{x}'q'", "1:<%%q>"},
	{"show \"$(show {x})\"", "1:<1:<%>>"},
	{"show \"$(show \"{x}\" \"$(show {x})\")\"", "1:<2:<%><1:<%>>>"},
	{"y={x}; show \"$y\"", "1:<%>"},
	{"y={x} z=\"{x}1\"\nshow \"$y\" \"$z\"", "2:<%><%1>"},
	{"y=a; y+={x}; show \"$y\"", "1:<a%>"},
	{"export Y={x}; show \"$Y\"", "1:<%>"},
	{"export \"Y={x}\"; show \"$Y\"", "1:<%>"},
	{"f() { local y={x}; show \"$y\" {x}; }; f", "2:<%><%>"},
	{"function f { show {x}; }\nf", "1:<%>"},
	{"a=({x} \"{x}\" b); show \"${a[@]}\"", "3:<%><%><b>"},
	{"a=()\nshow {x} \"${#a[@]}\"", "2:<%><0>"},
	{"a[0]={x}; show \"${a[0]}\"", "1:<%>"},
	{"for i in {x} b; do show \"$i\"; done", "1:<%>1:<b>"},
	{"for i in a\ndo\n\tshow {x}\ndone", "1:<%>"},
	{"cat <<E\n{x}\nE\nshow b", "%\n1:<b>"},
	{"cat <<-E\n\t[{x}]\n\tE\nshow b", "[%]\n1:<b>"},
	{"cat <<A <<B\n{x}\nA\n{x}2\nB\nshow {x}", "%2\n1:<%>"},
	{"cat <<'E' /dev/null - <<F\nlit\nE\n{x}\nF\n", "%\n"},
	{"show \"$(cat <<E\n{x}\nE\n)\"", "1:<%>"},
	{"cat <<E | cat\n\"{x}\" '{x}'\nE\nshow {x}", "\"%\" '%'\n1:<%>"},
	{"cat <<E\na \\\nE\n{x}\nE\nshow {x}", "a E\n%\n1:<%>"},
	{"cat <<< {x}", "%\n"},
	{"cat <<<\"{x}\"", "%\n"},
	{"case {x} in *) show ok {x};; esac", "2:<ok><%>"},
	{"case a in a) show {x};; (b) show no;; esac; show {x}", "1:<%>1:<%>"},
	{"case a in b|c) ;; *) show \"$(case z in z) show {x};; esac)\" ;; esac", "1:<1:<%>>"},
	{"if true; then show {x}; else show b; fi", "1:<%>"},
	{"if [ -z {x} ]; then show empty; else show {x}; fi; true", NULL},
	{"until false; do show {x}; break; done", "1:<%>"},
	{"( show {x} )", "1:<%>"},
	{"(show {x}; show {x}) | cat", "1:<%>1:<%>"},
	{"{ show {x}; }", "1:<%>"},
	{"show {x} && show b || show c", "1:<%>1:<b>"},
	{"! false && show {x} 2>&1", "1:<%>"},
	{"show {x} 2>/dev/null >&2; show b 2>>/dev/null", "1:<b>"},
	{"show {x} &>/dev/null; show b", "1:<b>"},
	{"show {x} # {x} '\nshow 'a'", "1:<%>1:<a>"},
	{"# it's {x}\nshow {x}", "1:<%>"},
	{"show a#{x}", "1:<a#%>"},
	{"show {x}\\\n{x}", "1:<%%>"},
	{"show \\\n\t{x}", "1:<%>"},
	{"show {x} &\nwait", "1:<%>"},
	{"show \"a\\\"{x}\\\"\" \\\"{x}", "2:<a\"%\"><\"%>"},
	{"show $'a\\'b' {x} \"$((1 + 1))\"", "3:<a'b><%><2>"},
	{"show \"${HOME:+h}\" \"${#HOME}\" >/dev/null; show {x}", "1:<%>"},
	{"y=`echo \"a b\"`; show \"$y\" {x}", "2:<a b><%>"},
	{"[[ a == [[:alpha:]] && -n b ]] && show {x}", "1:<%>"},
	{"(( 1 + (2) )) && show {x}", "1:<%>"},
	{"[ {x} = {x} ] && show {x} || true", NULL},
	{"show <(:) {x} | sed 's/<[^>]*>//'", "2:<%>"},
	{"show +list=[{x},{x}]", "1:<+list=[%,%]>"},
	{"show {{x}} '{a,b}' {1..2} \"{ print \\$1 }\"", "5:<{x}><{a,b}><1><2><{ print $1 }>"},
	{"printf '%s\\n' {x}", "%\n"},
	{"eval {cmd}", NULL},
	{"set -u; show {x}", "1:<%>"},
	{"cat <<E\na \\$HOME \\\\{x}\nE\n", NULL},
	{"while read -r y; do show {x}; done <<E\n1\n2\nE\n", "1:<%>1:<%>"},
};

static const char *const values[] = {
	"plain",
	"two words",
	"  edges  ",
	"$(touch " CANARY ")",
	"`touch " CANARY "`",
	"'",
	"\"",
	"\\",
	"\\\\",
	"-n",
	"*",
	"?[a-z]",
	"a;touch " CANARY,
	"&& touch " CANARY,
	"| touch " CANARY,
	"> " CANARY,
	"$HOME",
	"${HOME}",
	"!",
	"#x",
	"~",
	"{a,b}",
	"a[$(touch " CANARY ")]",
	"x=1",
	"-va[$(touch " CANARY ")]",
	"[$(touch " CANARY ")]=1",
	"E",
	"esac",
	")",
	"A",
	"\xc3\xbc \xe2\x82\xac",
	"%s%n",
	"-e",
	"done",
	"'; touch " CANARY " '",
};

static const char show[] = "show() { printf '%d:' $#; [ $# -eq 0 ] || printf '<%s>' \"$@\"; }\n";

/* Runs bash with the text and its arguments. Returns its output; caller frees. */
static char *run_bash(const char *text, const char *const *args, size_t n, int *status)
{
	const char *argv[64] = {"bash", "-e", "-c", text, "test"};
	struct buf out = {0};
	char chunk[4096];
	int fds[2];
	ssize_t got;
	pid_t pid;

	assert_true(n < 58);
	for (size_t i = 0; i < n; i++)
		argv[5 + i] = args[i];
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		execvp("bash", (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	while ((got = read(fds[0], chunk, sizeof(chunk))) > 0)
		buf_add(&out, chunk, (size_t)got);
	close(fds[0]);
	waitpid(pid, status, 0);
	return buf_take(&out);
}

static char *replace_percent(const char *expected, const char *value)
{
	struct buf b = {0};

	for (; *expected; expected++) {
		if (*expected == '%')
			buf_addstr(&b, value);
		else
			buf_addch(&b, *expected);
	}
	return buf_take(&b);
}

static char folder[] = "/tmp/slurmq-test-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? chdir(folder) : -1;
}

/* Fails if a test left a file in the folder. */
static int remove_folder(void **state)
{
	(void)state;
	return chdir("/") || rmdir(folder);
}

/* Runs the whole text, which has a subshell for each value, and compares its output. */
static void check_run(const struct buf *whole, const struct buf *want, const char *script,
		      const char *const *vals, size_t n)
{
	int status;
	char *got = run_bash(buf_str(whole), vals, n, &status);

	if (strcmp(got, buf_str(want)) != 0 || status != 0)
		fail_msg("script [%s] text [%s]: status %d, got\n%s\nnot\n%s", script,
			 buf_str(whole), status, got, buf_str(want));
	free(got);
	assert_int_not_equal(access(CANARY, F_OK), 0);
}

static void add_expected(struct buf *want, const char *expected, const char *value)
{
	char *one = replace_percent(expected, value);

	buf_addf(want, "%s\n--\n", one);
	free(one);
}

/* The text refers to variables, so it is the same for all values. The values are arguments of
 * bash. */
static void check_variables(const struct template *t, const char *script, const char *expected,
			    const char *const *vals, size_t n)
{
	struct template_env env = env_for(vals, NULL, 0);
	struct buf whole = {0}, want = {0};
	struct script_vars vars;

	script_vars_init(&vars, 1);
	buf_addf(&whole, "%sfor _slurmq_1; do (\n", show);
	template_add_script(t, &env, &vars, &whole);
	buf_addstr(&whole, "\n); printf '\\n--\\n'; done\n");
	for (size_t i = 0; i < n; i++)
		add_expected(&want, expected, vals[i]);
	check_run(&whole, &want, script, vals, n);
	script_vars_release(&vars);
	buf_release(&whole);
	buf_release(&want);
}

static void check_shown(const struct template *t, const char *script, const char *expected,
			const char *const *vals, size_t n)
{
	struct buf whole = {0}, want = {0};

	buf_addstr(&whole, show);
	for (size_t i = 0; i < n; i++) {
		struct template_env env = env_for(&vals[i], NULL, 0);

		/* for display: a value equal to a here-document's delimiter would end it */
		if (strstr(script, "<<") && (!strcmp(vals[i], "E") || !strcmp(vals[i], "A")))
			continue;
		buf_addstr(&whole, "(\n");
		template_add_shown(t, &env, &whole);
		buf_addstr(&whole, "\n); printf '\\n--\\n'\n");
		add_expected(&want, expected, vals[i]);
	}
	check_run(&whole, &want, script, vals, 0);
	buf_release(&whole);
	buf_release(&want);
}

static void check_accepted(const char *script, const char *expected, const char *const *vals,
			   size_t n)
{
	struct template_bash_end end;
	struct template t = {0};
	bool refused;

	template_bash_parse(&t, script, strlen(script), &end);
	bind_all(&t, &refused);
	if (refused || end.open)
		fail_msg("script [%s] is refused, ends in %s", script, end.open ? end.open : "-");
	if (expected) {
		check_variables(&t, script, expected, vals, n);
		check_shown(&t, script, expected, vals, n);
	}
	template_release(&t);
}

static void test_values_stay_in_their_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		check_accepted(taken[i].script, taken[i].expected, values,
			       sizeof(values) / sizeof(*values));
}

/* Random scripts. bash prints some output with a plain word as the value. With another value it
 * must print the same, with that value instead of the word. */

#define TOKEN "QZQ"

enum { RANDOM_SCRIPTS = 40, RANDOM_SCRIPTS_LONG = 400, RANDOM_DEPTH = 3 };

static unsigned random_state = 20261123;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 1103515245U + 12345U;
	return (random_state >> 16) % n;
}

static void add_command(struct buf *b, int depth);

/* Adds a word; some words contain a value, or a command's output. */
static void add_word(struct buf *b, int depth)
{
	static const char *const pieces[] = {
		"{x}",	  "{x}",      "\"{x}\"", "\"a {x} b\"",	   "'lit $( \"'", "c",
		"\\;",	  "\\\"",     "'q'",	 "{{x}}",	   "d=",	  "\"\"",
		"{x}{x}", "\"e\"{x}", "--k=",	 "\"$((1 + 2))\"",
	};

	buf_addch(b, ' ');
	for (unsigned n = random_below(3) + 1; n > 0; n--) {
		if (depth > 0 && random_below(6) == 0) {
			buf_addstr(b, "\"$(\n");
			add_command(b, depth - 1);
			buf_addstr(b, ")\"");
		} else {
			buf_addstr(b, pieces[random_below(sizeof(pieces) / sizeof(*pieces))]);
		}
	}
}

/* In these, W is a word and C a command. No <(...) within $(...): bash 5.2 reads it twice, and
 * loses a blank after a backslash. */
static void add_schema(struct buf *b, const char *schema, int depth)
{
	for (; *schema; schema++) {
		if (*schema == 'W')
			add_word(b, depth);
		else if (*schema == 'C')
			add_command(b, depth - 1);
		else
			buf_addch(b, *schema);
	}
}

static void add_command(struct buf *b, int depth)
{
	static const char *const flat[] = {
		"showW\n",
		"showWW\n",
		"y=\"{x}\"; show \"$y\"W\n",
		"y={x}; show \"$y\"\n",
		"a=(WW); show \"${a[@]}\"\n",
		"cat <<E\n[{x}] '{x}' \"{x}\" it's\nE\n",
		"cat <<-E\n\t{x}\n\tE\n",
		"cat <<<W\n",
		"showW # {x} ' \" $( {x}\n",
		"# it's {x} \"\nshowW\n",
		"[[ a == a && -n b ]] && showW\n",
		"(( 1 + 2 )) && showW\n",
		"showW >/dev/null\n",
		"showW \\\n  W\n",
		"printf '%s\\n'W\n",
		"export Y={x}\nshow \"$Y\"\n",
	};
	static const char *const nested[] = {
		"if true\nthen\nCfi\n",
		"for i inWW\ndo show \"$i\"\nCdone\n",
		"caseW in\n(*)\nC;;\nesac\n",
		"(\nC)\n",
		"{\nCC}\n",
		"f() {\nC}\nf\n",
		"true && {\nC}\n",
		"{\nC} | cat\n",
		"show \"$(\nC)\"W\n",
		"while read -r l; do show \"$l\"; done <<E\n1\nE\nC",
		"! false && {\nC}\n",
	};

	if (depth > 0 && random_below(3) > 0)
		add_schema(b, nested[random_below(sizeof(nested) / sizeof(*nested))], depth);
	else
		add_schema(b, flat[random_below(sizeof(flat) / sizeof(*flat))], depth);
}

/* Adds a construct that must be refused in any place. */
static void add_refused(struct buf *b)
{
	static const char *const refused[] = {
		"[[ {x} == a ]]\n",	"(( {x} ))\n",	"show \"$(( {x} ))\"\n",
		"show \\{x}\n",		"show '{x}'\n", "a[{x}]=1\n",
		"cat <<'E'\n{x}\nE\n",	"let y={x}\n",	"show \"${y:-{x}}\"\n",
		"show `show {x}`\n",	"read {x}\n",	"show $'{x}'\n",
		"[[ a == \"{x}\" ]]\n", "unset {x}\n",	"printf -v {x} a\n",
		"[ -v {x} ]\n",
	};

	buf_addstr(b, refused[random_below(sizeof(refused) / sizeof(*refused))]);
}

/* Returns bash's output with TOKEN as every value, or NULL if bash itself cannot read the script.
 * bash 5.2 fails on here-documents and quotes deep within $(...). Caller frees. */
static char *output_with_token(const struct template *t)
{
	struct buf text = {0};
	int status;
	char *out;

	buf_addf(&text, "exec 2>/dev/null\n%s(\n", show);
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].kind == PART_TEXT)
			buf_add(&text, t->parts[i].text, t->parts[i].len);
		else
			buf_addstr(&text, TOKEN);
	buf_addstr(&text, "\n)");
	out = run_bash(buf_str(&text), NULL, 0, &status);
	buf_release(&text);
	if (status == 0)
		return out;
	free(out);
	return NULL;
}

/* Replaces TOKEN by %, which check_variables() replaces by the value. Returns NULL if the output
 * contains a %. */
static char *token_to_percent(char *out)
{
	struct buf b = {0};
	char *at = out, *next;

	while ((next = strstr(at, TOKEN))) {
		buf_add(&b, at, (size_t)(next - at));
		buf_addch(&b, '%');
		at = next + strlen(TOKEN);
	}
	buf_addstr(&b, at);
	free(out);
	return buf_take(&b);
}

static void test_random_scripts(void **state)
{
	int n = getenv("TEST_LONG") ? RANDOM_SCRIPTS_LONG : RANDOM_SCRIPTS, taken_too = 0;

	(void)state;
	for (int i = 0; i < n; i++) {
		struct template_bash_end end;
		struct template t = {0};
		struct buf script = {0};
		bool refused, must = random_below(4) == 0;
		char *expected;

		add_command(&script, RANDOM_DEPTH);
		if (must)
			add_refused(&script);
		add_command(&script, RANDOM_DEPTH);
		template_bash_parse(&t, script.s, script.len, &end);
		bind_all(&t, &refused);
		if (refused != must)
			fail_msg("script %s refused:\n%s", refused ? "is" : "is not", script.s);
		expected = refused ? NULL : output_with_token(&t);
		if (expected) {
			expected = token_to_percent(expected);
			check_variables(&t, script.s, expected, values,
					sizeof(values) / sizeof(*values));
			free(expected);
			taken_too++;
		}
		template_release(&t);
		buf_release(&script);
	}
	assert_true(taken_too > n / 2);
}

static void test_empty_value(void **state)
{
	static const char *const empty[] = {"", "a b"};
	static const struct {
		const char *script, *expected;
	} cases[] = {
		{"show {x}", "1:<>"},	       {"show {x?}", "0:"},
		{"show a{x}", "1:<a>"},	       {"show \"{x}\"", "1:<>"},
		{"show a {x?} b", "2:<a><b>"}, {"a=({x?}); show \"${a[@]}\"", "0:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_accepted(cases[i].script, cases[i].expected, empty, 1);
	check_accepted("show {x?} {x?}", "2:<%><%>", empty + 1, 1);
}

static void test_lists_of_words(void **state)
{
	static const struct binding args[] = {{"lr", "0.10"}, {"s", "a $(touch " CANARY ")"}};
	static const char script[] = "show {@args}\nshow {@kv} {@id}";
	static const char expected[] = "4:<--lr><0.10><--s><a %>3:<lr=0.10><s=a %><17>";
	struct template_env env = env_for(NULL, args, 2);
	struct buf whole = {0}, want = {0};
	struct template_bash_end end;
	struct script_vars vars;
	struct template t = {0};
	bool refused;

	(void)state;
	template_bash_parse(&t, script, strlen(script), &end);
	bind_all(&t, &refused);
	assert_false(refused);
	script_vars_init(&vars, 0);
	buf_addf(&whole, "%sexport \"$@\"\n", show);
	template_add_script(&t, &env, &vars, &whole);
	buf_addstr(&whole, "\nprintf '\\n--\\n'");
	add_expected(&want, expected, "$(touch " CANARY ")");
	check_run(&whole, &want, script, (const char *const *)vars.vars.v, vars.vars.n);
	script_vars_release(&vars);
	buf_release(&whole);
	buf_release(&want);
	template_release(&t);
}

/* Each of these is refused. */
static const char *const refused_scripts[] = {
	"echo '{x}'",
	"echo 'a'\\''{x}'",
	"[[ {x} ]]",
	"[[ \"{x}\" == a ]]",
	"if [[ -v {x} ]]; then :; fi",
	"(( {x} ))",
	"echo $(( {x} ))",
	"echo \"$(( {x} + (1) ))\"",
	"echo $[{x}]",
	"for ((i=0;i<{x};i++)); do :; done",
	"echo \\{x}",
	"echo \"\\{x}\"",
	"echo $'{x}'",
	"echo $\"{x}\"",
	"cat <<'E'\n{x}\nE",
	"cat <<\\E\n{x}\nE",
	"cat <<\"E\"\n{x}\nE",
	"cat <<E\n$(echo {x})\nE",
	"cat <<E\n${y:-{x}}\nE",
	"cat <<E\n`echo {x}`\nE",
	"cat <<E\n\\{x}\nE",
	"cat <<{x}\na\n{x}\n",
	"cat <<E$y\n{x}\nE$y\n",
	"(cat <<E)\n{x}\nE\n",
	"echo $(cat <<E) {x}\nE\n",
	"echo `echo {x}`",
	"echo \"`echo {x}`\"",
	"echo ${y:-{x}}",
	"echo \"${y:-{x}}\"",
	"echo ${y:-\"{x}\"}",
	"echo ${y:-$(echo {x})}",
	"echo \"${y:-'}\" {x} '}\"",
	"case a in {x}) ;; esac",
	"case a in a|{x}) ;; esac",
	"case a in a) ;; \"{x}\") ;; esac",
	"a[{x}]=1",
	"a[\"{x}\"]=1",
	"b=1 a[{x}]=1",
	"b[0]=1 a[{x}]=1",
	"a=([{x}]=1)",
	"declare a[{x}]=1",
	"declare -i n={x}",
	"declare -n n={x}",
	"wait {x}",
	"local -i n={x}",
	"export {x}",
	"export \"{x}\"",
	"export -n {x}",
	"declare -i a=(1 {x})",
	"declare -ai a; a=({x})",
	"declare -i n; n={x}",
	"let n={x}",
	"let {x}",
	"unset {x}",
	"read {x}",
	"command read {x}",
	"command -p read {x}",
	"builtin let {x}",
	"\"let\" {x}",
	"l\\et {x}",
	"printf {x}",
	"printf \"{x}\" a",
	"printf -v {x} a",
	"[ -v {x} ]",
	"[ {x} {x} ]",
	"test -R {x}",
	"for {x} in a; do :; done",
	"function {x} { :; }",
	"echo {1..{x}}",
	"echo {{x}..3}",
	"echo @({x}|b)",
	"echo ) {x}",
	"coproc c { :; }; echo {x}",
	"echo a{x?}",
	"echo \"{x?}\"",
	"echo a{@args}",
	"echo \"{@args}\"",
	"echo '\n{x}\n'",
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_scripts) / sizeof(*refused_scripts); i++) {
		struct template_bash_end end;
		struct template t = {0};
		bool refused;

		template_bash_parse(&t, refused_scripts[i], strlen(refused_scripts[i]), &end);
		bind_all(&t, &refused);
		if (!refused)
			fail_msg("not refused: %s", refused_scripts[i]);
		template_release(&t);
	}
}

/* A value in a text that a shell parses again is allowed, with a warning. */
static void test_warnings(void **state)
{
	static const struct {
		const char *script;
		bool warned;
	} cases[] = {
		{"bash -c \"run {x}\"", true},
		{"bash -c {x}", false},
		{"bash -c \"{x}\"", false},
		{"srun bash -lc \"a; b {x}\"", true},
		{"eval \"a {x}\"", true},
		{"eval {x}", false},
		{"ssh host sh <<E\n{x}\nE\n", true},
		{"cat <<E\n{x}\nE\n", false},
		{"trap \"rm {x}\" EXIT", true},
		{"bash run.sh {x}", false},
		{"python -c \"{x}\"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct template_bash_end end;
		struct template t = {0};
		bool warned = false;

		template_bash_parse(&t, cases[i].script, strlen(cases[i].script), &end);
		for (size_t k = 0; k < t.n; k++)
			warned = warned || (t.parts[k].kind == PART_VALUE && t.parts[k].warning);
		if (warned != cases[i].warned)
			fail_msg("%s: warned %d", cases[i].script, warned);
		template_release(&t);
	}
}

static void test_ends_of_placeholders(void **state)
{
	static const struct {
		const char *script;
		bool open;
	} cases[] = {
		{"module load cuda\nsource venv/bin/activate\n", false},
		{"echo 'a", true},
		{"echo \"a", true},
		{"echo $(a", true},
		{"echo ${a", true},
		{"cat <<E\na\n", true},
		{"cat <<E", true},
		{"a \\", true},
		{"a \\\\", false},
		{"( a", true},
		{"case a in b)", true},
		{"# it's", false},
		{"x=${y#\\'}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct template_bash_end end;
		struct template t = {0};

		template_bash_parse(&t, cases[i].script, strlen(cases[i].script), &end);
		if ((end.open != NULL) != cases[i].open)
			fail_msg("[%s] ends in %s", cases[i].script,
				 end.open ? end.open : "nothing");
		template_release(&t);
	}
}

/* The text does not depend on the values. */
static void test_text_holds_no_value(void **state)
{
	static const char script[] = "show {x} \"{x}\" {x?}";
	struct template_bash_end end;
	struct template t = {0};
	struct buf text[2] = {{0}, {0}};
	bool refused;

	(void)state;
	template_bash_parse(&t, script, strlen(script), &end);
	bind_all(&t, &refused);
	for (int i = 0; i < 2; i++) {
		const char *value = i ? "" : "secret value";
		struct template_env env = env_for(&value, NULL, 0);
		struct script_vars vars;

		script_vars_init(&vars, 1);
		template_add_script(&t, &env, &vars, &text[i]);
		assert_int_equal(vars.vars.n, 1);
		script_vars_release(&vars);
	}
	assert_string_equal(text[0].s, text[1].s);
	assert_null(strstr(text[0].s, "secret"));
	buf_release(&text[0]);
	buf_release(&text[1]);
	template_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_args_must_be_a_word),
		cmocka_unit_test(test_values_stay_in_their_words),
		cmocka_unit_test(test_random_scripts),
		cmocka_unit_test(test_empty_value),
		cmocka_unit_test(test_lists_of_words),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_ends_of_placeholders),
		cmocka_unit_test(test_text_holds_no_value),
	};

	return cmocka_run_group_tests_name("template", tests, make_folder, remove_folder);
}
