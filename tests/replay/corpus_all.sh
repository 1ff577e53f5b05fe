#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All that lies in the corpus, of whatever kind: comes to an end, crashes
# nothing, and the same bytes come out for any number of workers.
. "$(dirname "$0")/lib/say.sh"
need zeek-traces

run() {		# JOBS NAME
	"$PICKET" hunt --quiet --jobs "$1" --format ndjson \
	    --events "$dir/events" "$corpus" >"$dir/$2" 2>"$dir/err"
	got=$?
	[ "$got" = 0 ] || [ "$got" = 3 ] || {
		echo "status $got"; tail "$dir/err"; return 1; }
	[ ! -s "$dir/err" ] || { head -n 30 "$dir/err"; return 1; }
	sed -i 's/"seconds":{[^}]*}/"seconds":{}/' "$dir/$2"
	has "$dir/$2" '.[-1] | .type == "summary" and
	    (.unreadable_inputs | all(.[]; .reason | test("crash") | not))'
}
case_is "to the end" run 2 two
cksum <"$dir/events" >"$dir/sum2"
again() {
	run 7 seven && cmp "$dir/two" "$dir/seven" &&
	cksum <"$dir/events" | cmp - "$dir/sum2"
}
case_is "the same with seven workers" again
exit "$failed"
