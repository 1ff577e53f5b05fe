#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The report on examples/case-study-1 names every step that its README tells,
# with the addresses, and accuses nobody else.
. "$(dirname "$0")/lib/say.sh"

hunt 0 --quiet --format ndjson "$example" || exit 1
cp "$dir/out" "$dir/report"

step() {	# NAME RULE FILTER
	case_is "$1" has "$dir/report" \
	    "any(.[]; .type == \"finding\" and .rule.id == \"$2\" and ($3))"
}

step "front page from the router" web-first-visit \
    '.entities.src_ip == "203.0.113.77" and (.attack | index("T1594"))'
step "paths walked" web-walk '.entities.src_ip == "203.0.113.77"'
step "Log4Shell probe without call-back" log4shell \
    '.entities.src_ip == "203.0.113.77" and .severity == "medium" and
    (.message | test("no call-back"))'
step "upload of the shell" web-upload \
    '.entities.src_ip == "203.0.113.77" and .entities.file == "img_0712.jsp"
    and .entities.dst_ip == "192.0.2.10"'
step "upload by the second address" web-upload \
    '.entities.src_ip == "198.51.100.23" and .entities.file == "img_0712.jsp"'
step "web shell on the wire" webshell \
    '.entities.url == "/app/uploads/img_0712.jsp" and
    .entities.dst_ip == "192.0.2.10" and .count >= 3'
step "web shell in the access log" webshell \
    '.entities.url == "/app/uploads/img_0712.jsp" and
    any(.evidence[]; .source | endswith("access.log"))'
step "tunnel by its TLS shape" ssf \
    '.entities.src_ip == "10.20.0.10" and
    .entities.dst_ip == "203.0.113.77" and .entities.dst_port == 443 and
    .count == 2'
step "eight RC4 tickets" kerberoast \
    '.entities.src_ip == "10.20.0.10" and
    (.entities.user | startswith("svc_app")) and
    (.message | test("8 service accounts"))'
step "tickets from both the wire and the log" kerberoast \
    'any(.evidence[]; .source | endswith("capture.pcap")) and
    any(.evidence[]; .source | endswith("Security-DC01.evtx"))'
step "shares of the file servers" share-sweep \
    '.entities.src_ip == "10.20.0.10" and .severity == "high"'
step "data carried away" ssf-upload \
    '.entities.dst_ip == "203.0.113.77" and .severity == "critical" and
    (.time | startswith("2022-08-09"))'
# What the web server's own log tells is a story of its own: it knows the
# server by name, the capture by address.
case_is "one story, from the first visit to the theft" has "$dir/report" '
    [.[] | select(.type == "incident")] | length <= 2 and
    all(.[1:][]; .entities.host == ["WEB01.corp.example"]) and
    (.[0] | .severity == "critical" and
    (.steps | map(.stage) | (index("reconnaissance") and
    index("initial-access") and index("persistence") and
    index("command-and-control") and index("credential-access") and
    index("lateral-movement") and index("exfiltration"))) and
    (.steps | map(.time[:-1]) | . == sort))'
# shellcheck disable=SC2016 # jq's variables
case_is "nobody harmless is accused" has "$dir/report" '
    all(.[]; .type != "finding" or
    ((.entities.src_ip // "none") as $ip |
    ["203.0.113.77", "198.51.100.23", "10.20.0.10"] | index($ip)) or
    (.entities.src_ip == null and
    .entities.host == "WEB01.corp.example"))'
case_is "every finding leads back to its evidence" has "$dir/report" '
    all(.[]; .type != "finding" or ((.evidence | length > 0) and
    all(.evidence[]; (.source | length > 0) and .record > 0) and
    .count >= (.evidence | length) - 1 and (.advice | length > 0)))'
case_is "nothing unreadable, nothing weird, no limit" has "$dir/report" '
    .[-1] | .type == "summary" and .unreadable == 0 and .inputs > 0 and
    .limits_hit == .weirds and
    (.limits | del(."finding-evidence-limit")) == {}'

# The locators are true: tshark's frame and the log's line say the same.
log_line() {
	n=$(jq -r 'select(.rule.id == "log4shell") | .evidence[] |
	    select(.source | endswith("access.log")) | .record' "$dir/report")
	offset=$(jq -r 'select(.rule.id == "log4shell") | .evidence[] |
	    select(.source | endswith("access.log")) | .offset' "$dir/report")
	sed -n "${n}p" "$example/access.log" >"$dir/line"
	tail -c +"$((offset + 1))" "$example/access.log" | head -n 1 |
	    cmp - "$dir/line" && grep -q '203\.0\.113\.77' "$dir/line"
}
case_is "record and offset of a log line are true" log_line

text() {
	hunt 0 "$example" && for word in img_0712.jsp kerberoast \
	    "Secure Socket Funnelling" "shares" "do first" Log4Shell; do
		grep -q "$word" "$dir/out" || { echo "no $word"; return 1; }
	done
	! LC_ALL=C grep -q "[$(printf '\001-\010\013-\037')]" "$dir/out"
}
case_is "the text says so too, without control characters" text
case_is "status 1 with --fail-on high" hunt 1 --quiet --fail-on high "$example"
exit "$failed"
