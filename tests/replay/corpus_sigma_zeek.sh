#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# SigmaHQ's rules for Zeek on rows of our own, one made for each rule (its uid
# says which), and rows that come near and must stay quiet.
. "$(dirname "$0")/lib/say.sh"
need sigma

rows=$(dirname "$0")/lib/zeek_rules.ndjson
find "$corpus/sigma" -name 'zeek_*.yml' -path '*rules*' >"$dir/rules"
all_load() {
	xargs "$PICKET" rules check <"$dir/rules" >"$dir/out" &&
	[ "$(tail -1 "$dir/out")" = \
	    "sigma: $(wc -l <"$dir/rules") rules can be used, 0 cannot" ]
}
case_is "all of them can be used" all_load

fire() {
	while IFS= read -r rule; do
		printf '%s %s\n' "$(sed -n 's/^id: *//p' "$rule")" \
		    "$(basename "$rule" .yml)"
	done <"$dir/rules" | sort >"$dir/ids"
	set --
	while IFS= read -r rule; do
		set -- "$@" --rules "$rule"
	done <"$dir/rules"
	hunt 0 --quiet --raw --no-default-rules --format ndjson "$@" "$rows" ||
		return 1
	jq -r 'select(.type == "finding") | "\(.rule.id) \(.evidence[0].record)"' \
	    "$dir/out" | while read -r id record; do
		echo "$(sed -n "s/^$id //p" "$dir/ids")" \
		    "$(sed -n "${record}p" "$rows" | jq -r .uid)"
	done | sort -u >"$dir/hits"
	[ "$(wc -l <"$dir/hits")" -ge 24 ] || { echo "few hits"; return 1; }
	# Each rule on the row that was made for it …
	cut -d' ' -f2 "$dir/ids" | sort | while read -r name; do
		grep -qx "$name $name" "$dir/hits" || echo "silent: $name"
	done >"$dir/wrong"
	# … and none on what is benign.
	grep ' benign$' "$dir/hits" >>"$dir/wrong"
	[ ! -s "$dir/wrong" ] || { cat "$dir/wrong"; return 1; }
}
case_is "each fires on its row, none on benign ones" fire
exit "$failed"
