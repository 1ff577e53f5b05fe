#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The command line: help, version, usage errors, rosters.
. "$(dirname "$0")/lib/say.sh"

prints() {	# STATUS PATTERN ARGS...: on standard output
	want=$1 pattern=$2
	shift 2
	"$PICKET" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" = "$want" ] && grep -q -e "$pattern" "$dir/out" &&
	    [ ! -s "$dir/err" ] && return 0
	echo "status $got; out:"
	head -n 5 "$dir/out" "$dir/err"
	return 1
}

usage() {	# PATTERN ARGS...: status 2, message on standard error only
	pattern=$1
	shift
	"$PICKET" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" = 2 ] && grep -q -e "$pattern" "$dir/err" &&
	    [ ! -s "$dir/out" ] && return 0
	echo "status $got; out, err:"
	head -n 5 "$dir/out" "$dir/err"
	return 1
}

case_is "--version" prints 0 '^picket [0-9]' --version
case_is "--help" prints 0 '^usage: picket' --help
for command in $("$PICKET" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	case_is "$command --help" prints 0 '^usage: picket' "$command" --help
done
case_is "no argument" usage '^usage: picket'
case_is "unknown command" usage "no command 'hnt'" hnt
case_is "hunt without a path" usage 'no PATH' hunt
case_is "unknown option" usage 'unknown option' hunt --nope .
case_is "unknown short option" usage 'unknown option' hunt -Z .
case_is "option without its value" usage 'missing value' hunt . --format
case_is "no such format" usage "'docx'" hunt --format docx .
case_is "no such ending" usage "'x.docx'" hunt -o x.docx .
case_is "no such severity" usage "'awful'" hunt --min-severity awful .
case_is "no such severity to fail on" usage "'awful'" hunt --fail-on awful .
case_is "no such time" usage "'yesterday'" hunt --since yesterday .
case_is "no such day" usage "2023-02-29" hunt --until 2023-02-29T00:00:00Z .
for jobs in 0 -1 x 1x 257 99999999999999999999 ''; do
	case_is "--jobs '$jobs'" usage '--jobs' hunt --jobs="$jobs" .
done
case_is "no such detector" usage "'nope'" hunt --detector nope .
case_is "no such kind" usage "'conn,nope'" hunt --kinds conn,nope .
case_is "two things on standard output" usage 'standard output' \
    hunt --events - --format text .
case_is "list without a roster" usage 'one roster' list
case_is "no such roster" usage "'fruits'" list fruits
case_is "two rosters" usage 'one roster' list fields kinds

rosters="sources decoders detectors languages controls sinks fields kinds"
roster() {
	"$PICKET" list "$1" >"$dir/text" &&
	"$PICKET" list --format ndjson "$1" >"$dir/json" &&
	jq -r .name "$dir/json" >"$dir/names" &&
	sed 's/ .*//' "$dir/text" | cmp - "$dir/names" &&
	[ "$(sort "$dir/names" | uniq -d)" = "" ] &&
	[ "$(jq -c 'select(.title == "")' "$dir/json")" = "" ]
}
for name in $rosters weirds; do
	case_is "list $name, text and ndjson alike" roster "$name"
done
# shellcheck disable=SC2016 # the inner shell's variables
case_is "detectors have the names that hunt takes" sh -c '
	for d in $("$0" list --format ndjson detectors | jq -r .name); do
		"$0" hunt --no-default-rules --detector "$d" \
		    /dev/null >/dev/null || exit 1
	done' "$PICKET"

one_detector() {
	hunt 0 --quiet --format ndjson --no-default-rules \
	    --detector web-upload "$example" && has "$dir/out" \
	    '[.[] | select(.type == "finding") | .rule.id] | unique ==
	    ["web-upload"]' &&
	hunt 0 --quiet --format ndjson --no-detector web-upload "$example" &&
	has "$dir/out" '([.[] | select(.rule.id == "web-upload")] | length == 0)
	    and ([.[] | select(.type == "finding")] | length > 5)'
}
case_is "--detector and --no-detector" one_detector
nothing_runs() {
	hunt 0 --quiet --format ndjson --no-default-rules "$example" &&
	has "$dir/out" '.[-1].findings == 0'
}
case_is "--no-default-rules" nothing_runs
severe() {
	hunt 0 --quiet --format ndjson --min-severity high "$example" &&
	has "$dir/out" '[.[] | select(.type == "finding") | .severity] |
	    length > 3 and all(. == "high" or . == "critical")'
}
case_is "--min-severity" severe
raw() {
	hunt 0 --quiet --format ndjson --raw "$example" &&
	has "$dir/out" '([.[] | select(.type == "finding").id] |
	    length == (unique | length))'
}
case_is "--raw: each finding has an id of its own" raw
outputs() {
	hunt 0 -o "$dir/a.ndjson" -o "$dir/b.txt" --format ndjson \
	    "$example" && grep -q 'do first' "$dir/b.txt" &&
	jq -c 'select(.type != "summary")' "$dir/a.ndjson" >"$dir/a" &&
	jq -c 'select(.type != "summary")' "$dir/out" | cmp - "$dir/a"
}
case_is "several outputs at once" outputs
kinds() {
	hunt 0 --quiet --events "$dir/e" --kinds http,tls "$example" &&
	has "$dir/e" 'map(.kind) | unique == ["http", "tls"]'
}
case_is "--kinds" kinds
exit "$failed"
