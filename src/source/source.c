/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of sources.
 */
#include "source.h"

#define SOURCE(name, title) extern const struct source source_##name;
#include "sources.def"
#undef SOURCE

const struct source *const sources[] = {
#define SOURCE(name, title) &source_##name,
#include "sources.def"
#undef SOURCE
};
const size_t nsources = NITEMS(sources);
const struct source *const source_carving = &source_carve;

const struct source *
source_match(struct span head)
{
	const struct source *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < nsources; i++) {
		int score = sources[i]->match(head);

		if (score > best_score) {
			best_score = score;
			best = sources[i];
		}
	}
	return best;
}
