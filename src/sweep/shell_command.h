/*
 * shell_command.h - finds the simple commands in a text for a shell, for hints to people: "sbatch
 * job.sh" in "cd x && sbatch job.sh". Nothing is expanded, and here-documents are skipped. An odd
 * text may give commands that no shell would run.
 */
#ifndef SLURMQ_SHELL_COMMAND_H
#define SLURMQ_SHELL_COMMAND_H

#include <stddef.h>

#include "lib/buf.h"

/* Calls fn for each command: its words without quotes, without the reserved words, assignments and
 * programs that only start another one (exec, time, nohup, srun without options) before it. offset
 * is the place of its first word. words is borrowed until fn returns. */
void shell_commands_each(const char *text, size_t len,
			 void (*fn)(void *arg, const struct strs *words, size_t offset), void *arg);

/* Returns the index of the file that a command executes: the program itself if it has a slash, or
 * the script of "bash -e job.sh". Returns words->n if it executes no file. */
size_t shell_command_file(const struct strs *words);

#endif
