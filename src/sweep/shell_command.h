/*
 * shell_command.h - finds the simple commands in a text for a shell, for hints to people: "sbatch
 * job.sh" in "cd x && sbatch job.sh". Nothing is expanded, here-documents and the words of arrays are
 * skipped. An odd text may give commands that no shell would run.
 */
#ifndef SLURMQ_SHELL_COMMAND_H
#define SLURMQ_SHELL_COMMAND_H

#include <stddef.h>

#include "lib/buf.h"

/* Receives a command: its words without quotes, without the reserved words, assignments and programs
 * that only start another one (exec, time, nohup, env, timeout 5m, srun without options) before it.
 * offset is the place of its first word, for a command in the text of "bash -c" that of bash. words
 * is borrowed until the function returns. */
typedef void shell_command_fn(void *arg, const struct strs *words, size_t offset);

/* Calls fn for each command of a text. */
void shell_commands_each(const char *text, size_t len, shell_command_fn *fn, void *arg);
/* Calls fn for the command that a list of words is, or for those of its text if it is "bash -c TEXT".
 * Each offset is 0. */
void shell_command_each(const struct strs *words, shell_command_fn *fn, void *arg);

/* Returns the index of the file that a command executes: the program itself if it has a slash, or
 * the script of "bash -e job.sh". Returns words->n if it executes no file. */
size_t shell_command_file(const struct strs *words);

#endif
