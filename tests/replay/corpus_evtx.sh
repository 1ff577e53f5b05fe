#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every record of evtx-attack comes out as an event: per file as many as
# evtxexport counts, where it can read the file at all.
. "$(dirname "$0")/lib/say.sh"
need evtx-attack

hunt 0 --no-default-rules --quiet --format ndjson --events "$dir/events" \
    "$corpus/evtx-attack" || exit 1
jq -r 'select(.kind == "winevent") | .source' "$dir/events" | sort | uniq -c |
    sed 's/^ *//' >"$dir/mine"
find "$corpus/evtx-attack" -name '*.evtx' | sort >"$dir/files"

each_file() {	# every file gives events
	sed 's/^[0-9]* //' "$dir/mine" | diff "$dir/files" -
}
case_is "every file gives events" each_file
whole() {
	has "$dir/out" '.[-1] | .unreadable == 0 and .weirds == 0 and
	    .records == .events and .records > 9000'
}
case_is "as many events as records, nothing odd, no limit" whole
records_once() {	# a record number is told once a file
	jq -r '[.source, .record] | @tsv' "$dir/events" | sort | uniq -d |
	    head -n 5 >"$dir/twice"
	[ ! -s "$dir/twice" ] || { cat "$dir/twice"; return 1; }
}
case_is "no record is told twice" records_once
complete() {	# what every event has in System
	jq -c 'select(.kind == "winevent") | select(.EventID == null or
	    .Computer == null or .Provider_Name == null or .time == null)' \
	    "$dir/events" | head -n 3 >"$dir/poor"
	[ ! -s "$dir/poor" ] || { cat "$dir/poor"; return 1; }
}
case_is "each has EventID, Computer, Provider and time" complete

as_counted() {
	compared=0
	while IFS= read -r file; do
		theirs=$(evtxexport "$file" 2>/dev/null |
		    grep -c '^Event number')
		[ "$theirs" -gt 0 ] || continue	# cannot read it
		compared=$((compared + 1))
		ours=$(awk -v f="$file" '{ n = $1; sub(/^[0-9]+ /, "")
		    if ($0 == f) print n }' "$dir/mine")
		[ "$theirs" = "$ours" ] || echo "$theirs, not $ours: $file"
	done <"$dir/files" >"$dir/differ"
	[ ! -s "$dir/differ" ] || { cat "$dir/differ"; return 1; }
	echo "$compared files"
	[ "$compared" -gt 200 ]
}
if command -v evtxexport >/dev/null; then
	case_is "as many as evtxexport counts" as_counted
else
	echo "ok - as many as evtxexport counts # SKIP no evtxexport"
fi
exit "$failed"
