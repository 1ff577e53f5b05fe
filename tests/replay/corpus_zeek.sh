#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Zeek's traces run through: no crash, no hang, and no finding of severity high
# that a reader of the trace would call wrong.
. "$(dirname "$0")/lib/say.sh"
need zeek-traces

# Findings that a reader would agree with: "file rule", each with its reason.
# an open proxy by which a stranger sends mail
agreed="connect-with-smtp.pcap socks-exposed"

through() {
	timeout 250 "$PICKET" hunt --quiet --format ndjson \
	    --events "$dir/events" "$corpus/zeek-traces" >"$dir/out" \
	    2>"$dir/err"
	got=$?
	[ "$got" = 0 ] || [ "$got" = 3 ] || {
		echo "status $got"; tail "$dir/err"; return 1; }
	[ ! -s "$dir/err" ] || { cat "$dir/err"; return 1; }
	has "$dir/out" '.[-1] | .type == "summary" and .inputs > 400 and
	    (.unreadable_inputs | all(.[]; .reason | test("crash") | not))'
}
case_is "all of it runs through" through
quiet() {
	jq -r 'select(.type == "finding" and (.severity == "high" or
	    .severity == "critical")) | (.evidence[0].source | sub(".*/"; ""))
	    + " " + .rule.id' "$dir/out" | sort -u | while read -r found; do
		case " $agreed " in *" $found "*) ;; *) echo "$found" ;; esac
	done >"$dir/wrong"
	[ ! -s "$dir/wrong" ] || { cat "$dir/wrong"; return 1; }
}
case_is "no finding of high that nobody agreed with" quiet
valid() {	# jq reads every line of the events
	jq -e . "$dir/events" >/dev/null && has "$dir/events" 'length > 3000'
}
case_is "every event is JSON" valid
exit "$failed"
