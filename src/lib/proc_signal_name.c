/* proc_signal_name.c - names of signals. */
#include "lib/proc.h"

#include <signal.h>
#include <string.h>

int proc_signal_number(const char *name)
{
	static const struct {
		const char *name;
		int sig;
	} known[] = {{"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"TERM", SIGTERM}, {"INT", SIGINT},
		     {"HUP", SIGHUP},	{"CONT", SIGCONT}, {"ALRM", SIGALRM}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, name))
			return known[i].sig;
	return 0;
}
