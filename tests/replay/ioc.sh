#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Lists of indicators over the case study: what stands in it is found once a
# pair of hosts, how heavy depends on who called whom.
. "$(dirname "$0")/lib/say.sh"

cat >"$dir/feed.csv" <<'END'
# "first_seen_utc","dst_ip","dst_port","malware"
"2022-07-01 00:00:00","203.0.113.77","443","relay, rented"
END
cat >"$dir/list.txt" <<'END'
198[.]51[.]100[.]23   # second address
10.20.0.10
hxxp://192.0.2.10/app/uploads/img_0712.jsp
microsoft.com
END
list() {	# FILE
	hunt 0 --quiet --no-default-rules --format ndjson --rules "$dir/$1" \
	    "$example"
}
csv() {
	list feed.csv || return 1
	has "$dir/out" '[.[] | select(.type == "finding")] |
	    all(.[]; .rule.id == "ioc:feed.csv" and .rule.language == "ioc")
	    and any(.[]; .severity == "high" and .count == 4 and
	    .entities.src_ip == "10.20.0.10" and .message == "10.20.0.10 to " +
	    "203.0.113.77 port 443: address 203.0.113.77 is in the list " +
	    "feed.csv: relay, rented")
	    and any(.[]; .severity == "medium" and
	    .entities.src_ip == "203.0.113.77" and
	    .entities.dst_ip == "192.0.2.10")'
}
plain() {
	list list.txt || return 1
	grep -q '2 indicators; left out: 1 private or reserved addresses, 1' \
	    "$dir/err" || { cat "$dir/err"; return 1; }
	has "$dir/out" '[.[] | select(.type == "finding")] |
	    any(.[]; .message | contains("198.51.100.23 is in the list " +
	    "list.txt: second address")) and
	    all(.[]; .message | contains("10.20.0.10 is in") | not)'
}
unreadable() {
	printf '{"Attribute":[\n{"type":"md5","val' >"$dir/bad.json"
	hunt 2 --quiet --strict-rules --rules "$dir/bad.json" "$example" &&
	    grep -q "bad.json:2:1: a text that does not end" "$dir/err"
}
case_is "a CSV of abuse.ch's form" csv
case_is "a plain list, defanged; what cries wolf is left out" plain
case_is "a list that is cut off says where" unreadable
exit "$failed"
