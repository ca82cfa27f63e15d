/*
 * bash_start.h - what bash executes before a text of the sweep file, in the same shell.
 *
 * A variable of the step's environment holds this code, and the text begins with an eval of that
 * variable, on the first line. So the lines that bash's errors name are those of the text, and ps(1)
 * shows only the eval.
 *
 * The code makes `conda`, `mamba`, `micromamba`, `module` and `ml` work as in the user's own shell. They
 * are shell functions there, which a shell that reads no startup file lacks. Each is defined only if
 * the environment shows that it exists, so that `command -v module` succeeds only if module works. The
 * first call evaluates the hook of the package, which defines the real function. An exported function
 * is kept.
 *
 * If setup calls a command that does not exist, the error names the place of `setup` in the sweep file.
 */
#ifndef SLURMQ_BASH_START_H
#define SLURMQ_BASH_START_H

#include <stdbool.h>

#include "lib/buf.h"

/* Names of the variables of a step with a text: they hold bash_start, and the place of `setup` in the
 * sweep file as FILE:LINE. bash unsets each after its use. */
#define BASH_START "_slurmq_start"
#define BASH_START_SETUP "_slurmq_setup"

extern const char bash_start[];
/* Prefixes of the text, and of the command that follows the text of setup; each without a newline. */
extern const char bash_start_before[], bash_start_after_setup[];

/* The first words of the command, before the text, and their number. */
extern const char *const bash_start_argv[];
enum { BASH_START_ARGS = 5 };
/* Returns whether a command is such a bash. */
bool bash_start_is_text(const struct strs *argv);

#endif
