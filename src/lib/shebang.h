/*
 * shebang.h - the interpreter that a script's first line names (execve(2), Interpreter scripts).
 */
#ifndef SLURMQ_SHEBANG_H
#define SLURMQ_SHEBANG_H

#include <stdbool.h>

#include "lib/buf.h"

/* Appends what prevents the interpreter of a script from running: "its first line names '/bin/x': No
 * such file or directory". Returns false, and appends nothing, if file is no script or its
 * interpreter can run. execve(2) fails with the interpreter's errno, as if file itself were absent. */
bool shebang_fault(const char *file, struct buf *out);

#endif
