/* proc_signal.c - signals that a process waits for, and signals for a process group. */
#include "lib/proc.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>

#include "lib/clock.h"

static void fill_supervised_signals(sigset_t *set)
{
	static const int sigs[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaddset(set, sigs[i]);
}

void proc_signals_block(void)
{
	static const int kept[] = {SIGHUP, SIGINT};
	struct sigaction sa;
	sigset_t set;

	fill_supervised_signals(&set);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!sigaction(kept[i], NULL, &sa) && sa.sa_handler == SIG_IGN)
			sigdelset(&set, kept[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool proc_term_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && sigismember(&set, SIGTERM) == 1;
}

int proc_signal_wait(int timeout_ms)
{
	int64_t until = timeout_ms < 0 ? 0 : clock_mono_ms() + timeout_ms;
	sigset_t set;
	int sig;

	fill_supervised_signals(&set);
	for (;;) {
		int64_t left = timeout_ms < 0 ? INT_MAX : until - clock_mono_ms();
		struct timespec ts;

		if (left < 0)
			left = 0;
		ts.tv_sec = left / 1000;
		ts.tv_nsec = left % 1000 * 1000000;
		sig = sigtimedwait(&set, NULL, &ts);
		if (sig > 0)
			return sig;
		if (errno == EAGAIN && timeout_ms >= 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return 0;
	}
}

void proc_group_kill(pid_t pgid, int sig)
{
	if (pgid > 1)
		kill(-pgid, sig);
}
