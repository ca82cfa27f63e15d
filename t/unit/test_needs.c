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
	 "the queue is paused: file locks in .slurmq do not work between n1 and n2: two hosts could "
	 "write to the database at once and damage it\n"
	 "  wait until no job runs; then fix the locks, or move .slurmq to another file system (a file "
	 "of one line may name the folder: man slurmq-storage); then: slurmq resume\n"},
	{{.kind = NEED_REPAIR, .job = 17},
	 NULL,
	 "the queue is paused: slurmq log 17 shows the last failure; fix the cause (in a sweep file: "
	 "slurmq expand), then: slurmq retry and slurmq resume; slurmq config breaker sets how many "
	 "failures pause it (0: off)\n"},
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
	{{.kind = NEED_TRIAL, .failed = 1, .job = 3},
	 NULL,
	 "1 job of submit --try failed: slurmq log 3; the sweep's policy tries it again\n"
	 "after submit --try the rest waits: slurmq submit\n"},
	{{.kind = NEED_TRIAL, .failed = 2, .job = 3},
	 NULL,
	 "2 jobs of submit --try failed: slurmq log 3; the sweep's policy tries them again\n"
	 "after submit --try the rest waits: slurmq submit\n"},
	{{.kind = NEED_FIRST_SUBMIT}, NULL, "nothing was submitted yet: slurmq submit\n"},
	{{.kind = NEED_FAILED, .sweep = (char *)"grid", .jobs = 1},
	 NULL,
	 "1 job of grid failed: slurmq list failed grid; then: slurmq retry grid\n"},
	{{.kind = NEED_REFUSED,
	  .sweep = (char *)"grid",
	  .jobs = 12,
	  .words = (char *)"no such QOS"},
	 NULL,
	 "12 jobs of grid held, refused: no such QOS\n"
	 "  fix the sweep file and run slurmq expand, or fix the account; then: slurmq release "
	 "-s refused grid\n"},
	{{.kind = NEED_REFUSED, .sweep = (char *)"grid", .jobs = 1},
	 NULL,
	 "1 job of grid held, refused: \n"
	 "  fix the sweep file and run slurmq expand, or fix the account; then: slurmq release "
	 "-s refused grid\n"},
	{{.kind = NEED_HELD, .sweep = (char *)"grid", .jobs = 2, .reason = REASON_USER},
	 NULL,
	 "2 jobs of grid held: slurmq release -s user grid\n"},
	{{.kind = NEED_VALUE, .sweep = (char *)"grid", .jobs = 90, .failed = 10, .job = 31},
	 "opt=lamb",
	 "90 jobs of grid held: 10 of 10 with opt=lamb failed; slurmq release opt=lamb\n"
	 "  slurmq log 31 shows the last failure; slurmq config breaker sets how many hold a value (0: off)\n"},
	{{.kind = NEED_VALUE,
	  .sweep = (char *)"grid",
	  .jobs = 9,
	  .failed = 3,
	  .tried = 7,
	  .job = 31},
	 "opt=lamb",
	 "9 jobs of grid held: 3 of 3 with opt=lamb failed, 7 run or wait; slurmq release opt=lamb\n"
	 "  slurmq log 31 shows the last failure; slurmq config breaker sets how many hold a value (0: off)\n"},
	{{.kind = NEED_VALUE,
	  .sweep = (char *)"grid",
	  .jobs = 1,
	  .tried = 1,
	  .failed = 12,
	  .many = true,
	  .job = 31},
	 "opt=a b\nlr=0.1",
	 "1 job of grid held: 12 of 12 with opt=a b and lr=0.1 failed, 1 runs or waits; slurmq release grid 'opt=a b' "
	 "lr=0.1\n"
	 "  slurmq log 31 shows the last failure; slurmq config breaker sets how many hold a value (0: off)\n"},
};

static int64_t ids[] = {1, 2, 3, 7};
static int64_t many[] = {1001, 1003, 1005, 1007, 1009, 1011, 1013,
			 1015, 1017, 1019, 1021, 1023, 1025};
static char *in_slurm[] = {(char *)"12_0", (char *)"12_1", (char *)"12_2", (char *)"15"};

static const struct {
	struct wait_group group;
	const char *want;
} waits[] = {
	{{.reason = (char *)"PartitionTimeLimit", .kind = WAIT_TIME, .jobs = ids, .njobs = 4},
	 "4 jobs of grid (1-3,7) cannot start in Slurm: PartitionTimeLimit, the time limit is above "
	 "that of the partition, account or QOS\n"
	 "  lower the time limit in the sweep file, or name another partition, and run slurmq expand; "
	 "then: slurmq hold 1-3,7 and slurmq release 1-3,7\n"},
	{{.reason = (char *)"QOSMinGRES", .kind = WAIT_SIZE, .jobs = many, .njobs = 13},
	 "13 jobs of grid (1001,1003,1005,1007,1009,1011,1013,1015,1017,1019,1021,1023,...) cannot "
	 "start in Slurm: QOSMinGRES, the partition, account or QOS does not allow one job so many, or "
	 "so few, nodes, CPUs, GPUs or so much memory\n"
	 "  change the options in the sweep file and run slurmq expand; then: slurmq hold -s queued "
	 "grid and slurmq release -s user grid\n"},
	{{.reason = (char *)"BadConstraints", .kind = WAIT_NODES, .jobs = ids, .njobs = 1},
	 "1 job of grid (1) cannot start in Slurm: BadConstraints, no node has what is asked for\n"
	 "  change the options in the sweep file and run slurmq expand; then: slurmq hold 1 and slurmq "
	 "release 1\n"},
	{{.reason = (char *)"ReqNodeNotAvail", .kind = WAIT_NODE_DOWN, .jobs = ids, .njobs = 1},
	 "1 job of grid (1) cannot start in Slurm: ReqNodeNotAvail, a node that is needed is down or "
	 "drained\n"
	 "  wait until the site has fixed it, or name others in the sweep file and run slurmq expand; "
	 "then: slurmq hold 1 and slurmq release 1\n"},
	{{.reason = (char *)"PartitionDown", .kind = WAIT_PARTITION, .jobs = ids, .njobs = 1},
	 "1 job of grid (1) cannot start in Slurm: PartitionDown, the partition starts no jobs\n"
	 "  wait until the site has fixed it, or name others in the sweep file and run slurmq expand; "
	 "then: slurmq hold 1 and slurmq release 1\n"},
	{{.reason = (char *)"InvalidQOS", .kind = WAIT_ACCOUNT, .jobs = ids, .njobs = 1},
	 "1 job of grid (1) cannot start in Slurm: InvalidQOS, the account or QOS is not valid, or not "
	 "allowed in the partition\n"
	 "  ask the site, or name others in the sweep file and run slurmq expand; then: slurmq hold 1 "
	 "and slurmq release 1\n"},
	{{.reason = (char *)"DependencyNeverSatisfied",
	  .kind = WAIT_DEPENDENCY,
	  .jobs = ids,
	  .njobs = 1},
	 "1 job of grid (1) cannot start in Slurm: DependencyNeverSatisfied, the dependency can never "
	 "be satisfied\n"
	 "  slurmq hold 1 and slurmq release 1\n"},
	{{.reason = (char *)"JobHeldUser",
	  .kind = WAIT_HELD,
	  .jobs = ids,
	  .njobs = 4,
	  .slurm = {.v = in_slurm, .n = 4}},
	 "4 jobs of grid (1-3,7) held in Slurm: JobHeldUser\n"
	 "  scontrol release 12_0,12_1,12_2,15\n"},
	{{.reason = (char *)"JobHeldAdmin",
	  .kind = WAIT_HELD_ADMIN,
	  .jobs = ids,
	  .njobs = 1,
	  .slurm = {.v = in_slurm, .n = 1}},
	 "1 job of grid (1) held in Slurm: JobHeldAdmin\n"
	 "  scontrol release 12_0 (only an administrator can)\n"},
};

static void jobs_that_wait_for_a_person(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct wait_group g = waits[i].group;
		struct health_need n = {.kind = NEED_WAITS, .wait = &g};
		struct strs lines = {0};
		struct buf got = {0};

		g.sweep_name = (char *)(uintptr_t) "grid";
		needs_add_lines(&n, &lines);
		for (size_t k = 0; k < lines.n; k++)
			buf_addf(&got, "%s\n", lines.v[k]);
		assert_string_equal(buf_str(&got), waits[i].want);
		strs_release(&lines);
		buf_release(&got);
	}
}

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
		 "file locks do not work between n1 and n2"},
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
					   cmocka_unit_test(jobs_that_wait_for_a_person),
					   cmocka_unit_test(every_pause_has_its_reason)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
