#include "cmd/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

enum { EVERY_MS = 2000, ROWS = 24 };

/* ECMA-48 and xterm's private modes (invisible-island.net/xterm/ctlseqs): the alternate screen keeps
 * what the terminal shows now. */
#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

static volatile sig_atomic_t got_end, got_stop, got_other;

static void note_signal(int sig)
{
	if (sig == SIGTSTP)
		got_stop = 1;
	else if (sig == SIGWINCH || sig == SIGCONT)
		got_other = 1;
	else
		got_end = sig;
}

struct screen {
	struct cmd_ctx *ctx;
	struct termios old;
	bool raw; /* the terminal's input is changed */
	struct strs shown;
	int rows, width;
};

static void put(const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
	fflush(stdout);
}

static void enter_screen(struct screen *s)
{
	struct termios t;

	s->raw = tcgetattr(STDIN_FILENO, &s->old) == 0;
	if (s->raw) {
		t = s->old;
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		t.c_cc[VMIN] = 0;
		t.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
	}
	put(ENTER, strlen(ENTER));
	strs_release(&s->shown);
}

static void leave_screen(struct screen *s)
{
	put(LEAVE, strlen(LEAVE));
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->old);
}

/* Returns whether the size of the terminal has changed. */
static bool measure(struct screen *s)
{
	struct winsize size = {0};
	int rows = ROWS, width;

	style_init(&s->ctx->out, STDOUT_FILENO, s->ctx->out.colour ? COLOUR_ALWAYS : COLOUR_NEVER);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
		rows = size.ws_row;
	width = s->ctx->out.width;
	if (rows == s->rows && width == s->width)
		return false;
	s->rows = rows;
	s->width = width;
	return true;
}

/* Cuts the lines to the rows of the terminal; the last row says how to leave. */
static void fit_rows(const struct screen *s, struct strs *lines)
{
	size_t room = s->rows > 2 ? (size_t)s->rows - 1 : 1;
	struct buf last = {0};

	if (lines->n > room) {
		size_t more = lines->n - room + 1;

		while (lines->n >= room)
			free(lines->v[--lines->n]);
		lines->v[lines->n] = NULL;
		strs_addf(lines, "(%zu more lines)", more);
	}
	while (lines->n < room)
		strs_add(lines, "");
	paint_add(&last, &s->ctx->out, PAINT_DIM, "q quits");
	strs_take(lines, buf_take(&last));
}

/* Writes only the lines that have changed, in one write: so nothing flickers, and little is sent over
 * a slow connection. */
static void show(struct screen *s, struct buf *text)
{
	struct strs lines = {0};
	struct buf out = {0};
	char *rest = text->s;

	for (char *end; rest && (end = strchr(rest, '\n')); rest = end + 1)
		strs_take(&lines, mem_strndup(rest, (size_t)(end - rest)));
	fit_rows(s, &lines);
	for (size_t i = 0; i < lines.n; i++)
		if (i >= s->shown.n || strcmp(lines.v[i], s->shown.v[i]) != 0)
			buf_addf(&out, "\033[%zu;1H%s\033[K", i + 1, lines.v[i]);
	if (out.len)
		put(out.s, out.len);
	strs_release(&s->shown);
	s->shown = lines;
	buf_release(&out);
}

static void stop_process(struct screen *s)
{
	leave_screen(s);
	raise(SIGSTOP);
	got_stop = 0;
	enter_screen(s);
}

/* Waits for the next turn. Returns true if the user wants to leave. */
static bool wait_for_key(const sigset_t *open)
{
	const struct timespec time = {.tv_sec = EVERY_MS / 1000};
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char keys[64];
	ssize_t n;

	if (ppoll(&p, 1, &time, open) <= 0 || !(p.revents & (POLLIN | POLLHUP)))
		return false;
	n = read(STDIN_FILENO, keys, sizeof(keys));
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q')
			return true;
	if (n <= 0) /* no terminal: do not spin */
		clock_sleep_ms(EVERY_MS);
	return false;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

/* Blocks the signals except while waiting, when *open is the mask. */
static void catch_signals(sigset_t *open)
{
	struct sigaction act = {.sa_handler = note_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &act, NULL);
		sigaddset(&blocked, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, open);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigdelset(open, signals[i]);
}

static int draw_in_place(struct cmd_ctx *ctx, const struct watch *watch, struct err *err)
{
	struct screen s = {.ctx = ctx};
	struct buf text = {0};
	sigset_t open;
	bool leave = false;
	int rc = 0;

	catch_signals(&open);
	enter_screen(&s);
	while (!rc && !leave && !got_end) {
		if (got_stop)
			stop_process(&s);
		got_other = 0;
		if (measure(&s)) {
			strs_release(&s.shown);
			put("\033[2J", 4);
		}
		buf_clear(&text);
		rc = watch->draw(watch->arg, &text, err);
		if (!rc)
			show(&s, &text);
		leave = ferror(stdout) || (!rc && wait_for_key(&open));
	}
	leave_screen(&s);
	strs_release(&s.shown);
	buf_release(&text);
	return rc ? -1 : got_end ? 128 + got_end : 0;
}

static void print_new(struct strs *shown, const struct strs *lines)
{
	time_t now = (time_t)(clock_now_ms() / 1000);
	char when[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	for (size_t i = 0; i < lines->n; i++)
		if (!strs_has(shown, lines->v[i]))
			printf("%s  %s\n", when, lines->v[i]);
	fflush(stdout);
}

static int report_changes(const struct watch *watch, struct err *err)
{
	struct strs shown = {0};
	bool over = false;
	int rc = 0;

	while (!rc && !over && !ferror(stdout)) {
		struct strs lines = {0};

		rc = watch->report(watch->arg, &lines, &over, err);
		if (!rc)
			print_new(&shown, &lines);
		strs_release(&shown);
		shown = lines;
		if (!rc && !over)
			clock_sleep_ms(EVERY_MS);
	}
	strs_release(&shown);
	return rc;
}

int watch_run(struct cmd_ctx *ctx, const struct watch *watch, struct err *err)
{
	const char *term = getenv("TERM");

	if (!ctx->out.tty || !term || !strcmp(term, "dumb"))
		return report_changes(watch, err);
	return draw_in_place(ctx, watch, err);
}
