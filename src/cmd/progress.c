#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/clock.h"

enum { QUIET_MS = 1000, STEP_MS = 200 };

void progress_begin(struct progress *p, struct cmd_ctx *ctx)
{
	*p = (struct progress){.ctx = ctx, .begun = clock_mono_ms()};
}

void progress_show(struct progress *p, int64_t done, int64_t of)
{
	const struct style *s = &p->ctx->err;
	const struct bar_part part = {done, PAINT_GREEN, '#', "\xe2\x96\x88"};
	int64_t now = clock_mono_ms();
	struct buf line = {0};

	if (!s->tty || now - p->begun < QUIET_MS || now - p->last < STEP_MS)
		return;
	p->last = now;
	p->shown = true;
	buf_addch(&line, '\r');
	if (of > 0)
		bar_add(&line, s, 30, of, &part, 1);
	buf_addf(&line, " %" PRId64 " jobs\033[K", done);
	fwrite(line.s, 1, line.len, stderr);
	fflush(stderr);
	buf_release(&line);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
