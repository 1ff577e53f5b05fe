/* SPDX-License-Identifier: Apache-2.0
 *
 * story: findings to incidents.  Who did what to whom, in what order, how
 * sure we are.
 */
#ifndef PICKET_STORY_H
#define PICKET_STORY_H

#include "model.h"

/*
 * Joins the report's findings (in order of time) to incidents, worst first.
 * Memory comes from the arena.  False: out of memory.
 */
bool		 story_build(struct report *, struct arena *);

/* The tactic of a technique ("T1558.003" or "T1558"), "unknown" if not
 * listed. */
const char	*story_stage(struct span technique);

#endif
