/*
 * main.c - runs seeds of the simulator.
 *
 *	simulate [-g] [-f FIRST] [-n COUNT] [-t SECONDS] [-j PROCESSES] [-1] [-p PLANT]
 *		run COUNT seeds, or as many as start within SECONDS; -1: until one fails
 *	simulate [-g] -s SEED [-v | -q] [-p PLANT]
 *		run one seed again, with a trace (-v: also the output of jobs; -q: no trace)
 *
 * -g: every story is a grid (grid.c). PLANT is a planted bug: start, event, term, max, hold-off,
 * survivor, value or node.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"

enum { BATCH = 50, PROCESSES_MOST = 64, SHOWN = 10 };

/* ---- a process of the simulation ---- */

static const struct cmd *const commands[] = {&cmd_submit, &cmd_run,	&cmd_chain,  &cmd_cancel,
					     &cmd_hold,	  &cmd_release, &cmd_pause,  &cmd_resume,
					     &cmd_retry,  &cmd_sync,	&cmd_status, NULL};

static int run_command(int argc, char **argv)
{
	static const struct opt none[] = {OPT_END};
	struct cmd_ctx ctx = {.all = commands, .before = none, .common = none};
	char *args[16];
	void *options;
	struct err err = {0};
	int n = argc - 1, rc = 0;

	ctx.cmd = cmd_find(commands, argv[0]);
	if (!ctx.cmd || n > 15)
		abort();
	memcpy(args, argv + 1, (size_t)n * sizeof(*args));
	args[n] = NULL;
	options = mem_alloc(ctx.cmd->size + 1);
	if (opt_parse((const struct opt_set[]){{ctx.cmd->opts ? ctx.cmd->opts : none, options},
					       {NULL, NULL}},
		      &n, args, false, &err))
		abort();
	if (ctx.cmd->needs == CMD_STORE)
		rc = cmd_open_store(&ctx, &err);
	if (!rc)
		rc = ctx.cmd->run(&ctx, options, n, args, &err);
	if (rc < 0)
		sim_trace("slurmq %s: %s", argv[0], err.msg);
	store_close(&ctx.opened);
	free(options);
	return rc < 0 ? err.status ? err.status : 1 : rc;
}

/* ---- seeds, in batches; each is a process, which frees what killed coroutines leak ---- */

struct shared {
	uint64_t playing[PROCESSES_MOST];
	uint64_t failed, calls, kills, fails, played;
	struct {
		uint64_t seed;
		char why[1024];
	} shown[SHOWN];
};
static struct shared *shared;

static struct {
	uint64_t first, count;
	int64_t seconds;
	int processes, plant;
	bool stop_at_first;
} args = {.first = 1, .count = 1000, .seconds = INT64_MAX, .processes = 2};

static void note_failure(uint64_t seed, const char *why)
{
	uint64_t n = __atomic_fetch_add(&shared->failed, 1, __ATOMIC_SEQ_CST);

	if (n >= SHOWN)
		return;
	shared->shown[n].seed = seed;
	snprintf(shared->shown[n].why, sizeof(shared->shown[n].why), "%s", why);
}

static void play_batch(int slot, uint64_t from, uint64_t to)
{
	for (uint64_t seed = from; seed < to; seed++) {
		shared->playing[slot] = seed;
		story_play(seed);
		if (sim.broken[0])
			note_failure(seed, sim.broken);
		__atomic_fetch_add(&shared->calls, sim.calls, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&shared->kills, sim.kills, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&shared->fails, sim.fails, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&shared->played, 1, __ATOMIC_SEQ_CST);
	}
	shared->playing[slot] = 0;
}

static void batch_ended(int slot, int status)
{
	char why[64];

	if (!status)
		return;
	snprintf(why, sizeof(why), "the simulator itself ended by status %d", status);
	note_failure(shared->playing[slot], why);
}

static bool is_enough(time_t begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (args.stop_at_first && shared->failed) || now.tv_sec - begun >= args.seconds;
}

static void play_all(time_t begun)
{
	pid_t pids[PROCESSES_MOST] = {0};
	uint64_t next = args.first, end = args.first + args.count;
	int running = 0;

	while (next < end || running) {
		int status, slot = 0;
		pid_t pid;

		if (next < end && running < args.processes && !is_enough(begun)) {
			uint64_t to = next + BATCH < end ? next + BATCH : end;

			while (pids[slot])
				slot++;
			pid = fork();
			if (pid < 0)
				abort();
			if (!pid) {
				play_batch(slot, next, to);
				_exit(0);
			}
			pids[slot] = pid;
			running++;
			next = to;
			continue;
		}
		if (!running)
			break;
		pid = wait(&status);
		for (slot = 0; slot < PROCESSES_MOST; slot++)
			if (pids[slot] == pid)
				break;
		batch_ended(slot, status);
		pids[slot] = 0;
		running--;
	}
}

static void silence_output(void)
{
	if (!freopen("/dev/null", "w", stderr))
		abort();
}

static int replay_seed(uint64_t seed, int trace)
{
	sim.trace = trace;
	setvbuf(stdout, NULL, _IONBF, 0);
	story_play(seed);
	fflush(stdout);
	if (sim.broken[0]) {
		fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, sim.broken);
		return 1;
	}
	fprintf(stderr, "seed %" PRIu64 ": no violation\n", seed);
	return 0;
}

static int report_results(FILE *out, double seconds)
{
	uint64_t n = shared->failed < SHOWN ? shared->failed : SHOWN;

	for (uint64_t i = 0; i < n; i++)
		fprintf(out, "seed %" PRIu64 ": %s\n", shared->shown[i].seed, shared->shown[i].why);
	fprintf(out,
		"%" PRIu64 " seeds, %" PRIu64 " violations; %" PRIu64 " calls, %" PRIu64
		" kills, %" PRIu64 " failed calls; %.1f s, %.0f seeds a second\n",
		shared->played, shared->failed, shared->calls, shared->kills, shared->fails,
		seconds, (double)shared->played / seconds);
	if (n)
		fprintf(out, "run one again: make sim SEED=%" PRIu64 "%s\n", shared->shown[0].seed,
			sim.grids ? " GRIDS=1" : "");
	return shared->failed > 0;
}

static int plant_of(const char *name)
{
	static const char *const names[PLANT_N] = {"none",     "start",	   "event", "term", "max",
						   "hold-off", "survivor", "value", "node"};

	for (int i = 0; i < PLANT_N; i++)
		if (!strcmp(names[i], name))
			return i;
	fprintf(stderr, "there is no bug called '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	uint64_t seed = 0;
	bool one = false;
	int c, trace = 1;
	FILE *out;

	while ((c = getopt(argc, argv, "f:n:t:j:p:s:gvq1")) != -1) {
		switch (c) {
		case 'f':
			args.first = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			args.count = strtoull(optarg, NULL, 10);
			break;
		case 't':
			args.seconds = strtoll(optarg, NULL, 10);
			break;
		case 'j':
			args.processes = atoi(optarg);
			break;
		case 'p':
			args.plant = plant_of(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 10);
			one = true;
			break;
		case 'g':
			sim.grids = true;
			break;
		case 'v':
			trace = 2;
			break;
		case 'q':
			trace = 0;
			break;
		case '1':
			args.stop_at_first = true;
			break;
		default:
			return 2;
		}
	}
	if (args.processes < 1 || args.processes > PROCESSES_MOST)
		return 2;
	sim_main = run_command;
	sim.plant = PLANT_NONE;
	if (disk_register_vfs() || policy_register())
		return 2;
	story_prepare();
	sim.plant = args.plant;
	if (one)
		return replay_seed(seed, trace);
	out = stdout;
	shared = __real_mmap64(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	out = fdopen(dup(STDOUT_FILENO), "w");
	silence_output();
	if (!out || !freopen("/dev/null", "w", stdout))
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &a);
	play_all(a.tv_sec);
	clock_gettime(CLOCK_MONOTONIC, &b);
	c = report_results(out,
			   (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	fclose(out);
	return c;
}
