#include "slurm/slurm_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

/* Text for a terminal */

void slurm_clean(struct buf *to, const char *text, size_t len, const char *newline)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		unsigned code = 0;

		n = utf8_char(text + i, len - i, &code);
		if (n && ((code >= 0x20 && code < 0x7f) || code >= 0xa0)) {
			buf_add(to, text + i, n);
			continue;
		}
		n = 1; /* each byte of a C1 control becomes a '?' */
		if (text[i] == '\n')
			buf_addstr(to, newline);
		else if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
			buf_addch(to, text[i] == '\t' ? ' ' : '?');
	}
}

const char *slurm_strip_prefix(const char *line)
{
	static const char *const prefixes[] = {"sbatch: error: ", "sbatch: fatal: ", "sbatch: "};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(line, prefixes[i], strlen(prefixes[i])))
			return line + strlen(prefixes[i]);
	return line;
}

/* Appends the non-empty lines of a text, trimmed, without sbatch's prefix. */
static void add_lines(struct strs *lines, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), next = len + (text[len] == '\n');
		char *line;

		while (len && isspace((unsigned char)*text)) {
			text++;
			len--;
			next--;
		}
		while (len && isspace((unsigned char)text[len - 1]))
			len--;
		if (len) {
			line = mem_strndup(text, len);
			strs_add(lines, slurm_strip_prefix(line));
			free(line);
		}
		text += next;
	}
}

/* sbatch's output */

enum {
	TEXT_MAX = 8192, /* bytes kept of sbatch's output: half from its begin, half from its end */
	JOB_ID_DIGITS = 10,
};

/* Parses a line of sbatch --parsable: "123" or "123;cluster" (sbatch(1), --parsable). */
static bool parse_job_line(const char *line, uint64_t *job, const char **cluster)
{
	size_t n = strspn(line, "0123456789");
	const char *p = line + n;

	if (!n || n > JOB_ID_DIGITS || *line == '0' || (*p && *p != ';'))
		return false;
	*cluster = *p ? p + 1 : NULL;
	if (*p && !p[1])
		return false;
	for (p = *cluster; p && *p; p++)
		if (!isgraph((unsigned char)*p))
			return false;
	*job = strtoull(line, NULL, 10);
	return *job < UINT32_MAX;
}

/* Returns the number of different job lines, and the parts of the first (cluster is borrowed from
 * out). */
static int count_job_lines(const struct strs *out, uint64_t *job, const char **cluster)
{
	const char *first = NULL;
	int n = 0;

	for (size_t i = 0; i < out->n; i++) {
		const char *c;
		uint64_t id;

		if (!parse_job_line(out->v[i], &id, &c) || (first && !strcmp(first, out->v[i])))
			continue;
		if (!n++) {
			first = out->v[i];
			*job = id;
			*cluster = c;
		}
	}
	return n;
}

static bool has_any_of(const char *line, const char *const *texts)
{
	for (; *texts; texts++)
		if (strstr(line, *texts))
			return true;
	return false;
}

/* Returns whether a line is only a reason, as slurmctld prints it: QOSMaxSubmitJobPerUserLimit. The
 * same words within a sentence are a plugin's advice. */
static bool is_limit_line(const char *line)
{
	static const char *const words[] = {"MaxSubmitJob", "SubmitJobsLimit", "SubmitJobLimit",
					    NULL};

	return has_any_of(line, words) && line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							    "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

/* Returns slurmctld's message from the last line that has the mark (borrowed from lines), or
 * NULL. */
static const char *find_verdict(const struct strs *lines)
{
	static const char mark[] = "Batch job submission failed: ";

	for (size_t i = lines->n; i-- > 0;) {
		const char *p = strstr(lines->v[i], mark);

		if (p)
			return p + sizeof(mark) - 1;
	}
	return NULL;
}

/* Returns the answer that one line stands for. A site's plugin may print any text before
 * slurmctld's message, so other lines count only if there is no such message. */
static int judge_line(const char *line)
{
	static const char *const busy[] = {"temporarily unable to accept job",
					   "Slurm job queue full",
					   "Job creation temporarily disabled",
					   "Unable to create job record, try again",
					   "Resource temporarily unavailable",
					   "Requested operation is presently disabled",
					   "System submissions disabled",
					   "I/O error writing script/environment to file",
					   "Required partition not available (inactive or drain)",
					   "Partition in DOWN state",
					   NULL};
	static const char *const unclear[] = {"Unable to contact slurm controller",
					      "Socket timed out",
					      "in standby mode",
					      "Zero Bytes were transmitted or received",
					      "Message send failure",
					      "Message receive failure",
					      "Unexpected message received",
					      "Insane message length",
					      "Communication connection failure",
					      "Communication shutdown failure",
					      "Failed to send entire message",
					      "Header lengths are longer than data received",
					      "Received zero length message",
					      "Incompatible versions of client and server code",
					      "Protocol authentication error",
					      "Authentication credential invalid",
					      "Invalid authentication credential",
					      "Failed to connect to authentication agent",
					      "Unexpected missing socket error",
					      "Can't find an address, check slurm.conf",
					      "Connection refused",
					      "Connection reset by peer",
					      "Connection timed out",
					      "Network is unreachable",
					      "No route to host",
					      "Unable to process configuration file",
					      "Could not establish a configuration source",
					      NULL};

	if (has_any_of(line, busy))
		return SLURM_BUSY;
	return has_any_of(line, unclear) ? SLURM_UNCLEAR : SLURM_REFUSED;
}

static bool has_busy_line(const struct strs *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		if (judge_line(lines->v[i]) == SLURM_BUSY)
			return true;
	return false;
}

/* Returns the answer for an sbatch that exited with a status other than 0. */
static int judge_failure(const struct strs *lines, int exit_code)
{
	const char *verdict = find_verdict(lines);
	int answer;

	if (!verdict || !strncmp(verdict, "Job violates accounting/QOS policy", 34))
		for (size_t i = 0; i < lines->n; i++)
			if (is_limit_line(lines->v[i]))
				return SLURM_LIMIT;
	if (verdict)
		return judge_line(verdict);
	for (size_t i = 0; i < lines->n; i++) {
		answer = judge_line(lines->v[i]);
		if (answer != SLURM_REFUSED)
			return answer;
	}
	/* 126 and 127: a wrapper that finds no sbatch, or an sbatch that lacks its libraries */
	return exit_code == 126 || exit_code == 127 ? SLURM_NO_SBATCH : SLURM_REFUSED;
}

/* Appends a line of ours if sbatch's own output does not show the cause. */
static void add_explanation(struct buf *raw, int answer, int exit_code, int signal, bool timed_out,
			    int njobs)
{
	size_t before = raw->len;

	if (timed_out)
		buf_addstr(raw, "sbatch did not answer in time");
	else if (signal)
		buf_addf(raw, "sbatch was killed by signal %d (%s)", signal, strsignal(signal));
	else if (exit_code && njobs)
		buf_addf(raw, "sbatch printed a job id and failed with exit status %d", exit_code);
	else if (exit_code && !before)
		buf_addf(raw, "sbatch failed with exit status %d and printed nothing", exit_code);
	else if (!exit_code && answer == SLURM_UNCLEAR)
		buf_addstr(raw, njobs ? "sbatch printed more than one job id"
				      : "sbatch succeeded and printed no job id");
	if (raw->len > before)
		buf_addch(raw, '\n');
}

/* Returns raw, cleaned, without its middle if it is too long; cuts at line ends if there are any.
 * The caller frees the result. */
static char *shorten_and_clean(const struct buf *raw)
{
	const char *s = buf_str(raw), *tail, *nl;
	size_t head = TEXT_MAX / 2, len = raw->len;
	struct buf b = {0};

	while (len && s[len - 1] == '\n')
		len--;
	if (len <= TEXT_MAX) {
		slurm_clean(&b, s, len, "\n");
		return buf_take(&b);
	}
	tail = s + len - TEXT_MAX / 2;
	nl = memchr(tail, '\n', TEXT_MAX / 2);
	if (nl)
		tail = nl + 1;
	nl = memrchr(s, '\n', head);
	if (nl)
		head = (size_t)(nl - s);
	slurm_clean(&b, s, head, "\n");
	buf_addstr(&b, "\n...\n");
	slurm_clean(&b, tail, len - (size_t)(tail - s), "\n");
	return buf_take(&b);
}

void slurm_judge(const char *out, const char *errtext, int exit_code, int signal, bool timed_out,
		 struct slurm_reply *reply)
{
	struct strs olines = {0}, elines = {0};
	const char *cluster = NULL, *c;
	struct buf raw = {0};
	uint64_t job = 0, id;
	int njobs;

	memset(reply, 0, sizeof(*reply));
	add_lines(&olines, out);
	add_lines(&elines, errtext);
	njobs = count_job_lines(&olines, &job, &cluster);
	for (size_t i = 0; i < elines.n; i++)
		buf_addf(&raw, "%s\n", elines.v[i]);
	for (size_t i = 0; i < olines.n; i++) {
		if (parse_job_line(olines.v[i], &id, &c))
			continue;
		buf_addf(&raw, "%s\n", olines.v[i]);
		strs_add(&elines, olines.v[i]); /* a wrapper may print the refusal on stdout */
	}
	if (timed_out)
		reply->answer = has_busy_line(&elines) ? SLURM_BUSY : SLURM_UNCLEAR;
	else if (signal || (exit_code && njobs))
		reply->answer = SLURM_UNCLEAR;
	else if (exit_code)
		reply->answer = judge_failure(&elines, exit_code);
	else
		reply->answer = njobs == 1 ? SLURM_ACCEPTED : SLURM_UNCLEAR;
	if (reply->answer == SLURM_ACCEPTED) {
		reply->job = job;
		reply->cluster = mem_strdup(cluster);
	}
	add_explanation(&raw, reply->answer, exit_code, signal, timed_out, njobs);
	reply->text = shorten_and_clean(&raw);
	buf_release(&raw);
	strs_release(&olines);
	strs_release(&elines);
}

void slurm_scancel_add(struct strs *ids, const struct slurm_job *job)
{
	if (job->task >= 0)
		strs_addf(ids, "%" PRIu64 "_%" PRId64, job->array_id, job->task);
	else
		strs_addf(ids, "%" PRIu64, job->id);
}

bool slurm_only_gone(const char *errtext)
{
	static const char *const gone[] = {"Invalid job id specified",
					   "already completing or completed", NULL};
	struct strs lines = {0};
	bool only;

	add_lines(&lines, errtext);
	only = lines.n > 0;
	for (size_t i = 0; i < lines.n; i++)
		only = only && has_any_of(lines.v[i], gone);
	strs_release(&lines);
	return only;
}

/* squeue */

int slurm_stop_reason(const struct slurm_job *job, int restart)
{
	if (job->restarts > restart)
		return REASON_PREEMPTED;
	if (!strcmp(job->reason, "TimeLimit") || !strcmp(job->state, "TIMEOUT"))
		return REASON_TIMEOUT;
	if (!strcmp(job->state, "PREEMPTED") || !strncmp(job->reason, "Preempt", 7))
		return REASON_PREEMPTED;
	if (!strcmp(job->state, "DEADLINE") || !strcmp(job->reason, "DeadLine"))
		return REASON_DEADLINE;
	if (!strcmp(job->state, "NODE_FAIL") || !strcmp(job->reason, "NodeDown"))
		return REASON_NODE_FAIL;
	if (!strncmp(job->state, "OUT_OF_ME", 9) || !strcmp(job->reason, "OutOfMemory"))
		return REASON_OUT_OF_MEMORY;
	if (!strcmp(job->state, "BOOT_FAIL"))
		return REASON_BOOT_FAIL;
	if (!strcmp(job->state, "RUNNING") || !strcmp(job->state, "SUSPENDED"))
		return REASON_NONE;
	return REASON_CANCELLED;
}

void slurm_job_end(const struct slurm_job *job, bool began, struct job_end *end)
{
	static const char raised[] = "RaisedSignal:";
	enum { NOT_STARTED = 53 }; /* not a real signal: slurmstepd's code */
	int signal = job->signal;

	end->reason = job_reason_from_slurm(job->state);
	if (job->ended > 0)
		end->ended = job->ended;
	if (end->reason != REASON_EXIT)
		return;
	if (!strncmp(job->reason, raised, strlen(raised)))
		signal = atoi(job->reason + strlen(raised));
	if (!signal && !strcmp(job->reason, "JobLaunchFailure"))
		end->reason = began ? REASON_SIGNAL : REASON_BOOT_FAIL;
	else if (signal == NOT_STARTED && !began)
		end->reason = REASON_BOOT_FAIL;
	else if (signal > 0)
		*end = (struct job_end){
			.reason = REASON_SIGNAL, .signal = signal, .ended = end->ended};
	else
		end->exit_code = job->exit_code;
}

bool slurm_state_active(const char *state)
{
	static const char *const active[] = {
		"PENDING",	"CONFIGURING", "RUNNING",      "SUSPENDED",	"COMPLETING",
		"REQUEUED",	"RESIZING",    "SIGNALING",    "STAGE_OUT",	"STOPPED",
		"REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "POWER_UP_NODE",
	};

	for (size_t i = 0; i < sizeof(active) / sizeof(active[0]); i++)
		if (!strcmp(state, active[i]))
			return true;
	return false;
}

bool slurm_state_alive(const char *state)
{
	return slurm_state_active(state) && strcmp(state, "COMPLETING") != 0;
}

bool slurm_state_over(const char *state)
{
	return !strncmp(state, "COMPLETED", 9) || job_reason_from_slurm(state) != REASON_LOST;
}

bool slurm_number(const char *s, uint64_t *n)
{
	size_t len = strspn(s, "0123456789");

	if (!len || s[len] || len > 18)
		return false;
	*n = strtoull(s, NULL, 10);
	return true;
}

/* Parses one record; cuts it into its fields in place. */
static bool parse_job(char *record, struct slurm_job *job)
{
	char *f[8] = {record};
	uint64_t task = 0;

	for (int i = 1; i < 8; i++) {
		char *sep = strchr(f[i - 1], '\x1f');

		if (!sep)
			return false;
		*sep = '\0';
		f[i] = sep + 1;
	}
	if (!slurm_number(f[0], &job->id) || !slurm_number(f[1], &job->array_id) || !*f[3])
		return false;
	if (strcmp(f[2], "N/A") != 0 && !slurm_number(f[2], &task))
		return false;
	job->task = strcmp(f[2], "N/A") ? (int64_t)task : -1;
	job->state = mem_strdup(f[3]);
	job->reason = mem_strdup(f[4]);
	job->submitted = slurm_time_ms(f[5]);
	job->ended = slurm_time_ms(f[6]);
	job->name = mem_strdup(f[7]);
	return true;
}

static int refuse_record(const char *text, size_t len, struct err *err)
{
	struct buf b = {0};

	slurm_clean(&b, text, len < 200 ? len : 200, "\\n");
	err_set(err, ERR_AGAIN, "cannot parse the output of squeue: '%s'%s", buf_str(&b),
		len > 200 ? " ..." : "");
	buf_release(&b);
	return -1;
}

int slurm_parse_jobs(const char *text, size_t len, struct slurm_jobs *out, struct err *err)
{
	const char *p = text, *end = text + len, *rs;

	for (; p < end; p = rs + 1 + (rs + 1 < end && rs[1] == '\n')) {
		struct slurm_job job = {.restarts = -1};
		char *record;
		bool ok;

		rs = memchr(p, '\x1e', (size_t)(end - p));
		if (!rs)
			return refuse_record(p, (size_t)(end - p), err);
		record = mem_strndup(p, (size_t)(rs - p));
		ok = parse_job(record, &job);
		free(record);
		if (!ok)
			return refuse_record(p, (size_t)(rs - p), err);
		*slurm_jobs_add(out) = job;
	}
	return 0;
}

/* Returns the next word of a line and moves *p behind it; NULL if there is none. The caller frees
 * the result. */
static char *next_word(const char **p, const char *end)
{
	const char *from;

	while (*p < end && **p == ' ')
		(*p)++;
	from = *p;
	while (*p < end && **p != ' ')
		(*p)++;
	return *p > from ? mem_strndup(from, (size_t)(*p - from)) : NULL;
}

static bool parse_columns(const char *line, size_t len, struct slurm_job *job)
{
	const char *p = line, *end = line + len;
	char *id = next_word(&p, end), *state = next_word(&p, end), *count = next_word(&p, end);
	uint64_t restarts = 0;
	bool ok = count && slurm_number(id, &job->id) && slurm_number(count, &restarts) &&
		  restarts < INT_MAX;

	free(id);
	free(count);
	if (!ok) {
		free(state);
		return false;
	}
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	job->state = state;
	job->restarts = (int)restarts;
	job->reason = mem_strndup(p, (size_t)(end - p));
	job->name = mem_strdup("");
	return true;
}

int slurm_parse_columns(const char *text, struct slurm_jobs *out, struct err *err)
{
	while (*text) {
		struct slurm_job job = {.task = -1};
		size_t len = strcspn(text, "\n");

		if (!parse_columns(text, len, &job))
			return refuse_record(text, len + (text[len] == '\n'), err);
		*slurm_jobs_add(out) = job;
		text += len + (text[len] == '\n');
	}
	return 0;
}

/* scontrol show config: "KillWait                = 30 sec" */

/* Returns the value of a key that begins a line, or NULL; the caller frees the result. */
static char *copy_config_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, key, n) && text[n + strspn(text + n, " \t")] == '=') {
			const char *v = text + n + strspn(text + n, " \t") + 1;
			struct buf b = {0};
			size_t len;

			v += strspn(v, " \t");
			len = strcspn(v, "\r\n");
			while (len && v[len - 1] == ' ')
				len--;
			slurm_clean(&b, v, len, "");
			return buf_take(&b);
		}
	}
	return NULL;
}

static int64_t parse_leading_number(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len && len <= 18 ? strtoll(s, NULL, 10) : -1;
}

static int64_t read_config_number(const char *text, const char *key)
{
	char *v = copy_config_value(text, key);
	int64_t n = v ? parse_leading_number(v) : -1;

	free(v);
	return n;
}

int slurm_parse_config(const char *text, struct slurm_site *out, struct err *err)
{
	out->cluster = copy_config_value(text, "ClusterName");
	out->version = copy_config_value(text, "SLURM_VERSION");
	out->kill_wait_s = read_config_number(text, "KillWait");
	out->max_array_size = read_config_number(text, "MaxArraySize");
	out->max_job_count = read_config_number(text, "MaxJobCount");
	if (out->cluster && *out->cluster && out->version)
		return 0;
	slurm_site_release(out);
	return err_set(err, ERR_AGAIN,
		       "the output of scontrol show config lacks ClusterName or SLURM_VERSION");
}
