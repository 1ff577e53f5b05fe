#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each capture of the corpus in which a ${jndi: lookup is sent gives a Log4Shell
# finding, one without gives none.  What is sent, a plain search for the bytes
# tells (the captures hold the lookup plain or percent encoded).
. "$(dirname "$0")/lib/say.sh"
need log4shell
need zeek-traces
need suricata-verify

hunt_all() {
	hunt "$1" --quiet --format ndjson --no-default-rules \
	    --detector log4shell "$2" && jq -r 'select(.type == "finding") |
	    .evidence[].source' "$dir/out" | sort -u >"$dir/found"
}
as_searched() {	# STATUS FOLDER
	hunt_all "$1" "$2" || return 1
	# shellcheck disable=SC2016 # no shell is to expand it
	find "$2" \( -name '*.pcap' -o -name '*.pcapng' -o -name '*.cap' \) \
	    -exec grep -lai -e '${jndi:' -e '%7bjndi\(:\|%3a\)' {} + |
	    sort >"$dir/sent"
	diff "$dir/sent" "$dir/found"
}
case_is "log4shell: told where it is sent" as_searched 0 "$corpus/log4shell"
some() { [ "$(wc -l <"$dir/sent")" -ge 5 ]; }
case_is "log4shell: five captures and more" some
case_is "zeek-traces: none sent, none told" as_searched 0 "$corpus/zeek-traces"
case_is "suricata-verify: told where it is sent" as_searched 3 \
    "$corpus/suricata-verify/tests"

# Call-backs, by tshark: who opened a connection to the address in the lookup.
called_back() {	# CAPTURE WHO TARGET
	hunt 0 --quiet --format ndjson "$corpus/log4shell/$1" &&
	has "$dir/out" "any(.[]; .rule.id == \"log4shell\" and
	    .severity == \"critical\" and
	    (.message | contains(\"$2 then called back to $3\")))"
}
case_is "call-back named: attack" called_back log4j-attack.pcap \
    198.51.100.10 203.0.113.217
case_is "call-back named: user agent" called_back log4j-user_agent.pcap \
    172.16.238.10 172.16.238.11
case_is "call-back named: web application" called_back log4j-webapp.pcap \
    172.16.238.10 172.16.238.11
case_is "call-back named: DNS exfiltration" called_back \
    log4j-dns_exfil.pcap 172.16.238.10 10.10.10.31
alone() {
	hunt 0 --quiet --format ndjson "$corpus"/log4shell/spcap-*.pcap &&
	has "$dir/out" '[.[] | select(.rule.id == "log4shell") | .severity] ==
	    ["medium"] and any(.[]; (.message // "") | test("no call-back"))'
}
case_is "no call-back where none was" alone
exit "$failed"
