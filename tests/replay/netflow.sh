#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Flow records through the whole program: what the generator's routers export
# is told as the conversations that they saw, and templates live longer than
# the datagrams' conversation.
. "$(dirname "$0")/lib/say.sh"
lib=$(dirname "$0")/lib/netflow.py
traffic=${BUILD:?}/traffic
command -v python3 >/dev/null || { echo "no python3: skipped"; exit 77; }

late() {
	python3 "$lib" late "$dir/late.pcap" &&
	    hunt 0 --quiet --no-default-rules --kinds conn --format ndjson \
	    --events "$dir/events" "$dir/late.pcap" || return 1
	has "$dir/events" 'map(select(.["flow.exporter"])) | length == 1 and
	    (.[0] | .src_ip == "10.0.0.1" and .src_ip_bytes == 100 and
	    .["flow.exporter"] == "10.9.0.1")' &&
	has "$dir/out" 'any(.[]; .name == "netflow-no-template" and .count == 1)'
}
case_is "records half an hour after their template" late

[ -x "$traffic" ] || { echo "no traffic binary: skipped"; exit "$failed"; }
"$traffic" --seed 3 --hosts 20 --hours 6 --start 1772438400 --active 60 \
    --do scan:count=2 --do relay:count=3,hops=2 --do beacon:count=2 \
    --zeek "$dir/rows" --netflow5 "$dir/v5" --netflow9 "$dir/v9" || exit 1
equal() {	# VERSION
	hunt 0 --quiet --no-default-rules --kinds conn --format ndjson \
	    --events "$dir/events" "$dir/$1" || return 1
	has "$dir/out" 'length == 1 and .[0].weirds == 0' &&
	    python3 "$lib" zeek "$dir/rows" "$dir/events"
}
case_is "NetFlow v5 tells the conversations that were there" equal v5
case_is "NetFlow v9 the same" equal v9
exit "$failed"
