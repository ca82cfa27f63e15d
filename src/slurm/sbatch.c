#include "slurm/sbatch.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/guess.h"

/* Sorted by name. An option without .instead is the user's: slurmq passes it on. */
static const struct sbatch_opt table[] = {
	{"account", 'A', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_ACCOUNT"},
	{"acctg-freq", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_ACCTG_FREQ"},
	{"array", 'a', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_ARRAY_INX", .line = SBATCH_REFUSED,
	 .instead = "make its values a parameter, as in params: {task: [0, 1, 2]}"},
	{"autocomplete", 0, .arg = SBATCH_ARG_NEEDED, .since = 2411, .line = SBATCH_REFUSED,
	 .instead = "it submits nothing"},
	{"batch", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_BATCH"},
	{"bb", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_BURST_BUFFER"},
	{"bbf", 0, .arg = SBATCH_ARG_NEEDED, .file = SBATCH_FILE},
	{"begin", 'b', .arg = SBATCH_ARG_NEEDED, .line = SBATCH_REFUSED,
	 .instead = "use 'slurmq hold' and 'slurmq release'"},
	{"chdir", 'D', .arg = SBATCH_ARG_NEEDED},
	{"cluster", 0, .arg = SBATCH_ARG_NEEDED, .line = SBATCH_REFUSED,
	 .instead = "a queue belongs to the cluster that it is submitted on"},
	{"cluster-constraint", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CLUSTER_CONSTRAINT"},
	{"clusters", 'M', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CLUSTERS SLURM_CLUSTERS",
	 .line = SBATCH_REFUSED,
	 .instead = "a queue belongs to the cluster that it is submitted on"},
	{"comment", 0, .arg = SBATCH_ARG_NEEDED},
	{"constraint", 'C', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CONSTRAINT"},
	{"container", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CONTAINER", .file = SBATCH_FILE,
	 .since = 2205},
	{"container-id", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CONTAINER_ID", .since = 2411},
	{"context", 0, .arg = SBATCH_ARG_NEEDED, .since = 2205},
	{"contiguous", 0, .arg = SBATCH_ARG_NONE},
	{"core-spec", 'S', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CORE_SPEC"},
	{"cores-per-socket", 0, .arg = SBATCH_ARG_NEEDED},
	{"cpu-freq", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CPU_FREQ_REQ"},
	{"cpus-per-gpu", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_CPUS_PER_GPU"},
	{"cpus-per-task", 'c', .arg = SBATCH_ARG_NEEDED},
	{"deadline", 0, .arg = SBATCH_ARG_NEEDED},
	{"delay-boot", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_DELAY_BOOT"},
	{"dependency", 'd', .arg = SBATCH_ARG_NEEDED, .line = SBATCH_REFUSED,
	 .instead = "use 'needs' between steps, or 'slurmq hold'"},
	{"distribution", 'm', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_DISTRIBUTION"},
	{"error", 'e', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_ERROR", .line = SBATCH_IGNORED,
	 .instead = "slurmq keeps each attempt's output: see 'slurmq log'"},
	{"exclude", 'x', .arg = SBATCH_ARG_NEEDED, .file = SBATCH_FILE_OR_LIST},
	{"exclusive", 0, .arg = SBATCH_ARG_MAYBE, .vars = "SBATCH_EXCLUSIVE"},
	{"export", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_EXPORT"},
	{"export-file", 0, .arg = SBATCH_ARG_NEEDED, .file = SBATCH_FILE_OR_FD},
	{"extra", 0, .arg = SBATCH_ARG_NEEDED, .since = 2411},
	{"extra-node-info", 'B', .arg = SBATCH_ARG_NEEDED},
	{"get-user-env", 0, .arg = SBATCH_ARG_MAYBE, .vars = "SBATCH_GET_USER_ENV"},
	{"gid", 0, .arg = SBATCH_ARG_NEEDED},
	{"gpu-bind", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPU_BIND"},
	{"gpu-freq", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPU_FREQ"},
	{"gpus", 'G', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPUS"},
	{"gpus-per-node", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPUS_PER_NODE"},
	{"gpus-per-socket", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPUS_PER_SOCKET"},
	{"gpus-per-task", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GPUS_PER_TASK"},
	{"gres", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GRES"},
	{"gres-flags", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_GRES_FLAGS"},
	{"help", 'h', .arg = SBATCH_ARG_NONE, .line = SBATCH_REFUSED,
	 .instead = "it submits nothing"},
	{"hint", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_HINT SLURM_HINT"},
	{"hold", 'H', .arg = SBATCH_ARG_NONE, .line = SBATCH_REFUSED,
	 .instead = "use 'slurmq hold'"},
	{"ignore-pbs", 0, .arg = SBATCH_ARG_NONE, .vars = "SBATCH_IGNORE_PBS"},
	{"input", 'i', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_INPUT", .line = SBATCH_REFUSED,
	 .instead = "redirect it in the command, as in: program < FILE"},
	{"job-name", 'J', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_JOB_NAME",
	 .line = SBATCH_IGNORED,
	 .instead = "slurmq names its Slurm jobs, to find them again: use 'title'"},
	{"kill-on-invalid-dep", 0, .arg = SBATCH_ARG_NEEDED},
	{"licenses", 'L', .arg = SBATCH_ARG_NEEDED},
	{"mail-type", 0, .arg = SBATCH_ARG_NEEDED},
	{"mail-user", 0, .arg = SBATCH_ARG_NEEDED},
	{"mcs-label", 0, .arg = SBATCH_ARG_NEEDED},
	{"mem", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_MEM_PER_NODE"},
	{"mem-bind", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_MEM_BIND"},
	{"mem-per-cpu", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_MEM_PER_CPU"},
	{"mem-per-gpu", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_MEM_PER_GPU"},
	{"mincpus", 0, .arg = SBATCH_ARG_NEEDED},
	{"network", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_NETWORK"},
	{"nice", 0, .arg = SBATCH_ARG_MAYBE},
	{"no-kill", 'k', .arg = SBATCH_ARG_MAYBE, .vars = "SBATCH_NO_KILL"},
	{"no-requeue", 0, .arg = SBATCH_ARG_NONE, .vars = "SBATCH_NO_REQUEUE",
	 .line = SBATCH_REFUSED, .instead = "that is so unless the sweep has 'restartable: true'"},
	{"nodefile", 'F', .arg = SBATCH_ARG_NEEDED, .file = SBATCH_FILE},
	{"nodelist", 'w', .arg = SBATCH_ARG_NEEDED, .file = SBATCH_FILE_OR_LIST},
	{"nodes", 'N', .arg = SBATCH_ARG_NEEDED},
	{"ntasks", 'n', .arg = SBATCH_ARG_NEEDED},
	{"ntasks-per-core", 0, .arg = SBATCH_ARG_NEEDED},
	{"ntasks-per-gpu", 0, .arg = SBATCH_ARG_NEEDED},
	{"ntasks-per-node", 0, .arg = SBATCH_ARG_NEEDED},
	{"ntasks-per-socket", 0, .arg = SBATCH_ARG_NEEDED},
	{"ntasks-per-tres", 0, .arg = SBATCH_ARG_NEEDED},
	{"oom-kill-step", 0, .arg = SBATCH_ARG_MAYBE, .since = 2411},
	{"open-mode", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_OPEN_MODE",
	 .line = SBATCH_IGNORED, .instead = "slurmq keeps each attempt's output: see 'slurmq log'"},
	{"output", 'o', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_OUTPUT", .line = SBATCH_IGNORED,
	 .instead = "slurmq keeps each attempt's output: see 'slurmq log'"},
	{"overcommit", 'O', .arg = SBATCH_ARG_NONE, .vars = "SBATCH_OVERCOMMIT"},
	{"oversubscribe", 's', .arg = SBATCH_ARG_NONE},
	{"parsable", 0, .arg = SBATCH_ARG_NONE, .line = SBATCH_IGNORED,
	 .instead = "slurmq reads sbatch's answer itself"},
	{"partition", 'p', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_PARTITION"},
	{"power", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_POWER", .until = 2205},
	{"prefer", 0, .arg = SBATCH_ARG_NEEDED, .since = 2205},
	{"priority", 0, .arg = SBATCH_ARG_NEEDED},
	{"profile", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_PROFILE"},
	{"propagate", 0, .arg = SBATCH_ARG_MAYBE},
	{"qos", 'q', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_QOS"},
	{"quiet", 'Q', .arg = SBATCH_ARG_NONE, .line = SBATCH_IGNORED,
	 .instead = "slurmq reads sbatch's answer itself"},
	{"reboot", 0, .arg = SBATCH_ARG_NONE},
	{"requeue", 0, .arg = SBATCH_ARG_NONE, .vars = "SBATCH_REQUEUE", .line = SBATCH_REFUSED,
	 .instead = "use 'restartable: true'"},
	{"reservation", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_RESERVATION"},
	{"resv-ports", 0, .arg = SBATCH_ARG_MAYBE, .since = 2411},
	{"segment", 0, .arg = SBATCH_ARG_NEEDED, .since = 2411},
	{"signal", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_SIGNAL", .line = SBATCH_REFUSED,
	 .instead = "use 'checkpoint', as in checkpoint: {signal: USR1, before: 100s}"},
	{"sockets-per-node", 0, .arg = SBATCH_ARG_NEEDED},
	{"spread-job", 0, .arg = SBATCH_ARG_NONE, .vars = "SBATCH_SPREAD_JOB"},
	{"stepmgr", 0, .arg = SBATCH_ARG_NONE, .since = 2411},
	{"switches", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_REQ_SWITCH SBATCH_WAIT4SWITCH"},
	{"tasks-per-node", 0, .arg = SBATCH_ARG_NEEDED},
	{"test-only", 0, .arg = SBATCH_ARG_NONE, .line = SBATCH_REFUSED,
	 .instead = "use 'slurmq submit --dry-run'"},
	{"thread-spec", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_THREAD_SPEC"},
	{"threads-per-core", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_THREADS_PER_CORE"},
	{"time", 't', .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_TIMELIMIT"},
	{"time-min", 0, .arg = SBATCH_ARG_NEEDED},
	{"tmp", 0, .arg = SBATCH_ARG_NEEDED},
	{"tres-bind", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_TRES_BIND", .since = 2411},
	{"tres-per-task", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_TRES_PER_TASK",
	 .since = 2411},
	{"uid", 0, .arg = SBATCH_ARG_NEEDED},
	{"usage", 0, .arg = SBATCH_ARG_NONE, .line = SBATCH_REFUSED,
	 .instead = "it submits nothing"},
	{"use-min-nodes", 0, .arg = SBATCH_ARG_NONE, .vars = "SBATCH_USE_MIN_NODES"},
	{"verbose", 'v', .arg = SBATCH_ARG_NONE, .vars = "SBATCH_DEBUG"},
	{"version", 'V', .arg = SBATCH_ARG_NONE, .line = SBATCH_REFUSED,
	 .instead = "it submits nothing"},
	{"wait", 'W', .arg = SBATCH_ARG_NONE, .vars = "SBATCH_WAIT", .line = SBATCH_REFUSED,
	 .instead = "it would wait for the job: use 'slurmq status'"},
	{"wait-all-nodes", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_WAIT_ALL_NODES"},
	{"wckey", 0, .arg = SBATCH_ARG_NEEDED, .vars = "SBATCH_WCKEY"},
	{"wrap", 0, .arg = SBATCH_ARG_NEEDED, .line = SBATCH_REFUSED, .instead = "use 'run'"},
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

/* Words of other tools and of everyday speech, and the options that they mean. */
static const char *const synonyms[][2] = {
	{"cpus", "cpus-per-task"},
	{"cpu", "cpus-per-task"},
	{"ncpus", "cpus-per-task"},
	{"cores", "cpus-per-task"},
	{"ncores", "cpus-per-task"},
	{"threads", "cpus-per-task"},
	{"memory", "mem"},
	{"ram", "mem"},
	{"walltime", "time"},
	{"timelimit", "time"},
	{"time-limit", "time"},
	{"queue", "partition"},
	{"gpu", "gpus"},
	{"tasks", "ntasks"},
	{"nprocs", "ntasks"},
	{"procs", "ntasks"},
	{"node", "nodes"},
	{"nnodes", "nodes"},
	{"hosts", "nodelist"},
	{"host", "nodelist"},
	{"email", "mail-user"},
	{"mail", "mail-user"},
	{"project", "account"},
	{"workdir", "chdir"},
	{"features", "constraint"},
};

const char *sbatch_guess(const char *name)
{
	const char *names[COUNT + 1];

	for (size_t i = 0; i < sizeof(synonyms) / sizeof(*synonyms); i++)
		if (!strcmp(synonyms[i][0], name))
			return synonyms[i][1];
	for (size_t i = 0; i < COUNT; i++)
		names[i] = table[i].name;
	names[COUNT] = NULL;
	return guess_nearest(name, names);
}

/* Returns whether a text of names, with a space between two of them, holds this name. */
static bool has_name(const char *names, const char *name, size_t len)
{
	for (size_t n; *names; names += n + (names[n] == ' ')) {
		n = strcspn(names, " ");
		if (n == len && !memcmp(names, name, len))
			return true;
	}
	return false;
}

bool sbatch_owns_variable(const char *pair)
{
	size_t len = strcspn(pair, "=");

	for (size_t i = 0; i < COUNT; i++)
		if (table[i].instead && table[i].vars && has_name(table[i].vars, pair, len))
			return true;
	return false;
}

char *sbatch_make_absolute(const struct sbatch_opt *opt, const char *value, const char *dir)
{
	bool is_file = opt->file == SBATCH_FILE ||
		       (opt->file == SBATCH_FILE_OR_LIST && strchr(value, '/')) ||
		       (opt->file == SBATCH_FILE_OR_FD && value[strspn(value, "0123456789")]);

	return is_file && *value && *value != '/' ? mem_printf("%s/%s", dir, value) : NULL;
}
