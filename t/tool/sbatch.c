/* sbatch for an empty root: reads a script and prints a Slurm id. t1330-static.sh links it
 * statically. */
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
