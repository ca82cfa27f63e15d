/*
 * grid.c - stories of a grid: one value of a parameter makes its jobs fail, or one node does, or each job
 * may fail by chance. No person comes while it is judged.
 *
 * A bad value costs at most ten jobs, however many run at once; all others complete. A bad node is
 * excluded by its sixth failure, where six jobs completed elsewhere since the first. Healthy nodes are
 * never excluded, in any story, and healthy values are never held.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/bad_value.h"
#include "store/db.h"
#include "store/state.h"
#include "store/store.h"

enum kind { NO_GRID, BAD_VALUE, BAD_NODE, BY_CHANCE };
enum { IMAGES = 24, COST = 10, DEATHS = 6 };

static const char *const opts[] = {"adam", "lamb", "sgd"};
enum { NOPTS = sizeof(opts) / sizeof(*opts) };

static struct disk_image *images[IMAGES];

static struct {
	enum kind kind;
	bool rough;    /* processes are killed too: then costs are not judged */
	int bad;       /* which opt, or which node */
	int deaths;    /* on the bad node */
	int well;      /* jobs that completed elsewhere since the first of them */
	int64_t since; /* when it was due to be excluded; 0: it is not */
	int64_t excluded;
	int cost; /* jobs with the bad value that began */
} grid;

static void grid_text(struct buf *b)
{
	bool slow = sim_rnd(2), two = !sim_rnd(3);
	int n = (int)(13 + sim_rnd(6));

	buf_addf(b, "name: grid\nparams:\n%s  lr: [%s]\n  n: {from: 1, to: %d, step: 1}\n%s",
		 slow ? "  opt: [adam, lamb, sgd]\n" : "", two ? "1, 2" : "1", n,
		 slow ? "" : "  opt: [adam, lamb, sgd]\n");
	if (!sim_rnd(3))
		buf_addstr(b, "order: random\n");
	if (!sim_rnd(4))
		buf_addf(b, "limit: %d\n", (int)(1 + sim_rnd(6)));
	buf_addstr(b, "run: [job, \"{n}\", \"{opt}\"]\n");
}

void grid_prepare(void (*add)(struct store *store, const char *text))
{
	for (int i = 0; i < IMAGES; i++) {
		struct store store = {0};
		struct buf text = {0};
		struct err err = {0};

		sim_world_reset((uint64_t)(1000 + i));
		sim.k.switch_in = 1000000;
		disk_reset();
		disk_write("/sim/exe", "this program");
		if (store_create(&store, "/sim", &err) || store_open(&store, &err)) {
			fprintf(stderr, "sim: %s\n", err.msg);
			abort();
		}
		grid_text(&text);
		add(&store, buf_str(&text));
		if (!sim_rnd(3))
			add(&store, "name: other\nparams: {n: [1, 2, 3, 4, 5]}\n"
				    "run: [job, \"{n}\", none]\n");
		store_close(&store);
		buf_release(&text);
		images[i] = disk_save();
	}
}

/* One of sixteen; not by their own chance, so that the others are what they were before. */
bool grid_is_due(uint64_t seed)
{
	return sim.grids || sim_hash(seed ^ (uint64_t)920 << 32) % 16 == 0;
}

void grid_begin(uint64_t seed)
{
	struct sim_knobs *k = &sim.k;
	int image;

	memset(&grid, 0, sizeof(grid));
	if (!grid_is_due(seed))
		return;
	grid.kind = (enum kind)(1 + sim_rnd(3));
	grid.bad = grid.kind == BAD_NODE ? (int)(1 + sim_rnd(SIM_NODES - 1)) : (int)sim_rnd(NOPTS);
	grid.rough = !sim_rnd(4);
	image = (int)sim_rnd(IMAGES);
	disk_load(images[image]);
	if (!grid.rough) {
		memset(k, 0, sizeof(*k));
		k->switch_in = (int)(1 + sim_rnd(30));
		k->slow = SEC / 200;
		memset(sim.skew, 0, sizeof(sim.skew));
	}
	k->step_fails = k->step_signals = k->site_harms = 0;
	k->query_trouble = k->sbatch_trouble = 0; /* jobs are so short that all may end meanwhile */
	k->step_short = 2 * SEC;
	k->step_long = 4 * SEC + sim_rnd(30 * SEC);
	cluster.limit = 4 + sim_rnd(16);
	cluster.slots = (int)(1 + sim_rnd(8));
	cluster.walltime = 6 * HOUR;
	cluster.patience = 2 * SEC;
	sim_trace("a grid: %s %s%d%s",
		  grid.kind == BAD_VALUE  ? "bad value"
		  : grid.kind == BAD_NODE ? "bad node"
					  : "by chance",
		  grid.kind == BAD_VALUE ? opts[grid.bad] : "", grid.bad,
		  grid.rough ? ", and processes are killed" : "");
}

bool grid_is_on(void)
{
	return grid.kind != NO_GRID;
}

static bool has_bad_value(const struct sim_work *w)
{
	return grid.kind == BAD_VALUE && !strcmp(w->opt, opts[grid.bad]);
}

static bool on_bad_node(const struct sim_work *w)
{
	return grid.kind == BAD_NODE && w->host == grid.bad;
}

void grid_fate(struct sim_work *w, int64_t *runs_for)
{
	bool fails =
		has_bad_value(w) || on_bad_node(w) || (grid.kind == BY_CHANCE && sim_chance(25));

	if (grid.kind == NO_GRID)
		return;
	w->exit_code = fails;
	w->signal = 0;
	*runs_for = 1 + sim_rnd(fails || sim_chance(20) ? sim.k.step_short : sim.k.step_long);
	grid.cost += has_bad_value(w);
}

void grid_ended(const struct sim_work *w)
{
	if (on_bad_node(w)) {
		grid.deaths++;
		if (grid.deaths == DEATHS && grid.well >= DEATHS)
			grid.since = sim.now;
	} else if (grid.deaths && !w->at_exit && !w->at_signal) {
		grid.well++;
	}
}

void grid_excludes(const char *node)
{
	if (grid.kind == BAD_NODE && atoi(node + 4) == grid.bad) {
		if (!grid.excluded)
			grid.excluded = sim.now;
		return;
	}
	sim_violation("%s is excluded, and it is healthy", node);
}

/* ---- judging ---- */

struct counted {
	int64_t others; /* jobs without the bad value that are neither completed nor failed */
	int64_t failed, held;
	const char *bad; /* NULL: none */
};

static int count_job(void *arg, const struct db_job *job)
{
	struct counted *c = arg;
	bool bad = false;

	for (size_t i = 0; c->bad && i < job->point.n; i++)
		bad = bad || (!strcmp(job->point.params[i].name, "opt") &&
			      !strcmp(job->point.params[i].value, c->bad));
	if (bad)
		return 0;
	c->others += job->state != JOB_COMPLETED && job->state != JOB_FAILED;
	c->failed += job->state == JOB_FAILED;
	c->held += job->state == JOB_HELD;
	return 0;
}

void grid_judge(struct db *db)
{
	static const struct db_select all;
	struct counted c = {.bad = grid.kind == BAD_VALUE ? opts[grid.bad] : NULL};

	if (db_jobs_each(db, &all, count_job, &c, NULL) || grid.rough)
		return;
	if (c.held)
		sim_violation("%d jobs without a bad value are held", (int)c.held);
	if (grid.kind == BAD_VALUE && grid.cost > COST)
		sim_violation("a bad value cost %d jobs, with %d at once", grid.cost,
			      cluster.slots);
	if (grid.kind == BAD_VALUE && (c.others || c.failed))
		sim_violation("%d jobs without the bad value are left, and %d failed",
			      (int)c.others, (int)c.failed);
	if (grid.since && (!grid.excluded || grid.excluded > grid.since + MINUTE))
		sim_violation("a bad node is not excluded after %d failures, and %d ends elsewhere",
			      DEATHS, DEATHS);
}
