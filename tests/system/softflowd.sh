#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A real softflowd looks at generated packets and exports them as NetFlow v9
# and IPFIX: picket must find in the records what it finds in the packets.
if [ "$(id -u)" != 0 ]; then echo "not root: skipped"; exit 77; fi
for tool in ip unshare tcpdump softflowd; do
	command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
if [ -z "${SOFTFLOWD_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || { echo "no namespaces: skipped"
	    exit 77; }
	SOFTFLOWD_TEST_INSIDE=1 exec unshare -n "$0"
fi
. "$(dirname "$0")/../replay/lib/say.sh"
ip link set lo up || exit 1

cc -O2 -o "$dir/traffic" "$SRC/tools/traffic.c" "$SRC"/tools/lib/*.c -lm &&
    "$dir/traffic" --seed 5 --hosts 10 --hours 6 --do relay:kind=ssh,count=2 \
    --do beacon:period=300,count=2 --do scan:count=1 \
    --pcap "$dir/packets.pcap" || exit 1

# Who did what to whom, from when on (to the second) and how often; what
# detectors of packets alone say is left out.
findings() {	# CAPTURE
	hunt 0 --quiet --format ndjson --no-default-rules --detector relay \
	    --detector beacon --detector scan "$dir/$1.pcap" || return 1
	jq -r 'select(.type == "finding") | [.rule.id, .severity, .count,
	    .entities.src_ip, .entities.dst_ip, .entities.host,
	    .time[0:19]] | @tsv' "$dir/out" | sort >"$dir/$1.tsv"
}
export_as() {	# VERSION
	tcpdump -q -U -B 16384 -s 0 -i lo -w "$dir/v$1.pcap" udp port 2055 \
	    2>/dev/null &
	_pid=$!
	sleep 1
	softflowd -d -r "$dir/packets.pcap" -n 127.0.0.1:2055 -v "$1" -a \
	    -A milli -t maxlife=3600 -p "$dir/pid" -c none >"$dir/log" 2>&1
	_status=$?
	sleep 1
	kill -INT "$_pid"
	wait "$_pid"
	[ "$_status" = 0 ] || cat "$dir/log"
	return "$_status"
}
packets() {
	findings packets && [ "$(grep -c ^relay "$dir/packets.tsv")" = 2 ] &&
	    [ "$(grep -c ^beacon "$dir/packets.tsv")" -ge 2 ] &&
	    [ "$(grep -c ^scan "$dir/packets.tsv")" = 1 ]
}
same() {	# VERSION
	export_as "$1" && findings "v$1" &&
	    diff -u "$dir/packets.tsv" "$dir/v$1.tsv"
}
case_is "what was done is found in the packets" packets
case_is "NetFlow v9 of softflowd" same 9
case_is "IPFIX of softflowd" same 10
exit "$failed"
