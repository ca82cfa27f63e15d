/*
 * sbatch.h - sbatch's long options, as of Slurm 22.05 (sbatch(1)).
 */
#ifndef SLURMQ_SBATCH_H
#define SLURMQ_SBATCH_H

#include <stddef.h>

enum sbatch_arg { SBATCH_ARG_NONE, SBATCH_ARG_NEEDED, SBATCH_ARG_MAYBE };

struct sbatch_opt {
	const char *name;
	char letter; /* its short form; 0: none */
	enum sbatch_arg arg;
	const char *instead; /* NULL: users may set it; else slurmq reserves it: a hint for users */
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

#endif
