/*
 * sbatch_form.h - the form of the values of sbatch's options. Only values that sbatch itself
 * refuses are bad (seen on Slurm 22.05.8); a value that a newer version may accept is good.
 */
#ifndef SLURMQ_SBATCH_FORM_H
#define SLURMQ_SBATCH_FORM_H

#include <stdbool.h>

#include "lib/buf.h"

/* Returns whether the form of the option's values is known here. */
bool sbatch_form_known(const char *name);
/* Returns whether sbatch may accept the value of the option with this long name; true if its form
 * is not known. If sbatch refuses the value, appends what to write
 * instead, as in "write 4:00:00". */
bool sbatch_form(const char *name, const char *value, struct buf *instead);

#endif
