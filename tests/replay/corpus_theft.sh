#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dns-tunnel and exfil on what others recorded: dnscat2 at rest is found in
# Zeek's rows of 24 seconds, with the number of names that jq counts, and
# nothing else anywhere.
. "$(dirname "$0")/lib/say.sh"
need zeek-logs

both="--detector dns-tunnel --detector exfil"
dnscat() {
	log=$corpus/zeek-logs/json_with_all_fields/dns.log
	# shellcheck disable=SC2086 # two options
	hunt 0 --quiet --no-default-rules $both --format ndjson "$log" ||
	    return 1
	want=$(jq -r 'select(.query // "" | endswith(".dnsc.r-1x.com")) |
	    .query' "$log" | sort -u | wc -l)
	has "$dir/out" "[.[] | select(.type == \"finding\")] | length == 1 and
	    (.[0] | .rule.id == \"dns-tunnel\" and .severity == \"medium\" and
	    .entities.src_ip == \"192.168.88.2\" and
	    .entities.dst_ip == \"165.227.88.15\" and
	    .entities.domain == \"r-1x.com\" and (.count - $want | . * .) <= 1)"
}
case_is "dnscat2 at rest" dnscat
nothing() {
	for part in zeek-logs/missing_host zeek-logs/proxy \
	    zeek-logs/proxy_rolling zeek-traces arkime ja4 netflow tcpdump; do
		[ -d "$corpus/$part" ] || continue
		# shellcheck disable=SC2086 # two options
		"$PICKET" hunt --quiet --no-default-rules $both --format \
		    ndjson "$corpus/$part" >"$dir/out"
		jq -r 'select(.type == "finding") | .message' "$dir/out"
	done >"$dir/found"
	[ ! -s "$dir/found" ] || { cat "$dir/found"; return 1; }
}
case_is "nothing in harmless days and traces" nothing
exit "$failed"
