#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Days of Zeek logs against awk and jq, which read them by their header: rows a
# log, bytes of all connections, and every HTTP request.
. "$(dirname "$0")/lib/say.sh"
need zeek-logs

# Of each good TSV row its log and what is summed or listed; of JSON the same.
# shellcheck disable=SC2016 # awk's fields
by_header='
/^#path/ { path = $2; sub(/^open_/, "", path) }
/^#fields/ { n = NF - 1; split("", at); for (i = 2; i <= NF; i++) at[$i] = i - 1 }
/^#/ || n == 0 || NF != n { next }
{ print "row\t" path }
path == "conn" { print "bytes\t" $at["orig_bytes"] }
path == "http" { h = $at["host"]; sub(/^\(empty\)$/, "", h)
	print "http\t" $at["method"] "\t" h "\t" $at["uri"] "\t" \
	    $at["status_code"] }'
# shellcheck disable=SC2016 # jq's variables
by_keys='fromjson? |
def http: "http\t" + ([.method, .host, .uri, .status_code] |
    map(. // "-" | tostring) | join("\t"));
if .conn_state then "row\tconn", "bytes\t\(.orig_bytes // 0)"
elif .trans_depth then "row\thttp", http
elif has("AA") then "row\tdns"
elif has("resumed") then "row\tssl" else empty end'

count() {	# lines of "what value" to sums and sorted lists
	awk -F'\t' -v http="$1.http" '
	$1 == "row" { rows[$2]++ }
	$1 == "bytes" { sum += $2 }
	$1 == "http" { print > http }
	END { for (r in rows) print r, rows[r]; printf "bytes %.0f\n", sum }' |
	    sort >"$1.sums"
	sort -o "$1.http" "$1.http"
}

# What is packed has a header each; the others are read one by one.
by_tools() {
	find "$corpus/zeek-logs" -type f ! -name '*.gz' | sort >"$dir/files"
	{
		find "$corpus/zeek-logs" -name '*.gz' -exec gzip -cd {} + |
		    awk -F'\t' "$by_header"
		while IFS= read -r file; do
			awk -F'\t' "$by_header" "$file"
			grep -a '^{' "$file"
		done <"$dir/files" | tee "$dir/mixed" | grep -av '^{'
		grep -a '^{' "$dir/mixed" | jq -Rr "$by_keys"
	} | count "$dir/want"
}
as_picket() {
	hunt 0 --quiet --no-default-rules --format ndjson \
	    --events "$dir/events" "$corpus/zeek-logs" || return 1
	jq -r 'select(.["sensor.log"]) | "row\t\(.["sensor.log"])",
	    (select(.kind == "conn") | "bytes\t\(.src_bytes // 0)"),
	    (select(.kind == "http") | "http\t" + ([.["http.method"],
	    .["http.host"], .["http.uri"], .["http.status"]] |
	    map(. // "-" | tostring) | join("\t")))' "$dir/events" |
	    count "$dir/got"
}
same() {
	by_tools && as_picket && diff "$dir/want.sums" "$dir/got.sums" &&
	    diff "$dir/want.http" "$dir/got.http" &&
	    [ "$(wc -l <"$dir/got.http")" -gt 20000 ]
}
case_is "rows, bytes and requests as awk and jq see them" same
exit "$failed"
