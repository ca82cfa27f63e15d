/* sbatch for an empty root: reads a script, answers with a number. Linked static by t1330-static.sh. */
#include <stdio.h>

int main(void)
{
	long bytes = 0;

	while (getchar() != EOF)
		bytes++;
	if (!bytes) {
		fputs("sbatch: error: Batch script is empty!\n", stderr);
		return 1;
	}
	return puts("4711") < 0;
}
