#include "cmd/unstarted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slurm/wait.h"
#include "sweep/policy.h"

/* Returns the folder in which the job's commands run; the caller frees it. */
static char *find_work_folder(const struct store *store, const struct plan *plan)
{
	const char *option = policy_option(&plan->sbatch, "chdir");

	if (!option)
		return mem_strdup(store->root);
	return *option == '/' ? mem_strdup(option) : mem_printf("%s/%s", store->root, option);
}

/* Appends what is wrong with a folder that the job needs with these rights (access(2)). Returns
 * false if nothing is. */
static bool add_folder_fault(const char *what, const char *folder, int rights, struct buf *out)
{
	struct stat st;

	if (stat(folder, &st))
		buf_addf(out, ": %s '%s': %s", what, folder, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		buf_addf(out, ": %s '%s' is no folder", what, folder);
	else if (access(folder, rights))
		buf_addf(out, ": %s '%s': %s", what, folder, strerror(errno));
	else
		return false;
	return true;
}

static void add_causes(const struct store *store, const struct db_attempt *a,
		       const struct plan *plan, struct buf *out)
{
	char *log = store_log_path(store, a->first, a->submission, a->task);
	char *work = find_work_folder(store, plan), *slash = strrchr(log, '/');
	bool found;

	*slash = '\0';
	found = add_folder_fault("the folder of its log", log, W_OK | X_OK, out);
	found |= add_folder_fault("its working directory", work, X_OK, out);
	if (!found)
		buf_addf(out,
			 ": '%s' and '%s' are there now, seen from this host: the job's node may "
			 "lack them, or its disk was full",
			 log, work);
	free(log);
	free(work);
}

/* Returns whether Slurm could not start the job's shell. 20.11.4 reports that as exit 1
 * (slurm_job_end()); a shell that fails prints the reason to the log. */
static bool is_launch_failure(const struct db_attempt *a, bool silent)
{
	return (a->slurm_reason && !strcmp(a->slurm_reason, SLURM_LAUNCH_FAILED)) ||
	       (a->reason == REASON_EXIT && silent);
}

static bool is_log_silent(const struct store *store, const struct db_attempt *a)
{
	char *log = store_log_path(store, a->first, a->submission, a->task);
	struct stat st;
	bool silent = stat(log, &st) || !st.st_size;

	free(log);
	return silent;
}

bool unstarted_explain(const struct store *store, const struct db_attempt *a,
		       const struct plan *plan, struct buf *out)
{
	bool silent;

	if (a->closed == CLOSED_NOT || a->started || a->reason == REASON_NONE ||
	    a->reason == REASON_CANCELLED || a->reason == REASON_REFUSED ||
	    a->reason == REASON_USER || a->reason == REASON_BREAKER || a->reason == REASON_LOST)
		return false;
	silent = is_log_silent(store, a);
	if (is_launch_failure(a, silent)) {
		buf_addstr(out, "Slurm could not open a file of the job or start its shell");
		add_causes(store, a, plan, out);
	} else {
		buf_addf(out, "the Slurm job ended before slurmq began in it (%s)%s",
			 job_reason_name(a->reason), silent ? "" : ": its log shows more");
	}
	return true;
}
