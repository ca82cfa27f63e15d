/*
 * bash_start.h - what bash executes before a text of the sweep file, in the same shell and on the same
 * line, so that the lines which bash's errors name are those of the text.
 *
 * It makes `conda`, `mamba`, `micromamba`, `module` and `ml` work as in the user's own shell. They are
 * shell functions there, which a shell that reads no startup file lacks. Each is defined only if the
 * environment shows that it exists, so that `command -v module` stays true to its word. The first call
 * evaluates the hook of the package, which defines the real function. An exported function is kept.
 *
 * A command that is not found is reported with the place of `setup` in the sweep file, if setup called it.
 */
#ifndef SLURMQ_BASH_START_H
#define SLURMQ_BASH_START_H

#include <stddef.h>

/* In the environment of a step: the place of `setup` in the sweep file, as FILE:LINE. */
#define BASH_START_SETUP "_slurmq_setup"

extern const char bash_start[];
/* Goes between the text of setup and the command, on the first line of the latter. */
extern const char bash_start_after_setup[];

/* The options of bash, and their number: the text follows. */
extern const char *const bash_start_argv[];
enum { BASH_START_ARGS = 5 };

#endif
