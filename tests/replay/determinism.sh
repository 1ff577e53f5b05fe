#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same input gives the same bytes, whatever the number of workers and
# whoever of them is ready first.
. "$(dirname "$0")/lib/say.sh"

# seconds are the one thing that may differ
plain() {
	sed 's/"seconds":{[^}]*}/"seconds":{}/' "$dir/out"
}

same() {	# NAME: out and events of this run against those of --jobs 1
	plain | cmp - "$dir/first.ndjson" && cmp "$dir/events" "$dir/first"
}

run() {		# PATH...: with 1, 2 and 7 workers, and once more
	hunt 0 --quiet --jobs 1 --format ndjson --events "$dir/events" "$@" ||
	    return 1
	plain >"$dir/first.ndjson"
	mv "$dir/events" "$dir/first"
	[ -s "$dir/first" ] || { echo "no events"; return 1; }
	for jobs in 2 7 7; do
		hunt 0 --quiet --jobs "$jobs" --format ndjson \
		    --events "$dir/events" "$@" && same || return 1
	done
}

case_is "the example" run "$example"
case_is "the files one by one" run "$example"/*.evtx "$example/access.log" \
    "$example/capture.pcap"

# Large enough to be cut in parts and shards: copies of the example's log and
# capture (a pcap's packets may follow each other twice; times go back then).
# Event files are cut by 32 MB.
big() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		cat "$example/access.log"
	done >"$dir/big.log"
	cp "$example/capture.pcap" "$dir/big.pcap"
	i=0
	while [ "$(wc -c <"$dir/big.pcap")" -lt 17000000 ]; do
		tail -c +25 "$example/capture.pcap" >>"$dir/big.pcap"
		i=$((i + 1))
		[ "$i" -lt 60 ] || return 1
	done
	run "$dir/big.log" "$dir/big.pcap"
}
case_is "a capture that is cut by shards" big
exit "$failed"
