/* SPDX-License-Identifier: Apache-2.0
 *
 * picket: finds intrusions in packets, Windows events and web logs.
 */
#include <fcntl.h>
#include <string.h>

#include "cmd.h"
#include "engine.h"

static const struct command commands[] = {
#define COMMAND(name, title) { #name, title, cmd_##name },
#include "commands.def"
#undef COMMAND
};

static int
usage(FILE *f, int status)
{
	fprintf(f,
"usage: picket COMMAND [options] …\n"
"\n"
"picket finds the intrusion in the evidence that you have, tells it as one\n"
"story and says what to do first.  It never attacks and sends nothing.\n"
"\n"
"commands:\n");
	for (size_t i = 0; i < NITEMS(commands); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].title);
	fprintf(f,
"\n"
"'picket COMMAND --help' tells the options of one.  picket --version.\n");
	return cmd_finish(status);
}

/*
 * A closed standard stream must not become the next file that is opened.
 * What takes its place cannot be used: reading or writing it is an error.
 */
static bool
hold_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null",
		    fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}

int
main(int argc, char **argv)
{
	if (!hold_streams())
		return STATUS_PARTIAL;
	if (argc < 2)
		return usage(stderr, STATUS_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return usage(stdout, STATUS_OK);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("picket %s\n", PICKET_VERSION);
		return cmd_finish(STATUS_OK);
	}
	for (size_t i = 0; i < NITEMS(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "picket: no command '%s'\nTry 'picket --help'.\n",
	    argv[1]);
	return STATUS_USAGE;
}
