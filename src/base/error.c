/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of the errors; the end of the program on a bug of ours.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

static const char *const texts[ERR_COUNT] = {
#define ERROR(name, text) [ERR_##name] = text,
#include "errors.def"
#undef ERROR
};

const char *
err_text(enum err e)
{
	if ((unsigned)e >= ERR_COUNT)
		return "unknown error";
	return texts[e];
}

void
assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "picket: bug: %s:%d: %s\n", file, line, what);
	abort();
}
