#include "slurm/job.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name, *slurm, *brief;
} states[JOB_NSTATES] = {
	[JOB_PENDING] = {"pending", "PENDING", "PD"},
	[JOB_SUBMITTING] = {"submitting", "CONFIGURING", "CF"},
	[JOB_QUEUED] = {"queued", "QUEUED", "Q"},
	[JOB_RUNNING] = {"running", "RUNNING", "R"},
	[JOB_COMPLETED] = {"completed", "COMPLETED", "CD"},
	[JOB_FAILED] = {"failed", "FAILED", "F"},
	[JOB_CANCELLED] = {"cancelled", "CANCELLED", "CA"},
	[JOB_HELD] = {"held", "HELD", "H"},
};

static const struct {
	const char *name, *brief;
	int state; /* state of the jobs with the reason; JOB_PENDING: there are none */
} reasons[REASON_NREASONS] = {
	[REASON_NONE] = {"", "", JOB_PENDING},
	[REASON_EXIT] = {"EXIT", "EX", JOB_FAILED},
	[REASON_SIGNAL] = {"SIGNAL", "SIG", JOB_FAILED},
	[REASON_TIMEOUT] = {"TIMEOUT", "TO", JOB_FAILED},
	[REASON_OUT_OF_MEMORY] = {"OUT_OF_MEMORY", "OOM", JOB_FAILED},
	[REASON_NODE_FAIL] = {"NODE_FAIL", "NF", JOB_FAILED},
	[REASON_PREEMPTED] = {"PREEMPTED", "PR", JOB_FAILED},
	[REASON_DEADLINE] = {"DEADLINE", "DL", JOB_FAILED},
	[REASON_BOOT_FAIL] = {"BOOT_FAIL", "BF", JOB_FAILED},
	[REASON_LOST] = {"LOST", "LO", JOB_FAILED},
	[REASON_CANCELLED] = {"CANCELLED", "", JOB_PENDING},
	[REASON_REFUSED] = {"REFUSED", "", JOB_HELD},
	[REASON_USER] = {"USER", "", JOB_HELD},
	[REASON_BREAKER] = {"BREAKER", "", JOB_HELD},
};

const char *job_state_name(int state)
{
	return state >= 0 && state < JOB_NSTATES ? states[state].name : "?";
}

const char *job_reason_name(int reason)
{
	return reason >= 0 && reason < REASON_NREASONS ? reasons[reason].name : "?";
}

const char *step_state_name(int state)
{
	static const char *const names[] = {"completed", "failed", "skipped"};

	return state >= 0 && state < 3 ? names[state] : "?";
}

int job_state_parse(const char *text, int *state, int *reason)
{
	*reason = REASON_NONE;
	for (int i = 0; i < JOB_NSTATES; i++) {
		if (!strcasecmp(text, states[i].name) || !strcasecmp(text, states[i].slurm) ||
		    !strcasecmp(text, states[i].brief)) {
			*state = i;
			return 0;
		}
	}
	if (!strcasecmp(text, "canceled")) {
		*state = JOB_CANCELLED;
		return 0;
	}
	for (int i = 1; i < REASON_NREASONS; i++) {
		if (*text && reasons[i].state != JOB_PENDING &&
		    (!strcasecmp(text, reasons[i].name) || !strcasecmp(text, reasons[i].brief))) {
			*state = reasons[i].state;
			*reason = i;
			return 0;
		}
	}
	return -1;
}

bool job_state_in_flight(int state)
{
	return state == JOB_SUBMITTING || state == JOB_QUEUED || state == JOB_RUNNING;
}

int job_reason_from_slurm(const char *word)
{
	static const struct {
		const char *prefix;
		int reason;
	} map[] = {
		{"FAILED", REASON_EXIT},
		{"TIMEOUT", REASON_TIMEOUT},
		{"OUT_OF_ME", REASON_OUT_OF_MEMORY},
		{"NODE_FAIL", REASON_NODE_FAIL},
		{"PREEMPTED", REASON_PREEMPTED},
		{"DEADLINE", REASON_DEADLINE},
		{"BOOT_FAIL", REASON_BOOT_FAIL},
		{"LAUNCH_FAILED", REASON_BOOT_FAIL},
		{"RECONFIG_FAIL", REASON_BOOT_FAIL},
		{"CANCELLED", REASON_CANCELLED},
		{"REVOKED", REASON_CANCELLED},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (!strncmp(word, map[i].prefix, strlen(map[i].prefix)))
			return map[i].reason;
	return REASON_LOST;
}
