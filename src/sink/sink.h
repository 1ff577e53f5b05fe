/* SPDX-License-Identifier: Apache-2.0
 *
 * sink: the report outward.  A sink writes a whole report in one format to a
 * stdio stream; who opened the stream looks at its error flag and closes it.
 */
#ifndef PICKET_SINK_H
#define PICKET_SINK_H

#include <stdio.h>

#include "model.h"

struct sink {
	const char	*name, *title, *doc;
	const char	*ending;	/* of file names, with the dot */
	void		(*write)(FILE *, const struct report *,
			    bool colour);
};

extern const struct sink *const sinks[];
extern const size_t nsinks;
const struct sink *sink_find(struct span name);
/* By the ending of a file's name; NULL: none. */
const struct sink *sink_for_path(const char *);

#endif
