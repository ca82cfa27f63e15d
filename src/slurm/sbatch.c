#include "slurm/sbatch.h"

#include <string.h>

#include "lib/guess.h"

static const struct sbatch_opt table[] = {
	{"account", 'A', SBATCH_ARG_NEEDED, NULL},
	{"acctg-freq", 0, SBATCH_ARG_NEEDED, NULL},
	{"array", 'a', SBATCH_ARG_NEEDED, "slurmq makes the arrays: each job is a task of one"},
	{"batch", 0, SBATCH_ARG_NEEDED, NULL},
	{"bb", 0, SBATCH_ARG_NEEDED, NULL},
	{"bbf", 0, SBATCH_ARG_NEEDED, NULL},
	{"begin", 'b', SBATCH_ARG_NEEDED, "use 'slurmq hold' and 'slurmq release'"},
	{"chdir", 'D', SBATCH_ARG_NEEDED, NULL},
	{"cluster-constraint", 0, SBATCH_ARG_NEEDED, NULL},
	{"clusters", 'M', SBATCH_ARG_NEEDED,
	 "a queue belongs to the cluster that it is submitted on"},
	{"comment", 0, SBATCH_ARG_NEEDED, NULL},
	{"constraint", 'C', SBATCH_ARG_NEEDED, NULL},
	{"container", 0, SBATCH_ARG_NEEDED, NULL},
	{"contiguous", 0, SBATCH_ARG_NONE, NULL},
	{"core-spec", 'S', SBATCH_ARG_NEEDED, NULL},
	{"cores-per-socket", 0, SBATCH_ARG_NEEDED, NULL},
	{"cpu-freq", 0, SBATCH_ARG_NEEDED, NULL},
	{"cpus-per-gpu", 0, SBATCH_ARG_NEEDED, NULL},
	{"cpus-per-task", 'c', SBATCH_ARG_NEEDED, NULL},
	{"deadline", 0, SBATCH_ARG_NEEDED, NULL},
	{"delay-boot", 0, SBATCH_ARG_NEEDED, NULL},
	{"dependency", 'd', SBATCH_ARG_NEEDED, "use 'needs' between steps, or 'slurmq hold'"},
	{"distribution", 'm', SBATCH_ARG_NEEDED, NULL},
	{"error", 'e', SBATCH_ARG_NEEDED, "slurmq keeps each attempt's output: see 'slurmq log'"},
	{"exclude", 'x', SBATCH_ARG_NEEDED, NULL},
	{"exclusive", 0, SBATCH_ARG_MAYBE, NULL},
	{"export", 0, SBATCH_ARG_NEEDED, NULL},
	{"export-file", 0, SBATCH_ARG_NEEDED, NULL},
	{"extra-node-info", 'B', SBATCH_ARG_NEEDED, NULL},
	{"get-user-env", 0, SBATCH_ARG_MAYBE, NULL},
	{"gid", 0, SBATCH_ARG_NEEDED, NULL},
	{"gpu-bind", 0, SBATCH_ARG_NEEDED, NULL},
	{"gpu-freq", 0, SBATCH_ARG_NEEDED, NULL},
	{"gpus", 'G', SBATCH_ARG_NEEDED, NULL},
	{"gpus-per-node", 0, SBATCH_ARG_NEEDED, NULL},
	{"gpus-per-socket", 0, SBATCH_ARG_NEEDED, NULL},
	{"gpus-per-task", 0, SBATCH_ARG_NEEDED, NULL},
	{"gres", 0, SBATCH_ARG_NEEDED, NULL},
	{"gres-flags", 0, SBATCH_ARG_NEEDED, NULL},
	{"help", 'h', SBATCH_ARG_NONE, "it submits nothing"},
	{"hint", 0, SBATCH_ARG_NEEDED, NULL},
	{"hold", 'H', SBATCH_ARG_NONE, "use 'slurmq hold'"},
	{"ignore-pbs", 0, SBATCH_ARG_NONE, NULL},
	{"input", 'i', SBATCH_ARG_NEEDED, "redirect it in the command, as in: program < FILE"},
	{"job-name", 'J', SBATCH_ARG_NEEDED,
	 "slurmq names its Slurm jobs, to find them again: use 'title'"},
	{"kill-on-invalid-dep", 0, SBATCH_ARG_NEEDED, NULL},
	{"licenses", 'L', SBATCH_ARG_NEEDED, NULL},
	{"mail-type", 0, SBATCH_ARG_NEEDED, NULL},
	{"mail-user", 0, SBATCH_ARG_NEEDED, NULL},
	{"mcs-label", 0, SBATCH_ARG_NEEDED, NULL},
	{"mem", 0, SBATCH_ARG_NEEDED, NULL},
	{"mem-bind", 0, SBATCH_ARG_NEEDED, NULL},
	{"mem-per-cpu", 0, SBATCH_ARG_NEEDED, NULL},
	{"mem-per-gpu", 0, SBATCH_ARG_NEEDED, NULL},
	{"mincpus", 0, SBATCH_ARG_NEEDED, NULL},
	{"network", 0, SBATCH_ARG_NEEDED, NULL},
	{"nice", 0, SBATCH_ARG_MAYBE, NULL},
	{"no-kill", 'k', SBATCH_ARG_MAYBE, NULL},
	{"no-requeue", 0, SBATCH_ARG_NONE, NULL},
	{"nodefile", 'F', SBATCH_ARG_NEEDED, NULL},
	{"nodelist", 'w', SBATCH_ARG_NEEDED, NULL},
	{"nodes", 'N', SBATCH_ARG_NEEDED, NULL},
	{"ntasks", 'n', SBATCH_ARG_NEEDED, NULL},
	{"ntasks-per-core", 0, SBATCH_ARG_NEEDED, NULL},
	{"ntasks-per-gpu", 0, SBATCH_ARG_NEEDED, NULL},
	{"ntasks-per-node", 0, SBATCH_ARG_NEEDED, NULL},
	{"ntasks-per-socket", 0, SBATCH_ARG_NEEDED, NULL},
	{"open-mode", 0, SBATCH_ARG_NEEDED, NULL},
	{"output", 'o', SBATCH_ARG_NEEDED, "slurmq keeps each attempt's output: see 'slurmq log'"},
	{"overcommit", 'O', SBATCH_ARG_NONE, NULL},
	{"oversubscribe", 's', SBATCH_ARG_NONE, NULL},
	{"parsable", 0, SBATCH_ARG_NONE, "slurmq reads sbatch's answer itself"},
	{"partition", 'p', SBATCH_ARG_NEEDED, NULL},
	{"power", 0, SBATCH_ARG_NEEDED, NULL},
	{"prefer", 0, SBATCH_ARG_NEEDED, NULL},
	{"priority", 0, SBATCH_ARG_NEEDED, NULL},
	{"profile", 0, SBATCH_ARG_NEEDED, NULL},
	{"propagate", 0, SBATCH_ARG_MAYBE, NULL},
	{"qos", 'q', SBATCH_ARG_NEEDED, NULL},
	{"quiet", 'Q', SBATCH_ARG_NONE, "slurmq reads sbatch's answer itself"},
	{"reboot", 0, SBATCH_ARG_NONE, NULL},
	{"requeue", 0, SBATCH_ARG_NONE, "use 'restartable: true'"},
	{"reservation", 0, SBATCH_ARG_NEEDED, NULL},
	{"signal", 0, SBATCH_ARG_NEEDED, "use 'checkpoint', as in checkpoint: USR1"},
	{"sockets-per-node", 0, SBATCH_ARG_NEEDED, NULL},
	{"spread-job", 0, SBATCH_ARG_NONE, NULL},
	{"switches", 0, SBATCH_ARG_NEEDED, NULL},
	{"test-only", 0, SBATCH_ARG_NONE, "use 'slurmq submit --dry-run'"},
	{"thread-spec", 0, SBATCH_ARG_NEEDED, NULL},
	{"threads-per-core", 0, SBATCH_ARG_NEEDED, NULL},
	{"time", 't', SBATCH_ARG_NEEDED, NULL},
	{"time-min", 0, SBATCH_ARG_NEEDED, NULL},
	{"tmp", 0, SBATCH_ARG_NEEDED, NULL},
	{"uid", 0, SBATCH_ARG_NEEDED, NULL},
	{"usage", 0, SBATCH_ARG_NONE, "it submits nothing"},
	{"use-min-nodes", 0, SBATCH_ARG_NONE, NULL},
	{"verbose", 'v', SBATCH_ARG_NONE, NULL},
	{"version", 'V', SBATCH_ARG_NONE, "it submits nothing"},
	{"wait", 'W', SBATCH_ARG_NONE,
	 "it would wait for the job: slurmq status shows the progress"},
	{"wait-all-nodes", 0, SBATCH_ARG_NEEDED, NULL},
	{"wckey", 0, SBATCH_ARG_NEEDED, NULL},
	{"wrap", 0, SBATCH_ARG_NEEDED, "use 'run'"},
};

enum { COUNT = sizeof(table) / sizeof(*table) };

const struct sbatch_opt *sbatch_find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

const struct sbatch_opt *sbatch_find_cut(const char *name)
{
	const struct sbatch_opt *found = sbatch_find(name);
	size_t len = strlen(name), n = 0;

	if (found || !len)
		return found;
	for (size_t i = 0; i < COUNT; i++) {
		if (!strncmp(table[i].name, name, len)) {
			found = &table[i];
			n++;
		}
	}
	return n == 1 ? found : NULL;
}

const struct sbatch_opt *sbatch_nth(size_t i)
{
	return i < COUNT ? &table[i] : NULL;
}

const struct sbatch_opt *sbatch_by_letter(char letter)
{
	for (size_t i = 0; i < COUNT; i++)
		if (letter && table[i].letter == letter)
			return &table[i];
	return NULL;
}

const char *sbatch_guess(const char *name)
{
	const char *names[COUNT + 1];

	for (size_t i = 0; i < COUNT; i++)
		names[i] = table[i].name;
	names[COUNT] = NULL;
	return guess_nearest(name, names);
}
