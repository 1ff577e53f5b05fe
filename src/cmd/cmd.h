/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd: the sub-commands.  Each takes its own argv (argv[0] is its name) and
 * returns the exit status.
 */
#ifndef PICKET_CMD_H
#define PICKET_CMD_H

#include <stdio.h>

#include "rule.h"

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
/* Loads the rules below the paths into *program (NULL: a new one) and finishes
 * it; STATUS_OK, or the exit status after a message.  The program is the
 * caller's. */
int		 cmd_load_rules(struct rule_options *, const char *const *path,
		    size_t n, struct program **);
/* The folder of shipped data: $PICKET_SHARE, beside the binary, or where it
 * was installed to. */
const char	*cmd_share(void);
/* The user's rules, $XDG_DATA_HOME/picket/rules or below ~/.local/share;
 * NULL: neither is known. */
const char	*cmd_store(void);
/* One line a rule that cannot be used; returns how many. */
size_t		 cmd_tell_faults(FILE *, const struct program *);
/* The same but for those below a folder, which were told before. */
size_t		 cmd_tell_faults_but(FILE *, const struct program *,
		    const char *folder);
/* picket rules update, in update.c. */
int		 cmd_rules_update(int argc, char **argv);
/* Ends a command that wrote to standard output: a closed pipe or a full disk
 * is an error. */
int		 cmd_finish(int status);

#endif
