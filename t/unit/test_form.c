/* The form of sbatch's values: what sbatch refuses, and what to write instead. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "slurm/sbatch.h"
#include "slurm/sbatch_form.h"

#define TIME "a time is minutes, min:sec, h:m:s, d-h, d-h:m or d-h:m:s"
#define MEM "an amount of memory is a whole number with K, M, G or T, as in 16G"
#define COUNT "give a whole number above 0"
#define NODES "give a number of nodes, as in 2 or 2-4 (names of nodes belong to 'nodelist')"
#define GRES "it is name:number or name:type:number, as in gpu:2"
#define GPUS "it is a number or type:number, as in 2 or a100:2"
#define FLAG "write true without quotes, or user or mcs"

/* instead: NULL if sbatch accepts the value. All were given to sbatch of Slurm 22.05.8, which also
 * refuses those marked as newer; it leaves "1 gpu" to slurmctld, which refuses it. */
static const struct {
	const char *name, *value, *instead;
} forms[] = {
	{"time", "4", NULL},
	{"time", "4:00", NULL},
	{"time", "47:45:00", NULL},
	{"time", "00:90:00", NULL},
	{"time", "1-0", NULL},
	{"time", "1-", NULL},
	{"time", "1-0:30", NULL},
	{"time", "1-24:00:00", NULL},
	{"time", "0", NULL},
	{"time", "-1", NULL},
	{"time", "infinite", NULL},
	{"time", "UNLIMITED", NULL},
	{"time", "99999999999", NULL},
	{"time", "4h", "write 4:00:00"},
	{"time", "1 hour", "write 1:00:00"},
	{"time", "90m", "write 1:30:00"},
	{"time", "30 min", "write 30:00"},
	{"time", "2d", "write 2-00:00:00"},
	{"time", "1d12h", "write 1-12:00:00"},
	{"time", "1.5 Hours", "write 1:30:00"},
	{"time", "30s", "write 1:00"},
	{"time", "1.5", TIME},
	{"time", "1e3", TIME},
	{"time", "", TIME},
	{"time", "4:", TIME},
	{"time", "1:2:3:4", TIME},
	{"time", "1-2-3", TIME},
	{"time", "4 parsecs", TIME},
	{"time", "0h", TIME},
	{"time-min", "10", NULL},
	{"time-min", "4h", "write 4:00:00"},
	{"mem", "16", NULL},
	{"mem", "0", NULL},
	{"mem", "16G", NULL},
	{"mem", "16g", NULL},
	{"mem", "16GB", NULL},
	{"mem", "16mb", NULL},
	{"mem", "16K", NULL},
	{"mem", "2T", NULL},
	{"mem", "16 GB", "write 16G"},
	{"mem", "16 G", "write 16G"},
	{"mem", "16GiB", "write 16G"},
	{"mem", "16Mi", "write 16M"},
	{"mem", "1.5G", "write 1536M"},
	{"mem", "0.5T", "write 512G"},
	{"mem", "16B", MEM},
	{"mem", "16Gx", MEM},
	{"mem", "max", MEM},
	{"mem", "1e3", MEM},
	{"mem", "-1", MEM},
	{"mem", "", MEM},
	{"mem-per-cpu", "1.5G", "write 1536M"},
	{"mem-per-gpu", "16 GB", "write 16G"},
	{"tmp", "16 GB", "write 16G"},
	{"cpus-per-task", "4", NULL},
	{"cpus-per-task", "0", COUNT},
	{"cpus-per-task", "-1", COUNT},
	{"cpus-per-task", "4.0", "write 4"},
	{"cpus-per-task", "0.0", COUNT},
	{"cpus-per-task", "4.5", COUNT},
	{"cpus-per-task", "four", COUNT},
	{"ntasks", "", COUNT},
	{"ntasks", "1k", COUNT},
	{"ntasks-per-node", "1-4", COUNT},
	{"nodes", "1", NULL},
	{"nodes", "2-4", NULL},
	{"nodes", "1k", NULL},
	{"nodes", "1,3-5", NULL}, /* newer versions */
	{"nodes", "n1", NODES},
	{"nodes", "1.5", NODES},
	{"nodes", "", NODES},
	{"gres", "gpu", NULL},
	{"gres", "gpu:1", NULL},
	{"gres", "gpu:a100:1", NULL},
	{"gres", "gpu:1g.5gb:2", NULL},
	{"gres", "gpu:a100", NULL},
	{"gres", "gres:gpu:1", NULL},
	{"gres", "gpu:1,shard:2", NULL},
	{"gres", "none", NULL},
	{"gres", "", NULL},
	{"gres", "2", "write gpu:2, or another name of a resource"},
	{"gres", "gpu 1", GRES},
	{"gres", "1 gpu", GRES},
	{"gres", "gpu:a100:x", GRES},
	{"gres", "gpu:1:a100", GRES},
	{"gres", "gpu:a100:1:x", GRES},
	{"gpus", "1", NULL},
	{"gpus", "a100:1", NULL},
	{"gpus", "1g.5gb:1", NULL},
	{"gpus", "a100", NULL},
	{"gpus", "a100:1,v100:2", NULL},
	{"gpus", "1:a100", GPUS},
	{"gpus", "gpu:a100:1", GPUS},
	{"gpus-per-node", "1 gpu", GPUS},
	{"gpus-per-task", "a100:x", GPUS},
	{"exclusive", "user", NULL},
	{"exclusive", "topo", NULL}, /* newer versions */
	{"exclusive", "yes", FLAG},
	{"exclusive", "True", FLAG},
	{"partition", "4h", NULL},
	{"nice", "four", NULL},
	{"comment", "$HOME and 4h", NULL},
};

static void forms_of_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct buf b = {0};
		bool good = sbatch_form(forms[i].name, forms[i].value, &b);
		const char *instead = forms[i].instead ? forms[i].instead : "";

		if (good != !forms[i].instead || strcmp(buf_str(&b), instead) != 0)
			fail_msg("%s=%s: '%s', not '%s'", forms[i].name, forms[i].value,
				 buf_str(&b), instead);
		buf_release(&b);
	}
}

/* Words that people use for an option, and typos. */
static const char *const meant[][2] = {
	{"cpus", "cpus-per-task"}, {"cores", "cpus-per-task"}, {"threads", "cpus-per-task"},
	{"memory", "mem"},	   {"walltime", "time"},       {"queue", "partition"},
	{"gpu", "gpus"},	   {"tasks", "ntasks"},	       {"node", "nodes"},
	{"hosts", "nodelist"},	   {"email", "mail-user"},     {"partitoin", "partition"},
	{"nodess", "nodes"},	   {"zzzzzz", NULL},
};

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
		const char *found = sbatch_guess(meant[i][0]);

		if (!meant[i][1] ? found != NULL : !found || strcmp(found, meant[i][1]) != 0)
			fail_msg("%s: %s, not %s", meant[i][0], found ? found : "none",
				 meant[i][1] ? meant[i][1] : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_values),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
