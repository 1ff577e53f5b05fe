/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sub-commands share.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cmd.h"
#include "engine.h"

int
cmd_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "picket %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'picket %s --help'.\n", command);
	return STATUS_USAGE;
}

int
cmd_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "picket: standard output: cannot write: %s\n",
	    strerror(errno));
	return STATUS_PARTIAL;
}
