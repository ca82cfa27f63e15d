#include "store/who.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

static bool is_node_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

void who_self(struct who *w)
{
	const char *id = getenv("SLURM_JOB_ID"), *restart = getenv("SLURM_RESTART_COUNT");
	const char *node = getenv("SLURMD_NODENAME");
	char host[65] = "";
	size_t n = 0;

	memset(w, 0, sizeof(*w));
	if (id)
		w->slurm_id = strtoull(id, NULL, 10);
	if (restart)
		w->restart = (int)strtol(restart, NULL, 10);
	if (!node || !*node) {
		if (gethostname(host, sizeof(host) - 1))
			host[0] = '\0';
		node = host;
	}
	for (; *node && n < sizeof(w->node) - 1; node++)
		w->node[n++] = is_node_char(*node) ? *node : '_';
	w->pid = getpid();
	w->random = clock_random();
}
