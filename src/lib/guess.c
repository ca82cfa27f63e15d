#include "lib/guess.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

enum {
	LONGEST = 80,
	LETTER = 2, /* cost of a wrong letter; another case of the same letter costs half of it */
};

static int letter_cost(char a, char b)
{
	if (a == b)
		return 0;
	return strncasecmp(&a, &b, 1) == 0 ? LETTER / 2 : LETTER;
}

static int least_of_three(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Returns the optimal string alignment distance: a swapped pair counts once. */
static int edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	int rows[3][LONGEST + 1];
	int *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	for (size_t j = 0; j <= m; j++)
		last[j] = (int)j * LETTER;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (int)i * LETTER;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least_of_three(last[j] + LETTER, now[j - 1] + LETTER,
						last[j - 1] + letter_cost(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least_of_three(now[j], before[j - 2] + LETTER, INT_MAX);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

static int max_distance(size_t len)
{
	return (len <= 4 ? 1 : len <= 6 ? 2 : 3) * LETTER;
}

const char *guess_nearest(const char *word, const char *const *candidates)
{
	size_t len = strlen(word);
	const char *best = NULL;
	int least_far = max_distance(len) + 1;

	if (len == 0 || len > LONGEST)
		return NULL;
	for (; *candidates; candidates++) {
		size_t m = strlen(*candidates);
		int d;

		if (m > LONGEST)
			continue;
		d = edit_distance(word, len, *candidates, m);
		if (d >= (int)m * LETTER)
			/* the distance is as long as the candidate: they have nothing in common */
			continue;
		if (len >= 3 && !strncasecmp(word, *candidates, len) && d > LETTER)
			d = LETTER;
		if (d < least_far) {
			least_far = d;
			best = *candidates;
		}
	}
	return best;
}
