/* test_needs.c - the sentences for problems that a user must solve */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "cmd/needs.h"

static const struct {
	struct health_need need;
	const char *names; /* lines */
	const char *want;  /* lines, each with a newline */
} needs[] = {
	{{.kind = NEED_RESUME}, NULL, "the queue is paused: slurmq resume\n"},
	{{.kind = NEED_LOCKS},
	 "n1\nn2",
	 "the queue is paused: file locks in .slurmq do not reach from n1 to n2, so two hosts could "
	 "write to the database at once and damage it\n"
	 "  wait until no job runs; then fix the locks, or move .slurmq to another file system (a file "
	 "of one line may name the folder: man slurmq-storage); then: slurmq resume\n"},
	{{.kind = NEED_REPAIR, .job = 17},
	 NULL,
	 "the queue is paused: slurmq log 17 shows the last failure; fix the cause (in a sweep file: "
	 "slurmq expand), then: slurmq retry and slurmq resume; slurmq config breaker sets how many "
	 "failures pause it\n"},
	{{.kind = NEED_NODES},
	 "n1\nn3",
	 "excluded for a day, because jobs failed there within seconds: n1, n3; report this to the "
	 "site; slurmq resume includes them again\n"},
	{{.kind = NEED_MANY_NODES},
	 "n1\nn2\nn3\nn4",
	 "jobs fail within seconds on many nodes (n1, n2, n3, n4), so the cause is probably in the "
	 "jobs; no node is excluded; read their logs, then: slurmq resume\n"},
	{{.kind = NEED_SENTINEL, .slurm_job = 99},
	 NULL,
	 "the sentinel is held in Slurm, so it will not start and restart the chain: scontrol release "
	 "99\n"},
	{{.kind = NEED_SENTINEL, .slurm_job = 99, .by_admin = true},
	 NULL,
	 "the sentinel is held in Slurm, so it will not start and restart the chain: scontrol release "
	 "99 (only an administrator can)\n"},
	{{.kind = NEED_VIA, .words = (char *)"submitting via 'ssh login' failed: no route"},
	 NULL,
	 "submitting via 'ssh login' failed: no route\n"
	 "  jobs submit no other jobs until that works; from here: slurmq submit\n"},
	{{.kind = NEED_SUBMIT},
	 NULL,
	 "no job is known to be in Slurm and work is left: slurmq submit\n"},
	{{.kind = NEED_TRIAL}, NULL, "after submit --try the rest waits: slurmq submit\n"},
	{{.kind = NEED_FIRST_SUBMIT}, NULL, "nothing was submitted yet: slurmq submit\n"},
	{{.kind = NEED_FAILED, .sweep = (char *)"grid", .jobs = 1},
	 NULL,
	 "1 job of grid failed: slurmq list -s failed grid; again: slurmq retry grid\n"},
	{{.kind = NEED_REFUSED,
	  .sweep = (char *)"grid",
	  .jobs = 12,
	  .words = (char *)"no such QOS"},
	 NULL,
	 "12 jobs of grid held, refused: no such QOS\n"
	 "  fix the sweep file and run slurmq expand, or fix the account; then: slurmq release "
	 "grid\n"},
	{{.kind = NEED_REFUSED, .sweep = (char *)"grid", .jobs = 1},
	 NULL,
	 "1 job of grid held, refused: \n"
	 "  fix the sweep file and run slurmq expand, or fix the account; then: slurmq release "
	 "grid\n"},
	{{.kind = NEED_HELD, .sweep = (char *)"grid", .jobs = 2},
	 NULL,
	 "2 jobs of grid held: slurmq release grid\n"},
	{{.kind = NEED_VALUE, .sweep = (char *)"grid", .jobs = 90, .failed = 10, .job = 31},
	 "opt=lamb",
	 "90 jobs of grid held: 10 of 10 with opt=lamb failed; slurmq release opt=lamb\n"
	 "  slurmq log 31 shows the last failure; slurmq config breaker sets how many hold a value\n"},
	{{.kind = NEED_VALUE,
	  .sweep = (char *)"grid",
	  .jobs = 1,
	  .failed = 12,
	  .many = true,
	  .job = 31},
	 "opt=a b\nlr=0.1",
	 "1 job of grid held: 12 of 12 with opt=a b and lr=0.1 failed; slurmq release grid 'opt=a b' "
	 "lr=0.1\n"
	 "  slurmq log 31 shows the last failure; slurmq config breaker sets how many hold a value\n"},
};

static void every_need_has_its_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct health_need n = needs[i].need;
		struct strs lines = {0};
		struct buf got = {0};

		strs_add_lines(&n.names, needs[i].names);
		needs_add_lines(&n, &lines);
		for (size_t k = 0; k < lines.n; k++)
			buf_addf(&got, "%s\n", lines.v[k]);
		assert_string_equal(buf_str(&got), needs[i].want);
		strs_release(&n.names);
		strs_release(&lines);
		buf_release(&got);
	}
}

static void every_pause_has_its_reason(void **state)
{
	char *hosts[] = {(char *)"n1", (char *)"n2"};
	const struct {
		struct health_pause pause;
		const char *want; /* NULL: unknown reason */
	} v[] = {
		{{.words = NULL}, NULL},
		{{.words = (char *)"maintenance by ann", .job = 3}, "maintenance by ann"},
		{{.hosts = {.v = hosts, .n = 2}, .job = 3},
		 "file locks do not reach from n1 to n2"},
		{{.job = 3, .failures = 10, .sweep = (char *)"grid"},
		 "10 failures in a row, each within a minute of its start; the last: job 3 of grid"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf got = {0};

		assert_int_equal(needs_add_pause(&v[i].pause, &got), v[i].want != NULL);
		assert_string_equal(buf_str(&got), v[i].want ? v[i].want : "");
		buf_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_need_has_its_sentence),
					   cmocka_unit_test(every_pause_has_its_reason)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
