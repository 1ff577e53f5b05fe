#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Kerberoasting in the corpus: judged by the ticket's etype (tshark shows 23 in
# the TGS-REP of each of these captures), and in event 4769.
. "$(dirname "$0")/lib/say.sh"
need suricata-verify
need evtx-attack

exactly_one() {
	hunt 0 --quiet --format ndjson \
	    "$corpus/suricata-verify/tests/krb5-kerberoasting" &&
	has "$dir/out" '[.[] | select(.type == "finding")] | length == 1 and
	    (.[0] | .rule.id == "kerberoast" and .severity == "high" and
	    .entities.src_ip == "10.0.0.2" and
	    .entities.dst_ip == "10.0.0.6" and
	    .entities.service == "HTTP/dc-mantvydas.offense.local")'
}
case_is "krb5-kerberoasting: one finding" exactly_one

# Every capture with a weak ticket for a service, by tshark, and no other.
by_tshark() {
	find "$corpus/suricata-verify/tests" "$corpus/zeek-traces" \
	    -name '*krb*.pcap' -o -path '*krb5*.pcap' |
	    sort -u >"$dir/captures"
	while IFS= read -r file; do
		tshark -r "$file" -Y 'kerberos.msg_type == 13' -T fields \
		    -e kerberos.SNameString -e kerberos.etype -E occurrence=a \
		    2>/dev/null | awk -F'\t' '{ split($2, e, ",")
		    if ((e[1] == 23 || e[1] == 24 || e[1] == 1 || e[1] == 3) &&
		    $1 !~ /^krbtgt/ && $1 !~ /[$]$/) n++ } END { exit !n }' &&
		    echo "$file"
	done <"$dir/captures" >"$dir/weak"
	xargs -d '\n' "$PICKET" hunt --quiet --format ndjson \
	    --no-default-rules --detector kerberoast <"$dir/captures" \
	    >"$dir/out" 2>"$dir/err"
	jq -r 'select(.type == "finding" and .severity == "high") |
	    .evidence[].source' "$dir/out" | sort -u | diff "$dir/weak" -
}
if command -v tshark >/dev/null; then
	case_is "weak tickets as tshark sees them" by_tshark
else
	echo "ok - weak tickets as tshark sees them # SKIP no tshark"
fi
from_the_log() {
	hunt 0 --quiet --format ndjson "$corpus/evtx-attack" &&
	has "$dir/out" '[.[] | select(.rule.id == "kerberoast") | .evidence[] |
	    .source | sub(".*/"; "")] | unique == ["ID4769-Kerberoast ticket with low encryption.evtx"]'
}
case_is "evtx-attack: the one file that shows it" from_the_log
exit "$failed"
