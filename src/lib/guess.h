/* guess.h - finds the word for "did you mean". */
#ifndef SLURMQ_GUESS_H
#define SLURMQ_GUESS_H

/* Returns the candidate of which word is most likely a misspelling: a few letters are omitted,
 * inserted, changed or swapped (Damerau-Levenshtein distance of 1 for up to 4 letters, 2 for up
 * to 6, else 3), or word is its beginning. The first of equal candidates is returned; a
 * difference in case costs less than a letter. candidates is a NULL-terminated list. The result
 * is borrowed from it; NULL if no candidate is near. */
const char *guess_nearest(const char *word, const char *const *candidates);

#endif
