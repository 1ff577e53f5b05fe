#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --since and --until take event time: since is in, until is out.
. "$(dirname "$0")/lib/say.sh"

t=2022-07-12T02:58:47Z		# the Log4Shell probe, by the README
run() {
	hunt 0 --quiet --events "$dir/e" --format ndjson "$@" \
	    "$example/access.log"
}
count() { wc -l <"$dir/e" | tr -d ' '; }

run && all=$(count)
whole() { [ "$all" -gt 100 ]; }
case_is "some events in all" whole
parts() {
	run --until "$t" && before=$(count) &&
	has "$dir/e" "all(.[]; .time < \"$t\")" &&
	run --since "$t" && after=$(count) &&
	has "$dir/e" "all(.[]; .time >= \"$t\") and any(.[]; .time == \"$t\")" &&
	echo "$before + $after = $all" && [ "$((before + after))" = "$all" ]
}
case_is "before and from then on are all" parts
zone() {
	run --since "$t" && cp "$dir/e" "$dir/e1" &&
	run --since 2022-07-12T04:58:47+02:00 && cmp "$dir/e" "$dir/e1"
}
case_is "another zone, the same time" zone
both() {
	run --since "$t" --until 2022-07-12T02:58:48Z &&
	has "$dir/e" "length >= 1 and all(.[]; .time == \"$t\")" &&
	has "$dir/out" '[.[] | select(.type == "finding") | .rule.id] ==
	    ["log4shell"]'
}
case_is "one second holds the one finding" both
none() {
	run --since 2030-01-01T00:00:00Z && [ ! -s "$dir/e" ] &&
	has "$dir/out" '.[-1].findings == 0 and .[-1].records > 0'
}
case_is "nothing after all of it" none
exit "$failed"
