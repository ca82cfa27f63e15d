/* guess.h - 'did you mean'. */
#ifndef SLURMQ_GUESS_H
#define SLURMQ_GUESS_H

/* The candidate (NULL-terminated list) that word is most likely a slip of: a few letters left out, put in,
 * changed or swapped (Damerau-Levenshtein distance of 1 for up to 3 letters, 2 for up to 6, else 3), or its
 * beginning. The first of equals; case counts for less than a letter. Lent; NULL where none is near. */
const char *guess_nearest(const char *word, const char *const *candidates);

#endif
