/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of sinks.
 */
#include "sink.h"

#define SINK(name, title) extern const struct sink sink_##name;
#include "sinks.def"
#undef SINK

const struct sink *const sinks[] = {
#define SINK(name, title) &sink_##name,
#include "sinks.def"
#undef SINK
};
const size_t nsinks = NITEMS(sinks);

const struct sink *
sink_find(struct span name)
{
	for (size_t i = 0; i < nsinks; i++)
		if (span_eq(name, span_str(sinks[i]->name)))
			return sinks[i];
	return NULL;
}

const struct sink *
sink_for_path(const char *path)
{
	for (size_t i = 0; i < nsinks; i++)
		if (span_ends(span_str(path), span_str(sinks[i]->ending)))
			return sinks[i];
	return NULL;
}
