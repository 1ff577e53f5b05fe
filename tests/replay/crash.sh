#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A worker that is killed loses the input at hand and nothing else: it is named
# and the status says so.  The worker is caught while it waits for standard
# input.
. "$(dirname "$0")/lib/say.sh"
[ -d /proc/self ] || { echo "no /proc: skipped"; exit 77; }

# kill_one JOBS SIGNAL
kill_one() {
	rm -f "$dir/hold"
	mkfifo "$dir/hold"
	"$PICKET" hunt --quiet --jobs "$1" --format ndjson - "$example" \
	    <"$dir/hold" >"$dir/out" 2>"$dir/err" &
	pid=$!
	exec 9>"$dir/hold"
	# Children of the hunt; after a while only that which waits is left.
	sleep 2
	victim=
	for stat in /proc/[0-9]*/stat; do
		read -r child _ _ parent _ <"$stat" 2>/dev/null || continue
		[ "$parent" = "$pid" ] && victim="$victim $child"
	done
	echo "workers:$victim"
	[ -n "$victim" ] || { exec 9>&-; wait "$pid"; return 1; }
	# shellcheck disable=SC2086 # a list
	kill -s "$2" $victim
	exec 9>&-
	wait "$pid"
	got=$?
	[ "$got" = 3 ] || { echo "status $got"; cat "$dir/err"; return 1; }
	has "$dir/out" '.[-1].unreadable_inputs == [{"source": "-",
	    "offset": 0, "reason": "the worker that read it crashed"}]' &&
	has "$dir/out" '[.[] | select(.type == "finding") | .rule.id] |
	    index("ssf-upload") and index("kerberoast") and index("webshell")'
}
case_is "killed, one worker" kill_one 1 KILL
case_is "killed, three workers" kill_one 3 KILL
case_is "aborted" kill_one 2 ABRT
exit "$failed"
