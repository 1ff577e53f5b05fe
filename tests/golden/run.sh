#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: run.sh tests/golden/<roster>/<stem>
# Runs picket on every input of the folder and compares with what is wanted:
#	x.<ext>	input		x.want	wanted lines of NDJSON
# decoders, sources: events; detectors: the findings of detector <stem>; sinks:
# the bytes that the format <stem> prints.
# Wanted lines name only the keys that matter.  Of the program's lines those
# count whose "kind" (findings: "rule") occurs among the wanted ones; all of
# them must be wanted, in order.  An empty x.want is a miss: no line at all.
set -u
folder=$1
stem=$(basename "$folder")
roster=$(basename "$(dirname "$folder")")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

hunt() {
	case $roster in
	detectors)
		"$PICKET" hunt --quiet --no-default-rules --detector "$stem" \
		    --format ndjson "$1" >"$scratch/out" &&
		jq -c 'select(.type == "finding")' "$scratch/out" ;;
	sinks)
		"$PICKET" hunt --quiet --format "$stem" "$1" ;;
	*)
		"$PICKET" hunt --quiet --no-default-rules --format ndjson \
		    --events "$scratch/events" "$1" >/dev/null &&
		cat "$scratch/events" ;;
	esac
}

# Cuts each line down to the keys of the wanted line of the same place.
# shellcheck disable=SC2016 # jq's variables
cut_to='
def cut($w): if ($w | type) == "object" and type == "object"
	then . as $g | reduce ($w | keys[]) as $k
		({}; .[$k] = ($g[$k] | cut($w[$k])))
	else . end;
($want | map(.kind) | unique) as $kinds
| [$got[] | select($want == [] or (.kind as $k | $kinds | index([$k])))] as $g
| range($g | length) as $i | $g[$i] | cut($want[$i])'

failed=0 cases=0
for want in "$folder"/*.want; do
	[ -f "$want" ] || break
	base=${want%.want}
	for input in "$base".*; do
		[ "$input" != "$want" ] || continue
		cases=$((cases + 1))
		case=$(basename "$input")
		hunt "$input" >"$scratch/got" 2>"$scratch/err"
		status=$?
		# 3: read what could be read; broken input is a case too
		if [ "$status" != 0 ] && [ "$status" != 3 ]; then
			sed 's/^/# /' "$scratch/err"
			echo "not ok - $case: picket ended with status $status"
			failed=1
			continue
		fi
		if [ "$roster" = sinks ]; then
			cp "$want" "$scratch/want"
		else
			jq -cS . "$want" >"$scratch/want" &&
			jq -ncS --slurpfile want "$want" \
			    --slurpfile got "$scratch/got" "$cut_to" \
			    >"$scratch/cut" &&
			mv "$scratch/cut" "$scratch/got" ||
			    echo "jq failed" >"$scratch/got"
		fi
		if diff -u "$scratch/want" "$scratch/got" >"$scratch/diff"; then
			echo "ok - $case"
		else
			sed 's/^/# /' "$scratch/diff"
			echo "not ok - $case"
			failed=1
		fi
	done
done
if [ "$cases" = 0 ]; then
	echo "not ok - $folder has no case"
	failed=1
fi
exit "$failed"
