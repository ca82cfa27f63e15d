/*
 * bash_start.h - what bash executes before a text of the sweep file, in the same shell.
 *
 * A variable of the step's environment holds it, and the text begins with an eval of that variable, on
 * the first line. So the lines that bash's errors name are those of the text, and ps(1) shows no more
 * than the eval.
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

#include <stdbool.h>

#include "lib/buf.h"

/* In the environment of a step with a text: bash_start, and the place of `setup` in the sweep file, as
 * FILE:LINE. Both are unset when they have served. */
#define BASH_START "_slurmq_start"
#define BASH_START_SETUP "_slurmq_setup"

extern const char bash_start[];
/* Go before the text, and between the text of setup and the command, on the first line of it. */
extern const char bash_start_before[], bash_start_after_setup[];

/* The options of bash, and their number: the text follows. */
extern const char *const bash_start_argv[];
enum { BASH_START_ARGS = 5 };
/* Returns whether a command is such a bash. */
bool bash_start_is_text(const struct strs *argv);

#endif
