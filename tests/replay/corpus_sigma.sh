#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# SigmaHQ's rules on the corpus: what loads, what the regression events must
# fire, and the oracle's matrix of file, rule and count, but for the cells that
# doc/decisions/0010-sigma-oracle.md explains.
. "$(dirname "$0")/lib/say.sh"
need sigma/rules
need sigma/regression_data
cd "$corpus" || exit 1
export PICKET_SHARE="$SRC/share"

all_rules="sigma/rules sigma/rules-emerging-threats sigma/rules-placeholder
sigma/rules-threat-hunting"

loads() {
	# shellcheck disable=SC2086 # a list of folders
	"$PICKET" rules check $all_rules >"$dir/check"
	[ $? = 2 ] && [ "$(tail -n 1 "$dir/check")" = \
	    "sigma: 3749 rules can be used, 25 cannot" ] &&
	[ "$(grep -c 'placeholder without a list' "$dir/check")" = 25 ]
}
case_is "all rules load but the 25 with placeholders" loads

set --
for folder in $all_rules; do
	set -- "$@" --rules "$folder"
done
"$PICKET" hunt --no-default-rules --sigma-map reference --raw --quiet \
    --format ndjson "$@" evtx-attack evtx-odd sigma/regression_data \
    >"$dir/out" 2>/dev/null
jq -r 'select(.type == "finding") |
    [.evidence[0].source, .rule.id] | @tsv' "$dir/out" | sort | uniq -c |
    sed 's/^ *\([0-9]*\) /\1\t/' >"$dir/got.all"

# What every info.yml wants of its rule: file, id, count.
regressions() {
	find sigma/regression_data -name info.yml | while read -r info; do
		awk '/- id:/ { id = $3 } /match_count:/ { n = $2 }
		    / path:/ { print "sigma/" $2 "\t" id "\t" (n == "" ? 1 : n) }
		    ' "$info"
	done >"$dir/wanted"
	[ "$(wc -l <"$dir/wanted")" -gt 100 ] &&
	awk -F '\t' 'NR == FNR { got[$2 "\t" $3] = $1; next }
	    got[$1 "\t" $2] < $3 { print; bad = 1 } END { exit bad }' \
	    "$dir/got.all" "$dir/wanted"
}
case_is "every regression event fires its rule" regressions

# shellcheck disable=SC2086,SC2016 # a list of folders; awk's field
grep -rl '^ *product: windows' $all_rules | xargs awk '/^id:/ { print $2 }' \
    >"$dir/windows"
jq -r 'to_entries[] | .key as $f | .value | to_entries[] |
    [(.value | tostring), $f, .key] | @tsv' sigma-expected.json |
    sort >"$dir/expected"
jq -r 'keys[]' sigma-expected.json >"$dir/files"
awk -F '\t' 'FILENAME ~ /windows$/ { win[$1] = 1; next }
    FILENAME ~ /files$/ { file[$0] = 1; next }
    win[$3] && file[$2]' "$dir/windows" "$dir/files" "$dir/got.all" |
    sort >"$dir/got"

matrix() {
	comm -3 "$dir/expected" "$dir/got" | sed 's/^\t/+/' |
	    awk -F '\t' '{ n = split($2, part, "/"); print $1 "\t" part[n] \
	    "\t" substr($3, 1, 8) }' | sort >"$dir/differ"
	sort >"$dir/known" <<'KNOWN'
+13	ID4719-Audit policy deactivation.evtx	ab4561b1
+17	ID4719-Audit policy deactivation.evtx	69aeb277
+2	system.evtx	100ef69e
+3	sample-with-zero-data-size-event.evtx	acfa2210
+89	ID104-1102-Event log cleared.evtx	a62b37e0
1	sample-with-zero-data-size-event.evtx	acfa2210
30	ID4719-Audit policy deactivation.evtx	69aeb277
KNOWN
	diff "$dir/known" "$dir/differ"
}
case_is "the oracle's matrix, but for what is explained" matrix
exit "$failed"
