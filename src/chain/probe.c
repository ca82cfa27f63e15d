#include "chain/probe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "chain/limit_group.h"
#include "chain/submission.h"
#include "slurm/slurm.h"
#include "store/setting.h"
#include "store/state.h"

enum {
	POLL_MS = 250,
	ASK_MS = 3000,	 /* between two queries of squeue */
	GRACE_MS = 5000, /* after the end: a file server may show the answer late */
};

/* The sbatch of a probe, and the file in the folder that its job writes. */
struct order {
	struct strs env, options;
	char *file, *script;
};

static void order_release(struct order *o)
{
	strs_release(&o->env);
	strs_release(&o->options);
	free(o->file);
	free(o->script);
}

void probe_release(struct probe *p)
{
	free(p->node);
	free(p->text);
	memset(p, 0, sizeof(*p));
}

/* Adds what decides who pays and where: the last submission's group, and the user's setting. */
static int add_options(struct store *store, bool memory, struct order *o, struct err *err)
{
	struct db_submission last;
	char *more = NULL;
	int rc = db_submission_newest(store->db, &last, err);

	if (rc < 0)
		return -1;
	if (!rc) {
		rc = submission_environment_get(store, last.version, &o->env, &o->options, err);
		limit_group_options(last.limit_group, &o->options);
		db_submission_release(&last);
		if (rc)
			return -1;
	}
	strs_add(&o->options, "--ntasks=1");
	strs_add(&o->options, "--time=2");
	if (memory)
		strs_add(&o->options, "--mem=256M");
	if (state_get_text(store->db, STATE_SENTINEL_SBATCH, &more, err) < 0)
		return -1;
	setting_words(more, &o->options);
	free(more);
	return 0;
}

static void add_words(struct buf *to, const struct strs *words)
{
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			buf_addch(to, ' ');
		buf_add_shell_word(to, words->v[i]);
	}
}

/* Adds the command that shows whether the node may submit. */
static int add_command(struct store *store, const struct order *o, struct buf *to, struct err *err)
{
	struct strs via = {0};
	char *setting = NULL;

	if (state_get_text(store->db, STATE_VIA, &setting, err) < 0)
		return -1;
	setting_words(setting, &via);
	free(setting);
	add_words(to, &via);
	if (via.n) {
		buf_addstr(to, " sbatch --version");
	} else {
		buf_addstr(to, "sbatch --test-only --wrap=: ");
		add_words(to, &o->options);
	}
	strs_release(&via);
	return 0;
}

static int make_script(struct store *store, struct order *o, struct err *err)
{
	struct buf b = {0}, file = {0};
	char *path = store_path(store, "%s", o->file);
	int rc;

	buf_add_shell_word(&file, path);
	free(path);
	buf_addstr(&b, "#!/bin/sh\n# slurmq doctor --job\n{\n\techo \"node $SLURMD_NODENAME\"\n"
		       "\twords=$(");
	rc = add_command(store, o, &b, err);
	buf_addf(&b,
		 " 2>&1 </dev/null) && echo submits ||\n\t\tprintf 'forbids\\n%%s\\n' \"$words\"\n"
		 "} >%s.new && mv %s.new %s\n",
		 buf_str(&file), buf_str(&file), buf_str(&file));
	o->script = buf_take(&b);
	buf_release(&file);
	return rc;
}

/* Runs sbatch. Returns 0 with *reply, which the caller releases, or -1 with err. */
static int submit(struct store *store, bool memory, struct order *o, struct slurm_reply *reply,
		  struct err *err)
{
	struct slurm_submission s = {
		.name = "slurmq-doctor", .ntasks = 1, .output = "/dev/null", .chdir = "/"};

	memset(o, 0, sizeof(*o));
	memset(reply, 0, sizeof(*reply));
	o->file = mem_printf("doctor-%016" PRIx64, clock_random());
	if (add_options(store, memory, o, err) || make_script(store, o, err))
		return -1;
	s.options = (const char *const *)o->options.v;
	s.script = o->script;
	s.envp = o->env.n ? (const char *const *)o->env.v : NULL;
	slurm_sbatch(&s, reply);
	return 0;
}

/* Reads the answer of the job into *p. Returns false if there is none yet. */
static bool read_answer(struct store *store, const char *file, struct probe *p)
{
	struct buf text = {0};
	struct strs lines = {0};
	struct buf words = {0};
	bool found;

	/* NFS may serve an old listing of the folder until it changes (nfs(5)) */
	folder_mark(store->folder, "doctor");
	folder_unmark(store->folder, "doctor");
	found = !folder_file_get(store->folder, file, &text, NULL);
	strs_add_lines(&lines, found ? buf_str(&text) : NULL);
	found = lines.n > 1;
	for (size_t i = 2; i < lines.n; i++)
		buf_addf(&words, "%s\n", lines.v[i]);
	if (found) {
		p->end = strcmp(lines.v[1], "submits") ? PROBE_FORBIDS : PROBE_SUBMITS;
		p->node = mem_strdup(lines.v[0][strcspn(lines.v[0], " ")] ? lines.v[0] + 5 : "");
		if (words.len)
			p->text = buf_take(&words);
	}
	buf_release(&words);
	buf_release(&text);
	strs_release(&lines);
	return found;
}

/* Reads why sbatch failed on the node. A slurmctld that accepts jobs from the node refuses this one if
 * the user is at the limit: with sbatch --test-only the reason, QOSMaxSubmitJobPerUserLimit, is on a
 * line of its own, too (seen on Slurm 22.05.8). */
static void judge_refusal(struct probe *p)
{
	struct slurm_reply reply;

	if (p->end != PROBE_FORBIDS)
		return;
	slurm_judge("", p->text ? p->text : "", 1, 0, false, &reply);
	if (reply.answer == SLURM_LIMIT || reply.answer == SLURM_BUSY)
		p->end = PROBE_SUBMITS;
	free(p->text);
	p->text = mem_strdup(reply.text);
	slurm_reply_release(&reply);
}

/* Asks squeue for the job. Returns whether it is over; keeps in p->text why it waits. */
static bool is_over(struct probe *p)
{
	struct slurm_job job;
	int rc = slurm_squeue_job(p->job, &job, NULL);
	bool over = rc == 1 || (!rc && slurm_state_over(job.state));

	if (!rc && !over) {
		free(p->text);
		p->text = mem_strdup(!strcmp(job.state, "PENDING") ? job.reason : job.state);
	}
	slurm_job_release(&job);
	return over;
}

static void wait_for_answer(struct store *store, const struct order *o, int64_t wait_ms,
			    struct probe *p)
{
	int64_t begun = clock_mono_ms(), asked = begun, end = begun + wait_ms;
	bool over = false;

	while (!read_answer(store, o->file, p)) {
		int64_t now = clock_mono_ms();

		if (now >= end) {
			p->end = over ? PROBE_SILENT : PROBE_WAITS;
			break;
		}
		if (!over && now - asked >= ASK_MS) {
			over = is_over(p);
			asked = clock_mono_ms();
			if (over)
				end = asked + GRACE_MS;
		}
		clock_sleep_ms(POLL_MS);
	}
	p->ms = clock_mono_ms() - begun;
}

static void clean_up(struct store *store, const struct order *o, const struct probe *p)
{
	char *unfinished = mem_printf("%s.new", o->file);
	struct strs ids = {0};

	if (p->job && p->end == PROBE_WAITS) {
		strs_addf(&ids, "%" PRIu64, p->job);
		(void)slurm_scancel(&ids, NULL);
	}
	(void)folder_file_remove(store->folder, o->file, NULL);
	(void)folder_file_remove(store->folder, unfinished, NULL);
	strs_release(&ids);
	free(unfinished);
}

int probe_run(struct store *store, int64_t wait_ms, struct probe *out, struct err *err)
{
	struct slurm_reply reply;
	struct order o;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = submit(store, true, &o, &reply, err);
	if (!rc && reply.answer == SLURM_REFUSED) { /* a site may allow no --mem */
		slurm_reply_release(&reply);
		order_release(&o);
		rc = submit(store, false, &o, &reply, err);
	}
	if (!rc && reply.answer == SLURM_ACCEPTED) {
		out->job = reply.job;
		wait_for_answer(store, &o, wait_ms, out);
		judge_refusal(out);
		clean_up(store, &o, out);
	} else if (!rc) {
		out->end = reply.answer == SLURM_REFUSED ? PROBE_REFUSED : PROBE_AGAIN;
		out->text = mem_strdup(reply.text);
	}
	slurm_reply_release(&reply);
	order_release(&o);
	return rc;
}
