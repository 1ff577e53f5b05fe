#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Datagrams of some 45 exporters: the flows in them are those that tshark sees.
. "$(dirname "$0")/lib/say.sh"
need netflow
lib=$(dirname "$0")/lib/netflow.py
for tool in python3 tshark; do
	command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done

# yaf: reverse elements, which tshark names otherwise.  invalid (v5): counts
# that do not fit, refused.  h3c and invalid01 (v9): tshark stops inside.
others="ipfix_test_yaf netflow5_test_invalid01 netflow5_test_invalid02
    netflow9_test_h3c netflow9_test_invalid01"
equal() {
	python3 "$lib" wrap "$corpus/netflow/codecs" "$dir/c.pcap" \
	    "$dir/names" || return 1
	tshark -r "$dir/c.pcap" -d udp.port==2055,cflow -T pdml \
	    >"$dir/pdml" 2>"$dir/err" || return 1
	hunt 0 --quiet --no-default-rules --kinds conn --format ndjson \
	    --events "$dir/events" "$dir/c.pcap" || return 1
	# shellcheck disable=SC2086 # words are wanted
	python3 "$lib" compare "$dir/pdml" "$dir/events" "$dir/names" $others
}
case_is "the flows that tshark sees" equal
exit "$failed"
