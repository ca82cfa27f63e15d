/* notify.h - runs the user's command for events (setting `notify`, notice.h). */
#ifndef SLURMQ_NOTIFY_H
#define SLURMQ_NOTIFY_H

#include <stdint.h>

#include "cmd/cmd.h"

/* Runs the command for each event that no process has reported. The caller holds no lock, and is in no
 * transaction. A failure of the command is printed, and changes nothing. The store may be without
 * its database: then nothing is done. */
void notify_events(struct cmd_ctx *ctx, struct store *store);

/* Runs the command because this process found that no job was in Slurm, although work was left, and
 * submitted jobs. */
void notify_revived(struct cmd_ctx *ctx, struct store *store, int64_t submitted);

#endif
