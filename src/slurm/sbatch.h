/*
 * sbatch.h - every option of sbatch, and how slurmq treats it: the only list of them.
 *
 * The options are those of Slurm 20.11.4, 22.05.8 and 24.11.5: sbatch(1), and the hidden ones that
 * sbatch names for an ambiguous prefix ("sbatch --n"). Plugins of a site (spank(7)) add others.
 */
#ifndef SLURMQ_SBATCH_H
#define SLURMQ_SBATCH_H

#include <stdbool.h>
#include <stddef.h>

enum sbatch_arg { SBATCH_ARG_NONE, SBATCH_ARG_NEEDED, SBATCH_ARG_MAYBE };

/* Whether the value names a file. sbatch finds it from the folder that it is called in, which for
 * slurmq may be any folder. */
enum sbatch_file {
	SBATCH_NO_FILE,
	SBATCH_FILE,
	SBATCH_FILE_OR_LIST, /* a file if it has a slash, otherwise a list of nodes */
	SBATCH_FILE_OR_FD,   /* a number is an open file descriptor */
};

/* What a #SBATCH line with an option that slurmq sets itself gets: an error, or a warning that the
 * line has no effect. */
enum sbatch_line { SBATCH_REFUSED, SBATCH_IGNORED };

struct sbatch_opt {
	const char *name;
	char letter; /* its short form; 0: none */
	enum sbatch_arg arg;
	/* the environment variables that set it, with a space between two; NULL: none */
	const char *vars;
	enum sbatch_file file;
	int since;	       /* the first of the three releases that has it, as 2205; 0: all */
	int until;	       /* the last of them; 0: all */
	enum sbatch_line line; /* only if slurmq sets the option itself */
	/* NULL: the user may set the option, and slurmq passes it on. Otherwise only slurmq sets it:
	 * this text names slurmq's way to the same effect, and slurmq removes its variables when
	 * it runs sbatch. */
	const char *instead;
};

/* Finds an option by its long name; returns NULL if the table lacks it (a newer sbatch
 * may have it). */
const struct sbatch_opt *sbatch_find(const char *name);
/* Finds an option as sbatch does: by its long name, or by a prefix of a single long name
 * (getopt_long(3)). Returns NULL if no option matches, or several. */
const struct sbatch_opt *sbatch_find_cut(const char *name);
/* Finds an option by its short form; returns NULL if there is none. */
const struct sbatch_opt *sbatch_by_letter(char letter);
/* Returns the i-th option, from 0; NULL after the last. */
const struct sbatch_opt *sbatch_nth(size_t i);
/* Returns the long name nearest to a misspelled name (borrowed, static); NULL if none is near. */
const char *sbatch_guess(const char *name);
/* Returns whether "NAME=VALUE" is a variable that sets an option which only slurmq sets. */
bool sbatch_owns_variable(const char *pair);
/* Returns the absolute path if the value of the option is a file with a relative path, which is
 * found from the folder dir. Otherwise returns NULL. The caller frees it. */
char *sbatch_make_absolute(const struct sbatch_opt *opt, const char *value, const char *dir);

#endif
