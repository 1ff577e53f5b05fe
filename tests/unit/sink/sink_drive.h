/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of sinks: a report with hostile bytes wherever evidence or a worker
 * could put some, written into memory.
 */
#ifndef SINK_DRIVE_H
#define SINK_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sink.h"

/* ESC, CSI in one byte and in UTF-8, CR, BEL, quotes, broken UTF-8, RLO. */
#define EVIL	"\x1b[2J\x9b" "1m\xc2\x9b" "1m\r\a\"\\\xff\xe2\x80\xae" "end"

static inline const char *
evil_source(const struct report *r, uint32_t source)
{
	(void)r;
	(void)source;
	return "/ev/" EVIL ".pcap";
}

static inline const char *
evil_member(const struct report *r, uint32_t source, uint32_t member)
{
	(void)r;
	(void)source;
	return member == 0 ? "" : "m" EVIL;
}

static struct finding	 find[3], *refs[3];
static char		 ids[3][ID_SIZE];
static struct incident	 inc;
static struct step	 steps[2];
static struct span	 values[2];
static struct unreadable bad[1];
static struct stage_time stage[2];
static struct report	 rep;

static inline void
make_report(void)
{
	memset(&rep, 0, sizeof(rep));
	memset(&inc, 0, sizeof(inc));
	memset(find, 0, sizeof(find));
	for (unsigned i = 0; i < 3; i++) {
		find[i] = (struct finding){ .rule = "r" EVIL,
		    .title = "t" EVIL, .language = "builtin",
		    .attack = "T1190 T1505.003", .advice = "a" EVIL,
		    .severity = SEV_LOW + i, .confidence = 80,
		    .time = i == 0 ? TIME_NONE : 1500000000,
		    .last_time = 2 * NSEC, .count = 7,
		    .message = SPAN_LIT("m\0" EVIL), .nevidence = 1 };
		find[i].evidence[0] = (struct evidence){ { 0, i, 12, 34, 5 },
		    1500000000 };
		find[i].entity[ENTITY_HOST] = SPAN_LIT("h" EVIL);
		find[i].entity[ENTITY_DST_PORT] = i == 1 ?
		    SPAN_LIT("443") : SPAN_LIT("x443");
		refs[i] = &find[i];
		snprintf(ids[i], ID_SIZE, "%016x", i);
	}
	steps[0] = (struct step){ TIME_NONE, "T1190", "initial-access", 0 };
	steps[1] = (struct step){ NSEC, "T" EVIL, "persistence", 1 };
	values[0] = SPAN_LIT("h" EVIL);
	values[1] = SPAN_LIT("two");
	inc.title = "story" EVIL;
	snprintf(inc.id, ID_SIZE, "%016x", 9);
	inc.first_time = TIME_NONE;
	inc.last_time = NSEC;
	inc.severity = SEV_HIGH;
	inc.step = steps;
	inc.nsteps = 2;
	inc.entity[ENTITY_HOST] = values;
	inc.nentity[ENTITY_HOST] = 2;
	bad[0] = (struct unreadable){ "p" EVIL, "m" EVIL, ERR_READ, 5, 99,
	    "why" EVIL };
	stage[0] = (struct stage_time){ "list", 0.25 };
	stage[1] = (struct stage_time){ "read", 1.5 };
	rep.finding = refs;
	rep.finding_id = ids;
	rep.nfindings = 3;
	rep.incident = &inc;
	rep.nincidents = 1;
	rep.unreadable = bad;
	rep.nunreadable = 1;
	rep.weirds.count[WEIRD_DNS_LOOP] = 3;
	rep.weirds.first[WEIRD_DNS_LOOP].member = 1;
	rep.weirds.count[WEIRD_FLOW_TABLE] = 4;
	rep.weirds.first_time[WEIRD_DNS_LOOP] = TIME_NONE;
	rep.source = evil_source;
	rep.member = evil_member;
	rep.summary = (struct summary){ .inputs = 2, .skipped = 1,
	    .bytes = 1234567, .records = 1000, .events = 900,
	    .detectors = 7, .stage = stage, .nstages = 2,
	    .sandbox = "seccomp" };
}

/* The bytes are the caller's to free. */
static inline struct span
write_to_memory(const char *name, bool colour)
{
	const struct sink *s = sink_find(span_str(name));
	char *p = NULL;
	size_t n = 0;
	FILE *out;

	assert_non_null(s);
	out = open_memstream(&p, &n);
	assert_non_null(out);
	s->write(out, &rep, colour);
	assert_int_equal(fclose(out), 0);
	return span_of(p, n);
}

static inline bool
has(struct span s, const char *text)
{
	return span_find(s, span_str(text)) != SPAN_NPOS;
}

#define FREE(s)	free((void *)(uintptr_t)(s).ptr)

#endif
