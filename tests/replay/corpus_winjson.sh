#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Windows events as JSON give what their EVTX gives: SigmaHQ's regression
# events are there as both, the JSON written by evtx_dump.  And the events of
# OTRF's data sets are all read as Windows events.
. "$(dirname "$0")/lib/say.sh"
need sigma/regression_data
export PICKET_SHARE="$SRC/share"
cd "$corpus" || exit 1

"$PICKET" hunt --quiet --no-default-rules --raw --format ndjson \
    --events "$dir/events" --rules sigma/rules --rules \
    sigma/rules-emerging-threats --rules sigma/rules-threat-hunting \
    sigma/regression_data >"$dir/out" 2>/dev/null

# Lines of the one format without what may differ: place; digits of time that
# evtx_dump drops, and blanks at the end of values, which it trims.
fields() {
	jq -c --arg ext "$1" 'def same: if type == "string" then
	    sub(" +$"; "") | sub("^[{](?<g>.*)[}]$"; "\(.g)") | ascii_downcase
	    elif type == "array" then map(same) else . end;
	    select(.type == "event" and (.source | endswith($ext))) |
	    .source |= (split("/")[-2:] | join("/") | sub("[.][a-z]+$"; "")) |
	    del(.record, .offset, .time, .TimeCreated) | map_values(same)' \
	    "$dir/events" | jq -S -c . | sort
}
same_events() {
	fields .evtx >"$dir/evtx" && fields .json >"$dir/json" &&
	[ "$(wc -l <"$dir/evtx")" -gt 100 ] && diff "$dir/evtx" "$dir/json"
}
case_is "the same names and values from JSON as from EVTX" same_events

matches() {
	jq -r --arg ext "$1" 'select(.type == "finding" and
	    (.evidence[0].source | endswith($ext))) | [(.evidence[0].source |
	    split("/")[-2:] | join("/") | sub("[.][a-z]+$"; "")), .rule.id] |
	    @tsv' "$dir/out" | sort | uniq -c
}
same_findings() {
	matches .evtx >"$dir/evtx" && matches .json >"$dir/json" &&
	[ "$(wc -l <"$dir/evtx")" -gt 100 ] && diff "$dir/evtx" "$dir/json"
}
case_is "the same findings from JSON as from EVTX" same_findings

# The same through XML, written by libevtx, which pads hexadecimal numbers and
# leaves out what it cannot read: files with as many events are compared.
from_xml() {
	mkdir "$dir/xml" "$dir/bin"
	find evtx-attack -name '*.evtx' | sort | head -n 120 >"$dir/files"
	n=1000
	while read -r file; do
		n=$((n + 1))
		evtxexport -f xml "$file" 2>/dev/null |
		    sed -E 's/>0x0+([0-9a-fA-F]+)</>0x\1</g' >"$dir/xml/$n"
		cp "$file" "$dir/bin/$n"
	done <"$dir/files"
	for form in xml bin; do
		"$PICKET" hunt --quiet --no-default-rules --raw --kinds \
		    winevent --events "$dir/$form.events" --format ndjson \
		    --rules sigma/rules "$dir/$form" >"$dir/$form.out"
		jq -r '.source | split("/")[-1]' "$dir/$form.events" |
		    sort | uniq -c | sort >"$dir/$form.count"
	done
	comm -12 "$dir/xml.count" "$dir/bin.count" |
	    awk '{ print $2 }' >"$dir/same"
	[ "$(wc -l <"$dir/same")" -gt 100 ] || return 1
	for form in xml bin; do
		jq -r 'select(.type == "finding") | [(.evidence[0].source |
		    split("/")[-1]), .rule.id] | @tsv' "$dir/$form.out" |
		    awk 'NR == FNR { same[$1] = 1; next } same[$1]' \
		    "$dir/same" - | sort | uniq -c >"$dir/$form.matches"
	done
	diff "$dir/xml.matches" "$dir/bin.matches"
}
if command -v evtxexport >/dev/null; then
	case_is "the same findings from XML as from EVTX" from_xml
else
	echo "ok - the same findings from XML as from EVTX # SKIP evtxexport"
fi

need otrf
otrf() {
	find otrf/atomic/windows -path '*/host/*.zip' >"$dir/sets"
	[ -s "$dir/sets" ] || return 1
	# shellcheck disable=SC2046 # names without blanks
	hunt 0 --quiet --no-default-rules --kinds winevent,json \
	    --events "$dir/events" $(cat "$dir/sets") &&
	jq -r 'if .kind == "winevent" and .Channel != null and
	    (.EventID | type) == "number" and .Computer != null and
	    .time != null then "good" else "bad" end' "$dir/events" |
	    sort | uniq -c >"$dir/tally" &&
	cat "$dir/tally" && grep -q good "$dir/tally" &&
	! grep -q bad "$dir/tally"
}
case_is "every event of OTRF's host data is a Windows event" otrf
exit "$failed"
