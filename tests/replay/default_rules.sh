#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The rules that ship (share/rules): all load; each finds what its samples in
# tests/rules say (want: true), and no rule finds its own misses; traffic and
# logs without an attack give nothing above low.
. "$(dirname "$0")/lib/say.sh"
export XDG_DATA_HOME="$dir/data"
cd "$SRC" || exit 1

loads() {
	"$PICKET" rules check share/rules >"$dir/check" ||
	    { cat "$dir/check"; return 1; }
	n=$(find share/rules -name '*.yml' | wc -l)
	[ "$n" -ge 40 ] &&
	grep -q "^sigma: $n rules can be used, 0" "$dir/check"
}
case_is "all shipped rules load" loads

# No id twice, and each rule has what a reader needs.
complete() {
	grep -h '^id: ' share/rules/*.yml | sort | uniq -d | grep . && return 1
	for rule in share/rules/*.yml; do
		for key in title description tags logsource falsepositives \
		    level; do
			grep -q "^$key:" "$rule" || { echo "$rule: no $key"
				return 1; }
		done
		[ -f "tests/rules/$(basename "$rule" .yml).ndjson" ] ||
		    { echo "$rule: no samples"; return 1; }
	done
}
case_is "rules are complete and have samples" complete

samples() {
	hunt 0 --no-default-rules --rules share/rules --raw --quiet \
	    --format ndjson tests/rules || return 1
	jq -r 'select(.type == "finding") | .evidence[0] as $e |
	    [$e.source, $e.record, .rule.id] | @tsv' "$dir/out" |
	    sort >"$dir/got"
	for rule in share/rules/*.yml; do
		name=$(basename "$rule" .yml)
		id=$(sed -n 's/^id: //p' "$rule")
		jq -r --arg id "$id" --arg f "tests/rules/$name.ndjson" \
		    'select(.want) | [$f, input_line_number, $id] | @tsv' \
		    "tests/rules/$name.ndjson"
	done | sort >"$dir/want"
	# Only a rule's own samples are asked of it; others may overlap.
	while read -r file record id; do
		grep -q "^id: $id" \
		    "share/rules/$(basename "$file" .ndjson).yml" &&
		    printf '%s\t%s\t%s\n' "$file" "$record" "$id"
	done <"$dir/got" | sort >"$dir/own"
	[ "$(wc -l <"$dir/want")" -ge 40 ] && diff "$dir/want" "$dir/own"
}
case_is "each rule finds its samples and leaves its misses" samples

each_has_both() {
	for file in tests/rules/*.ndjson; do
		[ "$(jq -s 'map(.want) | unique | length' "$file")" = 2 ] ||
		    { echo "$file"; return 1; }
	done
}
case_is "each rule has a hit and a miss" each_has_both

example_still_told() {
	hunt 0 --quiet --format ndjson "$example" &&
	has "$dir/out" 'map(select(.type == "finding")) | length > 0'
}
case_is "the example is told with the shipped rules" example_still_told

if [ -d "$corpus/zeek-traces" ]; then
	benign() {
		hunt_any --quiet --min-severity medium --no-detector log4shell \
		    --format ndjson "$corpus/zeek-traces" "$corpus/tcpdump" \
		    "$corpus/arkime" "$corpus/ja4"
		jq -r 'select(.type == "finding" and
		    .rule.language == "sigma") |
		    [.rule.title, .message] | @tsv' "$dir/out" >"$dir/false"
		[ ! -s "$dir/false" ] || { cat "$dir/false"; return 1; }
	}
	hunt_any() {
		"$PICKET" hunt "$@" >"$dir/out" 2>"$dir/err"
	}
	case_is "nothing above low in traffic without an attack" benign
fi
exit "$failed"
