/* SPDX-License-Identifier: Apache-2.0
 *
 * Correlations, one table row a case: rules, events with their times, and what
 * fires.  Expected values are worked out by hand; where a row is about an
 * edge, the comment shows the sum.
 *
 * events: "SECONDS:EV FIELD=VALUE ...; ...", in order of time.  EV a, b, c and
 * d are found by the rules of that name, every one by the rule any.
 * fires: "RULE FIRST-LAST xCOUNT VALUE,VALUE; ..." in the order of ending;
 * "RULE @TIME" is a base rule that is heard by itself.
 */
#include <math.h>

#include "rule_drive.h"

struct row {
	const char	*what, *rules, *events, *fires;
};

#define BASE(name, value) "title: " name "\nname: " name "\nid: id-" name \
	"\nlogsource:\n  product: windows\ndetection:\n  sel:\n    Ev: '" value \
	"'\n  condition: sel\n---\n"
static const char base[] = BASE("a", "a") BASE("b", "b") BASE("c", "c")
    BASE("d", "d") BASE("any", "*");

/* A correlation named x, below it what a row says. */
#define X(type, rules, rest) N("x", type, rules, rest)
#define N(name, type, rules, rest) "title: " name "\nname: " name "\nid: id-" \
	name "\ncorrelation:\n  type: " type "\n  rules: [" rules "]\n" rest
#define T10 "  timespan: 10s\n"
#define BY_USER "  group-by: [User]\n"
#define COND(c) "  condition: {" c "}\n"

/* An old rule on events of a, selections sel, s2 and s3. */
#define OLD(condition) "title: o\nid: o\nlogsource: {product: windows}\n" \
	"detection:\n  sel: {Ev: a}\n  s2: {Ev: b}\n  s3: {Ev: c}\n" \
	"  timeframe: 10s\n  condition: " condition "\n"

static const struct row rows[] = {
	/* -- event_count -- */
	{ "as many as it takes", X("event_count", "a", T10 COND("gte: 3")),
	    "0:a; 1:a; 2:a", "x 0-2 x3" },
	{ "one too few", X("event_count", "a", T10 COND("gte: 3")),
	    "0:a; 1:a", "" },
	{ "other events do not count", X("event_count", "a", T10
	    COND("gte: 3")), "0:a; 1:b; 2:a", "" },
	/* 10 - 0 = 10 s: exactly the timespan is within it */
	{ "exactly the timespan apart", X("event_count", "a", T10
	    COND("gte: 3")), "0:a; 5:a; 10:a", "x 0-10 x3" },
	{ "a nanosecond more", X("event_count", "a", T10 COND("gte: 3")),
	    "0:a; 5:a; 10.000000001:a", "" },
	/* windows aligned to 10 s or to the minute would cut between 59, 61 */
	{ "the window slides", X("event_count", "a", T10 COND("gte: 3")),
	    "56:a; 59:a; 61:a", "x 56-61 x3" },
	{ "a group is by itself", X("event_count", "a", T10 BY_USER
	    COND("gte: 3")), "0:a User=bob; 1:a User=eve; 2:a User=bob; "
	    "3:a User=eve", "" },
	{ "each group fires", X("event_count", "a", T10 BY_USER
	    COND("gte: 2")), "0:a User=bob; 1:a User=eve; 2:a User=bob; "
	    "3:a User=eve", "x 0-2 x2 bob; x 1-3 x2 eve" },
	{ "all of group-by must be there", X("event_count", "a", T10
	    "  group-by: [User, Host]\n" COND("gte: 2")),
	    "0:a User=bob; 1:a User=bob; 2:a User=bob Host=h", "" },
	{ "group-by is both", X("event_count", "a", T10
	    "  group-by: [User, Host]\n" COND("gte: 2")),
	    "0:a User=bob Host=g; 1:a User=bob Host=h; 2:a User=bob Host=g",
	    "x 0-2 x2 bob,g" },
	/* "ab"+"c" is not "a"+"bc" */
	{ "values do not run together", X("event_count", "a", T10
	    "  group-by: [User, Host]\n" COND("gte: 2")),
	    "0:a User=ab Host=c; 1:a User=a Host=bc", "" },
	{ "groups are case-blind", X("event_count", "a", T10 BY_USER
	    COND("gte: 2")), "0:a User=Bob; 1:a User=BOB", "x 0-1 x2 Bob" },
	{ "an empty value is one", X("event_count", "a", T10 BY_USER
	    COND("gte: 2")), "0:a User=; 1:a User=", "x 0-1 x2 " },
	{ "gt", X("event_count", "a", T10 COND("gt: 2")), "0:a; 1:a; 2:a",
	    "x 0-2 x3" },
	{ "not yet gt", X("event_count", "a", T10 COND("gt: 2")), "0:a; 1:a",
	    "" },
	/* true at the second, no longer at the third */
	{ "eq", X("event_count", "a", T10 COND("eq: 2")), "0:a; 1:a; 2:a",
	    "x 0-1 x2" },
	/* 1 is not, 2 is */
	{ "neq", X("event_count", "a", T10 COND("neq: 1")), "0:a; 1:a",
	    "x 0-1 x2" },
	{ "lt", X("event_count", "a", T10 COND("lt: 2")), "0:a; 1:a",
	    "x 0-0 x1" },
	{ "lte", X("event_count", "a", T10 COND("lte: 2")), "0:a; 1:a; 2:a",
	    "x 0-1 x2" },
	/* counts 1, 2, 3, 4: true at 2 and 3 */
	{ "a range", X("event_count", "a", T10 COND("gt: 1, lte: 3")),
	    "0:a; 1:a; 2:a; 3:a", "x 0-2 x3" },
	{ "told once as long as it holds", X("event_count", "a", T10
	    COND("gte: 3")), "0:a; 1:a; 2:a; 3:a; 4:a; 5:a", "x 0-5 x6" },
	{ "and again when it was over", X("event_count", "a", T10
	    COND("gte: 2")), "0:a; 1:a; 100:a; 101:a",
	    "x 0-1 x2; x 100-101 x2" },
	/* At 10.5 the event of 0 is out: 2 left, over; with the new one 3. */
	{ "over between two events", X("event_count", "a", T10
	    COND("gte: 3")), "0:a; 1:a; 2:a; 10.5:a",
	    "x 0-2 x3; x 1-10.5 x3" },
	{ "of several rules", X("event_count", "a, b", T10 COND("gte: 3")),
	    "0:a; 1:b; 2:a", "x 0-2 x3" },
	{ "an event of two rules is one", X("event_count", "a, any", T10
	    COND("gte: 3")), "0:a; 1:a", "" },
	{ "a minute", X("event_count", "a", "  timespan: 1m\n"
	    COND("gte: 2")), "0:a; 60:a", "x 0-60 x2" },
	{ "an hour", X("event_count", "a", "  timespan: 1h\n" COND("gte: 2")),
	    "0:a; 3600:a; 7201:a", "x 0-3600 x2" },
	{ "a day", X("event_count", "a", "  timespan: 1d\n" COND("gte: 2")),
	    "0:a; 86400:a; 172801:a", "x 0-86400 x2" },
	{ "a week", X("event_count", "a", "  timespan: 1w\n" COND("gte: 2")),
	    "0:a; 604800:a; 1209601:a", "x 0-604800 x2" },
	/* 365.2425 days / 12 = 30.436875 d = 2629746 s; the second step is
	 * one second more */
	{ "a month", X("event_count", "a", "  timespan: 1M\n" COND("gte: 2")),
	    "0:a; 2629746:a; 5259493:a", "x 0-2629746 x2" },
	/* 365.2425 d = 31556952 s */
	{ "a year", X("event_count", "a", "  timespan: 1y\n" COND("gte: 2")),
	    "0:a; 31556952:a; 63113905:a", "x 0-31556952 x2" },

	/* -- value_count -- */
	{ "different values", X("value_count", "a", T10
	    COND("field: User, gte: 3")),
	    "0:a User=p; 1:a User=q; 2:a User=r", "x 0-2 x3" },
	{ "the same value again", X("value_count", "a", T10
	    COND("field: User, gte: 3")),
	    "0:a User=p; 1:a User=q; 2:a User=p", "" },
	{ "values are case-blind", X("value_count", "a", T10
	    COND("field: User, gte: 2")), "0:a User=p; 1:a User=P", "" },
	{ "an event without the value", X("value_count", "a", T10
	    COND("field: User, gte: 2")), "0:a User=p; 1:a", "" },
	/* pairs p,g p,h q,g: three, though only two users and two hosts */
	{ "several fields are one value", X("value_count", "a", T10
	    COND("field: [User, Host], gte: 3")),
	    "0:a User=p Host=g; 1:a User=p Host=h; 2:a User=q Host=g",
	    "x 0-2 x3" },
	/* At 14 the window is 4 to 14: q of 5, p of 9, r. */
	{ "a value is as new as its last event", X("value_count", "a", T10
	    COND("field: User, gte: 3")),
	    "0:a User=p; 5:a User=q; 9:a User=p; 14:a User=r", "x 5-14 x3" },
	{ "values by group", X("value_count", "a", T10
	    "  group-by: [Host]\n" COND("field: User, gte: 2")),
	    "0:a User=p Host=g; 1:a User=q Host=h; 2:a User=q Host=g",
	    "x 0-2 x2 g" },

	/* -- numbers -- */
	{ "a sum", X("value_sum", "a", T10 COND("field: N, gt: 100")),
	    "0:a N=50; 5:a N=60", "x 0-5 x2" },
	{ "a sum's window", X("value_sum", "a", T10 COND("field: N, gt: 100")),
	    "0:a N=50; 11:a N=60", "" },
	/* 0x10 = 16, 16 + 4.5 = 20.5; "many" is no number */
	{ "what a number is", X("value_sum", "a", T10
	    COND("field: N, gte: 20.5")), "0:a N=0x10; 1:a N=many; 2:a N=4.5",
	    "x 0-2 x2" },
	/* 5; (5 + 20) / 2 = 12.5 */
	{ "an average", X("value_avg", "a", T10 COND("field: N, gte: 10")),
	    "0:a N=5; 1:a N=20", "x 0-1 x2" },
	/* 30; out at 11; 5 alone */
	{ "an average's window", X("value_avg", "a", T10
	    COND("field: N, lt: 10")), "0:a N=30; 11:a N=5", "x 11-11 x1" },
	/* nearest rank of 50 %: 1 of {1}, 1 of {1 20}, 20 of {1 20 30} */
	{ "a percentile", X("value_percentile", "a", T10
	    COND("field: N, percentile: 50, gte: 10")),
	    "0:a N=20; 0:a N=1; 2:a N=30",
	    "x 0-0 x1; x 0-2 x3" },
	/* rank ceil(0.95 * 4) = 4: the largest */
	{ "the 95th of four", X("value_percentile", "a", T10
	    COND("field: N, percentile: 95, gte: 9")),
	    "0:a N=1; 1:a N=3; 2:a N=2; 3:a N=9", "x 0-3 x4" },
	{ "a percentile's window", X("value_percentile", "a", T10
	    COND("field: N, percentile: 100, gte: 9")),
	    "0:a N=8; 1:a N=7; 12:a N=6; 13:a N=9", "x 12-13 x2" },
	{ "a median", X("value_median", "a", T10 COND("field: N, gte: 5")),
	    "0:a N=1; 1:a N=9; 2:a N=5", "x 0-2 x3" },
	{ "the least", X("value_min", "a", T10 COND("field: N, lt: 2")),
	    "0:a N=5; 1:a N=1; 2:a N=7", "x 0-2 x3" },
	{ "the most", X("value_max", "a", T10 COND("field: N, gt: 6")),
	    "0:a N=5; 1:a N=1; 2:a N=7; 13:a N=6", "x 0-2 x3" },
	/* Without percentile: how many in a hundred have this value.
	 * p 100, 100, 100; q 1 of 4 = 25 */
	{ "a rare value", X("value_percentile", "a", T10
	    COND("field: User, lte: 25")),
	    "0:a User=p; 1:a User=p; 2:a User=p; 3:a User=q; 4:a User=p",
	    "x 0-3 x4" },

	/* -- temporal -- */
	{ "in any order", X("temporal", "a, b", T10), "0:b; 1:a",
	    "x 0-1 x2" },
	{ "temporal groups", X("temporal", "a, b", T10 BY_USER),
	    "0:a User=bob; 1:b User=eve", "" },
	{ "rules count, not events", X("temporal", "a, b", T10), "0:a; 1:a",
	    "" },
	{ "temporal, exactly the timespan", X("temporal", "a, b", T10),
	    "0:a; 10:b", "x 0-10 x2" },
	{ "temporal, a nanosecond more", X("temporal", "a, b", T10),
	    "0:a; 10.000000001:b", "" },
	/* a of 9 is in 5 to 15, a of 0 is not */
	{ "the newest event of a rule", X("temporal", "a, b", T10),
	    "0:a; 9:a; 15:b", "x 9-15 x2" },
	{ "two of three", X("temporal", "a, b, c", T10 COND("gte: 2")),
	    "0:a; 1:c", "x 0-1 x2" },
	{ "an event of two rules is of both", X("temporal", "a, any", T10),
	    "0:a", "x 0-0 x2" },
	{ "a condition over rules", X("temporal", "a, b, c", T10
	    "  condition: a and (b or c)\n"), "0:b; 1:c; 2:a", "x 0-2 x3" },
	{ "not fulfilled", X("temporal", "a, b, c", T10
	    "  condition: a AND (b OR c)\n"), "0:b; 1:c", "" },
	{ "rules by the condition alone",
	    "title: x\ncorrelation:\n  type: temporal\n" T10
	    "  condition: a and b\n", "0:a; 1:b", "x 0-1 x2" },
	{ "absent", X("temporal", "a, b", T10 "  condition: a and not b\n"),
	    "0:a", "x 0-0 x1" },
	{ "not absent, later", X("temporal", "a, b", T10
	    "  condition: a and not b\n"), "0:a; 10:b", "" },
	{ "not absent, before", X("temporal", "a, b", T10
	    "  condition: a and not b\n"), "0:b; 10:a", "" },
	{ "absent for long enough", X("temporal", "a, b", T10
	    "  condition: a and not b\n"), "0:a; 11:b", "x 0-0 x1" },

	/* -- temporal_ordered -- */
	{ "in order", X("temporal_ordered", "a, b, c", T10),
	    "0:a; 1:b; 2:c", "x 0-2 x3" },
	{ "the other way round", X("temporal_ordered", "a, b", T10),
	    "0:b; 1:a", "" },
	{ "order beyond the first", X("temporal_ordered", "a, b, c", T10),
	    "0:a; 1:c; 2:b", "" },
	{ "with others between", X("temporal_ordered", "a, b, c", T10),
	    "0:a; 1:b; 2:a; 3:c", "x 0-3 x3" },
	/* From a of 0 to c are 17 s, from a of 8 only 9. */
	{ "the latest beginning", X("temporal_ordered", "a, b, c", T10),
	    "0:a; 8:a; 9:b; 17:c", "x 8-17 x3" },
	{ "ordered, exactly the timespan", X("temporal_ordered", "a, b", T10),
	    "0:a; 10:b", "x 0-10 x2" },
	{ "ordered, a nanosecond more", X("temporal_ordered", "a, b", T10),
	    "0:a; 10.000000001:b", "" },
	{ "first to last, not step by step",
	    X("temporal_ordered", "a, b, c", T10), "0:a; 8:b; 16:c", "" },
	{ "at one time, in the order of the records",
	    X("temporal_ordered", "a, b", T10), "5:a; 5:b", "x 5-5 x2" },
	{ "one event is one step", X("temporal_ordered", "a, any", T10),
	    "0:a", "" },
	{ "ordered groups", X("temporal_ordered", "a, b", T10 BY_USER),
	    "0:a User=bob; 1:b User=eve; 2:b User=bob", "x 0-2 x2 bob" },
	{ "two of three in order", X("temporal_ordered", "a, b, c", T10
	    COND("gte: 2")), "0:c; 1:a; 2:c", "x 1-2 x2" },
	{ "two of three, not in order", X("temporal_ordered", "a, b, c", T10
	    COND("gte: 2")), "0:c; 1:b; 2:a", "" },
	{ "an ordered condition", X("temporal_ordered", "a, b, c", T10
	    "  condition: a and (b or c)\n"), "0:b; 1:a; 2:c", "x 1-2 x2" },

	/* -- chains, names, aliases -- */
	{ "failures, then success", N("many", "event_count", "a", T10 BY_USER
	    COND("gte: 3")) "---\n" X("temporal_ordered", "many, b", T10
	    BY_USER), "0:a User=bob; 1:a User=bob; 2:a User=bob; "
	    "3:b User=eve; 4:b User=bob", "x 0-4 x4 bob" },
	{ "too few failures", N("many", "event_count", "a", T10 BY_USER
	    COND("gte: 3")) "---\n" X("temporal_ordered", "many, b", T10
	    BY_USER), "0:a User=bob; 1:a User=bob; 4:b User=bob", "" },
	/* many holds until 9; from there b is 10 away, from 2 it is 17 */
	{ "a correlation is as new as it holds", N("many", "event_count", "a",
	    T10 COND("gte: 3")) "---\n" X("temporal_ordered", "many, b", T10),
	    "0:a; 1:a; 2:a; 9:a; 19:b", "x 0-19 x5" },
	/* many is by host, x by the user of the event that made it true */
	{ "chained by another field", N("many", "event_count", "a", T10
	    "  group-by: [Host]\n" COND("gte: 2")) "---\n"
	    X("temporal_ordered", "many, b", T10 BY_USER),
	    "0:a User=bob Host=h; 1:a User=eve Host=h; 2:b User=eve",
	    "x 0-2 x3 eve" },
	{ "bursts", N("burst", "event_count", "a", "  timespan: 2s\n"
	    COND("gte: 2")) "---\n" X("event_count", "burst",
	    "  timespan: 1m\n" COND("gte: 2")), "0:a; 1:a; 50:a; 51:a",
	    "x 0-51 x4" },
	{ "a burst that goes on is one", N("burst", "event_count", "a",
	    "  timespan: 2s\n" COND("gte: 2")) "---\n" X("event_count",
	    "burst", "  timespan: 1m\n" COND("gte: 2")),
	    "0:a; 1:a; 2:a; 3:a", "" },
	{ "three levels", N("l1", "event_count", "a", T10 COND("gte: 2"))
	    "---\n" N("l2", "temporal", "l1, b", T10) "---\n"
	    X("temporal", "l2, c", T10), "0:a; 1:a; 2:b; 3:c", "x 0-3 x4" },
	{ "a correlation may come before its rules",
	    X("temporal", "late, b", T10) "---\n" BASE("late", "a"),
	    "0:a; 1:b", "x 0-1 x2" },
	{ "by id", X("event_count", "id-a", T10 COND("gte: 2")), "0:a; 1:a",
	    "x 0-1 x2" },
	{ "aliases", X("temporal", "a, b", T10 "  group-by: [ip]\n"
	    "  aliases:\n    ip: {a: Src, b: Dst}\n"),
	    "0:a Src=1 Dst=2; 1:b Src=3 Dst=4; 2:b Src=2 Dst=1",
	    "x 0-2 x2 1" },
	{ "an alias of one rule", X("temporal", "a, b", T10
	    "  group-by: [User]\n  aliases:\n    User: {b: Account}\n"),
	    "0:a User=bob; 1:b Account=bob", "x 0-1 x2 bob" },
	{ "an alias by id", X("temporal", "a, b", T10 "  group-by: [ip]\n"
	    "  aliases:\n    ip: {id-a: Src, id-b: Dst}\n"),
	    "0:a Src=1; 1:b Dst=1", "x 0-1 x2 1" },
	{ "aliases all the way down", N("many", "event_count", "a", T10
	    "  group-by: [ip]\n  aliases: {ip: {a: Src}}\n" COND("gte: 2"))
	    "---\n" X("temporal", "many, b", T10 "  group-by: [addr]\n"
	    "  aliases: {addr: {many: ip, b: Dst}}\n"),
	    "0:a Src=1; 1:a Src=1; 2:b Dst=1", "x 0-2 x3 1" },
	{ "one rule for two correlations", X("event_count", "a", T10
	    COND("gte: 2")) "---\n" N("y", "event_count", "a", T10
	    COND("gte: 3")), "0:a; 1:a; 2:a", "x 0-2 x3; y 0-2 x3" },
	{ "rules are heard with generate", X("event_count", "a", T10
	    "  generate: true\n" COND("gte: 2")), "0:a; 1:a",
	    "a @0; a @1; x 0-1 x2" },
	{ "one generate is enough", X("event_count", "a", T10
	    COND("gte: 9")) "---\n" N("y", "event_count", "a", T10
	    "  generate: true\n" COND("gte: 9")), "0:a", "a @0" },
	{ "correlations are heard with generate", N("many", "event_count",
	    "a", T10 COND("gte: 2")) "---\n" X("temporal", "many, b", T10
	    "  generate: true\n"), "0:a; 1:a; 2:b", "b @2; "
	    "many 0-1 x2; x 0-2 x3" },

	/* -- old rules -- */
	{ "count() by", OLD("sel | count() by User > 2"),
	    "0:a User=p; 1:a User=p; 2:a User=q; 3:a User=p", "o 0-3 x3 p" },
	{ "count() within the timeframe", OLD("sel | count() > 2"),
	    "0:a; 1:a; 12:a", "" },
	{ "count(field) by", OLD("sel | count(User) by Host >= 2"),
	    "0:a User=p Host=h; 1:a User=p Host=h; 2:a User=q Host=h",
	    "o 1-2 x2 h" },
	{ "count() by two", OLD("sel | count() by User, Host > 1"),
	    "0:a User=p Host=g; 1:a User=p Host=h; 2:a User=p Host=g",
	    "o 0-2 x2 p,g" },
	{ "count() by two, with a blank", OLD("sel | count() by User Host > 1"),
	    "0:a User=p Host=g; 2:a User=p Host=g", "o 0-2 x2 p,g" },
	{ "count() == ", OLD("sel | count() == 2"), "0:a; 1:a; 2:a",
	    "o 0-1 x2" },
	{ "sum", OLD("sel | sum(N) by User > 10"),
	    "0:a N=6 User=p; 1:a N=5 User=p", "o 0-1 x2 p" },
	{ "avg", OLD("sel | avg(N) >= 4"), "0:a N=3; 1:a N=5", "o 0-1 x2" },
	{ "min", OLD("sel | min(N) < 4"), "0:a N=4; 1:a N=3", "o 0-1 x2" },
	{ "max", OLD("sel | max(N) > 4"), "0:a N=4; 1:a N=5", "o 0-1 x2" },
	{ "near", OLD("sel | near s2 and s3"), "0:b; 1:a; 2:c", "o 0-2 x3" },
	{ "near, but not all", OLD("sel | near s2 and s3"), "0:b; 1:a",
	    "" },
	{ "near, but too far", OLD("sel | near s2"), "0:b; 11:a", "" },
	{ "near and not", OLD("sel | near s2 and not s3"), "0:b; 1:a; 2:c;"
	    "100:a; 101:b", "o 100-101 x2" },
	{ "without a timeframe all is near",
	    "title: o\nlogsource: {product: windows}\ndetection:\n"
	    "  sel: {Ev: a}\n  condition: sel | count() > 1\n",
	    "0:a; 99999999:a", "o 0-99999999 x2" },
	{ "an aggregation can be referred to", "title: o\nname: o\n"
	    "logsource: {product: windows}\ndetection:\n  sel: {Ev: a}\n"
	    "  timeframe: 10s\n  condition: sel | count() > 1\n---\n"
	    X("temporal", "o, b", T10), "0:a; 1:a; 2:b", "x 0-2 x3" },

	/* -- documents on documents -- */
	{ "action: global", "action: global\ntitle: g\n"
	    "logsource: {product: windows}\ndetection:\n  sel: {User: bob}\n"
	    "  condition: sel and more\n---\nid: g1\ndetection:\n"
	    "  more: {Ev: a}\n---\nid: g2\ndetection:\n  more: {Ev: b}\n",
	    "0:a User=bob; 1:b User=bob; 2:b User=eve; 3:c User=bob",
	    "g @0; g @1" },
	{ "maps of two documents are one", "action: global\ntitle: g\n"
	    "logsource: {product: windows}\ndetection:\n  sel:\n    Ev: z\n"
	    "    User: bob\n  condition: sel\n---\nid: g1\ndetection:\n"
	    "  sel: {Ev: a}\n", "0:a User=bob; 1:a User=eve; 2:z User=bob",
	    "g @0" },
	{ "action: reset", "action: global\ntitle: g\n"
	    "detection: {sel: {User: bob}}\n---\naction: reset\n---\n"
	    BASE("r", "z") "title: last\nlogsource: {product: windows}\n"
	    "detection: {sel: {Ev: y}, condition: sel}\n",
	    "0:z User=eve; 1:y", "r @0; last @1" },
	{ "action: repeat", BASE("r", "z") "action: repeat\ntitle: again\n"
	    "id: again\ndetection: {sel: {Ev: y}}\n", "0:z; 1:y",
	    "r @0; again @1" },

	/* -- filters -- */
#define FILTER(rules, rest) "title: f\nlogsource: {product: windows}\n" \
	"filter:\n  rules: " rules "\n  s: {User: adm}\n  condition: " rest "\n"
	{ "a filter by name", BASE("r", "z") FILTER("[r]", "not s"),
	    "0:z User=adm; 1:z User=bob; 2:z", "r @1; r @2" },
	{ "a filter by id, before its rule",
	    FILTER("[id-r]", "not s") "---\n" BASE("r", "z"),
	    "0:z User=adm; 1:z User=bob", "r @1" },
	{ "the condition is added by and", BASE("r", "z") FILTER("r", "s"),
	    "0:z User=adm; 1:z User=bob", "r @0" },
	{ "a filter for any", BASE("r", "z") BASE("q", "y")
	    FILTER("any", "not s"), "0:z User=adm; 1:y User=adm; 2:y",
	    "q @2" },
	{ "not for another log source", BASE("r", "z") "title: f\n"
	    "logsource: {category: webserver}\nfilter:\n  rules: any\n"
	    "  s: {User: adm}\n  condition: not s\n", "0:z User=adm",
	    "r @0" },
	{ "two filters", BASE("r", "z") FILTER("r", "not s") "---\n"
	    "title: g\nlogsource: {product: windows}\nfilter:\n  rules: r\n"
	    "  s: {User: sys}\n  condition: not s\n",
	    "0:z User=adm; 1:z User=sys; 2:z", "r @2" },
	{ "a filtered base rule", X("event_count", "a", T10 COND("gte: 2"))
	    "---\n" FILTER("a", "not s"), "0:a; 1:a User=adm; 2:a",
	    "x 0-2 x2" },
};

/* -- driving them -------------------------------------------------------- */

struct play {
	const struct program *p;
	struct correlator *c;
	struct weirds	 weirds;
	struct buf	 fired;
};

static void
put_time(struct buf *b, int64_t ns)
{
	if (ns % NSEC == 0)
		buf_printf(b, "%lld", (long long)(ns / NSEC));
	else
		buf_printf(b, "%.10g", (double)ns / 1e9);
}

static void
on_correlation(void *arg, const struct corr_hit *hit)
{
	struct play *r = arg;
	struct buf *b = &r->fired;

	buf_printf(b, "%s%s ", b->len == 0 ? "" : "; ", hit->rule->title);
	put_time(b, hit->time);
	buf_byte(b, '-');
	put_time(b, hit->last_time);
	buf_printf(b, " x%llu", (unsigned long long)hit->count);
	for (unsigned i = 0; i < hit->corr->ngroups; i++) {
		buf_byte(b, i == 0 ? ' ' : ',');
		buf_span(b, hit->group[i]);
	}
	/* Evidence is complete up to its bound, and in order. */
	assert_int_equal(hit->nevidence,
	    MIN_OF(hit->count, (uint64_t)EVIDENCE_MAX));
	for (unsigned i = 1; i < hit->nevidence; i++)
		assert_true(hit->evidence[i - 1].time <=
		    hit->evidence[i].time);
	if (hit->nevidence != 0)
		assert_int_equal(hit->evidence[0].time, hit->time);
}

static void
on_rule(void *arg, const struct rule *rule, const struct event *e)
{
	struct play *r = arg;
	struct corr_note n;
	struct buf b;

	if (!rule->silent && strcmp(rule->title, "any") != 0 &&
	    (strlen(rule->title) != 1 || rule->feeder != 0 ||
	    strchr("abcd", rule->title[0]) == NULL)) {
		buf_printf(&r->fired, "%s%s @", r->fired.len == 0 ? "" : "; ",
		    rule->title);
		put_time(&r->fired, e->time);
	}
	if (rule->feeder == 0)
		return;
	buf_init(&b, 0);
	assert_true(corr_note_pack(&b, r->p, rule, e));
	assert_true(corr_note_unpack(r->p, buf_view(&b), &n));
	assert_true(correlator_note(r->c, &n));
	buf_fini(&b);
}

/* "SECONDS:EV FIELD=VALUE ..." */
static void
put_event(struct ev *v, char *text, uint64_t record)
{
	char *save, *word = strtok_r(text, " ", &save), *colon;
	double seconds;

	ev_init(v, KIND_WINEVENT);
	seconds = strtod(word, &colon);
	assert_true(*colon == ':');
	v->e.time = llround(seconds * 1e9);
	v->e.loc.record = record;
	ev_str(v, "Ev", colon + 1);
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		char *eq = strchr(word, '=');

		assert_non_null(eq);
		*eq = '\0';
		ev_str(v, word, eq + 1);
	}
}

static struct program *
load(const char *rules)
{
	struct program *p;
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, base);
	buf_str(&b, rules);
	buf_byte(&b, '\0');
	p = load_rules("extended", (const char *)b.ptr);
	buf_fini(&b);
	return p;
}

static void
run_init(struct play *r, const struct program *p,
    const struct corr_limits *limits)
{
	memset(r, 0, sizeof(*r));
	r->p = p;
	weirds_init(&r->weirds);
	r->c = correlator_new(p, limits, &r->weirds, on_correlation, r);
	assert_non_null(r->c);
	buf_init(&r->fired, 0);
}

static void
run_events(struct play *r, const char *events)
{
	struct matcher *m = matcher_new(r->p);
	char *text = strdup(events), *save, *one;
	uint64_t record = 0;

	assert_non_null(m);
	for (one = strtok_r(text, ";", &save); one != NULL;
	    one = strtok_r(NULL, ";", &save)) {
		struct ev v;

		put_event(&v, one, ++record);
		matcher_event(m, &v.e, on_rule, r);
	}
	correlator_end(r->c);
	buf_byte(&r->fired, '\0');
	free(text);
	matcher_free(m);
}

static void
run_fini(struct play *r)
{
	correlator_free(r->c);
	buf_fini(&r->fired);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct program *p = load(rows[i].rules);
		struct play r;

		if (program_faults(p) != 0)
			fail_msg("%s: %s", rows[i].what,
			    program_fault_at(p, 0)->reason);
		run_init(&r, p, &corr_limits_default);
		run_events(&r, rows[i].events);
		if (strcmp((const char *)r.fired.ptr, rows[i].fires) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].what,
			    (const char *)r.fired.ptr, rows[i].fires);
		run_fini(&r);
		program_free(p);
	}
}

/* -- what cannot be used ------------------------------------------------- */

static const struct {
	const char	*rules, *reason;
	unsigned	 line, column;	/* behind the base rules; 0: any */
} refused[] = {
	{ X("event_count", "nobody", T10 COND("gte: 1")),
	    "there is no such rule: nobody", 6, 11 },
	{ X("event_count", "a, nobody", T10 COND("gte: 1")),
	    "there is no such rule: nobody", 6, 14 },
	{ X("event_count", "x", T10 COND("gte: 1")), "refers to itself", 6,
	    11 },
	{ N("y", "event_count", "nobody", T10 COND("gte: 1")),
	    "no such rule", 6, 11 },
	{ X("count", "a", T10 COND("gte: 1")), "no such type", 5, 9 },
	{ X("event_count", "", T10 COND("gte: 1")), "wants rules", 0, 0 },
	{ X("event_count", "a, a", T10 COND("gte: 1")), "named twice", 6,
	    14 },
	{ X("event_count", "a", COND("gte: 1")), "wants a timespan", 0, 0 },
	{ X("event_count", "a", "  timespan: 10\n" COND("gte: 1")),
	    "a timespan is", 7, 13 },
	{ X("event_count", "a", "  timespan: 0s\n" COND("gte: 1")),
	    "a timespan is", 0, 0 },
	{ X("event_count", "a", "  timespan: 10S\n" COND("gte: 1")),
	    "a timespan is", 0, 0 },
	{ X("event_count", "a", "  timespan: 999y\n" COND("gte: 1")),
	    "a timespan is", 0, 0 },
	{ X("event_count", "a", T10), "wants a condition", 0, 0 },
	{ X("event_count", "a", T10 COND("more: 1")), "unknown in a condition",
	    8, 15 },
	{ X("event_count", "a", T10 COND("gte: many")), "not a number", 8,
	    20 },
	{ X("event_count", "a", T10 COND("gte: 99999")), "more events than",
	    0, 0 },
	{ X("event_count", "a", T10 COND("field: User, gte: 1")),
	    "looks at no field", 0, 0 },
	{ X("value_count", "a", T10 COND("gte: 1")), "wants a field", 0, 0 },
	{ X("value_sum", "a", T10 COND("field: [N, M], gte: 1")),
	    "a number is of one field", 0, 0 },
	{ X("value_percentile", "a", T10 COND("field: N, percentile: 101, "
	    "gte: 1")), "0 to 100", 0, 0 },
	{ X("value_sum", "a", T10 COND("field: N, percentile: 10, gte: 1")),
	    "only for value_percentile", 0, 0 },
	{ X("event_count", "a", T10 "  condition: a\n"), "only temporal", 0,
	    0 },
	{ X("temporal", "a, b", T10 "  condition: a and c\n"),
	    "names no rule of this", 0, 0 },
	{ X("temporal", "a, b", T10 "  condition: a\n"), "does not name: b",
	    0, 0 },
	{ X("temporal", "a, b", T10 "  condition: a and\n"), "ends early", 0,
	    0 },
	{ X("temporal", "a, b", T10 "  condition: (a and b\n"),
	    "not closed", 0, 0 },
	{ X("temporal", "a, b", T10 "  condition: a and b)\n"), "too much", 0,
	    0 },
	{ X("temporal", "a, b", T10 "  condition: a b\n"), "too much", 0, 0 },
	{ X("temporal_ordered", "a, b", T10 "  condition: a and not b\n"),
	    "no order", 0, 0 },
	{ X("event_count", "a", T10 "  aliases: [a]\n" COND("gte: 1")),
	    "aliases want a map", 0, 0 },
	{ X("event_count", "a", T10 "  aliases: {u: a}\n" COND("gte: 1")),
	    "an alias wants a map", 0, 0 },
	{ X("event_count", "a", T10 "  generate: maybe\n" COND("gte: 1")),
	    "generate wants", 0, 0 },
	{ X("event_count", "a", T10 "  group-by: [[a]]\n" COND("gte: 1")),
	    "a name is wanted: group-by", 0, 0 },
	{ OLD("sel | median(N) > 1"), "no such aggregation", 0, 0 },
	{ OLD("sel | count > 1"), "wants (field)", 0, 0 },
	{ OLD("sel | count() by User"), "wants a comparison", 0, 0 },
	{ OLD("sel | count() > few"), "not a number", 0, 0 },
	{ OLD("sel | sum() > 1"), "wants a field", 0, 0 },
	{ OLD("sel | near nobody"), "near names no selection", 0, 0 },
	{ OLD("sel | near s2 s3"), "too much", 0, 0 },
	{ OLD("[sel | count() > 1, s2]"), "must stand alone", 0, 0 },
	{ FILTER("[nobody]", "not s"), "there is no such rule: nobody", 4,
	    11 },
	{ FILTER("[a]", "not t"), "names no selection", 0, 0 },
	{ "title: f\nlogsource: {category: webserver}\nfilter:\n  rules: a\n"
	    "  s: {x: y}\n  condition: s\n", "another log source", 0, 0 },
	{ "title: f\nlogsource: {product: windows}\nfilter:\n  s: {x: y}\n"
	    "  condition: s\n", "wants rules, or any", 0, 0 },
	{ "title: f\nlogsource: {product: windows}\nfilter:\n  rules: a\n"
	    "  s: {x: y}\n", "wants one condition", 0, 0 },
	{ "title: f\nfilter:\n  rules: a\n  s: {x: y}\n  condition: s\n",
	    "no logsource", 0, 0 },
};

static void
test_refused(void **state)
{
	const unsigned before = 5 * 10;	/* lines of the base rules */

	(void)state;
	for (size_t i = 0; i < NITEMS(refused); i++) {
		struct program *p = load(refused[i].rules);
		const struct rule_fault *f;

		if (program_faults(p) != 1)
			fail_msg("%zu faults, not 1: %s", program_faults(p),
			    refused[i].rules);
		f = program_fault_at(p, 0);
		if (strstr(f->reason, refused[i].reason) == NULL)
			fail_msg("\"%s\", not \"%s\"", f->reason,
			    refused[i].reason);
		if (f->line <= before || f->column == 0 ||
		    (refused[i].line != 0 &&
		    (f->line != before + refused[i].line ||
		    f->column != refused[i].column)))
			fail_msg("%s at %u:%u", f->reason, f->line - before,
			    f->column);
		/* The base rules are still heard. */
		assert_int_equal(program_rules(p), 5);
		for (size_t k = 0; k < 5; k++)
			assert_false(program_rule_at(p, k)->silent);
		program_free(p);
	}
}

static void
test_circle(void **state)
{
	struct program *p = load(N("x", "temporal", "y, a", T10) "---\n"
	    N("y", "temporal", "x, a", T10));

	(void)state;
	assert_int_equal(program_faults(p), 2);
	for (size_t i = 0; i < 2; i++)
		assert_non_null(strstr(program_fault_at(p, i)->reason,
		    "in a circle"));
	assert_int_equal(program_rules(p), 5);
	program_free(p);
}

static void
test_deep(void **state)
{
	struct program *p;
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "title: n%u\nname: n%u\ncorrelation:\n"
		    "  type: event_count\n  rules: [%s%.0u]\n"
		    "  timespan: 1s\n  condition: {gte: 1}\n---\n", i, i,
		    i == 99 ? "a" : "n", i == 99 ? 0 : i + 1);
	buf_byte(&b, '\0');
	p = load((const char *)b.ptr);
	/* The last eight and the one above them, whose chain is 8 long. */
	assert_int_equal(program_rules(p), 5 + CORR_DEPTH_MAX + 1);
	assert_true(program_faults(p) > 0);
	program_free(p);
	buf_fini(&b);
}

/* A name is looked for in the correlation's own file first. */
static void
test_files(void **state)
{
	const struct rule_options opt = { "extended", getenv("PICKET_SHARE"),
	    NULL };
	static const char one[] = BASE("login", "a")
	    X("event_count", "login", T10 COND("gte: 2"));
	static const char two[] = BASE("login", "b")
	    N("y", "event_count", "login", T10 COND("gte: 2"));
	static const char three[] = N("z", "temporal", "login, last", T10);
	static const char four[] = BASE("last", "c");
	struct program *p = program_new();
	struct play r;

	(void)state;
	language_sigma.load(p, &opt, "three.yml", span_str(three), NULL);
	language_sigma.load(p, &opt, "one.yml", span_str(one), NULL);
	language_sigma.load(p, &opt, "two.yml", span_str(two), NULL);
	language_sigma.load(p, &opt, "four.yml", span_str(four), NULL);
	assert_true(program_finish(p));
	assert_int_equal(program_faults(p), 0);
	run_init(&r, p, &corr_limits_default);
	run_events(&r, "0:a; 1:b; 2:b; 3:c; 20:b; 21:c");
	assert_string_equal((const char *)r.fired.ptr,
	    "y 1-2 x2; z 0-3 x2");
	run_fini(&r);
	program_free(p);
}

/* -- bounds -------------------------------------------------------------- */

static void
limited(const char *rules, struct corr_limits limits, const char *events,
    const char *fires, bool weird)
{
	struct program *p = load(rules);
	struct play r;

	assert_int_equal(program_faults(p), 0);
	run_init(&r, p, &limits);
	run_events(&r, events);
	assert_string_equal((const char *)r.fired.ptr, fires);
	assert_int_equal(r.weirds.count[WEIRD_CORRELATION_LIMIT] != 0, weird);
	run_fini(&r);
	program_free(p);
}

static void
test_limits(void **state)
{
	const char *by_user = X("event_count", "a", T10 BY_USER
	    COND("gte: 2"));

	(void)state;
	/* Two groups: q's goes when r comes, p's was used since. */
	limited(by_user, (struct corr_limits){ 1000, 2, 100 },
	    "0:a User=p; 1:a User=q; 2:a User=p; 3:a User=r; 4:a User=q",
	    "x 0-2 x2 p", true);
	/* Groups whose window is over make room and tell nothing new. */
	limited(by_user, (struct corr_limits){ 1000, 2, 100 },
	    "0:a User=p; 1:a User=q; 20:a User=r; 21:a User=r",
	    "x 20-21 x2 r", false);
	/* A window of numbers: 1 and 2 are pushed out by 3 and 4. */
	limited(X("value_sum", "a", T10 COND("field: N, gte: 8")),
	    (struct corr_limits){ 1000, 10, 2 },
	    "0:a N=1; 1:a N=2; 2:a N=3; 3:a N=4", "", true);
	/* Entries: room for 128 at once is kept, two groups of one fit. */
	limited(by_user, (struct corr_limits){ 130, 100, 100 },
	    "0:a User=p; 1:a User=q; 2:a User=r; 3:a User=s; 4:a User=p", "",
	    true);
}

static void
test_no_time(void **state)
{
	struct program *p = load(X("event_count", "a", T10 COND("gte: 1")));
	struct matcher *m = matcher_new(p);
	struct play r;
	struct ev v;

	(void)state;
	run_init(&r, p, &corr_limits_default);
	ev_init(&v, KIND_WINEVENT);
	v.e.time = TIME_NONE;
	ev_str(&v, "Ev", "a");
	matcher_event(m, &v.e, on_rule, &r);
	correlator_end(r.c);
	assert_int_equal(r.fired.len, 0);
	assert_int_equal(r.weirds.count[WEIRD_CORRELATION_TIME], 1);
	matcher_free(m);
	run_fini(&r);
	program_free(p);
}

/* Times at the ends of what can be said. */
static void
test_far_times(void **state)
{
	struct program *p = load(X("event_count", "a", T10 COND("gte: 2")));
	struct corr_note n = { .feeder = 0 };
	struct play r;

	(void)state;
	run_init(&r, p, &corr_limits_default);
	n.time = INT64_MIN + 1;
	assert_true(correlator_note(r.c, &n));
	n.time = INT64_MAX - 1;
	assert_true(correlator_note(r.c, &n));
	n.time = INT64_MAX;
	assert_true(correlator_note(r.c, &n));
	correlator_end(r.c);
	assert_true(r.fired.len != 0);
	run_fini(&r);
	program_free(p);
}

/* A note that a worker sends is not trusted. */
static void
test_notes(void **state)
{
	struct program *p = load(X("event_count", "a", T10 BY_USER
	    COND("gte: 2")));
	const struct rule *rule = program_rule_at(p, 0);
	struct corr_note n;
	struct buf b;
	struct ev v;

	(void)state;
	assert_int_equal(rule->feeder, 1);
	ev_init(&v, KIND_WINEVENT);
	v.e.time = 5;
	v.e.loc = (struct locator){ 1, 2, 3, 4, 5 };
	ev_str(&v, "User", "bob");
	buf_init(&b, 0);
	assert_true(corr_note_pack(&b, p, rule, &v.e));
	assert_true(corr_note_unpack(p, buf_view(&b), &n));
	assert_int_equal(n.time, 5);
	assert_int_equal(n.loc.source, 1);
	assert_int_equal(n.loc.length, 5);
	assert_true(span_eq(n.slot[0], SPAN_LIT("bob")));
	for (size_t len = 0; len < b.len; len++)
		assert_false(corr_note_unpack(p, span_of(b.ptr, len), &n));
	buf_byte(&b, 0);
	assert_false(corr_note_unpack(p, buf_view(&b), &n));
	b.ptr[0] = 1;		/* no such feeder */
	assert_false(corr_note_unpack(p, span_of(b.ptr, b.len - 1), &n));
	buf_fini(&b);
	program_free(p);
}

/* A value in a note is cut, and that is said. */
static void
test_long_value(void **state)
{
	struct program *p = load(X("event_count", "a", T10 BY_USER
	    COND("gte: 2")));
	char *text = malloc(CORR_VALUE_MAX + 2);
	struct corr_note n;
	struct buf b;
	struct ev v;

	(void)state;
	memset(text, 'x', CORR_VALUE_MAX + 1);
	text[CORR_VALUE_MAX + 1] = '\0';
	ev_init(&v, KIND_WINEVENT);
	ev_str(&v, "User", text);
	buf_init(&b, 0);
	assert_false(corr_note_pack(&b, p, program_rule_at(p, 0), &v.e));
	assert_true(corr_note_unpack(p, buf_view(&b), &n));
	assert_int_equal(n.slot[0].len, CORR_VALUE_MAX);
	buf_fini(&b);
	free(text);
	program_free(p);
}

/* Numbers in order against sorting them: the median of the last 100 of 2,000
 * drawn numbers. */
static void
test_median(void **state)
{
	struct program *p = load(X("value_median", "a",
	    "  timespan: 99s\n" COND("field: N, gte: 500")));
	uint32_t x = 12345;
	int drawn[2000];
	struct play r;
	unsigned want = 0, got = 1;
	bool was = false;

	(void)state;
	run_init(&r, p, &corr_limits_default);
	for (int i = 0; i < 2000; i++) {
		struct corr_note n = { .feeder = 0, .time = i * NSEC,
		    .nslots = 1 };
		int from = i < 99 ? 0 : i - 99, in = i - from + 1, below = 0;
		char text[12];
		bool is;

		x = x * 1664525 + 1013904223;
		drawn[i] = (int)(x >> 16) % 1000;
		snprintf(text, sizeof(text), "%d", drawn[i]);
		n.loc.record = (uint64_t)i;
		n.slot[0] = span_str(text);
		assert_true(correlator_note(r.c, &n));
		/* rank ceil(in / 2) is at least 500: fewer than that below */
		for (int k = from; k <= i; k++)
			below += drawn[k] < 500;
		is = below < (in + 1) / 2;
		/* It may have been over before this one came. */
		if (was && i >= 100) {
			int left = 0;

			for (int k = from; k < i; k++)
				left += drawn[k] < 500;
			was = left < (i - from + 1) / 2;
		}
		want += is && !was;
		was = is;
	}
	correlator_end(r.c);
	for (size_t i = 0; i < r.fired.len; i++)
		got += r.fired.ptr[i] == ';';
	assert_true(want > 20);
	assert_int_equal(got, want);
	run_fini(&r);
	program_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_far_times),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_median),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
