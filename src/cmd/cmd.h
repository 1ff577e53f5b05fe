/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd: the sub-commands.  Each takes its own argv (argv[0] is its name) and
 * returns the exit status.
 */
#ifndef PICKET_CMD_H
#define PICKET_CMD_H

#include <stdio.h>

struct command {
	const char	*name, *title;
	int		(*run)(int argc, char **argv);
};

#define COMMAND(name, title) int cmd_##name(int argc, char **argv);
#include "commands.def"
#undef COMMAND

/* A usage error: message and hint on standard error; returns the status. */
int		 cmd_usage(const char *command, const char *fmt, ...)
		    __attribute__((__format__(__printf__, 2, 3)));
/* Ends a command that wrote to standard output: a closed pipe or a full disk
 * is an error. */
int		 cmd_finish(int status);

#endif
