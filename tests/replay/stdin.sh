#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# - is standard input: a file, a pipe, slowly, empty, an archive.
. "$(dirname "$0")/lib/say.sh"

log=$example/access.log
hunt 0 --quiet --events "$dir/want" "$log" || exit 1
jq -c 'del(.source)' "$dir/want" >"$dir/want1"

same() {
	jq -c 'del(.source)' "$dir/got" | cmp - "$dir/want1" &&
	has "$dir/got" 'all(.[]; .source == "-")'
}
from_file() {
	"$PICKET" hunt --quiet --events "$dir/got" - <"$log" && same
}
case_is "a file" from_file
from_pipe() {
	# shellcheck disable=SC2002 # a pipe is what is tried
	cat "$log" | "$PICKET" hunt --quiet --events "$dir/got" - && same
}
case_is "a pipe" from_pipe
slowly() {
	{ head -c 100 "$log"; sleep 0.3; tail -c +101 "$log" | head -c 5;
	    sleep 0.3; tail -c +106 "$log"; } |
	    "$PICKET" hunt --quiet --events "$dir/got" - && same
}
case_is "a slow pipe" slowly
packed() {
	gzip -c "$log" | "$PICKET" hunt --quiet --events "$dir/got" - &&
	    same
}
case_is "a gz through a pipe" packed
empty() {
	"$PICKET" hunt --quiet --format ndjson - </dev/null >"$dir/out" &&
	has "$dir/out" '.[0].type == "summary" and .[0].unreadable == 0'
}
case_is "nothing" empty
closed() {
	"$PICKET" hunt --quiet --format ndjson - <&- >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" = 3 ] && has "$dir/out" '.[-1].unreadable == 1' && return
	echo "status $got"
	return 1
}
case_is "a closed one is unreadable" closed
exit "$failed"
