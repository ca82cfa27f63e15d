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
	const char *instead; /* slurmq gives it itself: what to do; NULL: it is the user's */
};

/* By its long name; NULL: it is not in the table, and may be newer. */
const struct sbatch_opt *sbatch_find(const char *name);
/* What sbatch takes a long name for: the option itself, or the only one that begins so (getopt_long(3)); NULL: none,
 * or several. */
const struct sbatch_opt *sbatch_find_cut(const char *name);
/* By its short form. */
const struct sbatch_opt *sbatch_by_letter(char letter);
/* All of them, from 0; NULL: no more. */
const struct sbatch_opt *sbatch_nth(size_t i);
/* The long name that is most likely meant; NULL: none is near. */
const char *sbatch_guess(const char *name);

#endif
